"""Limits that several workers share in Redis or Valkey, each taken by one script on the server's clock.

Never stands in a request's way: without an answer in time a worker decides by itself, with its part of every limit. It
has seen how full the limits were when the server was last heard, so an outage gives nobody a new burst.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from raseed.adapters.limits.memory import MemoryLimitStore
from raseed.core.limits.gcra import wait_for
from raseed.core.limits.ports import Seats, Take, Verdict

SCRIPT = (files("raseed.adapters.limits") / "limits.lua").read_text(encoding="utf-8")
PREFIX = "raseed:limits:"
BATCH_MAX = 64
"""Scripts sent at once. More only delays the first of them."""
QUEUE_MAX = 4_096
"""Scripts waiting to be sent; what comes then is decided here. So many RPCs a worker serves at a time."""
LEASE_S = 30.0
"""A seat that nobody renews for so long belongs to a dead worker."""
RENEWALS = 3
"""Chances that a living worker has to renew a seat within its lease."""
BATCH_TIMEOUT_S = 1.0
"""A server that does not answer a batch within this is asked anew on another connection."""
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0
_MICROSECONDS = 1_000_000

Report = Callable[[str, BaseException], None]


@dataclass(slots=True, eq=False)
class _Op:
    keys: list[str]
    args: list[str | int | float]
    takes: Sequence[Take]
    seats: Sequence[Seats]
    holder: str
    answer: asyncio.Future[Verdict | None] | None = None
    """None as its result: nobody knows."""
    is_taken: bool = False
    is_unwanted: bool = False
    """Whoever asked has gone, or was refused: what is taken is to be given back."""


class RedisLimitStore:
    """Implements `LimitStore`. Used on one event loop; `run` is owned by the worker."""

    def __init__(
        self, url: str, *, workers: int, timeout_s: float, report: Report, lease_s: float = LEASE_S
    ) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._report = report
        self._lease_s = lease_s
        self._own = MemoryLimitStore(workers=workers)
        """How full the limits were when last heard, what this worker's runs sit on, and who decides in an outage."""
        self._queue: deque[_Op] = deque()
        self._wake = asyncio.Event()
        self._is_connected = False
        self._asked_at: float | None = None
        """Since when the server owes an answer."""
        self._sha = ""

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    async def take(self, takes: Sequence[Take], seats: Sequence[Seats], holder: str) -> Verdict:
        for position, take in enumerate(takes):
            if take.cost > take.quota.burst:
                return Verdict(position, math.inf, self._own.fill_us(take.key))
        if not self._answers() or len(self._queue) >= QUEUE_MAX:
            return self._own.take_now(takes, seats, holder)
        op = self._op("take", takes, seats, holder)
        op.answer = asyncio.get_running_loop().create_future()
        self._send(op)
        try:
            async with asyncio.timeout(self._timeout_s):
                verdict = await op.answer
        except TimeoutError:
            verdict = None
        except asyncio.CancelledError:
            self._unwanted(op)
            raise
        if verdict is not None:
            return verdict
        decided = self._own.take_now(takes, seats, holder)
        if decided.refused is not None:
            self._unwanted(op)
        return decided

    def settle(self, takes: Sequence[Take], seats: Sequence[Seats], holder: str) -> None:
        if self._is_connected and len(self._queue) < QUEUE_MAX:
            self._own.settle((), seats, holder)
            self._send(self._op("settle", takes, seats, holder))
        else:
            self._own.settle(takes, seats, holder)

    def peek(self, take: Take) -> Verdict:
        """Others may have taken more, and nobody gives requests back: what refuses here, refuses there."""
        if not self._is_connected:
            return self._own.peek(take)
        fill_us = self._own.fill_us(take.key)
        wait_us = wait_for(fill_us, take.cost, take.quota)
        return Verdict(0, wait_us, fill_us) if wait_us else Verdict(None)

    def fill_us(self, key: str) -> float:
        return self._own.fill_us(key)

    async def run(self) -> None:
        """For ever: connect, send what is asked, connect again. What fails is reported once, until it works again."""
        pause_s, is_reported = BACKOFF_FIRST_S, False
        while True:
            try:
                async with self._client() as client:
                    self._sha = await asyncio.wait_for(client.script_load(SCRIPT), BATCH_TIMEOUT_S)
                    self._is_connected = True
                    pause_s, is_reported = BACKOFF_FIRST_S, False
                    await self._serve(client)
            except (RedisError, OSError, TimeoutError) as error:
                if not is_reported:
                    self._report("limits", error)
                    is_reported = True
            finally:
                self._is_connected = False
                self._give_up()
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 - not for secrets
            pause_s = min(2 * pause_s, BACKOFF_MAX_S)

    # ── the connection ───────────────────────────────────────────────────────────────────────────────────────────

    def _client(self) -> Redis:
        return Redis.from_url(
            self._url,
            max_connections=1,
            socket_timeout=BATCH_TIMEOUT_S,
            socket_connect_timeout=BATCH_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )

    async def _serve(self, client: Redis) -> None:
        loop = asyncio.get_running_loop()
        renew_at = loop.time()
        while True:
            if not self._queue and (left_s := renew_at - loop.time()) > 0:
                self._wake.clear()
                try:
                    async with asyncio.timeout(left_s):
                        await self._wake.wait()
                except TimeoutError:
                    pass
            if loop.time() >= renew_at:
                renew_at = loop.time() + self._lease_s / RENEWALS
                self._queue.extendleft(self._renewals())
            batch = [self._queue.popleft() for _ in range(min(BATCH_MAX, len(self._queue)))]
            if batch:
                await self._ask(client, batch)

    async def _ask(self, client: Redis, batch: list[_Op]) -> None:
        self._asked_at = asyncio.get_running_loop().time()
        pipeline = client.pipeline(transaction=False)
        for op in batch:
            pipeline.evalsha(self._sha, len(op.keys), *op.keys, *op.args)
        try:
            answers = await asyncio.wait_for(pipeline.execute(), BATCH_TIMEOUT_S)
        except BaseException:
            self._is_connected = False
            for op in batch:
                _tell(op, None)
            raise
        finally:
            self._asked_at = None
        for op, answer in zip(batch, answers, strict=True):
            self._heard(op, answer)

    def _heard(self, op: _Op, answer: Any) -> None:
        refused = int(answer[0]) - 1
        if refused >= 0:
            verdict = Verdict(refused)
            if refused < len(op.takes):
                fill_us = float(answer[1])
                self._own.learn(op.takes[refused].key, fill_us)
                verdict = Verdict(refused, float(answer[2]), fill_us)
            _tell(op, verdict)
            return
        for take, fill_us in zip(op.takes, answer[1:], strict=False):
            self._own.learn(take.key, float(fill_us))
        if op.answer is None:
            return
        op.is_taken = True
        if op.is_unwanted:
            self._give_back(op)
        else:
            self._own.sit(op.seats, op.holder)
            _tell(op, Verdict(None))

    # ── bookkeeping ──────────────────────────────────────────────────────────────────────────────────────────────

    def _answers(self) -> bool:
        if not self._is_connected:
            return False
        late = self._asked_at is not None
        return not late or asyncio.get_running_loop().time() - (self._asked_at or 0.0) < self._timeout_s

    def _op(self, mode: str, takes: Sequence[Take], seats: Sequence[Seats], holder: str) -> _Op:
        """With keys and arguments as the script's head says."""
        keys = [PREFIX + take.key for take in takes] + [PREFIX + seat.key for seat in seats]
        args: list[str | int | float] = [mode, len(takes), holder, int(self._lease_s * 1000)]
        for take in takes:
            args += (take.quota.interval_us, take.quota.tolerance_us, take.cost)
        args += [seat.limit for seat in seats]
        return _Op(keys, args, takes, seats, holder)

    def _send(self, op: _Op) -> None:
        self._queue.append(op)
        self._wake.set()

    def _unwanted(self, op: _Op) -> None:
        op.is_unwanted = True
        if op.is_taken:
            self._give_back(op)

    def _give_back(self, op: _Op) -> None:
        back = [Take(take.key, take.quota, -take.cost) for take in op.takes]
        self.settle(back, op.seats, op.holder)

    def _renewals(self) -> Iterator[_Op]:
        for key, holders in self._own.holders().items():
            args: list[str | int | float] = ["stay", 0, "", int(self._lease_s * 1000), *holders]
            yield _Op([PREFIX + key], args, (), (), "")

    def _give_up(self) -> None:
        """Whoever waits decides for himself. What was to be settled is lost: limits flow back, seats lapse."""
        while self._queue:
            _tell(self._queue.popleft(), None)


def _tell(op: _Op, verdict: Verdict | None) -> None:
    if op.answer is not None and not op.answer.done():
        op.answer.set_result(verdict)
