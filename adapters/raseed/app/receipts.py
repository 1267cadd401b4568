"""Receipts put together: who sells, what is kept, and what renders it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from raseed.adapters.receipts.renderer import DocumentRenderer
from raseed.adapters.sql.payments.receipts import SqlReceiptStore
from raseed.adapters.sql.ports import SqlDatabase
from raseed.app.settings.configuration import Settings
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.policy import Policy
from raseed.core.payments.receipt_service import ReceiptService
from raseed.core.payments.receipts import ReceiptTerms, Seller


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    terms: ReceiptTerms
    """For the store of payments: documents are issued with what they are about."""
    service: ReceiptService


@contextmanager
def open_receipts(
    settings: Settings, policy: Policy, calendar: Calendar, database: SqlDatabase
) -> Iterator[Receipts]:
    renderer = DocumentRenderer()
    try:
        yield Receipts(
            terms=ReceiptTerms(_seller(settings), policy, calendar),
            service=ReceiptService(SqlReceiptStore(database), renderer),
        )
    finally:
        renderer.close()


def _seller(settings: Settings) -> Seller:
    seller = settings.seller
    return Seller(
        name=seller.name or settings.messaging.service,
        name_ar=seller.name_ar,
        address=seller.address,
        address_ar=seller.address_ar,
        tax_number=seller.tax_number,
        email=seller.email,
    )
