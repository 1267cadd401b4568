"""The use cases of the audit log: read it, and prove it."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.core.admin.audit import AuditEntry, AuditFilter, AuditStore, AuditVerification
from raseed.core.billing.calendar import Calendar
from raseed.core.chain import GENESIS
from raseed.core.errors import RequestInvalid

SEQ_DIGITS_MAX = 18
"""Any more would be above what a column holds."""


class AuditService:
    def __init__(self, store: AuditStore, calendar: Calendar) -> None:
        self._store = store
        self._calendar = calendar

    async def entries(
        self, *, actor: str, action: str, subject: str, begin: str, end: str, before: str, limit: int
    ) -> Sequence[AuditEntry]:
        """Newest first. `begin` and `end` are days or moments; `before` is the number of the last one already seen.

        Raises RequestInvalid.
        """
        try:
            which = AuditFilter(
                actor=actor,
                action=action,
                subject=subject,
                begin=self._calendar.from_text(begin) if begin else None,
                end=self._calendar.until_text(end) if end else None,
            )
        except ValueError as error:
            raise RequestInvalid(
                "A day is written as 2026-03-01, a moment as 2026-03-01T08:00:00Z.", param="from"
            ) from error
        if before and not (before.isascii() and before.isdigit() and len(before) <= SEQ_DIGITS_MAX):
            raise RequestInvalid("page_token is not one that was given out.", param="page_token")
        return await self._store.find(which, int(before) if before else None, limit)

    async def verify(self, since_head: str) -> AuditVerification:
        """Raises RequestInvalid for a head that is none."""
        try:
            since = bytes.fromhex(since_head) if since_head else None
        except ValueError:
            since = b""
        if since is not None and len(since) != len(GENESIS):
            raise RequestInvalid("A head of the chain has 64 hexadecimal digits.", param="since_head")
        return await self._store.verify(since)
