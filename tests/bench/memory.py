"""What a core worker keeps: after its start, and for each request."""

from __future__ import annotations

import asyncio
from statistics import linear_regression

from tests.bench.bench import Bench
from tests.bench.edge import stream_body
from tests.bench.figures import Budget, Row
from tests.bench.load import Outcome, Plan, run_load
from tests.bench.stacks import Target, governed

IDLE_MIB_MAX = 200.0
SLOPE_MIB_MAX = 10.0
"""For each 100,000 requests."""
PER = 100_000
SETTLE_S = 3.0
"""Quiet time before the idle figure is read."""
CANCEL_OF_TEN = 3
CONNECTIONS = 64
TOKENS, PACE_MS, CANCEL_AFTER_EVENTS = 6, 1.0, 3
STEPS = 20
"""Readings of the slope; a line through all of them is steadier than its two ends."""


async def memory(bench: Bench) -> list[Row]:
    warmup, measured = (4_000, 16_000) if bench.quick else (20_000, 100_000)
    async with governed(bench.folder()) as ours:
        await asyncio.sleep(SETTLE_S)
        idle = ours.rss_mib()
        bench.say(f"memory: {warmup:,} requests to warm up, then {measured:,}")
        await _some(ours, warmup)
        done, counts, sizes = 0, [0.0], [ours.rss_mib()]
        cancelled = 0
        for _ in range(STEPS):
            outcome = await _some(ours, measured // STEPS)
            done += outcome.completed + outcome.cancelled
            cancelled += outcome.cancelled
            counts.append(float(done))
            sizes.append(ours.rss_mib())
    slope = linear_regression(counts, sizes).slope * PER
    note = f"{sizes[0]:.0f} → {sizes[-1]:.0f} MiB in {done:,} requests, {cancelled / done:.0%} cancelled"
    if done < PER:
        note += f"; extrapolated from {done:,} after {warmup:,}: too few to hold against the budget"
    detail = {"requests": counts, "rss_mib": sizes}
    return [
        Row(what="core RSS, idle", values=[idle], unit="MiB", budget=Budget("≤", IDLE_MIB_MAX, "MiB")),
        Row(
            what="core RSS, growth in 100,000 requests",
            values=[slope],
            unit="MiB",
            budget=Budget("≤", SLOPE_MIB_MAX, "MiB"),
            note=note,
            detail=detail,
        ),
    ]


async def _some(target: Target, requests: int) -> Outcome:
    return await run_load(
        Plan(
            port=target.port,
            key=target.key,
            body=stream_body(TOKENS, PACE_MS),
            connections=CONNECTIONS,
            warmup_s=0,
            duration_s=300,
            requests_max=requests,
            cancel_of_ten=CANCEL_OF_TEN,
            cancel_after_events=CANCEL_AFTER_EVENTS,
        )
    )
