"""Subscriptions at Creem, which renews them by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.emulators.creem.book import MONTH_US
from tests.emulators.creem.emulator import (
    PLAN,
    TOPUP,
)
from tests.support.creem_shop import (
    PLAN_ORDER,
    Shop,
)

from raseed.core.payments.model import (
    SeenStatus,
)
from raseed.core.payments.ports import EventKind, GatewayRefused


async def test_periods_of_a_subscription(shop: Shop) -> None:
    """The first is its checkout's; each one that Creem renews by itself is one more, found by its transaction."""
    payment, first = await shop.paid(PLAN_ORDER, "NL")
    seen = await shop.look(payment)
    subscription_id = seen.provider_subscription_id
    assert (seen.status, seen.amount_minor) == (SeenStatus.PAID, 1000)
    assert await shop.gateway.renewals(subscription_id) == []
    shop.turn(2 * MONTH_US)
    second, third = shop.emulator.book.renew()
    renewals = await shop.gateway.renewals(subscription_id)
    assert [each.provider_payment_id for each in renewals] == [third.id, second.id]
    assert first.id not in {each.provider_payment_id for each in renewals}
    newest = renewals[0]
    assert (newest.status, newest.amount_minor, newest.product_id) == (SeenStatus.PAID, 1000, PLAN.id)
    assert (newest.reference, newest.provider_subscription_id) == ("", subscription_id)
    renewal = replace(PLAN_ORDER, invoice_id=newest.invoice_id, provider_payment_id=third.id)
    assert await shop.look(renewal) == newest
    told = await shop.gateway.look_up_subscription(subscription_id)
    assert told is not None
    assert (told.is_active, told.is_canceled, told.last_transaction_id) == (True, False, third.id)
    assert told.period_end == third.period_end // 1000 * 1000


async def test_a_renewal_of_another_product_is_seen(shop: Shop) -> None:
    """A transaction says nothing of its product, so it is asked of which it is."""
    await shop.paid(PLAN_ORDER)
    shop.turn(MONTH_US)
    [renewed] = shop.emulator.book.renew()
    renewal = replace(PLAN_ORDER, invoice_id=renewed.id, provider_payment_id=renewed.id)
    assert (await shop.look(renewal)).product_id == PLAN.id
    assert (await shop.look(replace(renewal, product_id=TOPUP.id))).product_id == ""


async def test_a_refund_of_a_renewal(shop: Shop) -> None:
    """Its event names the renewal's transaction, and not the order of the first period."""
    payment, _ = await shop.paid(PLAN_ORDER)
    shop.turn(MONTH_US)
    [renewed] = shop.emulator.book.renew()
    shop.emulator.book.refund(renewed)
    body = shop.emulator.events[-1]
    event = shop.gateway.read_event({"creem-signature": shop.emulator.sign(body)}, body)
    assert (event.kind, event.provider_payment_id) == (EventKind.REFUND, renewed.id)
    assert (event.reference, event.invoice_id) == ("", "")
    assert (await shop.look(payment)).refunds == ()
    [refund] = (
        await shop.look(replace(payment, invoice_id=renewed.id, provider_payment_id=renewed.id))
    ).refunds
    assert refund.amount_minor == 1000


async def test_a_card_that_is_refused(shop: Shop) -> None:
    """Past due until the bank takes it after all."""
    payment, _ = await shop.paid(PLAN_ORDER)
    [subscription] = shop.emulator.book.subscriptions.values()
    shop.emulator.book.refuses_cards_of.add(subscription.id)
    shop.turn(MONTH_US)
    assert shop.emulator.book.renew() == []
    told = await shop.gateway.look_up_subscription(subscription.id)
    assert told is not None
    assert (told.is_active, told.is_past_due, told.is_canceled) == (False, True, False)
    late = shop.emulator.book.retry_card(subscription)
    assert [each.provider_payment_id for each in await shop.gateway.renewals(subscription.id)] == [late.id]
    assert (await shop.look(payment)).provider_payment_id != late.id


async def test_canceling_ends_with_the_period(shop: Shop) -> None:
    """And may be repeated; there is no further renewal."""
    await shop.paid(PLAN_ORDER)
    [subscription] = shop.emulator.book.subscriptions.values()
    for _ in range(2):
        await shop.gateway.cancel_subscription(subscription.id)
    told = await shop.gateway.look_up_subscription(subscription.id)
    assert told is not None
    assert (told.is_active, told.is_canceled) == (True, True)
    shop.turn(MONTH_US)
    assert shop.emulator.book.renew() == []
    assert subscription.status == "canceled"
    await shop.gateway.cancel_subscription(subscription.id)
    with pytest.raises(GatewayRefused):
        await shop.gateway.cancel_subscription("sub_unknown")
    assert await shop.gateway.look_up_subscription("sub_unknown") is None
    assert await shop.gateway.renewals("sub_unknown") == ()


async def test_a_subscription_is_told_twice(shop: Shop) -> None:
    """`checkout.completed` and `subscription.paid` of one payment: two events, one transaction."""
    await shop.paid(PLAN_ORDER)
    events = [
        shop.gateway.read_event({"creem-signature": shop.emulator.sign(body)}, body)
        for body in shop.emulator.events
    ]
    assert [event.name for event in events] == [
        "checkout.completed",
        "subscription.active",
        "subscription.paid",
    ]
    assert len({event.key for event in events}) == 3
    assert len({event.provider_payment_id for event in events}) == 1
