"""What rate limits cost: the check in the worker, the same with a real Redis, and a whole request with and without them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from statistics import median

from tests.bench.bench import Bench, load
from tests.bench.edge import ANSWER_TOKENS, PROMPT
from tests.bench.figures import Budget, Row
from tests.bench.load import Plan
from tests.bench.stacks import Target, governed
from tests.support.redis import RedisServer, connected, is_installed

from raseed.adapters.limits.memory import MemoryLimitStore
from raseed.adapters.limits.redis import RedisLimitStore
from raseed.adapters.wire.limits import openai_headers
from raseed.core.accounts.model import Caller, Tier
from raseed.core.clock import SystemClock
from raseed.core.ids import AccountId, ApiKeyId, RunId
from raseed.core.limits.model import TierLimits
from raseed.core.limits.ports import LimitStore
from raseed.core.limits.service import LimitService

CHECK_US_MAX = 10.0
CONNECTIONS = 64
AT_A_TIME = 64
ROOMY = TierLimits(rpm=10**9, tpm=10**12, concurrency=10**6)
"""Of the kinds that the shipped tiers have; never reached."""
CALLER = Caller(account_id=AccountId("acct_x"), api_key_id=ApiKeyId("key_x"), tier=Tier.PRO)
BODY = json.dumps(
    {"model": "scripted", "max_tokens": ANSWER_TOKENS, "messages": [{"role": "user", "content": PROMPT}]}
)
OWNERS = ("rpm=1000000000", "tpm=1000000000000", "concurrency=1000000")


async def limits(bench: Bench) -> list[Row]:
    """In the worker, against its budget; then at the edge, where the headers travel too."""
    bench.say("limits: the check, and the headers")
    own = LimitService(MemoryLimitStore(), dict.fromkeys(Tier, ROOMY))
    clock = SystemClock()

    async def headers() -> None:
        openai_headers(own.standing(CALLER, of_runs=True), clock.now())

    rows = [
        Row(
            what="limits: take and correct, in memory",
            values=await _rounds(bench, own, _checked(own)),
            unit="µs",
            budget=Budget("≤", CHECK_US_MAX, "µs"),
            note="of the event loop's thread",
        ),
        Row(what="limits: headers of an answer", values=await _rounds(bench, own, headers), unit="µs"),
    ]
    if is_installed():
        async with _redis() as store:
            shared = LimitService(store, dict.fromkeys(Tier, ROOMY))
            values = await _rounds(bench, shared, _checked(shared))
        what = f"limits: take and correct, in Redis, {AT_A_TIME} at a time"
        rows.append(Row(what=what, values=values, unit="µs"))
    rows.append(await _at_the_edge(bench))
    return rows


def _checked(service: LimitService) -> Callable[[], Awaitable[None]]:
    async def checked() -> None:
        admission = await service.admit_run(CALLER, "scripted", RunId("run_x"))
        await admission.take_tokens(524)
        admission.end(40)

    return checked


async def _rounds(bench: Bench, service: LimitService, work: Callable[[], Awaitable[None]]) -> list[float]:
    """Processor time of the event loop's thread for each call."""
    count = 3_000 if bench.quick else 10_000

    async def worker() -> None:
        for _ in range(count // AT_A_TIME):
            await work()

    values = []
    for _ in range(bench.rounds):
        began = time.thread_time()
        await asyncio.gather(*(worker() for _ in range(AT_A_TIME)))
        values.append((time.thread_time() - began) * 1e6 / (count // AT_A_TIME * AT_A_TIME))
    return values


@asynccontextmanager
async def _redis() -> AsyncIterator[LimitStore]:
    server = RedisServer().start()
    try:
        store = RedisLimitStore(server.url, workers=1, timeout_s=1.0, report=print)
        running = asyncio.create_task(store.run())
        try:
            await connected([store])
            yield store
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    finally:
        server.stop()


async def _at_the_edge(bench: Bench) -> Row:
    """Two platforms side by side: one without limits, one whose owner has some that are never reached."""
    bench.say("limits: governed unary with and without them")
    on = {"RASEED_LIMITS_ENABLED": "true"}
    async with (
        governed(bench.folder()) as without,
        governed(
            bench.folder(), on, ["limits", "set", "owner@localhost", *OWNERS, "--reason", "benchmark"]
        ) as limited,
    ):

        async def one(target: Target) -> float:
            plan = Plan(
                port=target.port, key=target.key, body=BODY, connections=CONNECTIONS, duration_s=bench.seconds
            )
            return (await load(target, plan)).cpu_us

        pairs = await bench.alternate(lambda: one(limited), lambda: one(without))
    return Row(
        what=f"limits: added to governed unary, {CONNECTIONS} connections",
        values=[a - b for a, b in pairs],
        unit="µs",
        note=f"{median(a for a, _ in pairs):,.0f} : {median(b for _, b in pairs):,.0f} µs of processor a request",
    )
