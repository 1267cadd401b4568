"""Payments from the order to the credit: each paid one credited once, whatever fails and whoever asks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from tests.contract.ledger.conftest import POSTGRES_3, SQLITE
from tests.support.fake_gateway import Fault
from tests.support.faulty_ledger import FaultyLedger, When
from tests.support.orders import CREDIT
from tests.support.till import PACK, Till
from tests.unit.billing.builders import ALICE

from raseed.adapters.sql.payments.extra_keys import extra_keys
from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.commands import IssueGrant, TakeBack
from raseed.core.billing.policy import PaymentProvider
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.clock import DAY, MINUTE
from raseed.core.errors import NotFound
from raseed.core.ids import PaymentId
from raseed.core.payments.model import (
    Item,
    ItemKind,
    Mode,
    PaymentState,
    SeenRefundState,
    SeenStatus,
)
from raseed.core.payments.ports import GatewayMissing, GatewayUnavailable
from raseed.core.payments.states import LOOKS_MAX_US

AT_ONCE = pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)


async def test_what_is_paid_is_credited_once_with_what_was_paid_for_it(till: Till):
    payment = await till.order()
    assert (payment.state, payment.url) == (PaymentState.PENDING, f"https://pay.example/{payment.id}/0")
    till.pay(payment)
    settled = await till.workers[0].settling.settle(payment.id)
    assert settled.state is PaymentState.CREDITED
    assert settled.credited_at == till.store.clock.now()
    assert await till.workers[1].settling.settle(payment.id) == settled, "nothing new is not written"
    assert till.book.calls["look_up"] == 2
    assert await till.granted() == [(f"payment:{payment.id}", CREDIT, "topup", 2_000, "KWD")]
    assert await till.spendable() == CREDIT
    audited = await till.audited(payment)
    assert list(audited) == ["payment.pending", "payment.paid", "payment.credited"]
    assert f"account={ALICE}" in audited["payment.paid"]
    assert "credits=5000" in audited["payment.credited"]


WRONG: dict[str, dict[str, Any]] = {
    "amount": {"amount_minor": 1},
    "currency": {"currency": "USD"},
    "mode": {"mode": Mode.LIVE},
    "provider": {"provider": PaymentProvider.CREEM},
    "reference": {"reference": "pay_of_another"},
    "product": {"product_id": "prod_cheap"},
}


async def test_what_is_paid_otherwise_than_ordered_is_not_credited_and_operators_hear(till: Till):
    for name, wrong in WRONG.items():
        payment = await till.order(name)
        till.pay(payment, **wrong)
        settled = await till.workers[0].settling.settle(payment.id)
        assert settled.state is PaymentState.REVIEW
        assert name in (await till.audited(payment))["payment.review"]
        till.book.change(payment.id, amount_minor=2_000, currency="KWD", mode=Mode.TEST)
        assert (await till.workers[0].settling.settle(payment.id)).state is PaymentState.REVIEW
    assert await till.granted() == []
    assert await till.told() == ["payment_in_review"] * len(WRONG) + ["payment_to_review"] * len(WRONG)


async def test_two_orders_that_the_provider_calls_one_are_credited_once(till: Till):
    first, second = await till.order("1"), await till.order("2")
    till.pay(first)
    till.pay(second, provider_payment_id=f"tx_{first.id}")
    assert (await till.workers[0].settling.settle(first.id)).state is PaymentState.CREDITED
    refused = await till.workers[0].settling.settle(second.id)
    assert (refused.state, refused.problem) == (PaymentState.REVIEW, f"the id is that of payment {first.id}")
    assert await till.spendable() == CREDIT


async def test_each_item_gives_its_credit(till: Till):
    """What is given for a plan is with the tests of subscriptions."""
    for item in (PACK, Item(kind=ItemKind.TOPUP, id="", quantity=2_000)):
        payment = await till.order(item.kind, item=item)
        till.pay(payment)
        await till.workers[0].settling.settle(payment.id)
        assert (f"payment:{payment.id}", CREDIT, "topup", 2_000, "KWD") in await till.granted()


async def test_what_gives_no_credit_is_delivered_without_a_grant(till: Till):
    payment = await till.order(item=Item(kind=ItemKind.KEYS, id="", quantity=3))
    till.pay(payment)
    assert (await till.workers[0].settling.settle(payment.id)).state is PaymentState.CREDITED
    assert await till.granted() == []


@AT_ONCE
async def test_room_for_keys_is_there_with_the_credit_and_goes_with_what_goes_back(till: Till):
    async def room() -> int:
        return await till.store.database.read(partial(extra_keys, account_id=ALICE))

    payment = await till.order(item=Item(kind=ItemKind.KEYS, id="", quantity=3))
    till.pay(payment)
    assert await room() == 0
    await till.workers[0].settling.settle(payment.id)
    assert await room() == 3
    more = await till.order("more", item=Item(kind=ItemKind.KEYS, id="", quantity=2))
    till.pay(more)
    await till.workers[0].settling.settle(more.id)
    assert await room() == 5
    till.book.give_back(payment.id, 700)
    await till.workers[0].settling.settle(payment.id)
    assert await room() == 1 + 2, "of what is left of three keys, the whole ones"
    till.book.give_back(payment.id, 1_300, is_dispute=True)
    await till.workers[0].settling.settle(payment.id)
    assert await room() == 2


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
async def test_a_provider_that_does_not_answer_changes_nothing_but_the_next_look(till: Till, fault: Fault):
    payment = await till.order()
    till.pay(payment)
    till.book.fail("look_up", fault)
    till.store.clock.advance(3 * MINUTE)
    with pytest.raises(GatewayUnavailable):
        await till.workers[0].settling.settle(payment.id)
    unknown = await till.payment(payment.id)
    assert unknown.state is PaymentState.PENDING
    assert unknown.next_check_at == payment.created_at + 5 * MINUTE
    assert (await till.workers[0].settling.settle(payment.id)).state is PaymentState.CREDITED


@pytest.mark.parametrize("when", When)
async def test_a_ledger_that_does_not_answer_leaves_it_paid_and_due(till: Till, when: When):
    payment = await till.order()
    till.pay(payment)
    faulty = FaultyLedger(till.store.ledger)
    faulty.fail(IssueGrant, when)
    worker = till.worker(ledger=faulty)
    with pytest.raises(LedgerUnavailable):
        await worker.settling.settle(payment.id)
    paid = await till.payment(payment.id)
    assert paid.state is PaymentState.PAID
    assert paid.next_check_at == till.store.clock.now() + MINUTE
    assert (await till.workers[0].settling.settle(payment.id)).state is PaymentState.CREDITED
    assert await till.spendable() == CREDIT


async def test_the_last_look_is_repeated_until_the_provider_has_answered(till: Till):
    """We were away for weeks, and when we are back the provider is: what was paid meanwhile is not lost for that."""
    payment, settling = await till.order(), till.workers[0].settling
    till.pay(payment)
    till.store.clock.advance(LOOKS_MAX_US)
    for _ in range(3):
        till.book.fail("look_up", Fault.BEFORE)
        with pytest.raises(GatewayUnavailable):
            await settling.settle(payment.id)
        assert (await till.payment(payment.id)).next_check_at == till.store.clock.now() + DAY
        till.store.clock.advance(DAY)
    assert (await settling.settle(payment.id)).state is PaymentState.CREDITED
    unpaid = await till.order("unpaid")
    till.store.clock.advance(LOOKS_MAX_US)
    assert (await settling.settle(unpaid.id)).next_check_at is None, "it was asked, and that was all"
    till.book.fail("look_up", Fault.BEFORE)
    with pytest.raises(GatewayUnavailable):
        await settling.settle(unpaid.id)
    assert (await till.payment(unpaid.id)).next_check_at is None, "a late hint brings no more looks"


async def test_what_was_verified_does_not_wait_for_a_provider_that_is_down_by_then(till: Till):
    payment = await till.order()
    till.pay(payment)
    faulty = FaultyLedger(till.store.ledger)
    faulty.fail(IssueGrant, When.BEFORE)
    with pytest.raises(LedgerUnavailable):
        await till.worker(ledger=faulty).settling.settle(payment.id)
    till.book.fail("look_up", Fault.BEFORE)
    with pytest.raises(GatewayUnavailable):
        await till.workers[0].settling.settle(payment.id)
    assert (await till.payment(payment.id)).state is PaymentState.CREDITED
    assert await till.spendable() == CREDIT


async def test_what_is_paid_late_is_credited_late(till: Till):
    payment = await till.order()
    till.book.change(payment.id, status=SeenStatus.EXPIRED)
    assert (await till.workers[0].settling.settle(payment.id)).state is PaymentState.EXPIRED
    till.store.clock.advance(20 * DAY)
    till.pay(payment)
    assert (await till.workers[0].settling.settle(payment.id)).state is PaymentState.CREDITED


async def test_what_went_back_before_the_credit_is_not_credited(till: Till):
    payment, all_of_it = await till.order("1"), await till.order("2")
    for paid, amount in ((payment, 500), (all_of_it, 2_000)):
        till.pay(paid)
        till.book.give_back(paid.id, amount)
        assert (await till.workers[0].settling.settle(paid.id)).state is PaymentState.CREDITED
    assert await till.spendable() == CREDIT * 3 // 4
    [refund] = await till.workers[0].payments.refunds(payment.id)
    assert (refund.amount_minor, refund.actor, refund.state.value) == (500, "myfatoorah", "done")


async def test_what_goes_back_later_is_withdrawn_in_steps(till: Till):
    payment = await till.order()
    till.pay(payment)
    settle = till.workers[0].settling.settle
    await settle(payment.id)
    waiting = till.book.give_back(payment.id, 500, SeenRefundState.PENDING)
    await settle(payment.id)
    assert await till.spendable() == CREDIT, "the provider has not paid it out"
    till.book.end_refund(payment.id, waiting.id, SeenRefundState.DONE)
    await settle(payment.id)
    assert await till.spendable() == CREDIT * 3 // 4
    till.book.give_back(payment.id, 1_500, is_dispute=True)
    settled = await settle(payment.id)
    assert await till.spendable() == 0
    assert (settled.refunded_minor, settled.disputed_minor, settled.withdrawal_count) == (500, 1_500, 2)
    assert await till.told() == ["dispute_opened"]
    assert "payment.withdrawn" in await till.audited(payment)
    states = [(it.state.value, it.is_dispute) for it in await till.workers[0].payments.refunds(payment.id)]
    assert states == [("done", False), ("done", True)]


@AT_ONCE
async def test_a_refund_that_many_hear_of_is_withdrawn_once(till: Till):
    payment = await till.order()
    till.pay(payment)
    await till.workers[0].settling.settle(payment.id)
    till.book.give_back(payment.id, 1_000)
    await asyncio.gather(*(till.workers[number % 3].settling.settle(payment.id) for number in range(60)))
    assert await till.spendable() == CREDIT // 2
    assert (await till.payment(payment.id)).withdrawal_count == 1
    assert len(await till.workers[0].payments.refunds(payment.id)) == 1


@pytest.mark.parametrize("when", When)
async def test_a_withdrawal_that_breaks_off_is_ended_by_the_next_look(till: Till, when: When):
    payment = await till.order()
    till.pay(payment)
    await till.workers[0].settling.settle(payment.id)
    till.book.give_back(payment.id, 500)
    faulty = FaultyLedger(till.store.ledger)
    faulty.fail(TakeBack, when)
    with pytest.raises(LedgerUnavailable):
        await till.worker(ledger=faulty).settling.settle(payment.id)
    broken = await till.payment(payment.id)
    assert broken.withdrawing_microcredits == CREDIT // 4
    till.book.give_back(payment.id, 500)
    settled = await till.workers[0].settling.settle(payment.id)
    assert await till.spendable() == CREDIT // 2
    assert settled.withdrawn_microcredits == CREDIT // 2


async def test_nobody_else_is_asked_about_a_payment_whose_provider_is_not_configured(till: Till):
    payment = await till.order()
    till.pay(payment)
    for other in (till.worker(mode=Mode.LIVE), till.worker(provider=PaymentProvider.CREEM)):
        with pytest.raises(GatewayMissing, match="myfatoorah is not configured for test payments"):
            await other.settling.settle(payment.id)
    assert till.book.calls["look_up"] == 0
    left = await till.payment(payment.id)
    assert left == replace(payment, version=left.version, next_check_at=left.next_check_at)


async def test_what_is_paid_for_a_closed_account_waits_for_an_operator(till: Till):
    payment = await till.order()
    till.pay(payment)
    await till.store.set_status(ALICE, AccountStatus.CLOSED)
    settled = await till.workers[0].settling.settle(payment.id)
    assert (settled.state, settled.problem) == (PaymentState.REVIEW, "the account is closed")
    assert settled.provider_payment_id, "the money is here, and it is known which"


async def test_an_order_that_cannot_be_asked_for_by_our_id_is_found_by_a_hint_that_names_it(till: Till):
    till.book.fail("create", Fault.AFTER)
    payment = await till.order()
    till.pay(payment)
    worker = till.worker(asks_by_reference=False)
    assert (await worker.settling.settle(payment.id)).state is PaymentState.CREATED
    other = await till.order("other")
    till.pay(other)
    hinted = await worker.settling.settle(payment.id, invoice_id=other.invoice_id)
    assert hinted.state is PaymentState.CREATED, "somebody else's order: it is not even odd"
    found = await worker.settling.settle(payment.id, invoice_id=f"inv_{payment.id}_0")
    assert (found.state, found.invoice_id) == (PaymentState.CREDITED, f"inv_{payment.id}_0")


async def test_there_is_no_such_payment(till: Till):
    with pytest.raises(NotFound):
        await till.workers[0].settling.settle(PaymentId("pay_none"))


async def test_a_payment_that_failed_is_told_of_once(till: Till):
    payment = await till.order()
    till.book.change(payment.id, status=SeenStatus.FAILED)
    for _ in range(2):
        await till.workers[0].settling.settle(payment.id)
    assert await till.told() == ["payment_failed"]
    assert replace(await till.payment(payment.id)).state is PaymentState.FAILED
