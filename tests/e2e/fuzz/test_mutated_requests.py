"""Whatever is sent, the platform answers: never with a failure of its own, never late, never from memory without a bound."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest
from tests.e2e.fuzz.corpus import samples
from tests.e2e.fuzz.mutations import Request, request_of
from tests.e2e.fuzz.sending import Answer, complaint, exchange
from tests.support.http import Http
from tests.support.stack import Stack

AT_A_TIME = 8
MIB = 1024 * 1024
GROWTH_MIB_MAX = 400
"""Of any process over a whole fuzz: bodies are a few MiB, eight at a time, and allocators keep what they once had."""


def rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} is gone")


def sizes(stack: Stack) -> dict[str, float]:
    return {name: rss_mib(stack.part(name)["pid"]) for name in ("envoy", "core-0")}


async def fuzz(stack: Stack, seed: int, count: int) -> list[str]:
    """Sends so many cases of a seed; what was wrong with the answers."""
    found, key = samples(), stack.key
    wrong: list[str] = []
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            rng = Random(f"{seed} {number}")
            request = request_of(rng, rng.choice(found), found, key)
            if said := await judged(stack.port, request):
                wrong.append(f"seed {seed}, case {number}: {request.method} {request.path[:120]}: {said}")

    await asyncio.gather(*(work() for _ in range(AT_A_TIME)))
    return wrong


async def judged(port: int, request: Request) -> str | None:
    data = request.wire()
    try:
        answer: Answer | None = await exchange(port, data, is_cut=request.is_cut)
    except TimeoutError:
        return f"no answer: {data[:300]!r}"
    if answer is None:
        return None if request.is_cut else f"closed without an answer: {data[:300]!r}"
    return f"{said} to {data[:600]!r}" if (said := complaint(answer, request.method)) else None


def check(stack: Stack, seed: int, count: int) -> None:
    restarts = {name: stack.part(name)["restarts"] for name in ("envoy", "core-0")}
    before = sizes(stack)
    wrong = asyncio.run(fuzz(stack, seed, count))
    assert not wrong, f"{len(wrong)} of {count}:\n" + "\n".join(wrong[:20])
    assert {name: stack.part(name)["restarts"] for name in restarts} == restarts
    after = sizes(stack)
    assert all(after[name] - before[name] < GROWTH_MIB_MAX for name in before), (before, after)
    # It still does what it is for, and every charge is where it belongs.
    assert Http(stack.port, stack.key).chat("hello").status == 200
    verified = stack.cli("ledger", "verify", "--json", timeout_s=300)
    assert verified.returncode == 0, verified.stdout


def test_some_mutated_requests(fuzzed: Stack) -> None:
    check(fuzzed, seed=1, count=400)


@pytest.mark.long
def test_many_mutated_requests(fuzzed: Stack) -> None:
    check(fuzzed, seed=2, count=20_000)
