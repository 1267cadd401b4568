"""Refunds that a provider gives up without a word: waited for, then told to operators, who end them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.contract.ledger.conftest import POSTGRES_3, SQLITE
from tests.support.fake_gateway import Fault
from tests.support.orders import CREDIT
from tests.support.till import Till, Worker

from raseed.core.clock import DAY
from raseed.core.errors import Conflict, NotFound, RequestInvalid
from raseed.core.ids import RefundId
from raseed.core.payments.model import Payment, Refund, RefundState, SeenRefundState
from raseed.core.payments.ports import GatewayUnavailable
from raseed.core.payments.refunds import ASK_AGAIN_US

AT_ONCE = pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)
REQUESTED, PENDING, DONE, FAILED = RefundState


async def silent(till: Till, *, keeps_references: bool = False) -> tuple[Worker, Payment, Refund]:
    """A refund that its provider takes, and tells nobody what becomes of it but if it is done."""
    worker = till.worker(refunds_end_later=True, tells_open_refunds=False, keeps_references=keeps_references)
    payment = await till.paid()
    return worker, payment, await worker.refund(payment, 500)


async def mark_failed(worker: Worker, payment: Payment, asked: Refund, reason: str = "they say so") -> Refund:
    return await worker.refunds.mark_failed(payment.id, asked.id, reason=reason, actor="op_1")


async def test_a_refund_that_came_to_nothing_without_a_word_is_waited_for_thirty_days(till: Till):
    worker, payment, asked = await silent(till)
    looks = 0
    while not (waiting := await till.payment(payment.id)).problem:
        assert waiting.next_check_at is not None
        till.store.clock.advance(waiting.next_check_at - till.store.clock.now())
        assert await till.told() == [], "operators are not told yet"
        await worker.settling.settle(payment.id)
        looks += 1
    assert looks == 72 + 27
    assert till.store.clock.now() == asked.created_at + 30 * DAY
    assert waiting.problem == f"a refund waits {asked.id}: not ended in 30 days"
    assert await till.told() == ["payment_to_review"]
    assert waiting.next_check_at == (waiting.credited_at or 0) + 60 * DAY, "as of any payment"
    ended = await mark_failed(worker, payment, asked)
    assert (ended.state, ended.id, ended.ended_at) == (FAILED, asked.id, till.store.clock.now())
    settled = await till.payment(payment.id)
    assert (settled.problem, settled.refunded_minor, settled.withdrawn_microcredits) == ("", 0, 0)
    assert await till.spendable() == CREDIT
    assert (await till.audited(payment))["payment.refund_given_up"] == f"{asked.id} they say so"


@pytest.mark.parametrize("keeps_references", [True, False])
async def test_after_one_that_was_given_up_another_is_asked_for(till: Till, keeps_references: bool):
    worker, payment, asked = await silent(till, keeps_references=keeps_references)
    till.book.end_refund(payment.id, asked.provider_refund_id, SeenRefundState.CANCELED)
    for _ in range(2):
        assert (await mark_failed(worker, payment, asked)).state is FAILED
    again = await worker.refund(payment, 2_000, key="r2")
    till.book.end_refund(payment.id, again.provider_refund_id, SeenRefundState.DONE)
    await worker.settling.settle(payment.id)
    assert [each.state for each in await worker.payments.refunds(payment.id)] == [FAILED, DONE]
    assert await till.spendable() == 0


async def test_one_that_was_given_up_and_is_done_after_all_takes_its_credit(till: Till):
    worker, payment, asked = await silent(till)
    await mark_failed(worker, payment, asked)
    till.book.end_refund(payment.id, asked.provider_refund_id, SeenRefundState.DONE)
    settled = await worker.settling.settle(payment.id)
    assert (settled.refunded_minor, await till.spendable()) == (500, CREDIT * 3 // 4)
    [done] = await worker.payments.refunds(payment.id)
    assert (done.id, done.state) == (asked.id, DONE)


async def test_nobody_gives_up_what_the_provider_does(till: Till):
    worker = till.worker(refunds_end_later=True)
    payment = await till.paid()
    asked = await worker.refund(payment, 500)
    with pytest.raises(Conflict, match="under way"):
        await mark_failed(worker, payment, asked)
    till.book.end_refund(payment.id, asked.provider_refund_id, SeenRefundState.DONE)
    with pytest.raises(Conflict, match="This refund is done"):
        await mark_failed(worker, payment, asked)
    assert await till.spendable() == CREDIT * 3 // 4
    for reason in ("", "x" * 501):
        with pytest.raises(RequestInvalid):
            await mark_failed(worker, payment, asked, reason)
    with pytest.raises(NotFound):
        await mark_failed(worker, payment, replace(asked, id=RefundId("rfd_none")))
    till.book.fail("look_up", Fault.BEFORE)
    with pytest.raises(GatewayUnavailable):
        await mark_failed(worker, payment, asked)


async def test_what_may_not_have_got_there_is_given_up_when_it_would_be_asked_for_again(till: Till):
    worker, payment = till.workers[0], await till.paid()
    till.book.fail("refund", Fault.BEFORE)
    asked = await worker.refund(payment, 500)
    with pytest.raises(Conflict, match="about to"):
        await mark_failed(worker, payment, asked)
    till.store.clock.advance(ASK_AGAIN_US)
    assert (await mark_failed(worker, payment, asked)).state is FAILED
    await worker.refunds.resume(payment.id)
    assert till.book.calls["refund"] == 1


@AT_ONCE
async def test_while_a_refund_is_given_up_and_done_at_once_what_is_done_counts(till: Till):
    worker, payment, asked = await silent(till)

    async def end() -> None:
        till.book.end_refund(payment.id, asked.provider_refund_id, SeenRefundState.DONE)
        await till.workers[1].settling.settle(payment.id)

    till.book.pace_s = 0.01
    await asyncio.gather(mark_failed(worker, payment, asked), end(), return_exceptions=True)
    await worker.settling.settle(payment.id)
    [ended] = await worker.payments.refunds(payment.id)
    assert (ended.state, await till.spendable()) == (DONE, CREDIT * 3 // 4)
