"""Random histories of subscriptions on a real store and ledger: each paid period is credited once, none unpaid is.

Renewals are lost, late and doubled, pages are paid late or twice, people cancel, resume, change and try, operators end and
refund, providers answer with time-outs, and for days nobody of ours looks at anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from tests.contract.ledger.conftest import SqliteStore
from tests.support.fake_gateway import Fault
from tests.support.plan_house import POLICY, PlanHouse

from raseed.adapters.sql.payments.rows import read_payment
from raseed.adapters.sql.payments.tables import payments
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, HOUR, MINUTE, Microseconds
from raseed.core.errors import RaseedError
from raseed.core.ids import AccountId
from raseed.core.payments.model import Payment, PaymentState, SeenStatus
from raseed.core.payments.ports import GatewayError
from raseed.core.payments.subscription_model import LIVE_STATES, Role, Subscription
from raseed.core.payments.subscription_states import agreement_of, brought_up, tier_of

CALLS = ("create", "look_up", "renewals", "cancel_subscription", "look_up_subscription")
PLANS = ("small", "large", "auto", "auto", "auto_large", "yearly", "rolling")
MUST_HAPPEN = {
    "subscribes",
    "subscribes once more",
    "changes",
    "tries",
    "tries with an order that is not paid",
    "cancels",
    "resumes",
    "is ended",
    "a refund",
    "a page is paid",
    "a page is paid late",
    "a renewal",
    "a renewal is refused",
    "an event",
    "a fault",
    "nobody looks for days",
}
PAGE_LIFE_US = 25 * DAY
"""Longer than any page lives: what is paid later than a month is for the daily comparison to find."""
FREE = 0.25
"""Chance of each person to do something on a day."""


class History:
    """Some people's subscriptions over a span of virtual time."""

    def __init__(self, house: PlanHouse, seed: int, people: int) -> None:
        self.house = house
        self.random = Random(seed)
        self.people = [AccountId(f"acct_{number}") for number in range(people)]
        self.seen: Counter[str] = Counter()
        self._keys = 0

    @property
    def now(self) -> Microseconds:
        return self.house.store.clock.now()

    async def run(self, days: int) -> None:
        for person in self.people:
            await self.house.open_account(person)
        end = self.now + days * DAY
        while self.now < end:
            self.house.store.clock.advance(self.random.choice((3 * HOUR, 9 * HOUR, DAY, 2 * DAY)))
            if self.random.random() < 0.02:
                self.seen["nobody looks for days"] += 1
                self.house.store.clock.advance(self.random.randint(3, 12) * DAY)
            self._collect()
            for person in self.people:
                if self.random.random() < FREE:
                    await self._act(person)
            self._break()
            await self._hear()
            if self.random.random() < 0.85:
                await self._work()
        for book in (self.house.book, self.house.auto):
            book.faults.clear()
        for _ in range(40):  # everything that is due for ten days, without anybody doing anything
            self.house.store.clock.advance(6 * HOUR)
            await self._work()

    def _collect(self) -> None:
        """The provider that renews by itself does, or cannot, or is late."""
        for agreement in self.house.auto.agreements.values():
            if agreement.is_canceled or agreement.next_charge_at > self.now:
                continue
            chance = self.random.random()
            if chance < 0.7:
                late = self.random.choice((0, MINUTE, HOUR))
                at = min(agreement.next_charge_at + late, self.now)
                self.house.auto.charge(agreement, Microseconds(at))
                self.seen["a renewal"] += 1
            elif chance < 0.85:
                agreement.is_refused = True
                self.seen["a renewal is refused"] += 1

    async def _hear(self) -> None:
        for agreement in list(self.house.auto.agreements.values()):
            for _ in range(self.random.choice((0, 0, 0, 1, 2))):
                self.seen["an event"] += 1
                await self._try(partial(self.house.hear, agreement))

    def _break(self) -> None:
        if self.random.random() < 0.2:
            book = self.random.choice((self.house.book, self.house.auto))
            book.fail(self.random.choice(CALLS), self.random.choice((Fault.BEFORE, Fault.AFTER)))
            self.seen["a fault"] += 1

    async def _work(self) -> None:
        worker = self.house.worker
        while due := await worker.payments.claim_due(50, 10 * MINUTE):
            for payment_id in due:
                await self._try(partial(worker.settling.settle, payment_id))
        await self._try(self.house.look)

    async def _try(self, work: Callable[[], Any]) -> None:
        try:
            await work()
        except (GatewayError, RaseedError) as error:
            self.seen[type(error).__name__] += 1

    async def _act(self, person: AccountId) -> None:
        chance, worker = self.random.random(), self.house.worker
        found = await worker.store.of_account(person)
        has_plan = found is not None and found.state in LIVE_STATES and found.paid_until is not None
        if chance < 0.5:
            await self._pay(person)
        elif not has_plan:
            self.seen["subscribes"] += 1
            await self._try(partial(self.house.subscribe, self.random.choice(PLANS), self._key(), person))
            if self.random.random() < 0.2:
                self.seen["tries with an order that is not paid"] += 1
                plans = worker.subscriptions
                await self._try(partial(plans.try_plan, person, "small", "en"))
            if self.random.random() < 0.7:
                await self._pay(person)
        elif chance > 0.9:
            name, action = self.random.choice(self._changes(person))
            self.seen[name] += 1
            await self._try(action)

    def _key(self) -> str:
        self._keys += 1
        return f"key {self._keys}"

    def _changes(self, person: AccountId) -> list[tuple[str, Callable[[], Any]]]:
        plans, plan = self.house.worker.subscriptions, self.random.choice(PLANS)
        return [
            ("changes", partial(self.house.change, plan, self._key(), person)),
            ("subscribes once more", partial(self.house.subscribe, plan, self._key(), person)),
            ("tries", partial(plans.try_plan, person, "small", "en")),
            ("cancels", partial(plans.cancel, person, actor=person)),
            ("resumes", partial(plans.resume, person, actor=person)),
            ("is ended", partial(plans.end, person, reason="x", actor="op")),
            ("gets money back", partial(self._refund, person)),
        ]

    async def _pay(self, person: AccountId) -> None:
        """A page that is open at the provider, whatever we think of it."""
        unpaid = []
        for payment in await self.house.worker.payments.of_account(person, "", 20):
            book = self._book(payment)
            orders = book.orders.get(payment.id)
            is_page = self.now < payment.created_at + PAGE_LIFE_US
            if orders and orders[-1].status is SeenStatus.OPEN and payment.url and is_page:
                unpaid.append(payment)
        if unpaid:
            payment = unpaid[0] if self.random.random() < 0.8 else self.random.choice(unpaid)
            self.house.pay(payment)
            self.seen["a page is paid"] += 1
            self.seen["a page is paid late"] += payment.state is PaymentState.EXPIRED
            if self.random.random() < 0.5:
                await self._try(partial(self.house.worker.settling.settle, payment.id))

    async def _refund(self, person: AccountId) -> None:
        for payment in await self.house.worker.payments.of_account(person, "", 3):
            orders = self._book(payment).orders.get(payment.id)
            if payment.state is PaymentState.CREDITED and orders and not orders[-1].refunds:
                self._book(payment).give_back(payment.id, payment.amount_minor)
                await self._try(partial(self.house.worker.settling.settle, payment.id))
                self.seen["a refund"] += 1
                return

    def _book(self, payment: Payment) -> Any:
        return self.house.auto if payment.provider is PaymentProvider.CREEM else self.house.book


