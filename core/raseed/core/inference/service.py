"""The use cases of inference: list models, start a run; and the care of the runs that are open."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from raseed.core.accounts.model import Caller
from raseed.core.billing.model import Hold
from raseed.core.billing.price_book import PriceBook, PricesInForce
from raseed.core.billing.pricing import ModelPrice
from raseed.core.billing.service import HoldService, Payer, SweptBatch
from raseed.core.clock import Clock, SystemClock
from raseed.core.errors import Overloaded, RequestInProgress, RequestReusedWithOtherInput
from raseed.core.ids import HoldId, RunId, new_id
from raseed.core.inference.capabilities import check_capabilities
from raseed.core.inference.model import ChatRequest, ModelCard, ModelRequest
from raseed.core.inference.routing import Router, unknown_model
from raseed.core.inference.run import Run, RunSpec
from raseed.core.jobs import Job, run_job
from raseed.core.limits.service import LimitService

KEEP_INTERVAL_S = 0.5
"""Pause between two looks at the open runs for checkpoints that are due."""
SWEEP_INTERVAL_S = 15.0
"""Pause between two looks for holds of dead workers: a quarter of a lease."""
SWEEP_ROUND_S = 30.0
"""Longest sweep; tens of thousands of holds. What is left then waits for the next one."""
START_SWEEP_S = 2.0
"""Longest sweep before a worker's first request: some 20,000 holds, and two of the five seconds that a start may take.
What is left then is for the job."""
STOP_WAIT_S = 5.0
"""At shutdown, longest wait for the charges of the runs that were stopped. What is not durable then is swept by the
next start, at its last checkpoint."""
CANCEL_WAIT_S = 1.0
"""After that, longest wait for tasks that were cancelled."""


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """A model that a backend serves and the price list prices."""

    card: ModelCard
    price: ModelPrice


class InferenceService:
    """Starts runs and owns them until they are settled. One per worker, on its event loop."""

    def __init__(
        self,
        *,
        router: Router,
        prices: PriceBook,
        holds: HoldService,
        limits: LimitService,
        timeout_s: float,
        report: Callable[[str, BaseException], None],
        clock: Clock | None = None,
    ) -> None:
        self._router = router
        self._prices = PricesInForce(prices, clock or SystemClock())
        self._holds = holds
        self._limits = limits
        self._timeout_s = timeout_s
        self._report = report
        self._runs: dict[HoldId, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False

    def models(self, caller: Caller) -> list[OfferedModel]:
        """Those that the caller may use."""
        return [offered for offered in self._sold() if self._limits.may_use(caller, offered.card.id)]

    def model(self, caller: Caller, model_id: str) -> OfferedModel:
        """Raises ModelUnknown, ModelNotAllowed."""
        for offered in self._sold():
            if offered.card.id == model_id:
                self._check_tier(caller, model_id)
                return offered
        raise unknown_model(model_id)

    def _sold(self) -> list[OfferedModel]:
        offered = ((card, self._prices.price(card.id)) for card in self._router.cards())
        return [OfferedModel(card, price) for card, price in offered if price is not None]

    def _check_tier(self, caller: Caller, model_id: str) -> None:
        self._limits.check_model(caller, model_id, (offered.card.id for offered in self._sold()))

    def start_run(
        self,
        caller: Caller,
        request: ModelRequest,
        *,
        stream: bool,
        request_id: str = "",
        timeout_s: float | None = None,
        charge_at_end: bool = False,
    ) -> Run:
        """Begin to answer. The run is owned by this service: the caller reads it or abandons it, nothing else.

        With `request_id` (unique per account) the same request is admitted once, for ever. Raises ModelUnknown,
        ModelNotAllowed, RequestInvalid for what the model or the tier cannot do, PriceUnknown, Overloaded, RequestInProgress,
        RequestReusedWithOtherInput; everything later is raised by `Run.next`.
        """
        if self._draining:
            raise Overloaded("The service is restarting. Please try again.", retry_after_s=1.0)
        route = self._router.route(request.model)
        self._check_tier(caller, request.model)
        check_capabilities(request, route.capabilities(request.model))
        price = self._prices.snapshot(request.model, caller.tier)
        spec = RunSpec(
            run_id=RunId(_named_run(caller, request_id) if request_id else new_id("run")),
            caller=caller,
            payer=Payer(
                account_id=caller.account_id,
                api_key_id=caller.api_key_id,
                parent_key_id=caller.parent_key_id,
                person_id=caller.spender_id,
            ),
            request=self._limits.within_tier(caller, request)
            if isinstance(request, ChatRequest)
            else request,
            route=route,
            price=price,
            input_hash=hashlib.sha256(repr(request).encode()).hexdigest() if request_id else "",
            timeout_s=self._timeout_s if timeout_s is None else min(timeout_s, self._timeout_s),
            stream=stream,
            charge_at_end=charge_at_end,
        )
        run = Run(spec, self._holds, self._limits)
        if (running := self._runs.get(run.hold_id)) is not None:
            if running.input_hash != run.input_hash:
                raise RequestReusedWithOtherInput("This request id was used before with other content.")
            raise RequestInProgress("A request with this id is being answered now.", retry_after_s=1.0)
        self._runs[run.hold_id] = run
        task = run.start()
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(run, done))
        return run

    def is_running(self, hold_id: HoldId) -> bool:
        """Whether a run of this worker has it, or will."""
        return hold_id in self._runs

    async def keep_holds(self) -> None:
        """Background job: checkpoints every open run at least each `checkpoint_interval_s`, all in one batch."""
        interval_s = max(0.0, self._holds.policy.checkpoint_interval_s - KEEP_INTERVAL_S)
        while True:
            await asyncio.sleep(KEEP_INTERVAL_S)
            older_than = asyncio.get_running_loop().time() - interval_s
            beats = [run.heartbeat(older_than) for run in self._runs.values()]
            if due := [beat for beat in beats if beat is not None]:
                await self._holds.heartbeat(due)

    async def sweep_at_start(self) -> int:
        """Settle what dead workers left, for `START_SWEEP_S` at most. Returns how many holds; never raises.

        A start waits for no more: what is left then, or what the ledger cannot do now, is for `sweep_holds`.
        """
        swept, after = 0, None
        try:
            async with asyncio.timeout(START_SWEEP_S):
                while (batch := await self._holds.sweep_batch(after)).last is not None:
                    swept, after = swept + batch.settled, batch.last
                    self._report_unwritable(batch)
        except Exception as error:  # noqa: BLE001 - whatever it was, the job tries again
            self._report("sweep at start", error)
        return swept

    async def sweep_holds(self) -> None:
        """Background job: settles the holds of dead workers."""
        after: Hold | None = None

        async def batch() -> bool:
            nonlocal after
            behind, after = after, None  # after one that fails the next begins anew
            swept = await self._holds.sweep_batch(behind, alive=self._runs.keys())
            self._report_unwritable(swept)
            after = swept.last
            return after is not None

        await run_job(
            Job(name="sweep", batch=batch, interval_s=SWEEP_INTERVAL_S, round_s=SWEEP_ROUND_S), self._report
        )

    def _report_unwritable(self, batch: SweptBatch) -> None:
        if batch.unwritable:
            self._report(
                "sweep", RuntimeError(f"the ledger cannot write the end of {', '.join(batch.unwritable)}")
            )

    async def drain(self, timeout_s: float) -> None:
        """Admit nothing more; let runs end by themselves for `timeout_s`, then stop them and wait for their charges."""
        self._draining = True
        await self._wait(timeout_s)
        for run in list(self._runs.values()):
            run.stop()
        await self._wait(STOP_WAIT_S)
        for task in self._tasks:
            self._report(
                "drain", TimeoutError(f"{task.get_name()} could not be charged before the worker stops")
            )
            task.cancel()
        await self._wait(CANCEL_WAIT_S)

    async def _wait(self, timeout_s: float) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)

    @property
    def open_runs(self) -> int:
        return len(self._tasks)

    def _ended(self, run: Run, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        del self._runs[run.hold_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report("run", error)


def hold_of_request(caller: Caller, request_id: str) -> HoldId:
    """The hold of the run that `start_run` makes for this id."""
    return HoldId(_named_run(caller, request_id))


def _named_run(caller: Caller, request_id: str) -> str:
    """The run of a caller's own request id: the same id names the same run, and so the same hold."""
    name = f"{caller.account_id} {request_id}"
    return f"run_{hashlib.sha256(name.encode()).hexdigest()[:32]}"
