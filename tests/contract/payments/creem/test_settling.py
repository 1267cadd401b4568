"""From an order at Creem to the credit, on a real store and ledger: what is told, looked up, credited and taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.contract.ledger.conftest import SQLITE, SqlStore, open_store
from tests.emulators.clock import TurnedClock
from tests.emulators.creem.emulator import TOPUP
from tests.emulators.faults import Fault, How
from tests.support.creem_shop import RETURN_URL, Opener, Shop
from tests.support.till import PRIORITIES
from tests.unit.billing.builders import ALICE, BOB

from raseed.adapters.policy.loader import load_policy
from raseed.adapters.sql.accounts.accounts import SqlAccountStore
from raseed.adapters.sql.payments.comparisons import SqlComparisonStore
from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.adapters.sql.payments.subscriptions import SqlSubscriptionStore
from raseed.core.billing.commands import TakeShortfall
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, Microseconds
from raseed.core.ids import AccountId
from raseed.core.payments.checkout import Checkout, Order
from raseed.core.payments.comparing import Comparing
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.model import Item, ItemKind, Payment, PaymentState, Refund, RefundState
from raseed.core.payments.offers import offer_for
from raseed.core.payments.ports import Buyer
from raseed.core.payments.products import with_products
from raseed.core.payments.refunds import Refunds
from raseed.core.payments.settling import Settling, SettlingTerms
from raseed.core.payments.subscription_keeper import SubscriptionKeeper

DOLLAR = 1_000_000
TEN = Item(kind=ItemKind.TOPUP, id="", quantity=1000)
POLICY = with_products(load_policy("kissapi", HoldPolicy()), PaymentProvider.CREEM, {"topup": TOPUP.id})


@dataclass
class Counter:
    """A shop of Creem's, and what we make of its orders."""

    store: SqlStore
    shop: Shop
    settling: Settling
    checkout: Checkout
    refunds: Refunds

    async def order(self, account_id: AccountId = ALICE) -> Payment:
        order = Order(account_id=account_id, actor=account_id, item=TEN, request_key="key")
        return await self.checkout.start(order, Buyer(), RETURN_URL)

    async def tell(self) -> Payment:
        """Act on the newest event as the inbox does."""
        body = self.shop.emulator.events[-1]
        event = self.shop.gateway.read_event({"creem-signature": self.shop.emulator.sign(body)}, body)
        payments = SqlPaymentStore(self.store.database)
        payment = await payments.find(
            PaymentProvider.CREEM, event.mode, provider_payment_id=event.provider_payment_id
        )
        known = payment.id if payment else event.reference
        return await self.settling.settle(known, event.invoice_id)  # type: ignore[arg-type]

    async def balance(self, account_id: AccountId = ALICE) -> int:
        view = await self.store.ledger.balance(account_id)
        assert view is not None
        return view.spendable_microcredits - view.debt_microcredits


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    store = await open_store(SQLITE, tmp_path)
    for account_id in (ALICE, BOB):
        await store.open_account(account_id)
    async with AsyncExitStack() as stack:
        shop = await Opener(stack, TurnedClock()).shop(timeout_s=5.0)
        payments, accounts = SqlPaymentStore(store.database), SqlAccountStore(store.database)
        gateways = Gateways([shop.gateway])
        terms = SettlingTerms(priorities=PRIORITIES, refund_shortfall=TakeShortfall.DEBT)
        plans = SubscriptionKeeper(
            SqlSubscriptionStore(store.database), accounts, store.ledger, POLICY, store.clock
        )
        settling = Settling(payments, accounts, store.ledger, gateways, plans, terms, store.clock)
        checkout = Checkout(
            payments, accounts, gateways, settling, lambda item: offer_for(POLICY, item), store.clock
        )
        refunds = Refunds(payments, gateways, settling, store.clock)
        yield Counter(store, shop, settling, checkout, refunds)
    await store.close()


async def test_tax_is_neither_credited_nor_taken_back(counter: Counter) -> None:
    """12.10 paid are 10.00 of credit; half of it back are 5.00; what the bank takes is the rest, and never more."""
    payment = await counter.order()
    assert payment.state is PaymentState.PENDING
    [checkout] = counter.shop.emulator.book.checkouts.values()
    transaction = counter.shop.emulator.book.pay(checkout, "NL")
    credited = await counter.tell()
    assert (credited.state, credited.provider_payment_id) == (PaymentState.CREDITED, transaction.id)
    assert await counter.balance() == 10 * DOLLAR
    counter.shop.emulator.book.refund(transaction, 605)
    refunded = await counter.tell()
    assert (refunded.refunded_minor, await counter.balance()) == (500, 5 * DOLLAR)
    counter.shop.emulator.book.dispute(transaction)
    disputed = await counter.tell()
    assert disputed.refunded_minor + disputed.disputed_minor == 1000
    assert await counter.balance() == 0
    again = await counter.settling.settle(payment.id)
    assert (again.problem, await counter.balance()) == ("", 0)


