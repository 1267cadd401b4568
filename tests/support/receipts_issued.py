"""A payment of an account that was credited on a worker's own store, with its document."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from tests.support.receipts import credited

from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.adapters.sql.payments.receipts import SqlReceiptStore
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.ids import AccountId
from raseed.core.payments.model import Payment, PaymentState, Refund
from raseed.core.payments.ports import Beside
from raseed.core.payments.receipts import Receipt, ReceiptTerms

_NUMBERS = count(1_000)


async def issued(
    database: SqlDatabase, terms: ReceiptTerms, account_id: str, *refunds: Refund, **values: Any
) -> list[Receipt]:
    """Its receipt, and a credit note for each refund."""
    payment = credited(next(_NUMBERS), account_id=AccountId(account_id), **values)
    await settle(database, terms, payment, *refunds)
    return list(await SqlReceiptStore(database).of_payment(payment.id))


async def settle(database: SqlDatabase, terms: ReceiptTerms, payment: Payment, *refunds: Refund) -> None:
    store = SqlPaymentStore(database, terms)
    ordered = replace(payment, state=PaymentState.CREATED, paid_at=None, credited_at=None)
    before = await store.payment(payment.id) or await store.add(ordered, payment.id)
    assert await store.replace(before, payment, Beside(refunds=refunds))