async def check(history: History) -> None:
    house = history.house
    rows = await house.store.database.read(
        lambda connection: [read_payment(row) for row in connection.execute(select(payments))]
    )
    moved = [order for orders in house.book.orders.values() for order in orders] + house.auto.paid()
    paid = sorted(seen.provider_payment_id for seen in moved if seen.status is SeenStatus.PAID)
    credited = [payment for payment in rows if payment.state is PaymentState.CREDITED]
    assert sorted(payment.provider_payment_id for payment in credited) == paid, "each once, and no other"
    assert not [payment for payment in rows if payment.state in {PaymentState.PAID, PaymentState.REVIEW}]
    for person in history.people:
        await _check_person(house, person, [payment for payment in credited if payment.account_id == person])


async def _check_person(house: PlanHouse, person: AccountId, credited: list[Payment]) -> None:
    given = await house.granted(person)
    by_payment = {key for key in given if key.startswith("payment:")}
    assert by_payment == {f"payment:{payment.id}" for payment in credited if payment.granted_microcredits}
    found = await house.worker.store.of_account(person)
    if found is None:
        assert not given
        return
    ids = {payment.subscription_id for payment in credited if payment.subscription_id}
    live = 0
    for subscription_id in {*ids, found.id}:
        subscription = await house.worker.store.subscription(subscription_id)
        assert subscription is not None
        live += subscription.state in LIVE_STATES
        await _check_subscription(house, subscription, credited, given)
    assert live <= 1
    account = await house.account(person)
    wanted = tier_of(found, POLICY.plan(found.plan_id))
    assert (account.tier, account.tier_expires_at) == (
        (wanted.tier, wanted.until) if wanted else ("free", None)
    )


async def _check_subscription(
    house: PlanHouse, subscription: Subscription, credited: list[Payment], given: dict[str, Any]
) -> None:
    periods = await house.worker.store.periods(subscription.id)
    own = [payment.id for payment in credited if payment.subscription_id == subscription.id]
    assert sorted(period.id for period in periods if not period.is_trial) == sorted(own)
    for period in periods:
        assert period.begins_at < period.ends_at
        assert period.is_settled or period.begins_at > house.store.clock.now() or not period.counts
        if period.role is Role.NEXT:
            assert period.begins_at in {other.ends_at for other in periods if other.number < period.number}
        extra = given.get(f"period:{period.id}")
        assert extra is None or extra[0] <= (100_000_000 if period.is_trial else 400_000_000)
    agreements = await house.worker.store.agreements(subscription.id)
    own_agreement = agreement_of(subscription, periods, agreements)
    for agreement in agreements:
        is_kept = agreement == own_agreement and subscription.state in LIVE_STATES
        is_open = not house.auto.agreements[agreement.id].is_canceled
        if is_open:
            assert is_kept, "nothing is collected for what nobody wants"
            assert not subscription.cancels_at_end
    plan = POLICY.plan(subscription.plan_id)
    assert plan is not None
    again = brought_up(subscription, periods, plan.grace_us, house.store.clock.now())
    is_aside = again.state in LIVE_STATES and subscription.state not in LIVE_STATES
    assert is_aside or again == subscription, ("something is left to do", subscription, again)


async def play(folder: Any, seed: int, people: int, days: int) -> History:
    store = await SqliteStore.open(folder / f"raseed-{seed}.db")
    try:
        history = History(PlanHouse(store, workers=2), seed, people)
        await history.run(days)
        await check(history)
    finally:
        await store.close()
    return history


async def test_a_few_people_for_some_months(tmp_path):
    history = await play(tmp_path, seed=1, people=3, days=100)
    for event in ("subscribes", "a page is paid", "a renewal", "an event", "a fault"):
        assert history.seen[event], f"it never happened: {event}"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
async def test_many_people_for_two_years(tmp_path, seed):
    history = await play(tmp_path, seed=1000 + seed, people=20, days=730)
    assert set(history.seen) >= MUST_HAPPEN
