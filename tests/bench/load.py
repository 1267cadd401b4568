"""The load generator: HTTP/1.1 keep-alive connections in a closed loop, in a process of its own.

`run_load(plan)` starts the process, hands it the plan as JSON on standard input, and reads the outcome from its
standard output. Inside there is one `http_client.Connection` for each connection.

What is measured, for each request that begins after the warm-up and ends before the end:

    latency        request sent → last byte of the answer
    first byte     request sent → first byte of the answer, its status line included
    first token    request sent → first event with content that is not empty
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from array import array
from collections import Counter
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

import uvloop
from tests.bench.http_client import Connection

FINISH_S = 20.0
"""Longest wait, after the end, for the answers that are still under way."""
RECONNECTS_MAX = 1_000
"""Connections that may be lost and opened again before the run is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    port: int
    key: str
    body: str
    path: str = "/v1/chat/completions"
    connections: int = 16
    warmup_s: float = 1.0
    duration_s: float = 5.0
    """Measured time after the warm-up. With `requests_max` the longest time."""
    requests_max: int = 0
    """Stop after so many requests, if not 0."""
    ramp_s: float = 0.0
    """The connections send their first requests evenly over this time, so that equal streams do not march in step."""
    counts_ramp: bool = False
    """Whether what happens meanwhile is measured too."""
    cancel_of_ten: int = 0
    """Of ten requests, how many are broken off by closing their connection …"""
    cancel_after_events: int = 3
    """… once so many events have come."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    seconds: float = 0.0
    completed: int = 0
    cancelled: int = 0
    events: int = 0
    answer_bytes: int = 0
    lost: int = 0
    """Connections that the other side closed."""
    statuses: dict[str, int] = field(default_factory=dict)
    """Of answers that were not 200."""
    latency_ms: list[float] = field(default_factory=list)
    """p50, p95, p99; the same below."""
    first_byte_ms: list[float] = field(default_factory=list)
    first_token_ms: list[float] = field(default_factory=list)
    gap_ms: list[float] = field(default_factory=list)
    """p50, p99 and p99.9 of the time between two pieces of a stream."""
    cpu_s: float = 0.0
    """Of the load generator itself, warm-up included."""

    @property
    def per_s(self) -> float:
        return self.completed / self.seconds

    @property
    def events_per_s(self) -> float:
        return self.events / self.seconds


async def run_load(plan: Plan) -> Outcome:
    """Raises RuntimeError if the load could not be driven, or if an answer was not 200."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(plan.ramp_s + plan.warmup_s + plan.duration_s + FINISH_S + 10):
            output, _ = await process.communicate(json.dumps(asdict(plan)).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    outcome = Outcome(**json.loads(output))
    if outcome.statuses or outcome.lost or not outcome.completed:
        raise RuntimeError(
            f"{outcome.completed} answers, not 200: {outcome.statuses}, connections lost: {outcome.lost}"
        )
    return outcome


class Load:
    """One plan being carried out: what all connections share."""

    def __init__(self, plan: Plan) -> None:
        body = plan.body.encode()
        head = (
            f"POST {plan.path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {plan.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self.plan = plan
        self.request = head.encode() + body
        self.outcome = Outcome()
        self.statuses: Counter[str] = Counter()
        self.latencies, self.first_bytes, self.first_tokens = array("d"), array("d"), array("d")
        self.gaps = array("d")
        self.sent = 0
        self.begun = False
        """Whether what happens now is measured."""
        self.over = False
        self.done = asyncio.Event()
        """Every connection has ended."""
        self.stop = asyncio.Event()
        self._open = 0

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        plan, outcome = self.plan, self.outcome
        for number in range(plan.connections):
            loop.call_later(plan.ramp_s * number / plan.connections, self.connect)
        if not plan.counts_ramp:
            await asyncio.sleep(plan.ramp_s + plan.warmup_s)
        began = perf_counter()
        self.begun = True
        loop.call_later(plan.duration_s, self.stop.set)
        await self.stop.wait()
        self.over, self.begun = True, False
        outcome.seconds = perf_counter() - began
        try:
            async with asyncio.timeout(FINISH_S):
                await self.done.wait()
        except TimeoutError:
            outcome.lost += self._open  # neither answered nor closed
        outcome.statuses = dict(self.statuses)
        outcome.latency_ms = quantiles_ms(self.latencies)
        outcome.first_byte_ms = quantiles_ms(self.first_bytes)
        outcome.first_token_ms = quantiles_ms(self.first_tokens)
        outcome.gap_ms = quantiles_ms(self.gaps, (0.5, 0.99, 0.999))
        usage = resource.getrusage(resource.RUSAGE_SELF)
        outcome.cpu_s = usage.ru_utime + usage.ru_stime
        return outcome

    def connect(self) -> None:
        self._open += 1
        task = asyncio.ensure_future(
            asyncio.get_running_loop().create_connection(
                lambda: Connection(self), "127.0.0.1", self.plan.port
            )
        )
        task.add_done_callback(self._connected)

    def disconnected(self, *, wanted: bool) -> None:
        self._open -= 1
        if not wanted:
            self.outcome.lost += 1
        if not self.over and self.outcome.lost < RECONNECTS_MAX:
            self.connect()
        elif not self._open:
            self.stop.set()
            self.done.set()

    def next_request(self) -> bool:
        """Whether the connection shall send another."""
        if self.over:
            return False
        if self.plan.requests_max and self.sent >= self.plan.requests_max:
            self.over = True
            return False
        self.sent += 1
        return True

    def shall_cancel(self) -> bool:
        """Of the request that was just sent: spread evenly, not at random, so that two runs cancel the same."""
        return (self.sent * self.plan.cancel_of_ten) % 10 < self.plan.cancel_of_ten

    def _connected(self, task: asyncio.Future[Any]) -> None:
        if task.exception() is not None:
            self.disconnected(wanted=False)


def quantiles_ms(seconds: array[float], parts: tuple[float, ...] = (0.5, 0.95, 0.99)) -> list[float]:
    """In milliseconds; empty if nothing was measured."""
    ordered = sorted(seconds)
    return [ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000 for part in parts if ordered]


def main() -> None:
    plan = Plan(**json.load(sys.stdin))

    async def run() -> Outcome:
        return await Load(plan).run()

    json.dump(asdict(uvloop.run(run())), sys.stdout)


if __name__ == "__main__":
    main()
