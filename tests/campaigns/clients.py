"""Clients of all kinds under a stack that dies again and again. What they are told is written down, and nothing else."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import grpc
from tests.campaigns.journal import Journal
from tests.campaigns.load import prompt, session
from tests.support.customer import Customer
from tests.support.stack import Stack

from raseed.admin.v1 import admin_pb2, admin_pb2_grpc
from raseed.app.layout import socket_address

GRANTED = 7
THINK_S_MAX = 0.15
"""Between two requests of a client: what the books have to be searched for grows by a few dozen charges a second."""
PAUSE_S = 0.25
"""After a request that was not served: a restart has the processor to itself."""
BROKEN = (
    aiohttp.ClientError,
    ConnectionError,
    TimeoutError,
    json.JSONDecodeError,
    asyncio.IncompleteReadError,
)
CALL_TIMEOUT_S = 5.0

Watch = Callable[[int], None]
"""Called with the number of tokens that have come, at each piece of a stream."""


async def customer_loop(stack: Stack, customer: Customer, journal: Journal, rng: random.Random) -> None:
    """Unary answers, whole streams, and streams that it leaves."""
    async with session(customer.key) as http:
        while True:
            body = prompt("x" * rng.randrange(1, 80), rng.randrange(1, 60))
            kind = rng.choice(["unary", "stream", "leave"])
            if kind == "unary":
                outcome = await unary(http, stack.url, body, journal)
            else:
                leave_after = rng.randrange(1, 20) if kind == "leave" else None
                outcome = await stream(http, stack.url, body, journal, leave_after=leave_after)
            served = outcome in {"whole", "left"}
            await asyncio.sleep(rng.uniform(0, THINK_S_MAX) if served else PAUSE_S)


async def unary(http: aiohttp.ClientSession, url: str, body: dict[str, Any], journal: Journal) -> str:
    """What became of it, as it is counted in the journal."""
    try:
        async with http.post(f"{url}/v1/chat/completions", json=body) as response:
            answer = json.loads(await response.read())
    except BROKEN:
        return _outcome(journal, "broken")
    if response.status != 200:
        assert response.status == 503, answer
        return _outcome(journal, "refused")
    journal.charged(answer["id"], answer["usage"]["total_tokens"])
    return _outcome(journal, "whole")


async def stream(
    http: aiohttp.ClientSession,
    url: str,
    body: dict[str, Any],
    journal: Journal,
    *,
    leave_after: int | None = None,
    watch: Watch | None = None,
) -> str:
    """What became of it, as it is counted in the journal."""
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    usage, completion_id, tokens = 0, "", 0
    try:
        async with http.post(f"{url}/v1/chat/completions", json=body) as response:
            if response.status != 200:
                assert response.status == 503, response.status
                return _outcome(journal, "refused")
            async for raw in response.content:
                line = raw.decode().strip()
                if not line.startswith("data: "):
                    continue
                if line == "data: [DONE]":
                    journal.charged(completion_id, usage)
                    return _outcome(journal, "whole")
                event = json.loads(line[6:])
                if "error" in event:
                    return _outcome(journal, "ended in an error")
                completion_id = event["id"]
                usage = (event["usage"] or {}).get("total_tokens", 0)
                for choice in event["choices"]:
                    # The scripted model says a word a token; several may come in one piece.
                    tokens += len((choice["delta"].get("content") or "").split())
                if watch is not None:
                    watch(tokens)
                if leave_after is not None and tokens >= leave_after:
                    return _outcome(journal, "left")
    except BROKEN:
        pass
    return _outcome(journal, "broken")


async def operator_loop(
    stack: Stack, customers: list[Customer], journal: Journal, rng: random.Random
) -> None:
    """Grants and keys over the admin socket. What is not acknowledged is asked for again with the same id."""
    async with grpc.aio.insecure_channel(socket_address(stack.files.admin_socket)) as channel:
        admin = admin_pb2_grpc.AdminServiceStub(channel)
        number = 0
        while True:
            number += 1
            customer = rng.choice(customers)
            await grant(admin, customer, f"campaign-{number}", journal)
            with suppress(grpc.aio.AioRpcError):
                request = admin_pb2.CreateApiKeyRequest(account=customer.id)
                made = await admin.CreateApiKey(request, timeout=CALL_TIMEOUT_S)
                journal.shown(made.id, made.key)
            await asyncio.sleep(0.2)


async def grant(
    admin: admin_pb2_grpc.AdminServiceStub, customer: Customer, request_id: str, journal: Journal
) -> None:
    """Asks until it is acknowledged."""
    request = admin_pb2.GrantCreditsRequest(
        account=customer.id,
        amount_microcredits=GRANTED * 1_000_000,
        reason="campaign",
        request_id=request_id,
    )
    while True:
        with suppress(grpc.aio.AioRpcError):
            await admin.GrantCredits(request, timeout=CALL_TIMEOUT_S)
            journal.granted(request_id, GRANTED)
            return
        await asyncio.sleep(0.1)


def _outcome(journal: Journal, outcome: str) -> str:
    journal.outcomes[outcome] += 1
    return outcome
