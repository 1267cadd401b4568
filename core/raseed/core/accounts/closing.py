"""Holders who want their account closed: a wish, until an operator closes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from raseed.core.clock import Clock, Microseconds
from raseed.core.errors import RequestInvalid
from raseed.core.ids import AccountId

REASON_CHARS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingRequest:
    account_id: AccountId
    requested_at: Microseconds
    reason: str
    """In the holder's words; may be empty."""
    wants_erasure: bool
    """Whether everything that names the holder shall go too."""


class ClosingRequestStore(Protocol):
    """Each change and its audit row commit together."""

    async def put(self, request: ClosingRequest, actor: str) -> ClosingRequest:
        """In place of the one that there is, whose moment it keeps. Operators are told of a new one, once a day for each account."""
        ...

    async def get(self, account_id: AccountId) -> ClosingRequest | None: ...

    async def withdraw(self, account_id: AccountId, actor: str) -> None:
        """Safe to repeat."""
        ...

    async def list(self, after: str, limit: int) -> Sequence[ClosingRequest]:
        """The newest accounts first; `after` is the account of the last one already seen, empty for the first page."""
        ...


class ClosingRequests:
    """Credit that is left may be lost with the account, so nothing happens before an operator has looked."""

    def __init__(self, store: ClosingRequestStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def request(
        self, account_id: AccountId, *, reason: str, wants_erasure: bool, actor: str
    ) -> ClosingRequest:
        """Again, it replaces what was said before. Raises RequestInvalid."""
        if len(reason) > REASON_CHARS_MAX:
            raise RequestInvalid(f"At most {REASON_CHARS_MAX} characters.", param="reason")
        wish = ClosingRequest(
            account_id=account_id,
            requested_at=self._clock.now(),
            reason=reason,
            wants_erasure=wants_erasure,
        )
        return await self._store.put(wish, actor)

    async def find(self, account_id: AccountId) -> ClosingRequest | None:
        return await self._store.get(account_id)

    async def withdraw(self, account_id: AccountId, *, actor: str) -> None:
        """Safe to repeat."""
        await self._store.withdraw(account_id, actor)

    async def list(self, after: str, limit: int) -> Sequence[ClosingRequest]:
        """For operators: accounts that wait to be closed, and closed ones that wait to be erased."""
        return await self._store.list(after, limit)
