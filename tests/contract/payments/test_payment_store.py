"""What the store of payments promises, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, delete, select
from tests.contract.ledger.conftest import POSTGRES, SQLITE, SqlStore, open_store
from tests.support.orders import BEGUN, CREDIT, ORDER, PAID_AT, order
from tests.unit.billing.builders import ALICE, BOB

from raseed.adapters.sql.admin.tables import audit_details, audit_log
from raseed.adapters.sql.messaging.tables import outbox
from raseed.adapters.sql.payments import tables
from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import HOUR, MINUTE, Microseconds
from raseed.core.errors import PaymentLimitReached, RateLimited, RequestReusedWithOtherInput
from raseed.core.ids import PaymentId, RefundId, SubscriptionId
from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.payments.model import (
    Item,
    ItemKind,
    Mode,
    OrderBounds,
    Payment,
    PaymentState,
    Refund,
    RefundState,
)
from raseed.core.payments.ports import AuditNote, Beside, ProviderIdTaken

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[SQLITE, POSTGRES])
async def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SqlStore]:
    opened = await open_store(request.param, tmp_path_factory.mktemp("payments"))
    for account_id in (ALICE, BOB):
        await opened.open_account(account_id)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _empty(store: SqlStore) -> None:
    def work(connection: Connection) -> None:
        for table in (tables.refunds, tables.payments, outbox):
            connection.execute(delete(table))

    await store.database.write(work)


REFUND = Refund(
    id=RefundId("rfd_1"),
    payment_id=ORDER.id,
    amount_minor=500,
    reason="asked for",
    actor="op_1",
    state=RefundState.REQUESTED,
    provider_refund_id="",
    is_dispute=False,
    created_at=PAID_AT,
    asked_at=PAID_AT,
    request_key="r1",
)


@pytest.fixture
def payments(store: SqlStore) -> SqlPaymentStore:
    return SqlPaymentStore(store.database)


def numbered(number: int, **values: Any) -> Payment:
    return replace(ORDER, id=PaymentId(f"pay_{number}"), **values)


async def test_a_payment_is_read_as_it_was_written(payments):
    whole = replace(
        order(PaymentState.CREDITED),
        subscription_id=SubscriptionId("sub_1"),
        period_start=BEGUN,
        period_end=PAID_AT,
        product_id="prod_1",
        expires_at=PAID_AT,
        granted_microcredits=7,
        refunded_minor=1,
        disputed_minor=2,
        withdrawn_microcredits=3,
        withdrawing_microcredits=4,
        withdrawal_count=5,
        problem="odd",
        check_count=6,
        next_check_at=BEGUN,
    )
    assert await payments.add(whole, "key") == whole
    assert await payments.payment(whole.id) == whole
    assert await payments.payment(PaymentId("pay_none")) is None


async def test_one_request_key_is_one_payment_for_ever(payments):
    await payments.add(numbered(1), "key")
    assert (await payments.add(numbered(2, amount_minor=3_000, language="ar"), "key")).id == "pay_1"
    assert (await payments.add(numbered(3, account_id=BOB), "key")).id == "pay_3"
    for other in (
        {"item": Item(kind=ItemKind.PACK, id="other")},
        {"item": replace(ORDER.item, quantity=2)},
        {"method": "vm"},
        {"subscription_id": SubscriptionId("sub_1")},
    ):
        with pytest.raises(RequestReusedWithOtherInput):
            await payments.add(numbered(4, **other), "key")


async def test_at_once_one_request_key_is_one_payment(payments):
    made = await asyncio.gather(*(payments.add(numbered(number), "key") for number in range(5)))
    assert len({payment.id for payment in made}) == 1


async def test_an_account_has_so_many_open_orders_and_begins_so_many_an_hour(payments):
    bounds = OrderBounds(open_max=2, recent_max=3, recent_us=HOUR)
    first = await payments.add(numbered(1), "1", bounds)
    await payments.add(numbered(2, created_at=Microseconds(BEGUN + MINUTE)), "2", bounds)
    with pytest.raises(PaymentLimitReached):
        await payments.add(numbered(3), "3", bounds)
    with pytest.raises(PaymentLimitReached):
        await payments.check(numbered(3), "3", bounds)
    assert (await payments.add(numbered(3), "1", bounds)).id == first.id, "a repeat is no new one"
    known = await payments.check(numbered(3), "1", bounds)
    assert known is not None
    assert known.id == first.id
    assert await payments.check(numbered(4, account_id=BOB), "3", bounds) is None
    await payments.add(numbered(4, account_id=BOB), "3", bounds)
    await payments.replace(first, replace(first, state=PaymentState.FAILED))
    await payments.add(
        numbered(5, created_at=Microseconds(BEGUN + 2 * MINUTE)), "5", replace(bounds, open_max=9)
    )
    late = numbered(6, created_at=Microseconds(BEGUN + 3 * MINUTE))
    with pytest.raises(RateLimited) as refused:
        await payments.add(late, "6", replace(bounds, open_max=9))
    assert refused.value.retry_after_s == 57 * 60
    await payments.add(numbered(6, created_at=Microseconds(BEGUN + HOUR)), "6", replace(bounds, open_max=9))


async def test_it_is_found_by_the_ids_of_its_provider(payments):
    paid = await payments.add(order(PaymentState.PAID), "key")
    await payments.add(numbered(2), "other")
    provider, mode = paid.provider, paid.mode
    assert await payments.find(provider, mode, invoice_id="inv_1") == paid
    assert await payments.find(provider, mode, provider_payment_id="tx_1") == paid
    assert await payments.find(provider, mode, invoice_id="tx_1") is None
    assert await payments.find(provider, Mode.LIVE, invoice_id="inv_1") is None
    assert await payments.find(PaymentProvider.CREEM, mode, invoice_id="inv_1") is None
    with pytest.raises(ValueError, match="by one id"):
        await payments.find(provider, mode)


async def test_a_change_is_made_from_the_version_it_names(payments):
    before = await payments.add(order(), "key")
    after = await payments.replace(before, order(PaymentState.PENDING))
    assert after == replace(order(PaymentState.PENDING), version=1)
    assert await payments.payment(before.id) == after
    assert await payments.replace(before, order(PaymentState.FAILED)) is None
    assert await payments.payment(before.id) == after


async def test_of_changes_at_once_one_is_written(payments):
    before = await payments.add(order(), "key")
    written = await asyncio.gather(
        *(payments.replace(before, replace(before, problem=str(number))) for number in range(8))
    )
    [winner] = [payment for payment in written if payment is not None]
    assert await payments.payment(before.id) == winner


async def test_what_was_ordered_is_never_changed(payments):
    before = await payments.add(order(), "key")
    changes: list[dict[str, Any]] = [
        {"amount_minor": 1},
        {"account_id": BOB},
        {"mode": Mode.LIVE},
        {"id": PaymentId("pay_2")},
    ]
    for change in changes:
        with pytest.raises(ValueError, match="never changed"):
            await payments.replace(before, replace(before, **change))


@pytest.mark.parametrize("name", ["invoice_id", "provider_payment_id"])
async def test_an_id_of_a_provider_is_one_payments(payments, name):
    first = await payments.add(numbered(1), "1")
    second = await payments.add(numbered(2), "2")
    live = await payments.add(numbered(3, mode=Mode.LIVE), "3")
    await payments.replace(first, replace(first, **{name: "x"}))
    with pytest.raises(ProviderIdTaken) as taken:
        await payments.replace(second, replace(second, **{name: "x"}))
    assert taken.value.payment_id == first.id
    assert await payments.payment(second.id) == second
    assert await payments.replace(live, replace(live, **{name: "x"}))


async def test_what_belongs_to_a_change_is_written_with_it_or_not_at_all(payments, store):
    before = await payments.add(order(), "key")
    notice = Notice(
        kind=NoticeKind.TOPUP_CONFIRMED,
        account_id=ALICE,
        cause=before.id,
        parameters={"credits": "5000", "amount": "KWD 2.000"},
    )
    note = AuditNote(action="payment.paid", detail="2.000 KWD", actor="payments")
    beside = Beside(refunds=[REFUND], audit=[note], notices=[notice])
    after = await payments.replace(before, replace(before, check_count=1), beside)
    assert after is not None
    assert await payments.replace(before, replace(before, check_count=2), beside) is None
    assert await payments.refunds(before.id) == [REFUND]

    def written(connection: Any) -> tuple[list[Any], list[Any]]:
        rows = select(audit_log.c.actor, audit_log.c.action, audit_details.c.detail).join_from(
            audit_log, audit_details, audit_details.c.seq == audit_log.c.seq
        )
        told = select(outbox.c.key)
        return [tuple(row) for row in connection.execute(rows.where(audit_log.c.subject == before.id))], list(
            connection.scalars(told)
        )

    assert await store.database.read(written) == (
        [("payments", "payment.paid", "2.000 KWD")],
        ["topup_confirmed:pay_1"],
    )

    other = await payments.add(numbered(2), "other")
    wrong = Beside(
        refunds=[replace(REFUND, id=RefundId("rfd_2"), provider_refund_id="p", payment_id=other.id)]
    )
    with pytest.raises(ValueError, match="another payment"):
        await payments.replace(after, replace(after, check_count=9), wrong)
    assert await payments.payment(after.id) == after


async def test_a_refund_is_changed_with_its_payment(payments):
    before = await payments.add(order(PaymentState.CREDITED), "key")
    asked = await payments.replace(before, before, Beside(refunds=[REFUND]))
    done = replace(REFUND, state=RefundState.DONE, provider_refund_id="prf_1", ended_at=PAID_AT)
    told = replace(REFUND, id=RefundId("rfd_2"), request_key="", provider_refund_id="prf_2", is_dispute=True)
    assert await payments.replace(before, before, Beside(refunds=[done])) is None, "somebody else changed it"
    assert await payments.refunds(before.id) == [REFUND]
    assert await payments.replace(asked, asked, Beside(refunds=[done, told]))
    assert await payments.refunds(before.id) == [done, told]


async def test_an_id_of_a_refund_is_one_payments(payments):
    first = await payments.add(numbered(1), "1")
    second = await payments.add(numbered(2), "2")
    told = replace(REFUND, provider_refund_id="prf_1")
    await payments.replace(first, first, Beside(refunds=[told]))
    again = replace(told, id=RefundId("rfd_2"), payment_id=second.id)
    with pytest.raises(ProviderIdTaken):
        await payments.replace(second, second, Beside(refunds=[again]))
    assert await payments.payment(second.id) == second


async def test_what_is_due_is_given_to_one_who_asks_until_the_lease_is_over(payments, store):
    now = store.clock.now()
    for number, due in enumerate([now, now - 5, now + HOUR, None]):
        await payments.add(numbered(number, next_check_at=due), str(number))
    assert await payments.claim_due(1, MINUTE) == ["pay_1"]
    assert await payments.claim_due(9, MINUTE) == ["pay_0"]
    assert await payments.claim_due(9, MINUTE) == []
    before = await payments.payment(PaymentId("pay_0"))
    assert before is not None
    assert before.version == 0
    store.clock.advance(MINUTE)
    assert sorted(await payments.claim_due(9, MINUTE)) == ["pay_0", "pay_1"]
    seen_meanwhile = replace(before, next_check_at=None)
    assert await payments.replace(before, seen_meanwhile) is not None, "a claim is no change"
    store.clock.advance(HOUR)
    assert sorted(await payments.claim_due(9, MINUTE)) == ["pay_1", "pay_2"]


async def test_lists_are_newest_first_and_in_pages(payments):
    for number in range(5):
        await payments.add(numbered(number, account_id=BOB if number == 2 else ALICE), str(number))
    failed = await payments.payment(PaymentId("pay_3"))
    await payments.replace(failed, replace(failed, state=PaymentState.FAILED))

    def ids(found: Any) -> list[str]:
        return [payment.id for payment in found]

    assert ids(await payments.of_account(ALICE, "", 3)) == ["pay_4", "pay_3", "pay_1"]
    assert ids(await payments.of_account(ALICE, "pay_1", 3)) == ["pay_0"]
    assert ids(await payments.of_account(BOB, "", 3)) == ["pay_2"]
    assert ids(await payments.in_state(PaymentState.CREATED, "pay_4", 9)) == ["pay_2", "pay_1", "pay_0"]
    assert ids(await payments.in_state(PaymentState.FAILED, "", 9)) == ["pay_3"]


async def test_what_was_paid_in_a_span_is_listed_by_provider_and_mode(payments):
    at = PAID_AT
    paid: list[dict[str, Any]] = [
        {"paid_at": at},
        {"paid_at": at + 1},
        {"paid_at": at, "mode": Mode.LIVE},
        {"paid_at": None},
    ]
    for number, values in enumerate(paid):
        await payments.add(numbered(number, **values), str(number))

    async def ids(begin: int, end: int, after: str = "") -> list[str]:
        found = await payments.paid_between(
            ORDER.provider, ORDER.mode, Microseconds(begin), Microseconds(end), after, 9
        )
        return [payment.id for payment in found]

    assert await ids(at, at + 1) == ["pay_0"]
    assert await ids(at, at + 2) == ["pay_0", "pay_1"]
    assert await ids(at, at + 2, "pay_0") == ["pay_1"]
    assert await ids(at + 2, at + 9) == []


async def test_what_is_withdrawn_is_never_more_than_the_credit(payments):
    before = await payments.add(order(PaymentState.CREDITED), "key")
    with pytest.raises(Exception, match="withdrawn_within_credit"):
        await payments.replace(
            before, replace(before, withdrawn_microcredits=CREDIT, withdrawing_microcredits=1)
        )
