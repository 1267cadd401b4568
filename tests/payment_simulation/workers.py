"""Workers: the real use cases of payments on a bad line to a provider, and a store that dies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tests.payment_simulation.codes import DUE_REDEMPTIONS, PEPPERS
from tests.payment_simulation.database import WorkerDatabase
from tests.payment_simulation.line import LineGateway
from tests.payment_simulation.offers import PRIORITIES, offer_for
from tests.simulation.virtual import Death

from raseed.adapters.sql.accounts.accounts import SqlAccountStore
from raseed.adapters.sql.admin.audit import SqlAuditStore
from raseed.adapters.sql.payments.comparisons import SqlComparisonStore
from raseed.adapters.sql.payments.inbox import SqlInbox
from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.adapters.sql.payments.redemption import SqlCodeStore
from raseed.adapters.sql.payments.subscriptions import SqlSubscriptionStore
from raseed.adapters.sql.sqlite.database import Database
from raseed.adapters.sql.sqlite.ledger import SqliteLedger
from raseed.core.billing.credit import CreditService
from raseed.core.billing.model import GrantSource
from raseed.core.billing.policy import PaymentProvider
from raseed.core.errors import RaseedError
from raseed.core.jobs import Job, run_round
from raseed.core.payments.checkout import Checkout
from raseed.core.payments.comparing import Comparing
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.inbox import InboxWorker
from raseed.core.payments.ports import Event
from raseed.core.payments.receiving import EventReceiver, Refusals
from raseed.core.payments.redeeming import RedemptionService
from raseed.core.payments.redemption import Redemption
from raseed.core.payments.refunds import Refunds
from raseed.core.payments.returning import Returns
from raseed.core.payments.schedule import look_job
from raseed.core.payments.settling import Settling, SettlingTerms
from raseed.core.payments.subscription_keeper import SubscriptionKeeper

if TYPE_CHECKING:
    from tests.payment_simulation.world import World

T = TypeVar("T")
DUE_PAYMENTS = "SELECT min(next_check_at) FROM payments WHERE next_check_at IS NOT NULL"
DUE_EVENTS = "SELECT min(due_at) FROM payment_events WHERE state = 'new'"
AGAIN_S = 5.0


class Worker:
    """One life of one process."""

    def __init__(
        self, world: World, name: str, *, hears_events: bool = True, is_misconfigured: bool = False
    ) -> None:
        """`is_misconfigured`: for the other mode. It serves nobody, and looks for work as all of them do."""
        self._world = world
        self.name = name
        self.is_alive = True
        self.is_misconfigured = is_misconfigured
        self._tasks: dict[asyncio.Task[Any], None] = {}
        clock, database = world.clock, WorkerDatabase(world, self)
        self.payments = SqlPaymentStore(database, world.receipt_terms)
        accounts = SqlAccountStore(database)
        ledger = SqliteLedger(cast("Database", database))
        self.gateways = [LineGateway(world, self, shop) for shop in world.shops]
        gateways = Gateways(self.gateways)
        terms = SettlingTerms(priorities=PRIORITIES, refund_shortfall=world.shortfall)
        plans = SubscriptionKeeper(
            SqlSubscriptionStore(database), accounts, ledger, world.receipt_terms.policy, clock
        )
        self.settling = Settling(self.payments, accounts, ledger, gateways, plans, terms, clock)
        self.returns = Returns(self.payments, gateways, self.settling.settle, clock)
        self.refunds = Refunds(self.payments, gateways, self.settling, clock)
        self.checkout = Checkout(
            self.payments, accounts, gateways, self.settling, lambda item: offer_for(world, item), clock
        )
        self.comparing = Comparing(
            self.payments, SqlComparisonStore(database), gateways, self.settling, clock, lambda _day: None
        )
        self.inbox = SqlInbox(database)
        inbox_worker = InboxWorker(
            self.inbox, self.payments, self.settling.settle, _no_subscriptions, self._event_failed
        )
        self.receiver = EventReceiver(
            {gateway.provider: gateway for gateway in self.gateways},
            self.inbox,
            Refusals(SqlAuditStore(database), clock),
            lambda _provider, outcome: world.count_seen(f"an event is {outcome}"),
        )
        self.redemption = RedemptionService(
            SqlCodeStore(database),
            CreditService(ledger),
            PEPPERS,
            lambda of: of,
            PRIORITIES[GrantSource.ADJUSTMENT],
            clock,
        )
        self._start(self._work_off(self.redemption.job(self._redemption_failed), DUE_REDEMPTIONS))
        looks = look_job(self.payments, self.settling, self.refunds, self._look_failed)
        self._start(self._work_off(looks, DUE_PAYMENTS))
        if hears_events:
            self._start(self._work_off(inbox_worker.job(), DUE_EVENTS))

    def die(self) -> None:
        """Nothing of it happens any more; what it has sent is under way."""
        if not self.is_alive:
            return
        self._world.trace("%s dies", self.name)
        self._world.seen["a worker dies"] += 1
        self.is_alive = False
        for task in list(self._tasks):
            task.cancel()
        self._world.worker_died(self)

    def may_die(self) -> None:
        """While a call is under way."""
        if self._world.chance.random() < self._world.weather.worker_dies:
            self._world.seen["a worker dies in a call"] += 1
            self.die()
            self.check_alive()

    def check_alive(self) -> None:
        """Also in what a dying process would have cleaned up."""
        if not self.is_alive:
            raise Death

    async def serve(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T | Exception | None:
        """The answer to somebody outside. None: there is none."""
        if not self.is_alive:
            return None
        task = self._start(_caught(work))
        done, _ = await asyncio.wait([task], timeout=120)
        return task.result() if done and not task.cancelled() and task.exception() is None else None

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._world.spawn(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    async def _work_off(self, job: Job, due: str) -> None:
        """As `run_job`, without the rounds that find nothing due: there are millions of them in a month."""
        chance = self._world.chance
        while True:
            await self._world.sleep_until_due(due)
            await asyncio.sleep(chance.uniform(0, job.interval_s))
            if not self._world.is_due(due):
                continue
            try:
                async with asyncio.timeout(job.round_s):
                    await run_round(job)
            except Exception as error:  # noqa: BLE001 - as in production: the next round tries again
                self._world.trace("%s: %s: %r", self.name, job.name, error)
                await asyncio.sleep(AGAIN_S)

    def _look_failed(self, payment_id: str, error: Exception) -> None:
        self._world.trace("%s: %s cannot be looked at: %r", self.name, payment_id, error)
        self._world.seen["a look fails"] += 1

    def _redemption_failed(self, redemption: Redemption, error: RaseedError) -> None:
        self._world.trace("%s: %s: %r", self.name, redemption, error)
        self._world.seen["a redemption cannot be credited yet"] += 1

    def _event_failed(self, due: object, state: object, why: str) -> None:
        self._world.trace("%s: %s: %s: %s", self.name, due, state, why)
        self._world.seen["an event cannot be worked off yet"] += 1


async def _no_subscriptions(provider: PaymentProvider, event: Event) -> bool:
    return False


async def _caught(work: Callable[[], Awaitable[T]]) -> T | Exception:
    try:
        return await work()
    except Exception as error:  # noqa: BLE001 - told to whoever asked
        return error
