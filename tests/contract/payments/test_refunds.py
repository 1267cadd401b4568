"""Refunds by operators: one for each request, whatever the provider answers."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.ledger.conftest import POSTGRES_3, SQLITE
from tests.support.fake_gateway import Fault
from tests.support.orders import CREDIT
from tests.support.till import Till
from tests.unit.billing.builders import ALICE, place, settle

from raseed.core.billing.commands import Settled, TakeShortfall
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import HOUR, MINUTE
from raseed.core.errors import Conflict, NotFound, RequestInvalid, RequestReusedWithOtherInput
from raseed.core.ids import PaymentId
from raseed.core.payments.model import Mode, PaymentState, RefundState, SeenRefundState
from raseed.core.payments.ports import GatewayMissing
from raseed.core.payments.refunds import ASK_AGAIN_US

AT_ONCE = pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)
REQUESTED, PENDING, DONE, FAILED = RefundState


async def test_a_refund_takes_back_its_share_of_the_credit(till: Till):
    payment = await till.paid()
    first = await till.workers[0].refund(payment, 500)
    assert (first.state, first.amount_minor, first.actor) == (DONE, 500, "op_1")
    assert await till.spendable() == CREDIT * 3 // 4
    rest = await till.workers[0].refund(payment, key="r2")
    assert (rest.state, rest.amount_minor) == (DONE, 1_500)
    assert await till.spendable() == 0
    audited = await till.audited(payment)
    assert "asked for" in audited["payment.refund_requested"]
    assert audited["payment.refunded"] == "2.000 KWD of 2.000 KWD"
    with pytest.raises(RequestInvalid, match=r"0\.000 KWD of this payment are left"):
        await till.workers[0].refund(payment, key="r3")


@AT_ONCE
async def test_one_request_is_one_refund_also_at_once(till: Till):
    payment = await till.paid()
    till.book.pace_s = 0.01
    await asyncio.gather(*(till.workers[number % 3].refund(payment, 500) for number in range(12)))
    assert await till.workers[0].refund(payment, 500) == await till.workers[1].refund(payment)
    assert till.book.calls["refund"] == 1
    assert await till.spendable() == CREDIT * 3 // 4
    with pytest.raises(RequestReusedWithOtherInput):
        await till.workers[0].refund(payment, 501)


@AT_ONCE
async def test_never_are_two_refunds_of_one_payment_under_way(till: Till):
    payment = await till.paid()
    # None of them ends meanwhile: after one that has ended the next may begin.
    workers = [till.worker(refunds_end_later=True) for _ in range(3)]
    ended = await asyncio.gather(
        *(workers[number].refund(payment, 500, key=str(number)) for number in range(3)),
        return_exceptions=True,
    )
    assert sorted(type(end).__name__ for end in ended) == ["Conflict", "Conflict", "Refund"]
    assert till.book.calls["refund"] == 1


async def test_a_refund_that_ends_later_withdraws_when_it_has_ended(till: Till):
    worker = till.worker(refunds_end_later=True)
    payment = await till.paid()
    asked = await worker.refund(payment, 500)
    assert asked.state is PENDING
    assert await till.spendable() == CREDIT
    with pytest.raises(Conflict, match="under way"):
        await worker.refund(payment, 500, key="r2")
    till.book.end_refund(payment.id, asked.provider_refund_id, SeenRefundState.DONE)
    await worker.settling.settle(payment.id)
    [ended] = await worker.payments.refunds(payment.id)
    assert (ended.state, ended.id) == (DONE, asked.id)
    assert await till.spendable() == CREDIT * 3 // 4


async def test_one_that_is_canceled_withdraws_nothing_and_another_may_be_asked_for(till: Till):
    worker = till.worker(refunds_end_later=True)
    payment = await till.paid()
    asked = await worker.refund(payment, 500)
    till.book.end_refund(payment.id, asked.provider_refund_id, SeenRefundState.CANCELED)
    await worker.settling.settle(payment.id)
    assert await till.spendable() == CREDIT
    assert (await worker.refund(payment, 500, key="r2")).state is PENDING


@pytest.mark.parametrize("keeps_references", [True, False])
@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
async def test_without_an_answer_it_is_looked_for_before_it_is_asked_for_again(
    till: Till, fault: Fault, keeps_references: bool
):
    worker = till.worker(keeps_references=keeps_references)
    payment = await till.paid()
    till.book.fail("refund", fault)
    asked = await worker.refund(payment, 500)
    assert asked.state is REQUESTED
    assert (await worker.refund(payment, 500)).state is REQUESTED
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
    asked = await worker.refund(payment, 500)
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
    payment = await till.paid()
    till.book.fail("refund", Fault.BEFORE)
    await till.workers[0].refund(payment, 500)
    till.store.clock.advance(ASK_AGAIN_US)
    till.book.pace_s = 0.02
    await asyncio.gather(*(worker.refunds.resume(payment.id) for worker in till.workers))
    assert till.book.calls["refund"] == 2
    assert await till.spendable() == CREDIT * 3 // 4


async def test_a_refund_that_the_provider_refuses_has_failed(till: Till):
    payment = await till.paid()
    till.book.fail("refund", Fault.REFUSED)
    assert (await till.workers[0].refund(payment)).state is FAILED
    assert "no" in (await till.audited(payment))["payment.refund_refused"]
    assert await till.spendable() == CREDIT
    assert (await till.workers[0].refund(payment, key="r2")).state is DONE


@pytest.mark.parametrize("shortfall", [TakeShortfall.DEBT, TakeShortfall.WRITE_OFF])
async def test_what_was_spent_is_owed_or_written_off(till: Till, shortfall: TakeShortfall):
    worker = till.worker(shortfall=shortfall)
    payment = await till.paid()
    [held, spent] = await till.store.ledger.submit([place("h1", 1_000_000), settle("h1", 1_000_000)])
    assert (await worker.refund(payment)).state is DONE
    balance = await till.store.ledger.balance(ALICE)
    assert balance is not None
    assert (balance.debt_microcredits > 0) == (shortfall is TakeShortfall.DEBT), (held, spent)
    assert (await till.payment(payment.id)).withdrawn_microcredits == CREDIT


async def test_what_open_requests_hold_is_withdrawn_when_they_end(till: Till):
    payment = await till.paid()
    await till.store.ledger.submit([place("h1", 1_000_000_000)])
    await till.workers[0].refund(payment)
    waiting = await till.payment(payment.id)
    assert waiting.withdrawn_microcredits == CREDIT - 1_000_000_000
    assert waiting.next_check_at == till.store.clock.now() + MINUTE
    await till.store.ledger.submit([settle("h1", 0)])
    settled = await till.workers[0].settling.settle(payment.id)
    assert settled.withdrawn_microcredits == CREDIT
    assert await till.spendable() == 0


async def test_what_is_no_refund_is_refused(till: Till):
    payment = await till.paid()
    for amount, reason, key in (
        (0, "x", "k"),
        (-1, "x", "k"),
        (2_001, "x", "k"),
        (1, "", "k"),
        (1, "x" * 501, "k"),
        (1, "x", ""),
    ):
        with pytest.raises(RequestInvalid):
            await till.workers[0].refund(payment, amount, key, reason)
    assert till.book.calls["refund"] == 0


async def test_only_what_is_paid_goes_back_and_only_where_it_came_from(till: Till):
    unpaid = await till.order()
    with pytest.raises(Conflict, match="not paid"):
        await till.workers[0].refund(unpaid)
    with pytest.raises(NotFound):
        await till.workers[0].refunds.refund(
            PaymentId("pay_none"), None, reason="x", request_key="k", actor="op_1"
        )
    payment = await till.paid("another")
    for other in (till.worker(mode=Mode.LIVE), till.worker(provider=PaymentProvider.CREEM)):
        with pytest.raises(GatewayMissing):
            await other.refund(payment)
    assert await till.workers[0].payments.refunds(payment.id) == []


async def test_while_open_requests_hold_the_credit_few_steps_are_written_down(till: Till):
    """Who keeps requests open fills neither the ledger nor the audit log."""
    payment, worker = await till.paid(), till.workers[0]
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
