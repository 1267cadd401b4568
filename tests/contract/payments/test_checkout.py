"""Orders: one for each request, whatever the provider answers, and none that nobody may place."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.contract.ledger.conftest import POSTGRES_3, SQLITE
from tests.support.fake_gateway import Fault
from tests.support.orders import CREDIT
from tests.support.till import PACK, RETURN_URL, Till, Worker, offer_for
from tests.unit.billing.builders import ALICE, BOB

from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, HOUR, MINUTE
from raseed.core.errors import (
    AccountSuspended,
    NotFound,
    PaymentLimitReached,
    PaymentProviderUnavailable,
    RateLimited,
    RequestInvalid,
    RequestReusedWithOtherInput,
)
from raseed.core.ids import AccountId, PaymentId
from raseed.core.payments.checkout import ORDER_BOUNDS, Order
from raseed.core.payments.model import Item, ItemKind, Mode, PaymentState
from raseed.core.payments.ports import Buyer
from raseed.core.payments.states import PAGE_LOST

AT_ONCE = pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)
ORDER = Order(account_id=ALICE, actor="acct_alice", item=PACK, request_key="key", method="kn", language="ar")


async def start(worker: Worker, **values: Any) -> Any:
    return await worker.checkout.start(replace(ORDER, **values), Buyer(), RETURN_URL)


async def test_a_buyer_takes_no_key_of_our_own_orders(till: Till):
    """A renewal that we order has a key that can be guessed."""
    mine = await start(till.workers[0], request_key="renewal:1")
    ours = replace(mine, id=PaymentId("pay_ours"), state=PaymentState.CREATED, url="", invoice_id="")
    assert (await till.workers[0].payments.add(ours, "renewal:1")).id == ours.id


async def test_an_order_has_its_price_and_credit_frozen_and_a_page(till: Till):
    payment = await start(till.workers[0])
    assert payment.state is PaymentState.PENDING
    assert (payment.amount_minor, payment.currency, payment.credit_microcredits) == (2_000, "KWD", CREDIT)
    assert (payment.account_id, payment.item, payment.method, payment.language) == (ALICE, PACK, "kn", "ar")
    assert (payment.provider, payment.mode) == (PaymentProvider.MYFATOORAH, Mode.TEST)
    assert payment.url in {order.url for order in till.book.orders[payment.id]}
    assert payment.next_check_at == payment.created_at + MINUTE
    assert await till.payment(payment.id) == payment


async def test_the_mode_is_that_of_the_gateway(till: Till):
    assert (await start(till.worker(mode=Mode.LIVE))).mode is Mode.LIVE


async def test_a_request_that_is_repeated_is_one_order(till: Till):
    first = await start(till.workers[0])
    assert await start(till.workers[1]) == first
    assert len(till.book.orders) == 1
    with pytest.raises(RequestReusedWithOtherInput):
        await start(till.workers[0], item=Item(kind=ItemKind.KEYS, id=""))
    assert len(till.book.orders) == 1


@AT_ONCE
@pytest.mark.parametrize("is_repeatable", [False, True])
async def test_a_request_that_comes_many_times_at_once_is_one_order(till: Till, is_repeatable: bool):
    till.book.pace_s = 0.01
    workers = [till.worker(is_creation_repeatable=is_repeatable) for _ in range(3)]
    started = await asyncio.gather(*(start(workers[number % 3]) for number in range(30)))
    [payment_id] = {payment.id for payment in started}
    assert len(till.book.orders[payment_id]) == 1
    assert (await till.payment(payment_id)).state is PaymentState.PENDING


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
async def test_without_an_answer_there_is_one_order_at_most(till: Till, fault: Fault):
    till.book.fail("create", fault)
    payment = await start(till.workers[0])
    assert (payment.state, payment.url) == (PaymentState.CREATED, "")
    assert till.book.calls["create"] == 1, "it may have been made: nobody asks for a second one"
    again = await start(till.workers[0])
    assert till.book.calls["create"] == 1
    if fault is Fault.AFTER:
        assert (again.id, again.state) == (payment.id, PaymentState.PENDING), "it was asked for by our id"
        assert again.url
    else:
        assert (again.id, again.state) == (payment.id, PaymentState.CREATED)
        till.store.clock.advance(DAY)
        assert (await till.workers[0].settling.settle(payment.id)).state is PaymentState.EXPIRED


async def test_an_order_that_is_found_again_without_its_page_is_not_waited_for(till: Till):
    """By a provider that says nowhere where an order can be paid: the buyer is told, and orders anew."""
    worker = till.worker(tells_page=False)
    till.book.fail("create", Fault.AFTER)
    lost = await start(worker)
    early = await start(worker)
    assert (early.id, early.state, early.url) == (lost.id, PaymentState.PENDING, ""), (
        "its page may still come"
    )
    till.store.clock.advance(MINUTE)
    failed = await worker.settling.settle(lost.id)
    assert (failed.state, failed.problem) == (PaymentState.FAILED, PAGE_LOST)
    assert await till.told() == ["payment_failed"]
    assert await start(worker) == failed
    anew = await start(worker, request_key="another")
    assert (anew.state, bool(anew.url)) == (PaymentState.PENDING, True)
    till.pay(lost)
    assert (await worker.settling.settle(lost.id)).state is PaymentState.CREDITED, "if it is paid after all"


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_page_that_was_lost_is_asked_for_again_where_that_makes_no_second_order(
    till: Till, is_late: bool
):
    worker = till.worker(tells_page=False, is_creation_repeatable=True)
    till.book.fail("create", Fault.AFTER, Fault.AFTER)
    lost = await start(worker)
    if is_late:
        till.store.clock.advance(MINUTE)
    found = await worker.settling.settle(lost.id)
    assert found.state is (PaymentState.FAILED if is_late else PaymentState.PENDING)
    again = await start(worker)
    assert (again.id, again.state, again.problem) == (lost.id, PaymentState.PENDING, "")
    assert again.url == till.book.order(lost.id).url
    till.book.fail("create", Fault.REFUSED)
    assert await start(worker) == again, "nobody asks again once it is known"


async def test_a_page_that_nobody_waited_for_is_found_by_the_schedule_and_credited(till: Till):
    till.book.fail("create", Fault.AFTER)
    payment = await start(till.workers[0])
    till.pay(payment)
    assert (await till.workers[0].settling.settle(payment.id)).state is PaymentState.CREDITED


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
async def test_where_asking_again_makes_no_second_order_it_is_asked_again(till: Till, fault: Fault):
    worker = till.worker(is_creation_repeatable=True)
    till.book.fail("create", fault, fault, fault)
    assert (await start(worker)).state is PaymentState.CREATED
    payment = await start(worker)
    assert payment.state is PaymentState.PENDING
    assert len(till.book.orders[payment.id]) == 1
    assert till.book.calls["create"] == 4


@pytest.mark.parametrize("calls", [1, 2])
async def test_a_refusal_says_nothing_of_the_call_before_it(till: Till, calls: int):
    """The order may have been made by the call whose answer was lost, and somebody may pay it."""
    worker = till.worker(is_creation_repeatable=True)
    till.book.fail("create", *([Fault.AFTER] * calls), Fault.REFUSED)
    for _ in range(calls):
        assert (await start(worker)).state is PaymentState.CREATED
    payment = await start(worker)
    till.pay(payment)
    till.store.clock.advance(DAY)
    assert (await worker.settling.settle(payment.id)).state is PaymentState.CREDITED


async def test_who_waits_for_a_page_waits_so_long(till: Till):
    till.book.fail("create", Fault.LATE)
    assert (await start(till.workers[0])).state is PaymentState.CREATED


async def test_what_the_provider_refuses_has_failed_and_is_not_looked_for(till: Till):
    till.book.fail("create", Fault.REFUSED)
    payment = await start(till.workers[0])
    assert (payment.state, payment.problem, payment.next_check_at) == (PaymentState.FAILED, "no", None)
    assert await start(till.workers[0]) == payment
    assert (await start(till.workers[0], request_key="another")).state is PaymentState.PENDING


async def test_an_event_that_overtakes_the_page_is_not_undone_by_it(till: Till):
    """The buyer's bank may be quicker than the answer that we wait for."""
    till.book.fail("create", Fault.LATE)
    starting = asyncio.create_task(start(till.workers[0]))
    await till.book.is_late.wait()
    [payment_id] = till.book.orders
    till.book.pay(payment_id, till.store.clock.now())
    settled = await till.workers[1].settling.settle(payment_id)
    assert settled.state is PaymentState.CREDITED
    till.book.let_go.set()
    assert await starting == settled


