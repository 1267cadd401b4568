"""What is in review until an operator decides, and what is worth what he accepted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.contract.ledger.conftest import POSTGRES_3, SQLITE
from tests.support.orders import CREDIT
from tests.support.till import Till

from raseed.core.billing.policy import PaymentProvider
from raseed.core.errors import Conflict, RequestInvalid
from raseed.core.payments.model import Mode, Payment, PaymentState, RefundState

AT_ONCE = pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)
REQUESTED, PENDING, DONE, FAILED = RefundState


async def in_review(till: Till, key: str = "key", **values: Any) -> Payment:
    payment = await till.order(key)
    till.pay(payment, **values)
    return await till.workers[0].settling.settle(payment.id)


async def test_what_is_accepted_is_credited_as_ordered_and_once(till: Till):
    payment = await in_review(till, amount_minor=1_999)
    for _ in range(2):
        accepted = await till.workers[0].refunds.accept(payment.id, reason="a fils", actor="op_1")
        assert accepted.state is PaymentState.CREDITED
    assert await till.spendable() == CREDIT
    assert (await till.audited(payment))["payment.decided"] == "paid: a fils"
    again = await till.workers[0].settling.settle(payment.id)
    assert again.state is PaymentState.CREDITED
    assert sorted(await till.told()) == ["payment_in_review", "payment_to_review"], "it is known by now"


async def test_what_is_another_order_is_never_accepted(till: Till):
    wrong: dict[str, dict[str, Any]] = {
        "mode": {"mode": Mode.LIVE},
        "reference": {"reference": "pay_2"},
        "provider": {"provider": PaymentProvider.CREEM},
        "currency": {"currency": "USD"},
    }
    for name, values in wrong.items():
        payment = await in_review(till, name, **values)
        with pytest.raises(Conflict, match="does not say"):
            await till.workers[0].refunds.accept(payment.id, reason="please", actor="op_1")
    assert await till.granted() == []


async def test_what_is_rejected_is_never_credited_and_can_be_refunded(till: Till):
    payment = await in_review(till, amount_minor=1_999)
    rejected = await till.workers[0].refunds.reject(payment.id, reason="no", actor="op_1")
    assert await till.workers[0].refunds.reject(payment.id, reason="no", actor="op_1") == rejected
    assert (await till.workers[0].settling.settle(payment.id)).state is PaymentState.REJECTED
    with pytest.raises(Conflict, match="not in review"):
        await till.workers[0].refunds.accept(payment.id, reason="yes", actor="op_1")
    assert (await till.workers[0].refund(payment, 1_999)).state is DONE
    assert (await till.payment(payment.id)).refunded_minor == 1_999
    assert await till.granted() == []


@AT_ONCE
async def test_of_decisions_at_once_one_holds(till: Till):
    payment = await in_review(till, amount_minor=1_999)
    decisions = [
        decide(payment.id, reason="x", actor="op_1")
        for worker in till.workers
        for decide in (worker.refunds.accept, worker.refunds.reject)
    ]
    await asyncio.gather(*decisions, return_exceptions=True)
    state = (await till.payment(payment.id)).state
    assert state in {PaymentState.CREDITED, PaymentState.REJECTED}
    assert await till.spendable() == (CREDIT if state is PaymentState.CREDITED else 0)


async def test_decisions_are_about_what_is_in_review_and_have_a_reason(till: Till):
    payment = await till.order()
    for decide in (till.workers[0].refunds.accept, till.workers[0].refunds.reject):
        with pytest.raises(Conflict):
            await decide(payment.id, reason="x", actor="op_1")
        with pytest.raises(RequestInvalid):
            await decide(payment.id, reason="", actor="op_1")


@pytest.mark.parametrize("is_dispute", [False, True])
async def test_what_was_accepted_though_less_was_paid_is_paid_for_by_that(till: Till, is_dispute: bool):
    payment, worker = await in_review(till, amount_minor=1_000), till.workers[0]
    await worker.refunds.accept(payment.id, reason="a discount of ours", actor="op_1")
    assert await till.spendable() == CREDIT
    till.book.give_back(payment.id, 400)
    assert (await worker.settling.settle(payment.id)).refunded_minor == 400
    assert await till.spendable() == CREDIT * 6 // 10
    with pytest.raises(RequestInvalid, match=r"0\.600 KWD of this payment are left"):
        await worker.refund(payment, 601)
    till.book.give_back(payment.id, 600, is_dispute=is_dispute)
    settled = await worker.settling.settle(payment.id)
    gone = (400, 600) if is_dispute else (1_000, 0)
    assert ((settled.refunded_minor, settled.disputed_minor), await till.spendable()) == (gone, 0)
    assert settled.problem.startswith("amount: ordered 2000, seen 1000"), "what was accepted is still said"


async def test_what_was_paid_beyond_the_order_goes_back_without_the_credit(till: Till):
    payment, worker = await in_review(till, amount_minor=2_500), till.workers[0]
    await worker.refunds.accept(payment.id, reason="he wants the rest back", actor="op_1")
    assert (await worker.refund(payment, 500)).state is DONE
    assert await till.spendable() == CREDIT
    assert (await worker.refund(payment, key="r2")).amount_minor == 2_000
    assert await till.spendable() == 0
