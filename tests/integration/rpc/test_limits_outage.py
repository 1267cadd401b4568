"""Redis stops while requests are being answered: clients see nothing of it, and every charge is right."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.redis import RedisServer, is_installed
from tests.support.worker import MICROCREDITS, Worker, running_worker

from raseed.admin.v1 import admin_pb2
from raseed.core.accounts.model import OwnLimit
from raseed.core.ids import AccountId
from raseed.inference.v1 import inference_pb2, inference_pb2_grpc

WITHOUT_S = 0.5
CALLERS = 8
CREDIT = 1_000_000
"""More than the callers can spend meanwhile, however quick the machine is."""


@pytest.mark.skipif(not is_installed(), reason="there is no wheel of Redis for this Python")
async def test_redis_stops_and_comes_back(tmp_path):
    server = RedisServer().start()
    reported: list[tuple[str, BaseException]] = []
    try:
        async with running_worker(
            tmp_path,
            report=lambda what, error: reported.append((what, error)),
            RASEED_LIMITS_ENABLED="true",
            RASEED_LIMITS_REDIS_URL=server.url,
        ) as worker:
            charged, left = await _through_an_outage(worker, server)
    finally:
        server.stop()
    assert left == CREDIT * MICROCREDITS - charged
    assert {what for what, _ in reported} == {"limits"}
    assert len(reported) == 1, "told once, and not by every request"


async def _through_an_outage(worker: Worker, server: RedisServer) -> tuple[int, int]:
    """What the answers said they cost, and what is left. Any failure of a request fails the test."""
    client = await worker.client("patient", CREDIT)
    limits = ((OwnLimit.RPM, 100_000), (OwnLimit.TPM, 10**9), (OwnLimit.CONCURRENCY, CALLERS))
    await worker.platform.accounts.set_own_limits(
        AccountId(client.account), limits, reason="test", actor="test"
    )
    stub = inference_pb2_grpc.InferenceServiceStub(worker.channel)
    message = inference_pb2.ChatMessage(role="user", content="hello")
    is_over = asyncio.Event()

    async def ask() -> tuple[int, list[str]]:
        charged, remaining = 0, []
        while not is_over.is_set():
            call = stub.CreateChatCompletion(
                inference_pb2.CreateChatCompletionRequest(model="scripted", messages=[message]),
                metadata=client.metadata,
            )
            charged += (await call).usage.cost_microcredits
            remaining += [
                str(value)
                for name, value in tuple(await call.trailing_metadata())
                if name == "x-ratelimit-limit"
            ]
        return charged, remaining

    asking = [asyncio.create_task(ask()) for _ in range(CALLERS)]
    await asyncio.sleep(WITHOUT_S)
    server.stop()
    await asyncio.sleep(WITHOUT_S)
    server.start()
    await asyncio.sleep(WITHOUT_S)
    is_over.set()
    answered = await asyncio.gather(*asking)
    assert all(said and set(said) == {"100000"} for _, said in answered)
    account = (await worker.admin.GetAccount(admin_pb2.GetAccountRequest(account=client.account))).account
    assert account.held_microcredits == 0
    assert not (await worker.admin.VerifyLedger(admin_pb2.VerifyLedgerRequest())).violations
    return sum(charged for charged, _ in answered), account.balance_microcredits
