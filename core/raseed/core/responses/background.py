"""Responses in the background, whichever worker runs them: begin, look at, follow, cancel."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from raseed.core.accounts.model import Caller
from raseed.core.billing.model import HoldState
from raseed.core.billing.ports import Ledger, LedgerUnavailable
from raseed.core.clock import SECOND, Clock
from raseed.core.errors import BackendLost, CapacityError, RaseedError, RequestReusedWithOtherInput
from raseed.core.idempotency import Asked
from raseed.core.ids import HoldId, new_id
from raseed.core.inference.service import InferenceService, hold_of_request
from raseed.core.limits.service import LimitService
from raseed.core.responses.asking import Question
from raseed.core.responses.live import LiveFollowing, LiveResponse, LiveResponses, is_running
from raseed.core.responses.model import (
    Keeper,
    Response,
    Status,
    response_of_run,
    run_of,
    with_ids,
)
from raseed.core.responses.outcome import failed
from raseed.core.responses.ports import Following, Kept, Lives, Peers, ResponseStore

ADMISSION_WAIT_S = 2.0
"""Longest that who asks for a response waits for its model to be called, so that a refusal is the answer to him."""
CANCEL_WAIT_S = 10.0
"""Longest wait for the end of a response that was cancelled: the engine may take two seconds, the charge five."""
GRACE_S = 30.0
"""After its run must be over, time for the record to say so, on clocks that differ."""


class Background:
    """One per worker."""

    def __init__(
        self,
        *,
        inference: InferenceService,
        limits: LimitService,
        ledger: Ledger,
        store: ResponseStore,
        live: LiveResponses,
        peers: Peers,
        lives: Lives,
        keeper: Keeper,
        timeout_s: float,
        clock: Clock,
    ) -> None:
        """`keeper` is this worker; `timeout_s` the longest that a run may take."""
        self._inference = inference
        self._limits = limits
        self._ledger = ledger
        self._store = store
        self._live = live
        self._peers = peers
        self._lives = lives
        self._keeper = keeper
        self._timeout_s = timeout_s
        self._clock = clock

    async def begin(self, caller: Caller, question: Question, asked: Asked | None) -> Response:
        """Start a response; under a key, once: the second time it is as it stands.

        Raises what `start_run` raises, what refuses the run within `ADMISSION_WAIT_S`, StorageQuotaExceeded, RequestTooLarge,
        CapacityError, RequestReusedWithOtherInput, and RateLimited for who repeats more than he may.
        """
        request_id = new_id("bg") if asked is None else f"background {asked.name}"
        response_id = response_of_run(hold_of_request(caller, request_id))
        response = Response(
            id=response_id,
            created_at_s=self._clock.now() // SECOND,
            terms=question.terms,
            conversation=with_ids(question.conversation, response_id),
            status=Status.QUEUED,
            keeper=self._keeper,
            content="" if asked is None else asked.content.hex(),
        )
        if asked is not None:
            self._limits.check_repeats(caller)
        version = await self._store.create(caller.account_id, response)
        if version is None:
            return await self._repeated(caller, response)
        try:
            run = self._inference.start_run(
                caller, question.chat, stream=True, request_id=request_id, charge_at_end=True
            )
        except RaseedError:
            await self._store.delete(caller.account_id, response_id)
            raise
        live = LiveResponse(caller.account_id, response, version, run)
        self._live.see_through(live)
        return await _admitted(live)

    async def current(self, caller: Caller, kept: Kept) -> Response:
        """A record as it is to be seen: with what is known of its run, and its end if nobody else can tell it any more.

        Raises CapacityError.
        """
        response = kept.response
        if response.status.is_over:
            return response
        live = self._live.find(caller.account_id, response.id)
        if live is not None:
            return _seen(live)
        if not await self._is_lost(response):
            return replace(response, status=Status.IN_PROGRESS)
        again = await self._store.get(caller.account_id, response.id)
        if again is None or again.version != kept.version:
            return response if again is None else again.response
        lost = failed(response, (), BackendLost("The worker that made this response has stopped."))
        if await self._store.replace(caller.account_id, lost, kept.version):
            return lost
        return response

    async def cancel(self, caller: Caller, response: Response) -> None:
        """Stop one that is running, wherever. When this returns its record tells the end, unless that takes too long.

        Safe to repeat. Raises CapacityError when its worker cannot be reached.
        """
        live = self._live.find(caller.account_id, response.id)
        if live is not None:
            await cancel_live(live)
        elif response.keeper is not None:
            await self._peers.cancel(response.keeper, caller.account_id, response.id)

    def follow(self, caller: Caller, response: Response) -> Following | None:
        """One that is running, from its first piece; None: its record has all there is."""
        live = self._live.find(caller.account_id, response.id)
        if live is not None:
            return LiveFollowing(live)
        if response.status.is_over or response.keeper is None:
            return None
        return self._peers.follow(response.keeper, caller.account_id, response.id)

    async def _repeated(self, caller: Caller, response: Response) -> Response:
        await self._limits.admit_repeat(caller)
        kept = await self._store.get(caller.account_id, response.id)
        if kept is None:
            raise CapacityError("The first request with this idempotency key was refused just now.")
        if kept.response.content != response.content:
            raise RequestReusedWithOtherInput("This idempotency key was used before with other content.")
        return await self.current(caller, kept)

    async def _is_lost(self, response: Response) -> bool:
        """Whether nobody runs it any more: its worker began another life, its run has ended without the record being
        told, or it is older than a run can be.
        """
        keeper = response.keeper
        if keeper is None or keeper.owner == self._keeper.owner:
            return True
        epoch = await self._lives.epoch(keeper.owner.instance)
        if epoch is not None and epoch > keeper.owner.epoch:
            return True
        now = self._clock.now()
        try:
            hold = await self._ledger.hold(HoldId(run_of(response.id)))
        except LedgerUnavailable:
            return False
        if hold is None:
            return now > (response.created_at_s + self._timeout_s + GRACE_S) * SECOND
        return hold.state is not HoldState.OPEN and now > (hold.closed_at or 0) + GRACE_S * SECOND


async def cancel_live(live: LiveResponse) -> None:
    live.cancel()
    try:
        async with asyncio.timeout(CANCEL_WAIT_S):
            await live.over()
    except TimeoutError:
        return  # the charge is not durable yet; the record is told when it is


async def _admitted(live: LiveResponse) -> Response:
    assert live.admission is not None
    try:
        await asyncio.wait([live.admission], timeout=ADMISSION_WAIT_S)
        if live.admission.done():
            live.admission.result()
    finally:
        live.admission = None
    return _seen(live)


def _seen(live: LiveResponse) -> Response:
    return replace(live.response, status=Status.IN_PROGRESS if is_running(live) else Status.QUEUED)
