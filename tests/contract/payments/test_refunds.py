"""Refunds by operators, and decisions about what is in review: one of each, whatever the provider answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.contract.ledger.conftest import POSTGRES_3, SQLITE, SqlStore, open_store
from tests.support.fake_gateway import Fault
from tests.support.orders import CREDIT
from tests.support.till import Till, Worker
from tests.unit.billing.builders import ALICE, BOB, place, settle

from raseed.core.billing.commands import Settled, TakeShortfall
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import HOUR, MINUTE
from raseed.core.errors import Conflict, NotFound, RequestInvalid, RequestReusedWithOtherInput
from raseed.core.ids import PaymentId
from raseed.core.payments.model import Mode, Payment, PaymentState, Refund, RefundState, SeenRefundState
from raseed.core.payments.ports import GatewayMissing
from raseed.core.payments.refunds import ASK_AGAIN_US

AT_ONCE = pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)
REQUESTED, PENDING, DONE, FAILED = RefundState


@pytest.fixture(params=[SQLITE])
async def store(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncIterator[SqlStore]:
    opened = await open_store(request.param, tmp_path)
    for account_id in (ALICE, BOB):
        await opened.open_account(account_id)
    yield opened
    await opened.close()


@pytest.fixture
def till(store: SqlStore) -> Till:
    return Till(store, workers=3)


async def paid(till: Till, key: str = "key") -> Payment:
    payment = await till.order(key)
    till.pay(payment)
    return await till.workers[0].settling.settle(payment.id)


async def refund(
    worker: Worker, payment: Payment, amount: int | None = None, key: str = "r1", reason: str = "asked for"
) -> Refund:
    return await worker.refunds.refund(payment.id, amount, reason=reason, request_key=key, actor="op_1")


async def test_a_refund_takes_back_its_share_of_the_credit(till: Till):
    payment = await paid(till)
    first = await refund(till.workers[0], payment, 500)
    assert (first.state, first.amount_minor, first.actor) == (DONE, 500, "op_1")
    assert await till.spendable() == CREDIT * 3 // 4
    rest = await refund(till.workers[0], payment, key="r2")
    assert (rest.state, rest.amount_minor) == (DONE, 1_500)
    assert await till.spendable() == 0
    audited = await till.audited(payment)
    assert "asked for" in audited["payment.refund_requested"]
    assert audited["payment.refunded"] == "2.000 KWD of 2.000 KWD"
    with pytest.raises(RequestInvalid, match=r"0\.000 KWD of this payment are left"):
        await refund(till.workers[0], payment, key="r3")


@AT_ONCE
async def test_one_request_is_one_refund_also_at_once(till: Till):
    payment = await paid(till)
    till.book.pace_s = 0.01
    await asyncio.gather(*(refund(till.workers[number % 3], payment, 500) for number in range(12)))
    assert await refund(till.workers[0], payment, 500) == await refund(till.workers[1], payment)
    assert till.book.calls["refund"] == 1
    assert await till.spendable() == CREDIT * 3 // 4
    with pytest.raises(RequestReusedWithOtherInput):
        await refund(till.workers[0], payment, 501)


@AT_ONCE
async def test_never_are_two_refunds_of_one_payment_under_way(till: Till):
    payment = await paid(till)
    # None of them ends meanwhile: after one that has ended the next may begin.
    workers = [till.worker(refunds_end_later=True) for _ in range(3)]
    ended = await asyncio.gather(
        *(refund(workers[number], payment, 500, key=str(number)) for number in range(3)),
        return_exceptions=True,
    )
    assert sorted(type(end).__name__ for end in ended) == ["Conflict", "Conflict", "Refund"]
    assert till.book.calls["refund"] == 1


async def test_a_refund_that_ends_later_withdraws_when_it_has_ended(till: Till):
    worker = till.worker(refunds_end_later=True)
    payment = await paid(till)
    asked = await refund(worker, payment, 500)
    assert asked.state is PENDING
    assert await till.spendable() == CREDIT
    with pytest.raises(Conflict, match="under way"):
        await refund(worker, payment, 500, key="r2")
    till.book.end_refund(payment.id, asked.provider_refund_id, SeenRefundState.DONE)
    await worker.settling.settle(payment.id)
    [ended] = await worker.payments.refunds(payment.id)
    assert (ended.state, ended.id) == (DONE, asked.id)
    assert await till.spendable() == CREDIT * 3 // 4


async def test_one_that_is_canceled_withdraws_nothing_and_another_may_be_asked_for(till: Till):
    worker = till.worker(refunds_end_later=True)
    payment = await paid(till)
    asked = await refund(worker, payment, 500)
    till.book.end_refund(payment.id, asked.provider_refund_id, SeenRefundState.CANCELED)
    await worker.settling.settle(payment.id)
    assert await till.spendable() == CREDIT
    assert (await refund(worker, payment, 500, key="r2")).state is PENDING


@pytest.mark.parametrize("keeps_references", [True, False])
@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
async def test_without_an_answer_it_is_looked_for_before_it_is_asked_for_again(
    till: Till, fault: Fault, keeps_references: bool
):
    worker = till.worker(keeps_references=keeps_references)
    payment = await paid(till)
    till.book.fail("refund", fault)
    asked = await refund(worker, payment, 500)
    assert asked.state is REQUESTED
    assert (await refund(worker, payment, 500)).state is REQUESTED
    assert (await till.payment(payment.id)).next_check_at == till.store.clock.now() + ASK_AGAIN_US
    till.store.clock.advance(MINUTE)
    await worker.settling.settle(payment.id)
    await worker.refunds.resume(payment.id)
    assert till.book.calls["refund"] == 1, "it may still come"
    till.store.clock.advance(ASK_AGAIN_US)
    await worker.settling.settle(payment.id)
    await worker.refunds.resume(payment.id)
    assert till.book.calls["refund"] == (1 if fault is Fault.AFTER else 2)
    [ended] = await worker.payments.refunds(payment.id)
    assert (ended.id, ended.state) == (asked.id, DONE)
    assert await till.spendable() == CREDIT * 3 // 4


async def test_what_bears_anothers_reference_is_given_back_once_too(till: Till):
    """Nothing of such an order is believed but what became of the refund that we asked for ourselves."""
    worker = till.workers[0]
    payment = await till.order()
    till.pay(payment, reference="pay_of_another")
    assert (await worker.settling.settle(payment.id)).state is PaymentState.REVIEW
    till.book.fail("refund", Fault.AFTER)
    asked = await refund(worker, payment, 500)
    assert asked.state is REQUESTED
    till.book.give_back(payment.id, 100)
    till.store.clock.advance(ASK_AGAIN_US)
    await worker.settling.settle(payment.id)
    await worker.refunds.resume(payment.id)
    assert till.book.calls["refund"] == 1
    [ended] = await worker.payments.refunds(payment.id)
    assert (ended.id, ended.state) == (asked.id, DONE)


async def test_one_that_is_open_when_its_payment_is_credited_is_looked_for_soon(till: Till):
    worker = till.workers[0]
    payment = await till.order()
    till.pay(payment)
    till.book.give_back(payment.id, 500, SeenRefundState.PENDING)
    settled = await worker.settling.settle(payment.id)
    assert settled.state is PaymentState.CREDITED
    assert settled.next_check_at == till.store.clock.now() + HOUR


@AT_ONCE
async def test_of_workers_that_ask_again_at_once_one_asks(till: Till):
    payment = await paid(till)
    till.book.fail("refund", Fault.BEFORE)
    await refund(till.workers[0], payment, 500)
    till.store.clock.advance(ASK_AGAIN_US)
    till.book.pace_s = 0.02
    await asyncio.gather(*(worker.refunds.resume(payment.id) for worker in till.workers))
    assert till.book.calls["refund"] == 2
    assert await till.spendable() == CREDIT * 3 // 4


async def test_a_refund_that_the_provider_refuses_has_failed(till: Till):
    payment = await paid(till)
    till.book.fail("refund", Fault.REFUSED)
    assert (await refund(till.workers[0], payment)).state is FAILED
    assert "no" in (await till.audited(payment))["payment.refund_refused"]
    assert await till.spendable() == CREDIT
    assert (await refund(till.workers[0], payment, key="r2")).state is DONE


@pytest.mark.parametrize("shortfall", [TakeShortfall.DEBT, TakeShortfall.WRITE_OFF])
async def test_what_was_spent_is_owed_or_written_off(till: Till, shortfall: TakeShortfall):
    worker = till.worker(shortfall=shortfall)
    payment = await paid(till)
    [held, spent] = await till.store.ledger.submit([place("h1", 1_000_000), settle("h1", 1_000_000)])
    assert (await refund(worker, payment)).state is DONE
    balance = await till.store.ledger.balance(ALICE)
    assert balance is not None
    assert (balance.debt_microcredits > 0) == (shortfall is TakeShortfall.DEBT), (held, spent)
    assert (await till.payment(payment.id)).withdrawn_microcredits == CREDIT


async def test_what_open_requests_hold_is_withdrawn_when_they_end(till: Till):
    payment = await paid(till)
    await till.store.ledger.submit([place("h1", 1_000_000_000)])
    await refund(till.workers[0], payment)
    waiting = await till.payment(payment.id)
    assert waiting.withdrawn_microcredits == CREDIT - 1_000_000_000
    assert waiting.next_check_at == till.store.clock.now() + MINUTE
    await till.store.ledger.submit([settle("h1", 0)])
    settled = await till.workers[0].settling.settle(payment.id)
    assert settled.withdrawn_microcredits == CREDIT
    assert await till.spendable() == 0


async def test_what_is_no_refund_is_refused(till: Till):
    payment = await paid(till)
    for amount, reason, key in (
        (0, "x", "k"),
        (-1, "x", "k"),
        (2_001, "x", "k"),
        (1, "", "k"),
        (1, "x" * 501, "k"),
        (1, "x", ""),
    ):
        with pytest.raises(RequestInvalid):
            await refund(till.workers[0], payment, amount, key, reason)
    assert till.book.calls["refund"] == 0


async def test_only_what_is_paid_goes_back_and_only_where_it_came_from(till: Till):
    unpaid = await till.order()
    with pytest.raises(Conflict, match="not paid"):
        await refund(till.workers[0], unpaid)
    with pytest.raises(NotFound):
        await till.workers[0].refunds.refund(
            PaymentId("pay_none"), None, reason="x", request_key="k", actor="op_1"
        )
    payment = await paid(till, "another")
    for other in (till.worker(mode=Mode.LIVE), till.worker(provider=PaymentProvider.CREEM)):
        with pytest.raises(GatewayMissing):
            await refund(other, payment)
    assert await till.workers[0].payments.refunds(payment.id) == []


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
    assert (await refund(till.workers[0], payment, 1_999)).state is DONE
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
async def test_of_what_was_accepted_though_less_was_paid_all_goes_with_all_that_was_paid(
    till: Till, is_dispute: bool
):
    payment, worker = await till.order("key"), till.workers[0]
    till.pay(payment)
    till.book.change(payment.id, amount_minor=1_000)
    await worker.settling.settle(payment.id)
    await worker.refunds.accept(payment.id, reason="a discount of ours", actor="op_1")
    assert await till.spendable() == CREDIT
    till.book.give_back(payment.id, 400)
    assert (await worker.settling.settle(payment.id)).refunded_minor == 400
    till.book.give_back(payment.id, 600, is_dispute=is_dispute)
    settled = await worker.settling.settle(payment.id)
    gone = (400, 1_600) if is_dispute else (2_000, 0)
    assert ((settled.refunded_minor, settled.disputed_minor), await till.spendable()) == (gone, 0)


async def test_while_open_requests_hold_the_credit_few_steps_are_written_down(till: Till):
    """Who keeps requests open fills neither the ledger nor the audit log."""
    payment, worker = await paid(till), till.workers[0]
    await till.store.ledger.submit([place("h1", CREDIT)])
    till.book.give_back(payment.id, 2_000)
    for _ in range(3):
        await worker.settling.settle(payment.id)
    waiting = await till.payment(payment.id)
    assert (waiting.withdrawn_microcredits, waiting.withdrawing_microcredits) == (0, CREDIT)
    assert waiting.withdrawal_count <= 2 * 3
    assert "payment.withdrawn" not in await till.audited(payment)
    [settled] = await till.store.ledger.submit([settle("h1", 1_000_000)])
    assert isinstance(settled, Settled), settled
    await worker.settling.settle(payment.id)
    assert (await till.payment(payment.id)).withdrawn_microcredits == CREDIT
    assert "payment.withdrawn" in await till.audited(payment)
