"""What an account was given and what it bought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from raseed.core.billing.model import BalanceView, GrantSource, GrantStatus
from raseed.core.billing.policy import OpenTopup, Pack
from raseed.core.clock import Clock, Microseconds
from raseed.core.ids import AccountId, GrantId

TOPUPS_PAGE = 20
"""Top-ups in a page of the documented history."""
PAGE_NUMBER_MAX = 1_000_000
"""Pages beyond this are empty without a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastGrant:
    """A grant in whatever state."""

    id: GrantId
    source: GrantSource
    status: GrantStatus
    amount_microcredits: int
    remaining_microcredits: int
    held_microcredits: int
    effective_at: Microseconds
    expires_at: Microseconds | None
    created_at: Microseconds
    paid_minor: int
    currency: str

    def status_at(self, now: Microseconds) -> GrantStatus:
        """What is left of a grant whose time is over is booked as lost later; to its owner it is expired at once."""
        is_over = self.expires_at is not None and self.expires_at <= now
        return GrantStatus.EXPIRED if self.status is GrantStatus.ACTIVE and is_over else self.status


class Expiry(NamedTuple):
    at: Microseconds
    amount_microcredits: int


def next_expiry(balance: BalanceView) -> Expiry | None:
    """What expires next, and when; None if nothing of what is left does. What open requests hold of it counts too."""
    moments = [grant.expires_at for grant in balance.grants if grant.expires_at is not None]
    if not moments:
        return None
    soonest = min(moments)
    return Expiry(
        soonest, sum(grant.remaining_microcredits for grant in balance.grants if grant.expires_at == soonest)
    )


class HistoryStore(Protocol):
    """Reads of one account each, newest first."""

    async def grants(self, account_id: AccountId, after: str, limit: int) -> Sequence[PastGrant]:
        """`after` is the id of the last one already seen, empty for the first page."""
        ...

    async def topups(self, account_id: AccountId, after: str, limit: int) -> Sequence[PastGrant]:
        """Those that were bought."""
        ...

    async def topups_from(
        self, account_id: AccountId, offset: int, limit: int
    ) -> tuple[Sequence[PastGrant], int]:
        """Those that were bought, without the first so many; and how many there are in all."""
        ...


@dataclass(frozen=True, slots=True)
class Offers:
    """What is on sale."""

    packs: tuple[Pack, ...]
    open_topup: OpenTopup | None


@dataclass(frozen=True, slots=True)
class GrantPage:
    grants: tuple[PastGrant, ...]
    next_after: GrantId | None


@dataclass(frozen=True, slots=True)
class TopupPage:
    topups: tuple[PastGrant, ...]
    next_after: GrantId | None
    total: int
    """On all pages."""


class HistoryService:
    """What one account was given and bought. Every call names the account, and nothing of another is ever read."""

    def __init__(self, store: HistoryStore, offers: Offers, clock: Clock) -> None:
        self.offers = offers
        self._store = store
        self._clock = clock

    async def grants(self, account_id: AccountId, after: str, limit: int) -> GrantPage:
        now = self._clock.now()
        found = await self._store.grants(account_id, after, limit + 1)
        page = tuple(replace(grant, status=grant.status_at(now)) for grant in found[:limit])
        return GrantPage(page, page[-1].id if len(found) > limit else None)

    async def topups(self, account_id: AccountId, after: str, limit: int) -> TopupPage:
        found = await self._store.topups(account_id, after, limit + 1)
        _, total = await self._store.topups_from(account_id, 0, 0)
        page = tuple(found[:limit])
        return TopupPage(page, page[-1].id if len(found) > limit else None, total)

    async def topups_on(self, account_id: AccountId, page: int) -> TopupPage:
        """The documented pages, from 1 on."""
        offset = (min(page, PAGE_NUMBER_MAX) - 1) * TOPUPS_PAGE
        found, total = await self._store.topups_from(account_id, offset, TOPUPS_PAGE)
        return TopupPage(tuple(found), None, total)
