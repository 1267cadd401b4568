"""One generation, from admission to the durable charge. Owned by the worker, not by the call that asked for it.

    queued ──limits, model loaded, slot──> admitting ──hold──> generating ──end──> settling ──> ended

However it ends, exactly one settle or release follows the hold:

| end                              | the reader gets              | charged                        |
|----------------------------------|------------------------------|--------------------------------|
| the model is done                | the rest, then `Ended`       | what was used                  |
| credit ends before the answer    | `Ended`, reason `length`     | what was delivered             |
| reader gone                      | nothing                      | what was generated             |
| engine fails before any token    | BackendUnavailable           | nothing                        |
| engine has failed again and again | BackendUnavailable          | nothing                        |
| engine fails, or time is up, after | BackendLost, DeadlineExceeded | what was generated          |
| reader takes nothing for 30 s    | the rest, then DeadlineExceeded | what was generated           |
| worker stops                     | Overloaded, BackendLost      | what was generated             |
| charge not durable within 5 s    | SettlementDelayed            | the same, as soon as it can be |
| ledger silent when asked to hold | CapacityError                | nothing                        |
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from enum import Enum

from raseed.core.accounts.model import Caller
from raseed.core.billing.commands import ExtendHold
from raseed.core.billing.holds import Coverage
from raseed.core.billing.model import Measured, PriceSnapshot
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.billing.pricing import measured_of
from raseed.core.billing.service import HoldService, Payer
from raseed.core.errors import (
    BackendLost,
    BackendUnavailable,
    CapacityError,
    DeadlineExceeded,
    Overloaded,
    RaseedError,
    SettlementDelayed,
)
from raseed.core.ids import HoldId, RunId
from raseed.core.inference.admission import Attempt
from raseed.core.inference.closing import Closing
from raseed.core.inference.cover import Cover
from raseed.core.inference.mailbox import Mailbox
from raseed.core.inference.model import Delta, Finish, FinishReason, ModelRequest, Usage, UsageSource
from raseed.core.inference.ports import Generation
from raseed.core.inference.routing import Route
from raseed.core.inference.work import Work, prepare_work
from raseed.core.limits.service import Admission, LimitService

NOTHING = Measured()

CANCEL_WAIT_S = 3.0
"""Longest wait for an engine that was cancelled. The port allows it two seconds; one that does not keep to that must
not keep the hold and the slot of a reader who has left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What a run needs to know, fixed before it starts."""

    run_id: RunId
    caller: Caller
    payer: Payer
    request: ModelRequest
    route: Route
    price: PriceSnapshot
    input_hash: str
    timeout_s: float
    stream: bool
    """Whether the reader wants pieces as they come, or everything at the end."""
    charge_at_end: bool = False
    """No checkpoints: if the worker dies, nothing is charged. For a reader who would have nothing of a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The last event of a run that ended well: the charge is durable."""

    finish_reason: FinishReason
    usage: Usage
    cost_microcredits: int
    spendable_microcredits: int
    stop_sequence: str | None = None
    """The sequence that ended the answer, where the engine tells."""


class Stage(Enum):
    QUEUED = "queued"
    ADMITTING = "admitting"
    GENERATING = "generating"
    SETTLING = "settling"
    ENDED = "ended"


class Run:
    """Call `next` until `Ended`, or `abandon` when the reader goes away. Used on one event loop.

    Runs that are open at the same time have different ids: nobody else places, extends or resolves the hold of one.
    """

    def __init__(self, spec: RunSpec, holds: HoldService, limits: LimitService) -> None:
        self.id = spec.run_id
        self.hold_id = HoldId(spec.run_id)
        self.model = spec.request.model
        self.choice_count = spec.request.choice_count
        self.input_hash = spec.input_hash
        self.created_at_s = int(time.time())
        self.stage = Stage.QUEUED
        self.called = asyncio.Event()
        """Set when the run is admitted and its model called; never, if that never happens."""
        self.prompt_tokens = 0
        """Known once something was generated, or the run has ended well."""
        self.generated_tokens = 0
        self.charged_microcredits = 0
        """What was charged, once that is durable."""
        self._spec = spec
        self._holds = holds
        self._limits = limits
        self._used_tokens = 0
        self._loop = asyncio.get_running_loop()
        self._closing = Closing(
            holds, spec.payer, self.hold_id, spec.route.backend.name, on_delay=self._tell_of_delay
        )
        self._beat_at = 0.0
        self._mailbox = Mailbox(wake_on_delta=spec.stream)
        self._outcome: Ended | RaseedError | None = None
        self._stopped: RaseedError | None = None
        self._abandoned = False
        self._generation: Generation | None = None
        self._cover: Cover | None = None
        self._task: asyncio.Task[None] | None = None
        self._cancelling: asyncio.Task[None] | None = None
        self._giving_up: asyncio.TimerHandle | None = None

    # ── the reader's side ────────────────────────────────────────────────────────────────────────────────────────

    async def next(self) -> list[Delta] | Ended:
        """The pieces since the last call, neighbours joined; `Ended` last. Raises what ended the run early.

        An empty list only after `nudge`: nothing has come yet.
        """
        pieces = await self._mailbox.take()
        if pieces or not self._mailbox.is_closed:
            return pieces
        if isinstance(self._outcome, Ended):
            return self._outcome
        raise self._stopped or self._outcome or RaseedError("Internal error.")

    def nudge(self) -> None:
        """Let a `next` that is waiting return an empty list. Does nothing before the run is admitted and its model
        called: until then every failure still has a status of its own.
        """
        if self.stage is Stage.GENERATING:
            self._mailbox.nudge()

    async def ended(self) -> Ended | RaseedError | None:
        """What came of the run, once it is over and its charge is durable. None: nothing to tell, it was abandoned."""
        if self._task is not None:
            await asyncio.wait([self._task])
        return self._outcome

    def abandon(self) -> None:
        """The reader has gone: stop generating and charge what was generated. Idempotent, never waits, never raises."""
        if self._abandoned or self.stage is Stage.ENDED:
            return
        self._abandoned = True
        self._mailbox.close()
        if self.stage is Stage.QUEUED and self._task is not None:
            self._task.cancel()  # nothing is held yet
        elif self.stage is Stage.GENERATING:
            self._giving_up = self._loop.call_later(CANCEL_WAIT_S, self._give_up)
            if self._generation is not None:
                # Not awaited here: the caller's own task may be cancelled at any moment, and this must not be.
                self._cancelling = self._loop.create_task(self._generation.cancel(), name=f"cancel {self.id}")

    # ── the worker's side ────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> asyncio.Task[None]:
        self._task = asyncio.create_task(self._execute(), name=f"run {self.id}")
        return self._task

    def stop(self) -> None:
        """The worker stops: as if the reader had gone, but it is there and learns why. A charge is let finish."""
        if self.stage in {Stage.QUEUED, Stage.ADMITTING}:
            self._stopped = Overloaded("The service is restarting. Please try again.", retry_after_s=1.0)
            self.abandon()
        elif self.stage is Stage.GENERATING:
            self._stopped = BackendLost("The service is restarting and has stopped this answer.")
            self.abandon()

    def heartbeat(self, older_than: float) -> ExtendHold | None:
        """The checkpoint to send for this run now, if it holds anything and its last one is older than that moment."""
        if self._cover is None or self.stage is Stage.ENDED:
            return None
        if max(self._beat_at, self._cover.checkpointed_at) > older_than:
            return None
        self._beat_at = self._loop.time()
        return self._holds.extension(
            self._spec.payer, self.hold_id, self._cover.coverage.held_microcredits, self._checkpoint()
        )

    async def _execute(self) -> None:
        try:
            admission = await self._limits.admit_run(self._spec.caller, self.model, self.id)
            try:
                await self._within_limits(admission)
            finally:
                admission.end(self._used_tokens)
        except RaseedError as error:
            self._outcome = error
            if type(error) is RaseedError:
                raise  # a defect of ours: the reader learns nothing of it, the worker's log all
        except asyncio.CancelledError:
            if not self._abandoned:
                raise
        finally:
            self.stage = Stage.ENDED
            if self._giving_up is not None:
                self._giving_up.cancel()
            self._mailbox.close()

    async def _within_limits(self, admission: Admission) -> None:
        self._spec.route.breakers.check(self.model)
        work = await prepare_work(self._spec.route, self._spec.request)
        answer_tokens = min(self._holds.policy.chunk_tokens, work.max_tokens)  # as much as is held at first
        await admission.take_tokens(work.prompt_tokens + answer_tokens)
        leases = self._spec.route.leases
        # Before a slot and before a hold: a load takes seconds, and nobody else should wait for it.
        release = await leases.lease(work.needs) if leases is not None and work.needs else None
        try:
            await self._in_slots(work)
        finally:
            if release is not None:
                release()

    async def _in_slots(self, work: Work) -> None:
        route = self._spec.route
        weight = self._limits.of(self._spec.caller).tier.priority
        slots = await route.slots.acquire(work.slots, self._spec.payer.account_id, weight)
        try:
            attempt = route.breakers.begin(self.model)
            try:
                await self._admit_and_generate(work, attempt)
            finally:
                attempt.close()
        finally:
            route.slots.release(slots)

    async def _admit_and_generate(self, work: Work, attempt: Attempt) -> None:
        self.stage = Stage.ADMITTING
        self.prompt_tokens = work.prompt_tokens
        self._check_time()
        coverage = Coverage(
            policy=self._holds.policy,
            price=self._spec.price,
            prompt_tokens=work.prompt_tokens,
            max_tokens=max(1, work.max_tokens),
        )
        payer = self._spec.payer
        try:
            await self._holds.open(
                payer,
                self.hold_id,
                self._spec.price,
                coverage,
                self._spec.input_hash,
                is_wanted=lambda: not self._abandoned,
            )
        except RaseedError:
            raise
        except Exception as error:
            await self._undo()
            if isinstance(error, LedgerUnavailable):
                return
            raise
        self._cover = cover = Cover(self._holds, payer, self.hold_id, coverage, self._checkpoint)
        self._beat_at = self._loop.time()
        try:
            finish = await self._generate(cover, work, attempt)
        except BaseException as error:
            if isinstance(error, BackendUnavailable | BackendLost):
                attempt.failed()
            await self._end_early()
            if isinstance(error, RaseedError | asyncio.CancelledError):
                raise
            raise RaseedError("Internal error.") from error
        self._outcome = await self._end(finish)

    async def _generate(self, cover: Cover, work: Work, attempt: Attempt) -> Finish:
        left_s = self._check_time()
        self.stage = Stage.GENERATING
        self.called.set()
        generation = await work.start(run_id=self.id, timeout_s=left_s)
        self._generation = generation
        try:
            if self._reader_gone():
                await generation.cancel()  # it left while the engine was starting
            echoed = list(work.echoed)
            while True:
                event = await generation.next()
                if work.asks_engine and (not isinstance(event, Finish) or event.finish_reason is not None):
                    attempt.answered()
                while echoed and not self._reader_gone():
                    await self._deliver(echoed.pop(0))
                tokens = (
                    event.usage.completion_tokens if isinstance(event, Finish) else event.completion_tokens
                )
                # A reader that has gone is charged for what was generated meanwhile; the ledger caps it at the hold.
                if not self._reader_gone() and not await cover.reaches(tokens) and not self._reader_gone():
                    await generation.cancel()
                    return Finish(finish_reason=FinishReason.LENGTH, usage=self._counted())
                self.generated_tokens = tokens
                if isinstance(event, Finish):
                    return event
                self._closing.token_came()
                if not self._reader_gone():
                    await self._deliver(event)
        finally:
            self._closing.backend = generation.served_by
            await generation.close()
            await cover.close()

    async def _deliver(self, piece: Delta) -> None:
        try:
            await self._mailbox.put(piece)
        except TimeoutError:
            raise DeadlineExceeded("The answer was not read in time.") from None

    def _check_time(self) -> float:
        """Seconds that are left. Raises DeadlineExceeded if there are none, or nobody waits for them."""
        left_s = self._spec.timeout_s - self._closing.elapsed_s()
        if self._reader_gone() or left_s <= 0:
            raise DeadlineExceeded("The request's time was up before it could start.")
        return left_s

    def _reader_gone(self) -> bool:
        return self._abandoned  # a call, because it changes while this run waits

    def _give_up(self) -> None:
        if self.stage is Stage.GENERATING and self._task is not None:
            self._task.cancel()

    def _counted(self) -> Usage:
        """Our own count: what was taken from the engine."""
        assert self._cover is not None
        return Usage(
            prompt_tokens=self._cover.coverage.prompt_tokens,
            completion_tokens=self.generated_tokens,
            source=UsageSource.COUNTED,
        )

    def _measured(self) -> Measured:
        return measured_of(self._counted())

    def _checkpoint(self) -> Measured:
        return NOTHING if self._spec.charge_at_end else self._measured()

    # ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _end(self, finish: Finish) -> Ended | RaseedError:
        self.stage = Stage.SETTLING
        outcome = "completed" if finish.finish_reason else "cancelled"
        measured = measured_of(finish.usage)
        self._used_tokens = finish.usage.total_tokens
        settled = await self._closing.settle(measured, outcome, finish.finish_reason, finish.usage.source)
        self.charged_microcredits = settled.cost_microcredits
        if finish.finish_reason is None:
            return DeadlineExceeded("The request was cancelled.")
        return Ended(
            finish_reason=finish.finish_reason,
            usage=finish.usage,
            cost_microcredits=settled.cost_microcredits,
            spendable_microcredits=settled.spendable_microcredits,
            stop_sequence=finish.stop_sequence,
        )

    async def _end_early(self) -> None:
        self.stage = Stage.SETTLING
        outcome = "cancelled" if self._abandoned else "failed"
        if self.generated_tokens == 0:
            await self._closing.release(outcome)
        else:
            self._used_tokens = self._counted().total_tokens
            settled = await self._closing.settle(self._measured(), outcome, None, UsageSource.COUNTED)
            self.charged_microcredits = settled.cost_microcredits

    async def _undo(self) -> None:
        """It is unknown whether anything is held. The reader need not wait until that is certain."""
        self.stage = Stage.SETTLING
        self._tell(
            CapacityError("The service cannot take requests right now. Please try again.", retry_after_s=2.0)
        )
        await self._closing.undo()

    def _tell_of_delay(self) -> None:
        self._tell(SettlementDelayed("The charge for this request is delayed. Do not send it again."))

    def _tell(self, error: RaseedError) -> None:
        self._outcome = error
        self._mailbox.close()


async def read_whole(run: Run) -> tuple[list[Delta], Ended]:
    """All of a run. Raises what `Run.next` raises; who stops reading abandons it."""
    pieces: list[Delta] = []
    while not isinstance(event := await run.next(), Ended):
        pieces += event
    return pieces, event
