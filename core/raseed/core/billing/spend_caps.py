"""What a bucket may spend in a window of time: an API key with those that it made, or a member of an organisation. Pure.

Charges count in the window in which they are booked; what open holds keep counts in every window until they end. So a new
window frees what was charged in the one before, and charged + held is at no time raised above the cap. A hold counts in
every bucket of its spender that has a cap (docs/adr/0012).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from raseed.core.billing.calendar import Calendar
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId, BucketId, PersonId

_UTC = Calendar("UTC")


class CapWindow(StrEnum):
    """For how long a charge counts. Days, weeks (from Monday) and months begin at 00:00 UTC."""

    LIFETIME = "lifetime"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class SpendCap:
    limit_microcredits: int
    window: CapWindow = CapWindow.LIFETIME


@dataclass(slots=True, kw_only=True)
class Bucket:
    """A cap and what counts against it. What has no cap has no bucket."""

    id: BucketId
    cap: SpendCap
    window_begins_at: Microseconds
    """Of the window that `charged` belongs to. Never moves back: a clock that is set back opens no second window."""
    charged_microcredits: int
    held_microcredits: int
    """By open holds."""

    def enter_window(self, now: Microseconds) -> None:
        begin = window_begin(self.cap.window, now)
        if begin > self.window_begins_at:
            self.window_begins_at, self.charged_microcredits = begin, 0

    def charged_at(self, now: Microseconds) -> int:
        """In the window of this moment."""
        return 0 if window_begin(self.cap.window, now) > self.window_begins_at else self.charged_microcredits

    def room(self, now: Microseconds) -> tuple[int, int]:
        """(what may be set aside now, what could be if the bucket's open holds were all released)."""
        uncharged = self.cap.limit_microcredits - self.charged_at(now)
        return max(0, uncharged - self.held_microcredits), max(0, uncharged)


def window_begin(window: CapWindow, now: Microseconds) -> Microseconds:
    """The first moment of the window that `now` is in."""
    match window:
        case CapWindow.LIFETIME:
            return Microseconds(0)
        case CapWindow.DAY:
            return _UTC.begin(_UTC.day_of(now))
        case CapWindow.WEEK:
            return _UTC.begin_of_week(now)
        case CapWindow.MONTH:
            return _UTC.begin_of_month(now)


def key_bucket(api_key_id: ApiKeyId) -> BucketId:
    """Of a key: what it spends, and what the keys spend that it made."""
    return BucketId(api_key_id)


def member_bucket(organisation_id: AccountId, person_id: PersonId) -> BucketId:
    """Of a member: what his session spends, the keys that he made, and those that they made."""
    return BucketId(f"{organisation_id}/{person_id}")


def is_of_member(bucket_id: BucketId) -> bool:
    return "/" in bucket_id


def bucket_ids(
    account_id: AccountId,
    api_key_id: ApiKeyId | None,
    parent_key_id: ApiKeyId | None,
    person_id: PersonId | None,
) -> list[BucketId]:
    """Where it would count what this spender holds, whether or not there is a cap: the narrowest first.

    >>> bucket_ids(AccountId("acct_org"), ApiKeyId("key_2"), ApiKeyId("key_1"), PersonId("acct_me"))
    ['key_2', 'key_1', 'acct_org/acct_me']
    """
    ids = [key_bucket(each) for each in (api_key_id, parent_key_id) if each is not None]
    if person_id is not None:
        ids.append(member_bucket(account_id, person_id))
    return ids


def nothing_spent(bucket_id: BucketId, cap: SpendCap, now: Microseconds) -> Bucket:
    """Of a new key."""
    return Bucket(
        id=bucket_id,
        cap=cap,
        window_begins_at=window_begin(cap.window, now),
        charged_microcredits=0,
        held_microcredits=0,
    )
