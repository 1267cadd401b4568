"""Forgetting the holder of an account: what names a person goes, what was booked stays under the account's id."""

from __future__ import annotations

from typing import Protocol

from raseed.core.accounts.model import Account, AccountStatus
from raseed.core.accounts.service import AccountService
from raseed.core.admin.standing import StandingStore
from raseed.core.billing.ports import Ledger
from raseed.core.content.ports import ContentStore
from raseed.core.errors import Conflict, RequestInvalid
from raseed.core.ids import AccountId

REASON_CHARS_MAX = 256


class ErasureStore(Protocol):
    async def erase(self, account_id: AccountId, reason: str, actor: str) -> Account | None:
        """Remove addresses, names, notes, notices, sessions, texts of grants and details of the audit log, in one
        transaction with the audit row of it. The account as it is then. None: there is none. Safe to repeat.
        """
        ...


class ErasureService:
    def __init__(
        self,
        store: ErasureStore,
        accounts: AccountService,
        standing: StandingStore,
        ledger: Ledger,
        content: ContentStore,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._standing = standing
        self._ledger = ledger
        self._content = content

    async def erase(self, account_id: str, *, reason: str, actor: str) -> Account:
        """Of a closed account whose last request has ended; by its id alone, because it cannot be undone.

        The ledger stays as it is, under an id that names nobody any more, and both chains still verify. What the account
        stored is unreadable from now, in backups too. Safe to repeat. Raises NotFound, Conflict, RequestInvalid.
        """
        if not reason.strip() or len(reason) > REASON_CHARS_MAX:
            raise RequestInvalid(
                f"A reason of 1 to {REASON_CHARS_MAX} characters is required.", param="reason"
            )
        account = await self._accounts.find(account_id)
        if account.id != account_id:
            raise RequestInvalid("An account is erased by its id alone.", param="account")
        if account.status is not AccountStatus.CLOSED:
            raise Conflict("Close the account first.", metadata={"account": account.id})
        balance = await self._ledger.balance(account.id)
        standing = await self._standing.standing(account.id)
        if standing.is_forfeit_due or (balance is not None and balance.held_microcredits):
            raise Conflict("Its last requests have not ended yet.", metadata={"account": account.id})
        await self._content.erase(account.id)
        erased = await self._store.erase(account.id, reason, actor)
        return account if erased is None else erased
