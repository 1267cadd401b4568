"""Documents for whoever may see them: holders their own, operators all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from raseed.core.errors import NotFound, RequestInvalid
from raseed.core.ids import AccountId, PaymentId
from raseed.core.messaging.ports import Language
from raseed.core.payments.receipts import (
    NUMBER_CHARS_MAX,
    IssuedReceipt,
    Receipt,
    ReceiptRenderer,
    ReceiptStore,
)


class DocumentFormat(StrEnum):
    HTML = "html"
    PDF = "pdf"

    @property
    def content_type(self) -> str:
        return "application/pdf" if self is DocumentFormat.PDF else "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Rendered:
    content_type: str
    content: bytes


class ReceiptService:
    """Changes nothing; every call is safe to repeat. `account_id` is whose documents are looked at, None for operators."""

    def __init__(self, store: ReceiptStore, renderer: ReceiptRenderer) -> None:
        self._store = store
        self._renderer = renderer

    async def list(self, account_id: AccountId, after: str, limit: int) -> Sequence[Receipt]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page."""
        return await self._store.of_account(account_id, after, limit)

    async def of_payment(self, account_id: AccountId, payment_id: PaymentId) -> Sequence[Receipt]:
        """Newest first: what was given back, then what was paid. Nothing of another account's."""
        found = await self._store.of_payment(payment_id)
        return [receipt for receipt in reversed(found) if receipt.account_id == account_id]

    async def get(self, account_id: AccountId | None, number: str) -> IssuedReceipt:
        """Raises NotFound, also for what is another account's."""
        found = await self._store.find(number) if len(number) <= NUMBER_CHARS_MAX else None
        if found is None or account_id not in (None, found.receipt.account_id):
            raise NotFound("There is no such receipt.", param="number")
        return found

    async def render(
        self, account_id: AccountId | None, number: str, form: DocumentFormat, language: str
    ) -> Rendered:
        """`language` is `en` or `ar`; empty: what was spoken when it was ordered. Raises NotFound, RequestInvalid, Overloaded."""
        if language not in ("", *Language):
            raise RequestInvalid("The language must be en or ar.", param="lang")
        issued = await self.get(account_id, number)
        spoken = Language(language) if language else issued.receipt.language
        make = self._renderer.pdf if form is DocumentFormat.PDF else self._renderer.html
        return Rendered(form.content_type, await make(issued, spoken))
