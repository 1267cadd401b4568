"""What an account sees of its payments."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.core.errors import NotFound
from raseed.core.ids import AccountId, PaymentId
from raseed.core.payments.model import Payment
from raseed.core.payments.ports import PaymentStore


class PaymentReader:
    def __init__(self, store: PaymentStore) -> None:
        self._store = store

    async def find(self, account_id: AccountId, payment_id: PaymentId) -> Payment:
        """Raises NotFound, also for another account's."""
        payment = await self._store.payment(payment_id)
        if payment is None or payment.account_id != account_id:
            raise NotFound("There is no such payment.", metadata={"payment": payment_id})
        return payment

    async def list(self, account_id: AccountId, after: str, limit: int) -> Sequence[Payment]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page."""
        return await self._store.of_account(account_id, after, limit)
