"""Everything that is kept about an account, for its holder: records in the order in which they are kept, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from raseed.core.accounts.service import AccountService
from raseed.core.admin.audit import AuditStore
from raseed.core.ids import AccountId


@dataclass(frozen=True, slots=True)
class ExportPosition:
    """Behind which record the next page begins."""

    part: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class ExportPage:
    records: Sequence[Mapping[str, Any]]
    """`record` says what kind each is; the rest are its fields. Amounts are micro-credits, moments microseconds."""
    next: ExportPosition | None
    """None: that was all."""


class ExportStore(Protocol):
    async def page(
        self, account_id: AccountId, after: ExportPosition, limit: int, *, is_for_holder: bool = False
    ) -> ExportPage:
        """Secrets are not among the records, nor hashes of them; for the holder neither is what operators noted.

        Raises ValueError for a position that is none.
        """
        ...


class ExportService:
    def __init__(self, store: ExportStore, accounts: AccountService, audit: AuditStore) -> None:
        self._store = store
        self._accounts = accounts
        self._audit = audit

    async def page(
        self,
        reference: str,
        after: ExportPosition | None,
        *,
        limit: int,
        actor: str,
        is_for_holder: bool = False,
    ) -> ExportPage:
        """One page; the first of each export has its row in the audit log. Safe to repeat.

        Raises NotFound, and ValueError for a position that is none.
        """
        account = await self._accounts.find(reference)
        if after is None:
            await self._audit.record(actor, "account.export", account.id, "")
        return await self._store.page(
            account.id, after or ExportPosition(), limit, is_for_holder=is_for_holder
        )
