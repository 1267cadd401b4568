"""A plan that Creem renews, from the first period on, with the events of an emulated shop in a real inbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.contract.ledger.conftest import SQLITE, SqlStore, open_store
from tests.emulators.creem.book import MONTH_US, Product, Subscription
from tests.emulators.creem.emulator import API_KEY, WEBHOOK_SECRET, CreemEmulator
from tests.emulators.server import serve
from tests.support.plan_house import POLICY, RETURN_URL
from tests.unit.billing.builders import ALICE

from raseed.adapters.payments.creem import CreemAccount, CreemGateway, open_creem
from raseed.adapters.sql.accounts.accounts import SqlAccountStore
from raseed.adapters.sql.payments.inbox import SqlInbox
from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.adapters.sql.payments.subscriptions import SqlSubscriptionStore
from raseed.core.billing.commands import TakeShortfall
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, MINUTE
from raseed.core.payments.checkout import Checkout, Order
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.inbox import Delivery, EventState, InboxWorker
from raseed.core.payments.model import Item, ItemKind, Mode, Payment, PaymentState
from raseed.core.payments.offers import offer_for
from raseed.core.payments.ports import Buyer
from raseed.core.payments.renewals import Renewals
from raseed.core.payments.settling import Settling, SettlingTerms
from raseed.core.payments.subscription_keeper import SubscriptionKeeper
from raseed.core.payments.subscription_model import Subscription as OurSubscription
from raseed.core.payments.subscription_model import SubscriptionState
from raseed.core.payments.subscriptions import Subscriptions

CREDIT = 1_000_000_000
PRODUCT = Product(id="prod_auto", name="auto", price=1000, is_recurring=True)


@dataclass
class House:
    """What one worker does about a plan, and the shop that it is sold in."""

    store: SqlStore
    emulator: CreemEmulator
    gateway: CreemGateway

    def __post_init__(self) -> None:
        database, clock = self.store.database, self.store.clock
        self.accounts, self.payments = SqlAccountStore(database), SqlPaymentStore(database)
        self.plans, self.inbox = SqlSubscriptionStore(database), SqlInbox(database)
        gateways = Gateways([self.gateway])
        keeper = SubscriptionKeeper(self.plans, self.accounts, self.store.ledger, POLICY, clock)
        terms = SettlingTerms(priorities=POLICY.priorities, refund_shortfall=TakeShortfall.DEBT)
        self.settling = Settling(
            self.payments, self.accounts, self.store.ledger, gateways, keeper, terms, clock
        )
        checkout = Checkout(
            self.payments,
            self.accounts,
            gateways,
            self.settling,
            lambda item: offer_for(POLICY, item),
            clock,
        )
        self.subscriptions = Subscriptions(self.plans, self.accounts, keeper, checkout, POLICY, clock)
        self.renewals = Renewals(
            self.plans,
            self.payments,
            self.accounts,
            gateways,
            keeper,
            checkout,
            self.settling.settle,
            POLICY,
            RETURN_URL,
            clock,
        )
        self.failures: list[str] = []
        self.worker = InboxWorker(
            self.inbox,
            self.payments,
            self.settling.settle,
            self.renewals.hear,
            lambda due, _state, why: self.failures.append(f"{due.event.name}: {why}"),
        )

    async def subscribe(self) -> Payment:
        item = Item(kind=ItemKind.PLAN, id="auto")
        order = Order(account_id=ALICE, actor=ALICE, item=item, request_key="first")
        return await self.subscriptions.subscribe(order, Buyer(), RETURN_URL)

    async def begin(self, country: str = "NL") -> Subscription:
        """Bought, paid and told."""
        await self.subscribe()
        [checkout] = self.emulator.book.checkouts.values()
        self.emulator.book.pay(checkout, country)
        await self.hear()
        assert checkout.subscription is not None
        return checkout.subscription

    async def hear(self) -> None:
        """All that the shop has told so far, also what was heard before, and what follows from it."""
        for body in self.emulator.events:
            headers = {"creem-signature": self.emulator.sign(body)}
            event = self.gateway.read_event(headers, body)
            await self.inbox.add(
                Delivery(provider=PaymentProvider.CREEM, event=event, headers=headers, body=body)
            )
        for _ in range(3):  # what came before its order was known is tried again
            while await self.worker.batch():
                pass
            await self.look()
            self.store.clock.advance(MINUTE)

    async def look(self) -> None:
        """What the job does, also without any event."""
        await self.renewals.job(lambda what, error: self.failures.append(f"{what}: {error!r}")).batch()

    async def ours(self) -> OurSubscription:
        found = await self.plans.of_account(ALICE)
        assert found is not None
        return found

    async def paid(self) -> list[Payment]:
        """Oldest first."""
        found = await self.payments.of_account(ALICE, "", 50)
        return [each for each in reversed(found) if each.state is PaymentState.CREDITED]

    async def spendable(self) -> int:
        view = await self.store.ledger.balance(ALICE)
        assert view is not None
        return view.spendable_microcredits


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store = await open_store(SQLITE, tmp_path)
    await store.open_account(ALICE)
    async with AsyncExitStack() as stack:
        emulator = CreemEmulator(store.clock, products=[PRODUCT])
        account = CreemAccount(
            mode=Mode.TEST,
            api_key=API_KEY,
            webhook_secrets=(WEBHOOK_SECRET,),
            url=await stack.enter_async_context(serve(emulator)),
        )
        yield House(
            store, emulator, await stack.enter_async_context(open_creem(account, store.clock, 10.0, 4))
        )
    await store.close()


async def test_two_events_of_the_first_payment_are_one_period(house: House) -> None:
    """`checkout.completed`, `subscription.active` and `subscription.paid`, each twice."""
    await house.begin()
    await house.hear()
    assert {entry.state for entry in await house.inbox.events(None, "", 50)} == {EventState.DONE}
    [payment] = await house.paid()
    assert (payment.amount_minor, payment.credit_microcredits) == (1000, CREDIT)
    assert ((await house.ours()).state, await house.spendable()) == (SubscriptionState.ACTIVE, CREDIT)


@pytest.mark.parametrize("is_heard", [True, False], ids=["by its event", "by the job alone"])
async def test_a_renewal_is_one_more_period(house: House, is_heard: bool) -> None:
    """Found by its transaction, and credited without the tax, also if its event never comes."""
    await house.begin()
    until = (await house.ours()).paid_until
    house.store.clock.advance(MONTH_US)
    [renewed] = house.emulator.book.renew()
    if is_heard:
        await house.hear()
        await house.hear()
    house.store.clock.advance(2 * DAY)
    await house.look()
    _, second = await house.paid()
    assert (second.provider_payment_id, second.amount_minor) == (renewed.id, 1000)
    assert second.period_start == until
    assert (await house.ours()).state is SubscriptionState.ACTIVE
    assert [each for each in house.failures if "nothing that we know" not in each] == []


async def test_a_renewal_that_goes_back_takes_its_own_period(house: House) -> None:
    """The event names the first checkout as well, whose period stays as it is."""
    await house.begin()
    house.store.clock.advance(MONTH_US)
    [renewed] = house.emulator.book.renew()
    await house.hear()
    house.emulator.book.refund(renewed)
    await house.hear()
    first, second = await house.paid()
    assert (first.refunded_minor, second.refunded_minor) == (0, 1000)
    assert second.withdrawn_microcredits == CREDIT


async def test_who_cancels_at_creems_portal_has_his_period(house: House) -> None:
    """And no more: at its end nothing is renewed, and no link is sent."""
    subscription = await house.begin()
    house.emulator.book.cancel(subscription)
    await house.hear()
    assert (await house.ours()).cancels_at_end
    assert (await house.ours()).state is SubscriptionState.ACTIVE
    house.store.clock.advance(MONTH_US + 10 * DAY)
    assert house.emulator.book.renew() == []
    await house.hear()
    await house.look()
    assert len(await house.paid()) == 1
    assert (await house.ours()).state is SubscriptionState.CANCELED


async def test_a_card_that_the_bank_refuses_and_then_takes(house: House) -> None:
    """Past due meanwhile; the renewal that comes late is credited."""
    subscription = await house.begin()
    house.emulator.book.refuses_cards_of.add(subscription.id)
    house.store.clock.advance(MONTH_US)
    house.emulator.book.renew()
    await house.hear()
    assert (await house.ours()).is_refused
    house.store.clock.advance(DAY)
    house.emulator.book.retry_card(subscription)
    await house.hear()
    assert len(await house.paid()) == 2
    assert not (await house.ours()).is_refused
