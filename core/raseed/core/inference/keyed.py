"""Chat under an idempotency key: one run and one charge, and the first answer for whoever asks again.

What was charged is kept, what cost nothing is tried anew:

| what came of the request so far        | the same request again gets              |
|----------------------------------------|------------------------------------------|
| it is queued or running, anywhere      | RequestInProgress                        |
| a whole answer                         | that answer                              |
| an error, after output that is charged | that error                               |
| a stream that was charged, however it ended | AlreadyAnswered, with the answer's id |
| refused, failed before output, or its worker died (whole answers) | a new run     |

A whole answer is made to its end also when its client has gone, for the client that comes back. Its run is charged
when it ends and not before: a crash costs the client nothing, so the next attempt is the only one it pays for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from raseed.core.accounts.model import Caller
from raseed.core.billing.model import HoldState
from raseed.core.billing.ports import Ledger, LedgerUnavailable
from raseed.core.clock import SECOND, Clock
from raseed.core.errors import (
    AlreadyAnswered,
    CapacityError,
    Conflict,
    RaseedError,
)
from raseed.core.idempotency import RETRY_AFTER_S, Asked, Claim, Idempotency, Result, in_progress
from raseed.core.inference.answer import CHAT_PREFIX, answer_id
from raseed.core.inference.model import Delta, ModelRequest
from raseed.core.inference.run import Ended, Run, Stage
from raseed.core.inference.service import InferenceService, hold_of_request
from raseed.core.limits.service import LimitService

KEEP_WAIT_S = 5.0
"""Between the end of a run and its answer being kept pass milliseconds. After this it is taken for lost: its worker
died in between, or the answer was too long to keep."""

Encode = Callable[[Run, list[Delta], Ended], Awaitable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    result: Result
    is_replay: bool


class KeyedChat:
    """One per worker. Owns the tasks that see whole answers through."""

    def __init__(
        self,
        inference: InferenceService,
        limits: LimitService,
        idempotency: Idempotency,
        ledger: Ledger,
        clock: Clock,
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._inference = inference
        self._limits = limits
        self._idempotency = idempotency
        self._ledger = ledger
        self._clock = clock
        self._report = report
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(
        self,
        caller: Caller,
        request: ModelRequest,
        asked: Asked,
        encode: Encode,
        id_prefix: str = CHAT_PREFIX,
    ) -> Answer:
        """The whole answer, encoded. Raises what `start_run` raises, RequestInProgress, RateLimited for who repeats more
        requests than he may make, and AlreadyAnswered, which names the answer as its reader knows it, with `id_prefix`.

        The run goes on when this call is cancelled. Its time is the server's, not the client's: who asks again after
        its own time was up is the one for whom it is made.
        """
        claim = await self._claim_within_limits(caller, asked, id_prefix, is_stream=False)
        if claim.result is not None:
            return Answer(result=claim.result, is_replay=True)
        run = self._inference.start_run(
            caller, request, stream=False, request_id=claim.attempt, charge_at_end=True
        )
        told: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._see_through(run, claim, encode, told), name=f"answer {run.id}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, told))
        return Answer(result=await asyncio.shield(told), is_replay=False)

    async def start_stream(
        self,
        caller: Caller,
        request: ModelRequest,
        asked: Asked,
        timeout_s: float | None,
        id_prefix: str = CHAT_PREFIX,
    ) -> Run:
        """A stream cannot be read again: who asks a second time learns its id. Raises as `answer` does."""
        claim = await self._claim_within_limits(caller, asked, id_prefix, is_stream=True)
        return self._inference.start_run(
            caller, request, stream=True, request_id=claim.attempt, timeout_s=timeout_s
        )

    async def drain(self, timeout_s: float) -> None:
        """Once the runs have ended, wait until their answers are kept."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)

    async def _claim_within_limits(
        self, caller: Caller, asked: Asked, id_prefix: str, *, is_stream: bool
    ) -> Claim:
        """A claim that leads to a run takes nothing here: the run does."""
        self._limits.check_repeats(caller)
        try:
            claim = await self._claim(caller, asked, id_prefix, is_stream=is_stream)
        except Conflict:
            await self._limits.admit_repeat(caller)
            raise
        if claim.result is not None:
            await self._limits.admit_repeat(caller)
        return claim

    async def _claim(self, caller: Caller, asked: Asked, id_prefix: str, *, is_stream: bool) -> Claim:
        claim = await self._idempotency.claim(asked)
        if claim.is_new or claim.result is not None:
            return claim
        hold_id = hold_of_request(caller, claim.attempt)
        if self._inference.is_running(hold_id):
            raise in_progress()
        try:
            hold = await self._ledger.hold(hold_id)
        except LedgerUnavailable as error:
            raise CapacityError(
                "The service cannot take requests right now. Please try again.", retry_after_s=RETRY_AFTER_S
            ) from error
        if hold is None:
            return claim  # it was refused, or waits for a slot elsewhere: then the ledger knows who was first
        if hold.state is HoldState.OPEN:
            raise in_progress()
        if not hold.cost_microcredits:
            return await self._idempotency.renew(claim)
        if not is_stream and self._clock.now() - (hold.closed_at or 0) < KEEP_WAIT_S * SECOND:
            raise in_progress()  # its answer is just being kept
        name = answer_id(hold_id, id_prefix)
        raise AlreadyAnswered(
            f"The request with this idempotency key was answered as {name}, which cannot be sent again.",
            metadata={"id": name},
        )

    async def _see_through(
        self, run: Run, claim: Claim, encode: Encode, told: asyncio.Future[Result]
    ) -> None:
        pieces: list[Delta] = []
        try:
            while not isinstance(event := await run.next(), Ended):
                pieces += event
        except Conflict as error:
            # Another worker was first: its answer is to come, or to be read by now.
            _tell(told, Result(error=in_progress() if type(error) is Conflict else error))
            return
        except RaseedError as error:
            if run.stage is not Stage.ENDED:
                _tell(told, Result(error=error))  # the ledger is slow: who waits need not wait for it
            outcome = await run.ended() or error
            if not isinstance(outcome, Ended):
                result = Result(error=outcome)
                if run.charged_microcredits:
                    await self._idempotency.finish(claim, result)
                _tell(told, result)
                return
            event = outcome
        result = Result(body=await encode(run, pieces, event))
        await self._idempotency.finish(claim, result)
        _tell(told, result)

    def _ended(self, task: asyncio.Task[None], told: asyncio.Future[Result]) -> None:
        self._tasks.discard(task)
        _tell(told, Result(error=RaseedError("Internal error.")))
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report("answer", error)


def _tell(told: asyncio.Future[Result], result: Result) -> None:
    if not told.done():
        told.set_result(result)
