"""Receipts and credit notes: one for each cause, numbers without gaps, and nothing of a buyer that stays for ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from tests.contract.ledger.conftest import POSTGRES, POSTGRES_3, SQLITE, SqlStore, open_store
from tests.support.receipts import NOON, credited, refunded, terms

from raseed.adapters.sql.erasure import SqlErasureStore
from raseed.adapters.sql.messaging.tables import outbox
from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.adapters.sql.payments.receipt_tables import receipt_counters, receipts
from raseed.adapters.sql.payments.receipts import SqlReceiptStore, bring_in_line, take_turn
from raseed.adapters.sql.payments.rows import changing_values, fixed_values
from raseed.adapters.sql.payments.tables import payments
from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, HOUR, Microseconds
from raseed.core.ids import AccountId
from raseed.core.payments.model import Item, ItemKind, Mode, Payment, PaymentState, Refund, RefundState
from raseed.core.payments.ports import Beside, Buyer
from raseed.core.payments.receipts import DocumentKind, IssuedReceipt

pytestmark = pytest.mark.asyncio(loop_scope="module")
RESAYIL, KISSAPI = terms(), terms("kissapi")
NUMBERS = count(1)
NEW_YEAR = Microseconds(1_798_750_800_000_000)
"""2027-01-01 00:00 in Kuwait."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[SQLITE, POSTGRES])
async def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SqlStore]:
    opened = await open_store(request.param, tmp_path_factory.mktemp("receipts"))
    yield opened
    await opened.close()


