"""From the command to a stack that serves."""

from __future__ import annotations

from tests.bench.bench import Bench
from tests.bench.figures import Budget, Row
from tests.bench.stacks import up

READY_S_MAX = 10.0


async def start(bench: Bench) -> list[Row]:
    """`raseed up` with its defaults: Envoy, one core worker, Triton with the demo model. The first is a new
    installation, and warms the disk; the others start on what it left."""
    bench.say("raseed up")
    home = bench.folder()
    seconds = []
    for _ in range(1 + bench.rounds):
        async with up(home, {}) as (_, took_s):
            seconds.append(took_s)
    first, *others = seconds
    return [
        Row(
            what="raseed up to ready, with Triton",
            values=others,
            unit="s",
            budget=Budget("≤", READY_S_MAX, "s"),
            note=f"the first start, on an empty home, took {first:.1f} s",
        )
    ]
