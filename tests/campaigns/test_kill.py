"""The core worker is killed again and again under load. No money appears, none is lost, nothing that was
acknowledged is forgotten.

RASEED_KILLS sets how often it is killed in the long version (default 50).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from contextlib import suppress

import aiohttp
import grpc
import pytest
from tests.campaigns.conftest import StartStack
from tests.campaigns.journal import Journal
from tests.campaigns.load import prompt, session
from tests.support.customer import Customer
from tests.support.stack import Stack

from raseed.admin.v1 import admin_pb2, admin_pb2_grpc
from raseed.app.layout import socket_address

KILLS = int(os.environ.get("RASEED_KILLS", "50"))
ACCOUNTS = 3
CLIENTS = 12
ALIVE_S = (0.2, 1.2)
"""How long a worker lives under load before it is killed."""
GRANTED = 7
PAUSE_S = 0.25
"""After a request that was not served: a restart has the processor to itself."""
BROKEN = (
    aiohttp.ClientError,
    ConnectionError,
    TimeoutError,
    json.JSONDecodeError,
    asyncio.IncompleteReadError,
)


def test_five_kills(start_stack: StartStack) -> None:
    campaign(start_stack(pace_ms=2), kills=5)


@pytest.mark.long
def test_many_kills(start_stack: StartStack) -> None:
    campaign(start_stack(pace_ms=2), kills=KILLS)


def campaign(stack: Stack, kills: int) -> None:
    seed = int(os.environ.get("RASEED_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed} (RASEED_SEED repeats it)")
    journal = Journal()
    customers = [stack.customer(1_000_000) for _ in range(ACCOUNTS)]
    asyncio.run(_kill_under_load(stack, customers, journal, random.Random(seed), kills))
    print(
        f"{len(journal.charges)} charges, {len(journal.grants)} grants, {len(journal.keys)} keys acknowledged; "
        f"{journal.failures} requests failed over {kills} kills"
    )
    assert journal.charges
    assert journal.grants
    assert journal.missing_from(stack.files.database) == []
    for customer in customers:
        assert customer.left() >= 0
    assert verified(stack) == []


async def _kill_under_load(
    stack: Stack, customers: list[Customer], journal: Journal, rng: random.Random, kills: int
) -> None:
    load = [asyncio.create_task(_client(stack, rng.choice(customers), journal, rng)) for _ in range(CLIENTS)]
    load.append(asyncio.create_task(_operator(stack, customers, journal, rng)))
    try:
        for kill in range(kills):
            await asyncio.sleep(rng.uniform(*ALIVE_S))
            restarts = await asyncio.to_thread(stack.kill, "core-0")
            await asyncio.to_thread(stack.wait_for_core, restarts)
            assert (await asyncio.to_thread(verified, stack)) == [], f"after kill {kill + 1}"
            for customer in customers:
                funds = await asyncio.to_thread(customer.funds)
                assert min(funds.spendable, funds.held) >= 0
            broken = [task for task in load if task.done()]
            assert not broken, [task.exception() for task in broken]
    finally:
        for task in load:
            task.cancel()
        await asyncio.gather(*load, return_exceptions=True)


def verified(stack: Stack) -> list[str]:
    answer = stack.admin("VerifyLedger", admin_pb2.VerifyLedgerRequest())
    return [f"{violation.invariant}: {violation.detail}" for violation in answer.violations]


async def _client(stack: Stack, customer: Customer, journal: Journal, rng: random.Random) -> None:
    """Unary answers, whole streams, and streams that it leaves."""
    async with session(customer.key) as http:
        while True:
            body = prompt("x" * rng.randrange(1, 80), rng.randrange(1, 60))
            try:
                match rng.choice(["unary", "stream", "leave"]):
                    case "unary":
                        served = await _unary(http, stack.url, body, journal)
                    case "stream":
                        served = await _stream(http, stack.url, body, journal, leave_after=None)
                    case _:
                        served = await _stream(
                            http, stack.url, body, journal, leave_after=rng.randrange(1, 20)
                        )
            except BROKEN:
                served = False
            if not served:
                journal.failures += 1
                await asyncio.sleep(PAUSE_S)


async def _unary(http: aiohttp.ClientSession, url: str, body: dict[str, object], journal: Journal) -> bool:
    """False if it was not served."""
    async with http.post(f"{url}/v1/chat/completions", json=body) as response:
        answer = json.loads(await response.read())
        if response.status != 200:
            assert response.status == 503, answer
            return False
        journal.charged(answer["id"], answer["usage"]["total_tokens"])
        return True


async def _stream(
    http: aiohttp.ClientSession,
    url: str,
    body: dict[str, object],
    journal: Journal,
    leave_after: int | None,
) -> bool:
    """False if it was not served to its end, or to where the client left."""
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    usage, completion_id, seen = 0, "", 0
    async with http.post(f"{url}/v1/chat/completions", json=body) as response:
        if response.status != 200:
            return False
        async for raw in response.content:
            line = raw.decode().strip()
            if not line.startswith("data: "):
                continue
            if line == "data: [DONE]":
                journal.charged(completion_id, usage)
                return True
            event = json.loads(line[6:])
            if "error" in event:
                return False
            completion_id = event["id"]
            usage = (event["usage"] or {}).get("total_tokens", 0)
            seen += 1
            if seen == leave_after:
                return True
    return False


async def _operator(stack: Stack, customers: list[Customer], journal: Journal, rng: random.Random) -> None:
    """Grants and keys over the admin socket. What is not acknowledged is asked for again with the same id."""
    address = socket_address(stack.files.admin_socket)
    async with grpc.aio.insecure_channel(address) as channel:
        admin = admin_pb2_grpc.AdminServiceStub(channel)
        number = 0
        while True:
            number += 1
            customer = rng.choice(customers)
            granting = admin_pb2.GrantCreditsRequest(
                account=customer.id,
                amount_microcredits=GRANTED * 1_000_000,
                reason="campaign",
                request_id=f"campaign-{number}",
            )
            while True:
                with suppress(grpc.aio.AioRpcError):
                    granted = await admin.GrantCredits(granting, timeout=5)
                    journal.grants[granted.grant_id] = GRANTED
                    break
                await asyncio.sleep(0.1)
            with suppress(grpc.aio.AioRpcError):
                made = await admin.CreateApiKey(admin_pb2.CreateApiKeyRequest(account=customer.id), timeout=5)
                journal.keys.append(made.id)
            await asyncio.sleep(0.05)
