"""What is told of a payment's change, and to whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.orders import BEGUN, order

from raseed.core.ids import SubscriptionId
from raseed.core.payments.model import PaymentState
from raseed.core.payments.records import beside

RENEWAL: dict[str, Any] = {
    "subscription_id": SubscriptionId("sub_1"),
    "period_start": BEGUN,
    "period_end": BEGUN + 1,
}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, ["payment_failed"]),
        ({"url": ""}, ["payment_failed"]),
        (RENEWAL, ["payment_failed"]),  # declined on the page to which its holder was sent
        (RENEWAL | {"url": ""}, []),
    ],
)
def test_who_never_saw_a_page_that_he_did_not_order_hears_nothing_of_it(
    values: dict[str, Any], told: list[str]
) -> None:
    before = order(PaymentState.PENDING, **values)
    written = beside(before, replace(before, state=PaymentState.FAILED))
    assert [notice.kind.value for notice in written.notices] == told
    assert [note.action for note in written.audit] == ["payment.failed"]


@pytest.mark.parametrize("state", [PaymentState.REVIEW, PaymentState.REJECTED, PaymentState.CREDITED])
def test_operators_hear_once_of_what_is_odd_about_what_was_paid(state: PaymentState) -> None:
    before = order(state, problem="amount: other")
    odd = replace(before, problem="amount: other; a refund waits rfd_1: not ended in 30 days")
    assert [notice.kind.value for notice in beside(before, odd).notices] == ["payment_to_review"]
    assert beside(odd, replace(odd, check_count=9)).notices == []
