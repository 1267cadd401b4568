"""One generation, from admission to the durable charge. Owned by the worker, not by the call that asked for it.

    queued ──slot──> admitting ──hold──> generating ──end──> settling ──> ended

However it ends, exactly one settle or release follows the hold:

| end                              | the reader gets              | charged                        |
|----------------------------------|------------------------------|--------------------------------|
| the model is done                | the rest, then `Ended`       | what was used                  |
| credit ends before the answer    | `Ended`, reason `length`     | what was delivered             |
| reader gone                      | nothing                      | what was generated             |
| engine fails before any token    | BackendUnavailable           | nothing                        |
| engine fails, or time is up, after | BackendLost, DeadlineExceeded | what was generated          |
| charge not durable within 5 s    | SettlementDelayed            | the same, as soon as it can be |
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import Enum

from raseed.core.billing.commands import ExtendHold, Settled
from raseed.core.billing.holds import Coverage
from raseed.core.billing.model import PriceSnapshot, RunRecord
from raseed.core.billing.pricing import measured_of
from raseed.core.billing.service import HoldService, Payer
from raseed.core.errors import DeadlineExceeded, RaseedError, SettlementDelayed
from raseed.core.ids import HoldId, RunId
from raseed.core.inference.mailbox import Mailbox
from raseed.core.inference.model import ChatRequest, Delta, Finish, FinishReason, Usage, UsageSource
from raseed.core.inference.ports import Generation, Prepared
from raseed.core.inference.routing import Route

SETTLE_WAIT_S = 5.0
"""Longest a reader waits for its charge to be durable. The settle itself goes on until it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What a run needs to know, fixed before it starts."""

    run_id: RunId
    payer: Payer
    request: ChatRequest
    route: Route
    price: PriceSnapshot
    input_hash: str
    timeout_s: float
    stream: bool
    """Whether the reader wants pieces as they come, or everything at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The last event of a run that ended well: the charge is durable."""

    finish_reason: FinishReason
    usage: Usage
    cost_microcredits: int
    spendable_microcredits: int


class Stage(Enum):
    QUEUED = "queued"
    ADMITTING = "admitting"
    GENERATING = "generating"
    SETTLING = "settling"
    ENDED = "ended"


class Run:
    """Call `next` until `Ended`, or `abandon` when the reader goes away. Used on one event loop."""

    def __init__(self, spec: RunSpec, holds: HoldService) -> None:
        self.id = spec.run_id
        self.hold_id = HoldId(spec.run_id)
        self.model = spec.request.model
        self.created_at_s = int(time.time())
        self.stage = Stage.QUEUED
        self.generated_tokens = 0
        self.checkpointed_at = 0.0
        """Monotonic time of the last checkpoint that was sent."""
        self._spec = spec
        self._holds = holds
        self._started_at = time.monotonic()
        self._first_token_at: float | None = None
        self._mailbox = Mailbox(wake_on_delta=spec.stream)
        self._outcome: Ended | RaseedError | None = None
        self._abandoned = False
        self._generation: Generation | None = None
        self._coverage: Coverage | None = None
        self._extension: asyncio.Task[bool] | None = None
        self._task: asyncio.Task[None] | None = None
        self._cancelling: asyncio.Task[None] | None = None

    # ── the reader's side ────────────────────────────────────────────────────────────────────────────────────────

    async def next(self) -> list[Delta] | Ended:
        """The pieces since the last call, neighbours joined; `Ended` last. Raises what ended the run early."""
        if pieces := await self._mailbox.take():
            return pieces
        if isinstance(self._outcome, Ended):
            return self._outcome
        raise self._outcome or RaseedError("Internal error.")

    def abandon(self) -> None:
        """The reader has gone: stop generating and charge what was generated. Idempotent, never waits, never raises."""
        if self._abandoned or self.stage is Stage.ENDED:
            return
        self._abandoned = True
        self._mailbox.close()
        if self.stage is Stage.QUEUED and self._task is not None:
            self._task.cancel()  # nothing is held yet
        elif self._generation is not None:
            # Not awaited here: the caller's own task may be cancelled at any moment, and this must not be.
            self._cancelling = asyncio.create_task(self._generation.cancel(), name=f"cancel {self.id}")

    # ── the worker's side ────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> asyncio.Task[None]:
        self._task = asyncio.create_task(self._execute(), name=f"run {self.id}")
        return self._task

    def heartbeat(self, now: float) -> ExtendHold | None:
        """The checkpoint to send for this run now, if it holds anything."""
        if self._coverage is None or self.stage is Stage.ENDED:
            return None
        self.checkpointed_at = now
        return self._holds.extension(
            self._spec.payer,
            self.hold_id,
            self._coverage.held_microcredits,
            measured_of(self._counted(self._coverage)),
        )

    async def _execute(self) -> None:
        try:
            prepared = await self._spec.route.backend.prepare(self._spec.request)
            await self._spec.route.slots.acquire()
            try:
                await self._admit_and_generate(prepared)
            finally:
                self._spec.route.slots.release()
        except RaseedError as error:
            self._outcome = error
        except asyncio.CancelledError:
            if not self._abandoned:
                raise
        finally:
            self.stage = Stage.ENDED
            self._mailbox.close()

    async def _admit_and_generate(self, prepared: Prepared) -> None:
        self.stage = Stage.ADMITTING
        coverage = Coverage(
            policy=self._holds.policy,
            price=self._spec.price,
            prompt_tokens=prepared.prompt_tokens,
            max_tokens=prepared.max_tokens,
        )
        await self._holds.open(
            self._spec.payer, self.hold_id, self._spec.price, coverage, self._spec.input_hash
        )
        self._coverage = coverage
        self.checkpointed_at = time.monotonic()
        try:
            finish = await self._generate(coverage, prepared)
        except BaseException as error:
            await self._end_early(coverage)
            if isinstance(error, RaseedError | asyncio.CancelledError):
                raise
            raise RaseedError("Internal error.") from error
        self._outcome = await self._end(finish)

    async def _generate(self, coverage: Coverage, prepared: Prepared) -> Finish:
        left_s = self._spec.timeout_s - (time.monotonic() - self._started_at)
        if self._reader_gone() or left_s <= 0:
            raise DeadlineExceeded("The request's time was up before it could start.")
        generation = await self._spec.route.backend.start(
            prepared, run_id=self.id, max_tokens=prepared.max_tokens, timeout_s=left_s
        )
        self._generation = generation
        self.stage = Stage.GENERATING
        try:
            if self._reader_gone():
                await generation.cancel()  # it left while the engine was starting
            while True:
                event = await generation.next()
                tokens = (
                    event.usage.completion_tokens if isinstance(event, Finish) else event.completion_tokens
                )
                # A reader that has gone is charged for what was generated meanwhile; the ledger caps it at the hold.
                if not self._reader_gone() and not await self._covers(coverage, tokens):
                    await generation.cancel()
                    return Finish(finish_reason=FinishReason.LENGTH, usage=self._counted(coverage))
                self.generated_tokens = tokens
                if isinstance(event, Finish):
                    return event
                if self._first_token_at is None:
                    self._first_token_at = time.monotonic()
                if not self._reader_gone():
                    await self._mailbox.put(event)
        finally:
            await generation.close()
            if self._extension is not None:
                await asyncio.wait([self._extension])

    # ── credit ahead of generation ───────────────────────────────────────────────────────────────────────────────

    async def _covers(self, coverage: Coverage, tokens: int) -> bool:
        """Whether the hold pays for so many tokens. Extends it ahead of need and waits only when it must."""
        if self._extension is not None and self._extension.done():
            self._extension = None
        if self._extension is None and (level := coverage.next_level(tokens)) is not None:
            self._extension = asyncio.create_task(self._extend(coverage, level), name=f"extend {self.id}")
        while tokens > coverage.covered_tokens:
            if self._extension is None:
                level = coverage.next_level(tokens)
                if level is None:
                    return False
                self._extension = asyncio.create_task(self._extend(coverage, level), name=f"extend {self.id}")
            extension, self._extension = self._extension, None
            if not await extension:
                return False
        return True

    async def _extend(self, coverage: Coverage, level: int) -> bool:
        measured = measured_of(self._counted(coverage))
        if not await self._holds.extend(self._spec.payer, self.hold_id, level, measured):
            return False
        self.checkpointed_at = time.monotonic()
        coverage.hold_placed(level)
        return True

    def _reader_gone(self) -> bool:
        return self._abandoned  # a call, because it changes while this run waits

    def _counted(self, coverage: Coverage) -> Usage:
        return Usage(
            prompt_tokens=coverage.prompt_tokens,
            completion_tokens=self.generated_tokens,
            source=UsageSource.COUNTED,
        )

    # ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _end(self, finish: Finish) -> Ended | RaseedError:
        record = self._record(
            "completed" if finish.finish_reason else "cancelled", finish.finish_reason, finish.usage.source
        )
        measured = measured_of(finish.usage)
        settled = await self._durable(self._holds.settle(self._spec.payer, self.hold_id, measured, record))
        if finish.finish_reason is None:
            return DeadlineExceeded("The request was cancelled.")
        return Ended(
            finish_reason=finish.finish_reason,
            usage=finish.usage,
            cost_microcredits=settled.cost_microcredits,
            spendable_microcredits=settled.spendable_microcredits,
        )

    async def _end_early(self, coverage: Coverage) -> None:
        record = self._record("failed", None, UsageSource.COUNTED)
        if self.generated_tokens == 0:
            await self._durable(self._holds.release(self._spec.payer, self.hold_id, record))
        else:
            measured = measured_of(self._counted(coverage))
            await self._durable(self._holds.settle(self._spec.payer, self.hold_id, measured, record))

    async def _durable(self, resolving: Coroutine[None, None, Settled]) -> Settled:
        """Waits until the charge is durable. After 5 s the reader is told that it is delayed; the wait goes on."""
        self.stage = Stage.SETTLING
        task = asyncio.ensure_future(resolving)
        done, _ = await asyncio.wait([task], timeout=SETTLE_WAIT_S)
        if not done:
            self._outcome = SettlementDelayed("The charge for this request is delayed. Do not send it again.")
            self._mailbox.close()
        return await task

    def _record(self, outcome: str, reason: FinishReason | None, source: UsageSource) -> RunRecord:
        first = self._first_token_at
        return RunRecord(
            outcome=outcome,
            finish_reason=reason,
            usage_source=source,
            latency_ms=int((time.monotonic() - self._started_at) * 1000),
            first_token_ms=None if first is None else int((first - self._started_at) * 1000),
            backend=self._spec.route.backend.name,
        )
