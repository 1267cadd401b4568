"""Gives API keys and members their caps. What counts against them is counted by the ledger's batches."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    and_,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    update,
)

from raseed.adapters.sql.accounts.tables import api_keys
from raseed.adapters.sql.ledger.tables import balances, holds, spend_buckets, usage_sums
from raseed.adapters.sql.ledger.usage_sums import SESSION_OF
from raseed.core.billing.model import HoldState
from raseed.core.billing.spend_caps import (
    Bucket,
    CapWindow,
    SpendCap,
    key_bucket,
    member_bucket,
    window_begin,
)
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId, BucketId, PersonId

# A literal, so that the index of open holds is used.
_OPEN = holds.c.state == literal_column(f"'{HoldState.OPEN}'")


class _Owner(NamedTuple):
    """Whose bucket it is, and what counts in it."""

    id: BucketId
    account_id: ScalarSelect[str] | AccountId
    names: Select[str]
    """Of the sums by key."""
    its_holds: ColumnElement[bool]


def set_cap(connection: Connection, key_id: ApiKeyId, cap: SpendCap | None, now: Microseconds) -> bool:
    """Give a key, with those that it made, a cap, another one, or none. What they were charged in the window before, and
    what their open holds keep, counts. False if there is no such key. Safe to repeat.
    """
    owner = _Owner(
        id=key_bucket(key_id),
        account_id=select(api_keys.c.account_id).where(api_keys.c.id == key_id).scalar_subquery(),
        names=select(api_keys.c.id).where(or_(api_keys.c.id == key_id, api_keys.c.parent_id == key_id)),
        its_holds=or_(holds.c.api_key_id == key_id, holds.c.parent_key_id == key_id),
    )
    return _set_cap(connection, owner, cap, now)


def set_member_cap(
    connection: Connection,
    organisation_id: AccountId,
    person_id: PersonId,
    cap: SpendCap | None,
    now: Microseconds,
) -> bool:
    """The same for a member: what he spent with his session, and the keys that he made, counts."""
    of_his_keys = select(api_keys.c.id).where(
        api_keys.c.account_id == organisation_id, api_keys.c.created_by == person_id
    )
    owner = _Owner(
        id=member_bucket(organisation_id, person_id),
        account_id=organisation_id,
        names=of_his_keys.union_all(select(literal(SESSION_OF + person_id))).subquery().select(),
        its_holds=and_(holds.c.account_id == organisation_id, holds.c.person_id == person_id),
    )
    return _set_cap(connection, owner, cap, now)


def find_bucket(connection: Connection, bucket_id: BucketId) -> Bucket | None:
    row = connection.execute(select(spend_buckets).where(spend_buckets.c.id == bucket_id)).first()
    return None if row is None else bucket_of(row, row.id)


def _set_cap(connection: Connection, owner: _Owner, cap: SpendCap | None, now: Microseconds) -> bool:
    # First of all, and with the account's version: a batch that was decided under the cap of before is refused its
    # write, and one that is being written is waited for.
    locked = connection.execute(
        update(balances)
        .where(balances.c.account_id == owner.account_id)
        .values(version=balances.c.version + 1)
        .returning(balances.c.account_id)
    ).scalar()
    if locked is None:
        return False
    connection.execute(delete(spend_buckets).where(spend_buckets.c.id == owner.id))
    if cap is not None:
        insert_bucket(connection, AccountId(locked), _spent_so_far(connection, owner, locked, cap, now))
    return True


def _spent_so_far(
    connection: Connection, owner: _Owner, account_id: str, cap: SpendCap, now: Microseconds
) -> Bucket:
    """Counted from what was used. Every window begins with a day, so the sums by day are enough."""
    by_day = and_(
        usage_sums.c.account_id == account_id,
        usage_sums.c.dimension == "key",
        usage_sums.c.grain == "day",
        usage_sums.c.name.in_(owner.names),
    )
    # A clock that was set back opens no window before the newest in which something was used: when that comes again, its
    # charges would be forgotten.
    newest_use = connection.execute(select(func.max(usage_sums.c.begins_at)).where(by_day)).scalar_one() or 0
    begin = window_begin(cap.window, Microseconds(max(now, newest_use)))
    charged = connection.execute(
        select(func.coalesce(func.sum(usage_sums.c.cost_microcredits), 0)).where(
            by_day, usage_sums.c.begins_at >= begin
        )
    ).scalar_one()
    held = connection.execute(
        select(func.coalesce(func.sum(holds.c.amount_microcredits), 0)).where(_OPEN, owner.its_holds)
    ).scalar_one()
    return Bucket(
        id=owner.id,
        cap=cap,
        window_begins_at=begin,
        charged_microcredits=int(charged),
        held_microcredits=int(held),
    )


def insert_bucket(connection: Connection, account_id: AccountId, bucket: Bucket) -> None:
    connection.execute(
        insert(spend_buckets).values(
            id=bucket.id,
            account_id=account_id,
            limit_microcredits=bucket.cap.limit_microcredits,
            cap_window=bucket.cap.window.value,
            window_begins_at=bucket.window_begins_at,
            charged_microcredits=bucket.charged_microcredits,
            held_microcredits=bucket.held_microcredits,
        )
    )


def bucket_of(row: Row[Any], bucket_id: BucketId) -> Bucket | None:
    """From a row that was joined with `spend_buckets`; None if there is no cap."""
    if row.limit_microcredits is None:
        return None
    return Bucket(
        id=bucket_id,
        cap=SpendCap(row.limit_microcredits, CapWindow(row.cap_window)),
        window_begins_at=row.window_begins_at,
        charged_microcredits=row.charged_microcredits,
        held_microcredits=row.held_microcredits,
    )


def cap_text(cap: SpendCap | None) -> str:
    """For the audit log."""
    return "cap=none" if cap is None else f"cap={cap.limit_microcredits} window={cap.window}"
