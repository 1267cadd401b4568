"""Notices about credit: what came, what runs low, what is used up, what will expire.

Found by jobs that read what the ledger has booked, never in the ledger's own transactions: requests pay nothing for
them. Each job remembers how far it has read, and moves that on in the transaction that writes the notices: whoever dies
between the two has done neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Protocol

from raseed.core.billing.calendar import Calendar
from raseed.core.billing.model import GrantSource
from raseed.core.clock import DAY, Clock, Microseconds
from raseed.core.ids import AccountId, GrantId
from raseed.core.jobs import Job
from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.money import MICROCREDITS_PER_CREDIT, price_text

WARNING_PERCENT = 20
"""Of what an account had after it last got credit."""
EXHAUSTED_PER_MILLE = 1
"""Less than this is as good as nothing: what is left of a balance is seldom exactly zero."""
NEWS_US = DAY
"""Grants that are older when they are found are no news: after a long outage, or on a database of before."""
EXPIRY_NOTICE_US = 3 * DAY
"""How long before its end credit is told to expire. What lives no longer than this is not told of."""

ACTIVITY_INTERVAL_S = 2.0
ACTIVITY_MAX = 128
"""Transactions of one batch: if each is of another account that is to be told something, some ten milliseconds of
SQLite's writer. With the pause between batches several thousand a second."""
EXPIRY_INTERVAL_S = 600.0
EXPIRY_MAX = 50
"""Grants of one batch."""
ROUND_S = 60.0

BOUGHT_PREFIX = "payment:"
"""Of the keys of grants that a payment gave: what became of a payment is told with its receipt."""
_REFILLS = frozenset(GrantSource) - {GrantSource.RESTORE}
"""Credit that was taken away and given back is nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundGrant:
    id: GrantId
    source: GrantSource
    amount_microcredits: int
    paid_minor: int
    currency: str
    created_at: Microseconds
    key: str = ""
    """Its `grant_key`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refill:
    """The last time an account got credit, and what it had then."""

    grant_id: GrantId
    basis_microcredits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """An account whose balance changed."""

    account_id: AccountId
    left_microcredits: int
    """Available and held together."""
    grants: tuple[FoundGrant, ...]
    """New ones, the newest last."""
    refill: Refill | None
    """As remembered."""
    last_grant: FoundGrant | None = None
    """Of an account of which nothing is remembered, and that has no new ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read from `begin` on, up to `end`."""

    begin: str
    end: str
    accounts: tuple[Activity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """Credit of one account that ends on one day."""

    account_id: AccountId
    day: date
    left_microcredits: int


class CreditFeed(Protocol):
    """What the ledger booked, and what the jobs remember of it. May raise `DatabaseUnavailable` of its store."""

    async def activity(self, limit: int) -> Reading | None:
        """The accounts of the next transactions that were sealed. None if there are none."""
        ...

    async def expiring(
        self, calendar: Calendar, until: Microseconds, limit: int
    ) -> tuple[str, str, Sequence[Expiring]] | None:
        """The next credit to expire, `until` then: (begin, end, credit). None if there is none."""
        ...

    async def tell(
        self,
        begin: str,
        end: str,
        notices: Sequence[Notice],
        refills: Sequence[tuple[AccountId, Refill]] | None,
    ) -> bool:
        """Write notices and refills, and go on to `end`; without refills it is the reading of what expires.

        False, and nothing is written, if somebody else has gone on from `begin`.
        """
        ...


def judge(activity: Activity, now: Microseconds) -> tuple[Refill | None, list[Notice]]:
    """What is to be remembered of an account, and what it is to be told. The outbox tells each cause once."""
    notices = [notice for grant in activity.grants if (notice := _news(activity.account_id, grant, now))]
    refill = activity.refill
    fresh = [grant for grant in activity.grants if grant.source in _REFILLS]
    newest = fresh[-1] if fresh else (activity.last_grant if refill is None else None)
    if newest is not None:
        basis = max(activity.left_microcredits, newest.amount_microcredits)
        refill = Refill(grant_id=newest.id, basis_microcredits=basis)
    if refill is None:
        return None, notices
    left, basis = activity.left_microcredits, refill.basis_microcredits
    if left * 1000 < basis * EXHAUSTED_PER_MILLE:
        notices.append(
            Notice(kind=NoticeKind.CREDITS_EXHAUSTED, account_id=activity.account_id, cause=refill.grant_id)
        )
    elif left * 100 <= basis * WARNING_PERCENT:
        notices.append(
            Notice(
                kind=NoticeKind.CREDIT_WARNING,
                account_id=activity.account_id,
                cause=refill.grant_id,
                parameters={"credits": shown_credits(left)},
            )
        )
    return refill if refill != activity.refill else None, notices


def activity_job(feed: CreditFeed, clock: Clock) -> Job:
    async def batch() -> bool:
        reading = await feed.activity(ACTIVITY_MAX)
        if reading is None:
            return False
        now = clock.now()
        refills: list[tuple[AccountId, Refill]] = []
        notices: list[Notice] = []
        for account in reading.accounts:
            refill, told = judge(account, now)
            notices += told
            if refill is not None:
                refills.append((account.account_id, refill))
        return await feed.tell(reading.begin, reading.end, notices, refills)

    return Job(name="watch credit", batch=batch, interval_s=ACTIVITY_INTERVAL_S, round_s=ROUND_S)


def expiring_job(feed: CreditFeed, clock: Clock, calendar: Calendar) -> Job:
    async def batch() -> bool:
        found = await feed.expiring(calendar, Microseconds(clock.now() + EXPIRY_NOTICE_US), EXPIRY_MAX)
        if found is None:
            return False
        begin, end, credit = found
        notices = [
            Notice(
                kind=NoticeKind.CREDITS_EXPIRING,
                account_id=expiring.account_id,
                cause=f"{expiring.account_id}:{expiring.day}",
                parameters={
                    "credits": shown_credits(expiring.left_microcredits),
                    "expires_on": str(expiring.day),
                },
            )
            for expiring in credit
            if shown_credits(expiring.left_microcredits) != "0"
        ]
        return await feed.tell(begin, end, notices, None)

    return Job(name="announce what expires", batch=batch, interval_s=EXPIRY_INTERVAL_S, round_s=ROUND_S)


def shown_credits(microcredits: int) -> str:
    """An amount for people: two decimals at most, never more than there is.

    >>> shown_credits(1_234_567_890), shown_credits(12_000_000_000), shown_credits(9_999)
    ('1,234.56', '12,000', '0')
    """
    rounded = (Decimal(microcredits) / MICROCREDITS_PER_CREDIT).quantize(Decimal("0.01"), ROUND_DOWN)
    return f"{rounded:,}".rstrip("0").rstrip(".")


def _news(account_id: AccountId, grant: FoundGrant, now: Microseconds) -> Notice | None:
    if now - grant.created_at > NEWS_US:
        return None
    amount = shown_credits(grant.amount_microcredits)
    if grant.source is GrantSource.WELCOME:
        kind, parameters = NoticeKind.WELCOME, {"credits": amount}
    elif grant.key.startswith(BOUGHT_PREFIX):
        return None
    elif grant.source is GrantSource.TOPUP and grant.paid_minor > 0:
        paid = f"{price_text(grant.paid_minor, grant.currency)} {grant.currency}"
        kind, parameters = NoticeKind.TOPUP_CONFIRMED, {"credits": amount, "amount": paid}
    else:
        return None
    return Notice(kind=kind, account_id=account_id, cause=grant.id, parameters=parameters)