async def test_a_refund_that_creem_promised_and_did_not_do_is_ended_and_asked_for_anew(
    counter: Counter,
) -> None:
    """Creem says of a transaction how much of it went back, and nothing of what it had said that it would do."""
    payment, book = await counter.order(), counter.shop.emulator.book
    [checkout] = book.checkouts.values()
    transaction = book.pay(checkout)
    await counter.tell()

    async def promised(key: str) -> Refund:
        answer = Fault(how=How.STATUS, status=200, body='{"status": "pending"}', path="/v1/refunds")
        counter.shop.emulator.served.faults.add(answer)
        return await counter.refunds.refund(payment.id, None, reason="asked", request_key=key, actor="op_1")

    first = await promised("one")
    assert (first.state, transaction.refunded) == (RefundState.PENDING, 0)
    assert (await counter.settling.settle(payment.id)).refunded_minor == 0
    ended = await counter.refunds.mark_failed(payment.id, first.id, reason="they say so", actor="op_1")
    assert (ended.id, ended.state) == (first.id, RefundState.FAILED)
    second = await promised("two")
    assert second.state is RefundState.PENDING
    book.refund(transaction)
    assert (await counter.tell()).refunded_minor == 1000
    known = await SqlPaymentStore(counter.store.database).refunds(payment.id)
    assert [(each.id, each.state) for each in known] == [
        (first.id, RefundState.FAILED),
        (second.id, RefundState.DONE),
    ]
    assert await counter.balance() == 0


async def test_an_order_whose_answer_was_lost_is_credited_when_its_event_names_it(counter: Counter) -> None:
    """Creem cannot be asked by our id; the event knows both. The buyer came to the page by another way, a mail say."""
    counter.shop.emulator.served.faults.add(Fault(how=How.CUT, path="/v1/checkouts"))
    payment = await counter.order()
    assert (payment.state, payment.invoice_id) == (PaymentState.CREATED, "")
    [checkout] = counter.shop.emulator.book.checkouts.values()
    counter.shop.emulator.book.pay(checkout)
    assert (await counter.settling.settle(payment.id)).state is PaymentState.CREATED
    told = await counter.tell()
    assert (told.state, told.invoice_id) == (PaymentState.CREDITED, checkout.id)
    assert await counter.balance() == 10 * DOLLAR


async def test_a_browser_that_names_anothers_order_gets_nothing(counter: Counter) -> None:
    """And changes nothing: neither is credited twice, and the one without an id is not in review."""
    await counter.order(BOB)
    [checkout] = counter.shop.emulator.book.checkouts.values()
    counter.shop.emulator.book.pay(checkout)
    assert (await counter.tell()).account_id == BOB
    counter.shop.emulator.served.faults.add(Fault(how=How.CUT, path="/v1/checkouts"))
    payment = await counter.order(ALICE)
    settled = await counter.settling.settle(payment.id, checkout.id)
    assert (settled.state, settled.invoice_id) == (PaymentState.CREATED, "")
    assert (await counter.balance(ALICE), await counter.balance(BOB)) == (0, 10 * DOLLAR)


async def test_a_discount_waits_for_an_operator(counter: Counter) -> None:
    """Nothing is credited for what was not paid in full."""
    await counter.order()
    [checkout] = counter.shop.emulator.book.checkouts.values()
    checkout.discount = 999
    counter.shop.emulator.book.pay(checkout)
    told = await counter.tell()
    assert (told.state, "amount: ordered 1000, seen 1" in told.problem) == (PaymentState.REVIEW, True)
    assert await counter.balance() == 0


async def test_a_day_at_creem_is_compared_by_its_transactions(counter: Counter) -> None:
    """The list names nothing else. What is in order differs from nothing; what we do not know of is named."""
    payment = await counter.order()
    [checkout] = counter.shop.emulator.book.checkouts.values()
    counter.shop.emulator.book.pay(checkout, "NL")
    await counter.tell()
    payments = SqlPaymentStore(counter.store.database)
    comparing = Comparing(
        payments,
        SqlComparisonStore(counter.store.database),
        Gateways([counter.shop.gateway]),
        counter.settling,
        counter.store.clock,
        lambda _comparison: None,
    )
    now = counter.shop.clock.now()
    begin, end = Microseconds(now - DAY), Microseconds(now + DAY)
    same = await comparing.compare(counter.shop.gateway, begin, end)
    assert same is not None
    assert (same.seen_count, same.payment_count, same.differences) == (1, 1, ())
    book = counter.shop.emulator.book
    stray = book.pay(book.begin(TOPUP.id, 3, request_id="", success_url="", metadata={}, email=""))
    transaction = book.transactions[(await payments.payment(payment.id)).provider_payment_id]  # type: ignore[union-attr]
    transaction.amount = 900
    found = await comparing.compare(counter.shop.gateway, begin, end)
    assert found is not None
    assert {each.subject for each in found.differences} == {payment.id, stray.id}