class Books:
    """An account of its own on a store in which earlier tests left theirs."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.account_id = AccountId(f"acct_r{next(NUMBERS)}")

    def payment(self, **values: Any) -> Payment:
        return credited(next(NUMBERS), account_id=self.account_id, **values)

    async def issue(self, payment: Payment, *refunds: Refund, terms: Any = RESAYIL) -> None:
        kept = SqlPaymentStore(self.store.database, terms)
        ordered = replace(payment, state=PaymentState.CREATED, paid_at=None, credited_at=None)
        before = await kept.payment(payment.id) or await kept.add(ordered, payment.id)
        assert await kept.replace(before, payment, Beside(refunds=refunds))

    async def documents(self, payment: Payment) -> Sequence[Any]:
        return await SqlReceiptStore(self.store.database).of_payment(payment.id)

    async def told(self) -> list[tuple[str, dict[str, str]]]:
        """In no order of time: ids of one millisecond have none."""
        query = select(outbox).where(outbox.c.account_id == self.account_id)
        rows = await self.store.database.read(lambda connection: connection.execute(query).all())
        return sorted(
            ((row.kind, json.loads(row.parameters)) for row in rows), key=lambda told: (told[0], str(told[1]))
        )


@pytest_asyncio.fixture(loop_scope="module")
async def books(store: SqlStore) -> Books:
    made = Books(store)
    await store.open_account(made.account_id)
    return made


async def test_a_credited_payment_gets_one_receipt_however_often_it_is_asked_for(books: Books):
    payment = books.payment()
    for _ in range(3):
        await books.issue(payment)
    (receipt,) = await books.documents(payment)
    assert receipt.kind is DocumentKind.RECEIPT
    assert receipt.number.startswith("R-2026-")
    assert (receipt.issued_on, receipt.time_zone) == ("2026-11-21", "Asia/Kuwait")
    assert (receipt.amount_text, receipt.currency_digits) == ("2.000 KWD", 3)
    assert receipt.item_text == "Credit pack: 5,000 credits"
    assert receipt.item_text_ar == "باقة رصيد: \u20685,000 نقطة\u2069"
    assert receipt.merchant is None
    assert await books.told() == [
        ("credit_bought", {"credits": "5,000", "amount": "2.000 KWD", "receipt": receipt.number})
    ]


@pytest.mark.parametrize("state", [state for state in PaymentState if state is not PaymentState.CREDITED])
async def test_what_is_not_credited_has_no_document(books: Books, state: PaymentState):
    payment = books.payment(state=state, credited_at=None)
    await books.issue(payment, refunded(payment))
    assert await books.documents(payment) == []
    assert await books.told() == []


async def test_each_refund_that_is_done_gets_a_credit_note(books: Books):
    payment = books.payment()
    pending = refunded(payment, 1, state=RefundState.PENDING, ended_at=None)
    failed = refunded(payment, 2, state=RefundState.FAILED)
    await books.issue(payment, pending, failed)
    assert [each.kind for each in await books.documents(payment)] == [DocumentKind.RECEIPT]
    done = replace(pending, state=RefundState.DONE, ended_at=Microseconds(NOON + DAY))
    for _ in range(2):
        await books.issue(payment, done, failed)
    paid, note = await books.documents(payment)
    assert (note.kind, note.refers_to, note.refund_id) == (DocumentKind.CREDIT_NOTE, paid.number, done.id)
    assert note.number.startswith("CN-2026-")
    assert (note.amount_text, note.issued_on, note.credit_microcredits) == ("1.000 KWD", "2026-11-22", 0)
    assert [kind for kind, _ in await books.told()] == ["credit_bought", "refund_done"]


async def test_what_went_back_before_the_credit_was_never_given(books: Books):
    some, none = books.payment(granted_microcredits=2_500_000_000), books.payment(granted_microcredits=0)
    for payment in (some, none):
        await books.issue(payment, refunded(payment))
    assert [(await books.documents(payment))[0].credit_microcredits for payment in (some, none)] == [
        2_500_000_000,
        0,
    ]
    told = [(kind, parameters.get("credits")) for kind, parameters in await books.told()]
    assert told == [
        ("credit_bought", "2,500"),
        ("payment_received", None),
        ("refund_done", None),
        ("refund_done", None),
    ]


async def test_a_dispute_has_a_credit_note_and_is_no_news_to_its_buyer(books: Books):
    payment = books.payment()
    await books.issue(payment, refunded(payment, is_dispute=True))
    assert (await books.documents(payment))[1].is_dispute
    assert [kind for kind, _ in await books.told()] == ["credit_bought"]


async def test_where_a_merchant_of_record_sells_we_confirm_only(books: Books):
    payment = books.payment(
        provider=PaymentProvider.CREEM,
        item=Item(kind=ItemKind.TOPUP, id="", quantity=2_000),
        amount_minor=2_000,
        currency="USD",
        credit_microcredits=20_000_000,
    )
    await books.issue(payment, refunded(payment), terms=KISSAPI)
    paid, back = await books.documents(payment)
    assert (paid.kind, back.kind) == (DocumentKind.PAYMENT_CONFIRMATION, DocumentKind.REFUND_CONFIRMATION)
    assert (paid.number[:3], back.number[:3]) == ("PC-", "RC-")
    assert paid.merchant.name == "Creem"
    assert (paid.amount_text, paid.item_text) == ("20.00 USD", "Top-up: $20")


async def test_test_payments_take_no_number_of_real_ones(books: Books):
    before = await _last(books, "R")
    payment = books.payment(mode=Mode.TEST)
    await books.issue(payment)
    assert (await books.documents(payment))[0].number.startswith("TEST-R-2026-")
    assert await _last(books, "R") == before


async def test_the_year_is_that_of_the_profile_s_time_zone(books: Books):
    for at, prefix in ((NEW_YEAR - HOUR, "R-2026-"), (NEW_YEAR, "R-2027-")):
        payment = books.payment(credited_at=Microseconds(at))
        await books.issue(payment)
        assert (await books.documents(payment))[0].number.startswith(prefix)


async def test_a_plan_has_its_period_with_the_last_day_in_it(books: Books):
    payment = books.payment(
        item=Item(kind=ItemKind.PLAN, id="pro"),
        period_start=NOON,
        period_end=Microseconds(NOON + 30 * DAY),
        amount_minor=45_000,
    )
    await books.issue(payment)
    (receipt,) = await books.documents(payment)
    assert (receipt.period_begin, receipt.period_end) == ("2026-11-21", "2026-12-21")
    assert receipt.item_text.startswith("Subscription: ")
    kind, parameters = (await books.told())[0]
    assert (kind, parameters["amount"]) == ("payment_received", "45.000 KWD")


async def test_what_is_undone_takes_no_number(books: Books):
    payment = books.payment()
    await books.issue(replace(payment, state=PaymentState.PAID, credited_at=None))
    before = await _last(books, "R")

    def dies(connection: Connection) -> None:
        bring_in_line(connection, payment, (), RESAYIL, NOON)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await books.store.database.write(dies)
    assert await _last(books, "R") == before


async def test_a_document_is_never_changed_or_deleted(books: Books):
    await books.issue(books.payment())
    for statement in (
        "UPDATE receipts SET snapshot = '{}'",
        "UPDATE receipts SET number = 'R-1999-000001'",
        "DELETE FROM receipts",
        "UPDATE receipt_buyers SET email = 'a@example.com'",
    ):
        with pytest.raises(DBAPIError):
            await books.store.database.write(partial(Connection.execute, statement=text(statement)))


async def test_an_erasure_keeps_number_and_amount_and_forgets_who_bought(books: Books):
    payment = books.payment()
    await books.issue(payment)
    number = (await books.documents(payment))[0].number
    receipts_of = SqlReceiptStore(books.store.database)
    known = await receipts_of.find(number)
    assert known is not None
    assert known.buyer == Buyer(email=f"{books.account_id}@example.com")
    assert books.account_id not in repr(known.buyer)
    await SqlErasureStore(books.store.database).erase(books.account_id, "asked for", "op_1")
    left = await receipts_of.find(number)
    assert left is not None
    assert (left.receipt, left.buyer) == (known.receipt, None)
    await books.issue(payment, refunded(payment))
    note = (await books.documents(payment))[1]
    assert (await receipts_of.find(note.number)) == IssuedReceipt(receipt=note, buyer=None)
    row = await books.store.database.read(
        lambda connection: connection.execute(select(receipts).where(receipts.c.number == number)).one()
    )
    assert "example.com" not in row.snapshot.replace(RESAYIL.seller.email, "")


async def test_an_account_sees_its_own_newest_first_in_pages(books: Books):
    payments = [books.payment() for _ in range(5)]
    for payment in payments:
        await books.issue(payment)
    store = SqlReceiptStore(books.store.database)
    seen: list[str] = []
    after = ""
    while page := await store.of_account(books.account_id, after, 2):
        seen += [each.payment_id for each in page]
        after = page[-1].id
    assert seen == [payment.id for payment in reversed(payments)]
    assert await store.of_account(AccountId("acct_nobody"), "", 10) == []


@pytest.mark.parametrize("total", [50, pytest.param(1_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", [SQLITE, POSTGRES_3])
async def test_many_at_once_leave_no_gap_and_no_duplicate(kind: str, total: int, tmp_path):
    """Of three workers on PostgreSQL; every tenth of them dies after it took its number, and is tried again."""
    store = await open_store(kind, tmp_path)
    accounts = [AccountId(f"acct_{number}") for number in range(20)]
    for account_id in accounts:
        await store.open_account(account_id)
    orders = [credited(number, account_id=accounts[number % len(accounts)]) for number in range(total)]
    paid = [replace(order, state=PaymentState.PAID, credited_at=None) for order in orders]
    rows = [
        fixed_values(order) | changing_values(order) | {"request_key": order.id, "version": 0}
        for order in paid
    ]
    await store.database.write(lambda connection: connection.execute(insert(payments), rows))
    turns = asyncio.Semaphore(64)

    async def issue(number: int, payment: Payment) -> None:
        dies = number % 10 == 0
        before = replace(payment, state=PaymentState.PAID, credited_at=None)

        def is_cut_off(connection: Connection) -> None:
            take_turn(connection)
            bring_in_line(connection, payment, (), RESAYIL, NOON)
            raise ZeroDivisionError

        while True:
            database, _ = store.next_worker()
            try:
                async with turns:
                    if dies:
                        await database.write(is_cut_off)
                    elif await SqlPaymentStore(database, RESAYIL).replace(before, payment):
                        return
            except ZeroDivisionError:
                dies = False
            except DatabaseUnavailable:
                await asyncio.sleep(0.05)  # as the schedule does: it is begun again

    await asyncio.gather(*(issue(number, order) for number, order in enumerate(orders)))
    ordinals = await store.database.read(
        lambda connection: connection.scalars(select(receipts.c.ordinal).order_by(receipts.c.ordinal)).all()
    )
    assert list(ordinals) == list(range(1, total + 1))
    assert await store.database.read(_payments_with_a_receipt) == total
    await store.close()


def _payments_with_a_receipt(connection: Connection) -> int:
    return connection.scalar(select(func.count(receipts.c.payment_id.distinct()))) or 0


async def _last(books: Books, series: str) -> int:
    query = select(receipt_counters.c.last_ordinal).where(
        receipt_counters.c.series == series, receipt_counters.c.year == 2026
    )
    return await books.store.database.read(lambda connection: connection.scalar(query)) or 0
