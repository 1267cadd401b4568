"""Orders at Creem: how they are made, paid and given back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.emulators.creem.book import Product
from tests.emulators.creem.emulator import (
    API_KEY,
    PLAN,
    TOPUP,
)
from tests.emulators.faults import Fault, How
from tests.support.creem_shop import (
    BUYER,
    PLAN_ORDER,
    RETURN_URL,
    TOPUP_ORDER,
    Shop,
    a_refund,
    order,
)

from raseed.adapters.payments.creem import PRODUCT_LIFE_US
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, SECOND, Microseconds
from raseed.core.ids import PaymentId
from raseed.core.payments.model import (
    Item,
    ItemKind,
    Mode,
    Payment,
    SeenRefundState,
    SeenStatus,
)
from raseed.core.payments.ports import Buyer, GatewayRefused


async def test_a_checkout_names_the_product_and_us(shop: Shop) -> None:
    """A top-up of any amount is so many times one dollar; nothing personal goes but the address for the invoice."""
    payment, checkout = await shop.begin()
    [asked] = shop.emulator.served.asked_at("/v1/checkouts")
    assert asked.headers["x-api-key"] == API_KEY
    assert asked.json == {
        "product_id": TOPUP.id,
        "units": 10,
        "request_id": "pay_1",
        "success_url": RETURN_URL,
        "metadata": {"payment_id": "pay_1", "account_id": "acct_1"},
        "customer": {"email": BUYER.email},
    }
    assert payment.url.endswith(checkout.id)
    assert not shop.gateway.is_creation_repeatable


async def test_what_is_sold_in_pieces_goes_in_pieces(shop: Shop) -> None:
    """Keys by their number, a plan once."""
    shop.emulator.book.sell(Product(id="prod_Keys", name="Key", price=100))
    await shop.gateway.create(
        order(Item(kind=ItemKind.KEYS, id="", quantity=3), 300, "prod_Keys"), Buyer(), RETURN_URL
    )
    await shop.gateway.create(PLAN_ORDER, BUYER, RETURN_URL)
    keys, plan = shop.emulator.served.asked_at("/v1/checkouts")
    assert (keys.json["units"], plan.json["units"]) == (3, 1)
    assert "customer" not in keys.json


@pytest.mark.parametrize(
    ("payment", "why"),
    [
        (replace(TOPUP_ORDER, amount_minor=1050), "multiple"),
        (replace(TOPUP_ORDER, product_id=""), "no product"),
    ],
)
async def test_what_creem_cannot_sell_is_not_asked_for(shop: Shop, payment: Payment, why: str) -> None:
    with pytest.raises(GatewayRefused, match=why):
        await shop.gateway.create(payment, BUYER, RETURN_URL)
    assert shop.emulator.served.asked == []


async def test_a_product_that_is_not_there_is_refused(shop: Shop) -> None:
    """For good: the same call will be refused again."""
    with pytest.raises(GatewayRefused, match="no product prod_Gone"):
        await shop.gateway.create(replace(TOPUP_ORDER, product_id="prod_Gone"), BUYER, RETURN_URL)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"price": 99}, "10 of the product prod_EmulatedTopup cost 990 USD, and 1000 USD are ordered"),
        ({"currency": "EUR"}, "cost 1000 EUR"),
        ({"is_recurring": True}, "is recurring"),
    ],
)
async def test_a_product_of_another_price_is_not_sold(shop: Shop, changed: dict[str, Any], why: str) -> None:
    """Nobody pays what would wait for an operator. It is sold as soon as it is right."""
    shop.emulator.book.sell(replace(TOPUP, **changed))
    with pytest.raises(GatewayRefused, match=why):
        await shop.begin()
    assert shop.emulator.book.checkouts == {}
    shop.emulator.book.sell(TOPUP)
    await shop.begin()


async def test_products_are_read_once_in_an_hour(shop: Shop) -> None:
    for _ in range(3):
        await shop.begin()
    assert len(shop.emulator.served.asked_at("/v1/products")) == 1
    shop.turn(PRODUCT_LIFE_US)
    shop.emulator.book.sell(replace(TOPUP, price=50))
    with pytest.raises(GatewayRefused):
        await shop.begin()


async def test_a_plan_is_a_recurring_product(shop: Shop) -> None:
    shop.emulator.book.sell(replace(PLAN, is_recurring=False))
    with pytest.raises(GatewayRefused, match="is onetime"):
        await shop.begin(PLAN_ORDER)


async def test_from_the_page_to_the_money(shop: Shop) -> None:
    """Open while nobody paid, then paid, by what."""
    payment, checkout = await shop.begin()
    before = await shop.look(payment)
    assert (before.status, before.reference, before.url) == (SeenStatus.OPEN, "pay_1", payment.url)
    shop.turn(90 * SECOND)
    transaction = shop.emulator.book.pay(checkout)
    seen = await shop.look(payment)
    assert (seen.status, seen.amount_minor, seen.currency) == (SeenStatus.PAID, 1000, "USD")
    assert (seen.provider, seen.mode, seen.reference) == (PaymentProvider.CREEM, Mode.TEST, "pay_1")
    assert (seen.invoice_id, seen.provider_payment_id, seen.product_id) == (
        checkout.id,
        transaction.id,
        TOPUP.id,
    )
    assert seen.paid_at == shop.clock.now() // 1000 * 1000
    assert seen.refunds == ()


async def test_a_page_that_is_over(shop: Shop) -> None:
    payment, _ = await shop.begin()
    shop.turn(2 * DAY)
    assert (await shop.look(payment)).status is SeenStatus.EXPIRED


async def test_the_tax_of_the_netherlands(shop: Shop) -> None:
    """12.10 are paid and 10.00 are ours; half of the 12.10 back is half of the 10.00."""
    payment, transaction = await shop.paid(country="NL")
    assert transaction.paid == 1210
    assert (await shop.look(payment)).amount_minor == 1000
    shop.emulator.book.refund(transaction, 605)
    seen = await shop.look(payment)
    assert (seen.status, [each.amount_minor for each in seen.refunds]) == (SeenStatus.PAID, [500])
    shop.emulator.book.refund(transaction)
    [refund] = (await shop.look(payment)).refunds
    assert (refund.amount_minor, refund.state, refund.is_dispute) == (1000, SeenRefundState.DONE, False)


async def test_a_discount_is_seen(shop: Shop) -> None:
    """Whoever pays less does not get it all: the amounts differ, and an operator decides."""
    payment, checkout = await shop.begin()
    checkout.discount = 400
    shop.emulator.book.pay(checkout, "NL")
    assert (await shop.look(payment)).amount_minor == 600


async def test_what_the_bank_takes_back(shop: Shop) -> None:
    """All of it, with what was refunded before."""
    payment, transaction = await shop.paid(country="NL")
    shop.emulator.book.refund(transaction, 121)
    shop.emulator.book.dispute(transaction)
    [dispute] = (await shop.look(payment)).refunds
    assert (dispute.amount_minor, dispute.is_dispute) == (1000, True)


async def test_an_order_that_does_not_name_its_transaction(shop: Shop) -> None:
    """It is found by the order: the first of it, and never another order's."""
    payment, transaction = await shop.paid()
    await shop.paid(replace(TOPUP_ORDER, id=PaymentId("pay_2")))

    def unnamed(checkout: Any) -> None:
        checkout["order"]["transaction"] = None

    shop.emulator.served.faults.add(Fault(how=How.EDITED, path="/v1/checkouts", edit=unnamed))
    assert (await shop.look(payment)).provider_payment_id == transaction.id


