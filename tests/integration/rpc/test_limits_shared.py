"""Three workers on one database: an account has its limit once, whether they share Redis or each has a part."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

import grpc
import pytest
from tests.support.redis import RedisServer, is_installed
from tests.support.worker import Client, Worker, error_of, three_workers

from raseed.core.accounts.model import OwnLimit
from raseed.core.ids import AccountId
from raseed.inference.v1 import inference_pb2, inference_pb2_grpc

RPM = 60
SEATS = 6


@pytest.fixture(params=["redis", "parts"])
async def worker(request, tmp_path) -> AsyncIterator[Worker]:
    """Three of them, who answer in turns."""
    environ = {"RASEED_LIMITS_ENABLED": "true", "RASEED_CORE_WORKERS": "3"}
    if request.param == "parts":
        async with three_workers(tmp_path, **environ) as running:
            yield running
        return
    if not is_installed():
        pytest.skip("there is no wheel of Redis for this Python")
    server = RedisServer().start()
    try:
        # A machine that is busy must not make a worker decide by itself: that is another test's.
        shared = {"RASEED_LIMITS_REDIS_URL": server.url, "RASEED_LIMITS_REDIS_TIMEOUT_MS": "1000"}
        async with three_workers(tmp_path, **environ, **shared) as running:
            async with asyncio.timeout(10):
                while server.client_count() < 3:  # noqa: ASYNC110 - there is no event of it
                    await asyncio.sleep(0.02)
            yield running
    finally:
        server.stop()


async def ask(worker: Worker, client: Client, text: str = "hello") -> str:
    """The outcome: answered, or why not."""
    stub = inference_pb2_grpc.InferenceServiceStub(worker.channel)
    message = inference_pb2.ChatMessage(role="user", content=text)
    request = inference_pb2.CreateChatCompletionRequest(model="scripted", messages=[message])
    try:
        await stub.CreateChatCompletion(request, metadata=client.metadata)
    except grpc.aio.AioRpcError as error:
        return error_of(error)[1]
    return "answered"


async def test_an_account_has_its_limit_once(worker, request):
    shares = request.node.callspec.params["worker"] == "redis"
    client = await worker.client("shared", credit=100_000)
    limits = ((OwnLimit.RPM, RPM), (OwnLimit.CONCURRENCY, SEATS))
    await worker.platform.accounts.set_own_limits(
        AccountId(client.account), limits, reason="test", actor="test"
    )
    began = time.monotonic()
    slow = "#script tokens=20 pace_ms=50"
    at_once = Counter(await asyncio.gather(*(ask(worker, client, slow) for _ in range(3 * SEATS))))
    assert at_once["answered"] + at_once["RATE_LIMITED"] == 3 * SEATS
    # Not all connections may be there yet: then some workers hear of none, and their parts are not used.
    assert at_once["answered"] == SEATS or (not shares and at_once["answered"] < SEATS)
    outcomes = Counter([await ask(worker, client) for _ in range(2 * RPM)])
    allowed = RPM + (time.monotonic() - began)  # one comes back each second
    unused = (
        0 if shares else 3
    )  # of what came back, each worker may keep a part of a request that was not asked for
    answered = at_once["answered"] + outcomes["answered"]
    assert 0.95 * allowed - unused <= answered <= 1.05 * allowed
    assert set(outcomes) == {"answered", "RATE_LIMITED"}
