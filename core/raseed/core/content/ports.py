"""What the core needs from a store of content."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId

ANY: Final = "*"
"""`if_match`: whatever is there, or nothing."""
ABSENT: Final = ""
"""`if_match`: only if there is nothing, or nothing that still lives."""
NAME_CHARS_MAX = 256


class ContentKind(StrEnum):
    """What an item is; names are apart for each kind."""

    IDEMPOTENT = "idempotent"
    """The result of a request, under its idempotency key."""
    RESPONSE = "response"
    """A response and its conversation, under its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentLimits:
    item_bytes_max: int = 96 * 1024
    """Longest item: a result of 64 KiB with what belongs to it. Longer ones would hold up the ledger's writer."""
    account_bytes_max: int = 256 * 1024 * 1024
    """All that an account keeps at a time: at the end of it stand four thousand of the longest items."""
    response_share: float = 0.75
    """Of that, how full it may be for a response to be stored: every request asks for it that does not say otherwise, and
    the rest is for the results of keys, without which a request is refused."""

    def room_for(self, kind: ContentKind) -> int:
        """The most bytes that an account may keep when an item of this kind is added."""
        if kind is ContentKind.RESPONSE:
            return int(self.account_bytes_max * self.response_share)
        return self.account_bytes_max


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    data: bytes
    version: str
    """Another one at each write."""
    expires_at: Microseconds


class ContentUnavailable(Exception):
    """The store does not answer, or it is unknown whether it wrote. Read again before anything is done twice."""


class ContentStore(Protocol):
    """Items by (account, kind, name), encrypted for their account. Every method raises ContentUnavailable."""

    async def get(self, account_id: AccountId, kind: ContentKind, name: str) -> Item | None:
        """What was stored last and still lives."""
        ...

    async def put(
        self,
        account_id: AccountId,
        kind: ContentKind,
        name: str,
        data: bytes,
        *,
        ttl_s: int,
        if_match: str = ANY,
    ) -> str | None:
        """Store an item, durable when it returns its version; None if it is not `if_match` that is there now.

        With a condition it can be sent again: the second time it is None. Raises RequestTooLarge for an item above the
        limit, StorageQuotaExceeded, and NotFound if there is no such account.
        """
        ...

    async def delete(self, account_id: AccountId, kind: ContentKind, name: str) -> bool:
        """Whether there was a living item. Safe to repeat."""
        ...

    async def erase(self, account_id: AccountId) -> None:
        """Destroy the account's data key: what it stored is unreadable from now, in backups too. Safe to repeat."""
        ...

    async def purge(self, limit: int) -> int:
        """Remove at most so many items that are over, the oldest first; how many it were. Safe to run anywhere."""
        ...