async def test_another_orders_transaction_pays_nothing(shop: Shop) -> None:
    payment, _ = await shop.paid()
    _, other = await shop.paid(replace(TOPUP_ORDER, id=PaymentId("pay_2")))

    def swapped(checkout: Any) -> None:
        checkout["order"]["transaction"] = other.id

    shop.emulator.served.faults.add(Fault(how=How.EDITED, path="/v1/checkouts", edit=swapped))
    assert (await shop.look(payment)).status is SeenStatus.OPEN


async def test_all_that_is_left_is_refunded(shop: Shop) -> None:
    """The amount without tax; Creem gives the tax back too. Its id is the one that looking up tells."""
    payment, transaction = await shop.paid(country="NL")
    refunded = await shop.gateway.refund(payment, a_refund(1000))
    assert (refunded.state, refunded.amount_minor) == (SeenRefundState.DONE, 1000)
    assert transaction.refunded == 1210
    [seen] = (await shop.look(payment)).refunds
    assert seen.id == refunded.id


async def test_a_part_is_not_refunded_by_the_api(shop: Shop) -> None:
    """It would give back all. Of what was given back in part, the rest is all."""
    payment, transaction = await shop.paid()
    with pytest.raises(GatewayRefused, match="dashboard"):
        await shop.gateway.refund(payment, a_refund(400))
    assert transaction.refunded == 0
    shop.emulator.book.refund(transaction, 600)
    await shop.gateway.refund(replace(payment, refunded_minor=600), a_refund(400))
    assert transaction.refunded == 1000
    with pytest.raises(GatewayRefused):
        await shop.gateway.refund(payment, a_refund(1000))


async def test_what_was_paid_in_a_day(shop: Shop) -> None:
    """Over all pages, whatever it was paid for; what did not come is not among it."""
    await shop.paid()
    shop.turn(DAY)
    begin = shop.clock.now()
    transactions = []
    for _ in range(103):
        shop.turn(60 * SECOND)
        _, transaction = await shop.paid()
        transactions.append(transaction)
    transactions[7].status = "declined"
    end = Microseconds(shop.clock.now() + 1)
    shop.turn(DAY)
    await shop.paid()
    seen = await shop.gateway.paid_between(begin, end)
    assert seen is not None
    expected = {each.id for each in transactions if each is not transactions[7]}
    assert {each.provider_payment_id for each in seen} == expected
    assert all(each.status is SeenStatus.PAID and each.amount_minor == 1000 for each in seen)
