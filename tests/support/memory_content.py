"""A content store in memory, that is silent as often as a test tells it to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from raseed.core.clock import Microseconds
from raseed.core.content.ports import ABSENT, ANY, ContentKind, ContentUnavailable, Item
from raseed.core.errors import StorageQuotaExceeded
from raseed.core.ids import AccountId


@dataclass
class MemoryContent:
    """Implements what idempotency uses of `core.content.ports.ContentStore`. Nothing is ever over."""

    silent_gets: int = 0
    silent_puts: int = 0
    is_full: bool = False
    items: dict[tuple[AccountId, str], Item] = field(default_factory=dict)
    _versions: count[int] = field(default_factory=lambda: count(1))

    async def get(self, account_id: AccountId, kind: ContentKind, name: str) -> Item | None:
        if self.silent_gets:
            self.silent_gets -= 1
            raise ContentUnavailable("silent")
        return self.items.get((account_id, name))

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
        if self.silent_puts:
            self.silent_puts -= 1
            raise ContentUnavailable("silent")
        if self.is_full:
            raise StorageQuotaExceeded("full")
        there = self.items.get((account_id, name))
        if if_match not in {ANY, there.version if there else ABSENT}:
            return None
        version = f"v{next(self._versions)}"
        self.items[account_id, name] = Item(data=data, version=version, expires_at=Microseconds(0))
        return version

    async def delete(self, account_id: AccountId, kind: ContentKind, name: str) -> bool:
        return self.items.pop((account_id, name), None) is not None

    async def erase(self, account_id: AccountId) -> None:
        self.items.clear()

    async def purge(self, limit: int) -> int:
        return 0
