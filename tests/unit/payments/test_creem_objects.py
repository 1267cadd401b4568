"""What Creem's objects mean: amounts without tax, what went back, and which mode they are of.

The figures are those of the examples of docs.creem.io/code/webhooks: 10.00, and 12.10 with the tax of the Netherlands.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from raseed.adapters.payments import creem_objects as creem
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, PaymentId
from raseed.core.money import share
from raseed.core.payments.model import (
    Item,
    ItemKind,
    Mode,
    Payment,
    PaymentState,
    SeenRefund,
    SeenRefundState,
    SeenStatus,
)
from raseed.core.payments.ports import GatewayUnavailable

AT_MS = 1_728_734_327_109
PAID = creem.Transaction(
    id="tran_1",
    mode="test",
    amount=1000,
    amount_paid=1210,
    currency="eur",
    status="paid",
    created_at=AT_MS,
    order="ord_1",
)
CHECKOUT = creem.Checkout(
    id="ch_1", mode="test", status="completed", product=creem.Ref(id="prod_1"), request_id="pay_1"
)
PAYMENT = Payment(
    id=PaymentId("pay_1"),
    account_id=AccountId("acct_1"),
    actor="acct_1",
    provider=PaymentProvider.CREEM,
    mode=Mode.TEST,
    item=Item(kind=ItemKind.TOPUP, id=""),
    amount_minor=1000,
    currency="USD",
    credit_microcredits=10_000_000,
    product_id="prod_1",
    method="",
    language="en",
    subscription_id=None,
    period_start=None,
    period_end=None,
    created_at=Microseconds(0),
    state=PaymentState.PENDING,
)


def test_tax_on_top_is_not_ours() -> None:
    """What was sold for is compared and credited, not what was paid."""
    seen = creem.seen_checkout(CHECKOUT, PAID, PAYMENT)
    assert (seen.status, seen.amount_minor, seen.currency) == (SeenStatus.PAID, 1000, "EUR")
    assert (seen.reference, seen.invoice_id, seen.provider_payment_id) == ("pay_1", "ch_1", "tran_1")
    assert (seen.product_id, seen.paid_at, seen.refunds) == ("prod_1", AT_MS * 1000, ())


def test_no_more_is_credited_than_was_paid() -> None:
    """A discount, and whatever else makes the buyer pay less, is a difference that an operator looks at."""
    discounted = msgspec.structs.replace(PAID, discount_amount=200, amount_paid=968)
    assert creem.net_minor(discounted) == 800
    assert creem.net_minor(msgspec.structs.replace(PAID, amount_paid=10)) == 10


@pytest.mark.parametrize(
    ("refunded", "expected"),
    [(1210, 1000), (605, 500), (1, 0), (121, 100), (1209, 999), (9999, 1000)],
)
def test_a_refund_is_the_same_part_of_what_was_sold_for(refunded: int, expected: int) -> None:
    """Exactly, and rounded down: nothing is taken back before a whole cent went."""
    transaction = msgspec.structs.replace(PAID, status="partialRefund", refunded_amount=refunded)
    assert sum(each.amount_minor for each in creem.refunds_of(transaction)) == expected


def test_refunds_are_one_that_grows() -> None:
    """Its id stays the same, so that nobody counts it twice."""
    partly = creem.refunds_of(msgspec.structs.replace(PAID, status="partialRefund", refunded_amount=605))
    wholly = creem.refunds_of(msgspec.structs.replace(PAID, status="refunded", refunded_amount=1210))
    assert partly == (SeenRefund(id="tran_1", reference="", amount_minor=500, state=SeenRefundState.DONE),)
    assert wholly == (replace(partly[0], amount_minor=1000),)
    assert creem.refunds_of(PAID) == ()


@pytest.mark.parametrize("status", ["chargeback", "chargedBack"])
@pytest.mark.parametrize("refunded", [None, 1210])
def test_what_a_bank_takes_is_a_dispute(status: str, refunded: int | None) -> None:
    """Both spellings, and whether Creem says how much or not; and it was paid all the same."""
    transaction = msgspec.structs.replace(PAID, status=status, refunded_amount=refunded)
    assert creem.status_of(transaction) is SeenStatus.PAID
    [dispute] = creem.refunds_of(transaction)
    assert (dispute.amount_minor, dispute.is_dispute, dispute.id) == (1000, True, "tran_1:chargeback")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("paid", SeenStatus.PAID),
        ("refunded", SeenStatus.PAID),
        ("partialRefund", SeenStatus.PAID),
        ("pending", SeenStatus.OPEN),
        ("declined", SeenStatus.FAILED),
        ("void", SeenStatus.FAILED),
        ("uncollectible", SeenStatus.FAILED),
        ("invented later", SeenStatus.OPEN),
    ],
)
def test_only_money_that_came_is_paid(status: str, expected: SeenStatus) -> None:
    """A status that nobody knows is not."""
    assert creem.status_of(msgspec.structs.replace(PAID, status=status)) is expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("prod", Mode.LIVE), ("live", Mode.LIVE), ("test", Mode.TEST), ("sandbox", Mode.TEST), ("", Mode.TEST)],
)
def test_what_is_not_said_to_be_live_is_not(mode: str, expected: Mode) -> None:
    assert creem.mode_of(mode) is expected


def test_two_modes_in_one_answer_are_no_answer() -> None:
    with pytest.raises(GatewayUnavailable):
        creem.seen_checkout(CHECKOUT, msgspec.structs.replace(PAID, mode="prod"), PAYMENT)


def test_a_checkout_that_nobody_paid() -> None:
    """Open as long as Creem does not say that it is over."""
    pending = msgspec.structs.replace(CHECKOUT, status="pending", checkout_url="https://creem.example/ch_1")
    seen = creem.seen_checkout(pending, None, PAYMENT)
    assert (seen.status, seen.amount_minor, seen.url) == (SeenStatus.OPEN, 1000, pending.checkout_url)
    expired = creem.seen_checkout(msgspec.structs.replace(pending, status="expired"), None, PAYMENT)
    assert expired.status is SeenStatus.EXPIRED


@pytest.mark.parametrize(
    ("status", "is_active", "is_canceled", "is_past_due"),
    [
        ("active", True, False, False),
        ("trialing", True, False, False),
        ("scheduled_cancel", True, True, False),
        ("past_due", False, False, True),
        ("unpaid", False, False, True),
        ("paused", False, False, False),
        ("expired", False, False, False),
        ("canceled", False, True, False),
    ],
)
def test_states_of_a_subscription(status: str, is_active: bool, is_canceled: bool, is_past_due: bool) -> None:
    """Only `canceled` is the end, and one that is to end does not renew."""
    seen = creem.seen_subscription(
        creem.Subscription(
            id="sub_1",
            mode="test",
            status=status,
            product="prod_1",
            customer="cust_1",
            created_at=datetime(2024, 10, 12, tzinfo=UTC),
            current_period_start_date=datetime(2024, 10, 12, 11, 58, 38, 1000, tzinfo=UTC),
        )
    )
    assert (seen.is_active, seen.is_canceled, seen.is_past_due) == (is_active, is_canceled, is_past_due)
    assert (seen.period_start, seen.period_end) == (1_728_734_318_001_000, None)


@pytest.mark.parametrize(
    "body",
    [None, [], "text", {}, {"id": 7}, {"id": "ch_1", "mode": "test", "status": "completed", "product": []}],
)
def test_what_is_no_answer_is_not_taken_for_one(body: Any) -> None:
    """And its text is in no error."""
    with pytest.raises(GatewayUnavailable, match=r"^Creem's answer is no checkout$"):
        creem.read(body, creem.Checkout)


def test_shares_never_shrink_and_never_exceed() -> None:
    """For every part of every price up to 13 units, the rest is never lost."""
    for whole in range(1, 14):
        for amount in range(14):
            shares = [share(amount, part, whole) for part in range(whole + 1)]
            assert shares == sorted(shares)
            assert (shares[0], shares[-1]) == (0, amount)
    for part, whole in ((-1, 2), (3, 2), (0, 0)):
        with pytest.raises(ValueError, match="no part"):
            share(1, part, whole)
