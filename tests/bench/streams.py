"""Many long streams at once: how evenly their pieces come, how soon they begin, and what each keeps in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.bench.bare import Answer
from tests.bench.bench import Bench
from tests.bench.edge import as_streamed, stream_body
from tests.bench.figures import Budget, Row
from tests.bench.load import Outcome, Plan, run_load
from tests.bench.stacks import Target

STREAMS = 256
PACE_MS = 50.0
RAMP_S = 5.0
"""The streams begin evenly over this time, as those of people do."""
GAP_RATIO_MAX = 1.5
TTFT_P99_MS_MAX = 20.0
GROWTH_MIB_MAX = 1.0
"""For each stream."""
SAMPLE_TOKENS, SAMPLE_PACE_MS = 8, 20.0
"""A short stream that shows what the messages of a long one are."""
LOOK_S = 0.25


async def streams(bench: Bench) -> list[Row]:
    seconds = 10 if bench.quick else 60
    rounds = 1 if bench.quick else 3
    tokens = int(seconds * 1000 / PACE_MS)
    bench.say(
        f"{STREAMS} streams of {1000 / PACE_MS:.0f} tokens a second, {seconds} s, {rounds} times each side"
    )

    def same(ours: Target) -> Answer:
        sample = as_streamed(ours, stream_body(SAMPLE_TOKENS, SAMPLE_PACE_MS), SAMPLE_TOKENS, PACE_MS)
        first, piece, *_, last = sample.messages
        return replace(sample, messages=[first, *[piece] * (tokens - 1), last])

    found: list[tuple[Outcome, Outcome]] = []
    growths: list[float] = []
    async with bench.sides(same) as (ours, theirs):
        for _ in range(rounds):
            async with _growth(ours) as grown:
                one = await run_load(_plan(ours, tokens))
            growths.append(grown[0] / STREAMS)
            found.append((one, await run_load(_plan(theirs, tokens))))
    events = found[0][0].events / found[0][0].completed
    return [
        Row(
            what=f"{STREAMS} streams: time between pieces, p99.9, to the bare handler's",
            values=[a.gap_ms[2] / b.gap_ms[2] for a, b in found],
            budget=Budget("≤", GAP_RATIO_MAX),
            note=f"{found[0][0].gap_ms[2]:.0f} : {found[0][1].gap_ms[2]:.0f} ms, {events:.0f} of {tokens + 3} events a stream",
            detail={"rounds": [{"platform": a.gap_ms, "bare": b.gap_ms} for a, b in found]},
        ),
        Row(
            what=f"{STREAMS} streams: added time to first token, p99",
            values=[a.first_token_ms[2] - b.first_token_ms[2] for a, b in found],
            unit="ms",
            budget=Budget("≤", TTFT_P99_MS_MAX, "ms"),
            note=f"{found[0][0].first_token_ms[2]:.0f} : {found[0][1].first_token_ms[2]:.0f} ms",
        ),
        Row(
            what=f"{STREAMS} streams: core RSS, growth for each",
            values=growths,
            unit="MiB",
            budget=Budget("≤", GROWTH_MIB_MAX, "MiB"),
        ),
    ]


def _plan(target: Target, tokens: int) -> Plan:
    return Plan(
        port=target.port,
        key=target.key,
        body=stream_body(tokens, PACE_MS),
        connections=STREAMS,
        requests_max=STREAMS,
        ramp_s=RAMP_S,
        counts_ramp=True,
        warmup_s=0,
        # Far more than they take: the load is over when each connection has had its answer.
        duration_s=RAMP_S + 3 * tokens * PACE_MS / 1000,
    )


@asynccontextmanager
async def _growth(target: Target) -> AsyncIterator[list[float]]:
    """The most by which the process grew meanwhile, in MiB."""
    before = target.rss_mib()
    grown = [0.0]

    async def look() -> None:
        while True:
            grown[0] = max(grown[0], target.rss_mib() - before)
            await asyncio.sleep(LOOK_S)

    looking = asyncio.create_task(look())
    try:
        yield grown
    finally:
        looking.cancel()