@pytest.mark.parametrize("status", [AccountStatus.SUSPENDED, AccountStatus.CLOSED])
async def test_only_active_accounts_buy(till: Till, status: AccountStatus):
    await till.store.set_status(ALICE, status)
    with pytest.raises(AccountSuspended):
        await start(till.workers[0])
    with pytest.raises(NotFound):
        await start(till.workers[0], account_id=AccountId("acct_none"))
    with pytest.raises(NotFound):
        await start(till.workers[0], account_id=AccountId("acct_alice@example.com"))
    assert till.book.calls["create"] == 0


async def test_nothing_is_ordered_from_a_provider_that_is_not_configured(till: Till):
    with pytest.raises(PaymentProviderUnavailable):
        await start(till.worker(provider=PaymentProvider.CREEM))
    assert await till.workers[0].payments.of_account(ALICE, "", 9) == []


async def test_an_order_of_a_provider_that_is_not_configured_any_more_is_answered_and_left_alone(till: Till):
    till.book.fail("create", Fault.BEFORE)
    payment = await start(till.workers[0])
    assert await start(till.worker(mode=Mode.LIVE)) == payment
    assert till.book.calls["look_up"] == 0


async def test_an_account_has_so_many_unpaid_orders(till: Till):
    for number in range(ORDER_BOUNDS.open_max):
        await start(till.workers[0], request_key=str(number))
    with pytest.raises(PaymentLimitReached):
        await start(till.workers[0], request_key="one more")
    await start(till.workers[0], request_key="0")
    await start(till.workers[0], request_key="one more", account_id=BOB)


async def test_an_account_begins_so_many_orders_an_hour(till: Till):
    for number in range(ORDER_BOUNDS.recent_max):
        till.book.fail("create", Fault.REFUSED)
        await start(till.workers[0], request_key=str(number))
    with pytest.raises(RateLimited):
        await start(till.workers[0], request_key="one more")
    till.store.clock.advance(HOUR)
    await start(till.workers[0], request_key="one more")


async def test_what_is_no_order_is_refused(till: Till):
    wrong: list[dict[str, Any]] = [
        {"request_key": ""},
        {"request_key": "x" * 129},
        {"request_key": "a\0b"},
        {"method": "x" * 33},
        {"method": "\ud800"},
        {"language": "fr"},
    ]
    for values in wrong:
        with pytest.raises(RequestInvalid):
            await start(till.workers[0], **values)
    assert till.book.orders == {}


async def test_a_price_that_changed_meanwhile_changes_nothing(till: Till):
    worker = till.workers[0]
    order = await start(worker)
    dearer = replace(offer_for(PACK), amount_minor=9_000)
    again = await worker.checkout.place(
        worker.checkout.payment_for(ORDER, dearer), "order:key", Buyer(), RETURN_URL
    )
    assert again == order
