"""Gives API keys their caps. What keys spend is counted by the ledger's batches."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, literal_column, select, update

from raseed.adapters.sql.accounts.tables import api_keys
from raseed.adapters.sql.ledger.tables import balances, holds, key_spends, usage_sums
from raseed.core.billing.model import HoldState
from raseed.core.billing.spend_caps import CapWindow, KeySpend, SpendCap, window_begin
from raseed.core.clock import Microseconds
from raseed.core.ids import ApiKeyId

# A literal, so that the index of open holds is used.
_OPEN = holds.c.state == literal_column(f"'{HoldState.OPEN}'")


def set_cap(connection: Connection, key_id: ApiKeyId, cap: SpendCap | None, now: Microseconds) -> bool:
    """Give a key a cap, another one, or none. What it was charged in the window before, and what its open holds keep,
    counts. False if there is no such key. Safe to repeat.
    """
    # First of all, and with the account's version: a batch that was decided under the cap of before is refused its
    # write, and one that is being written is waited for.
    owner = select(api_keys.c.account_id).where(api_keys.c.id == key_id).scalar_subquery()
    locked = connection.execute(
        update(balances).where(balances.c.account_id == owner).values(version=balances.c.version + 1)
    )
    if locked.rowcount == 0:
        return False
    connection.execute(delete(key_spends).where(key_spends.c.api_key_id == key_id))
    if cap is not None:
        insert_spend(connection, spend_so_far(connection, key_id, cap, now))
    return True


def spend_so_far(connection: Connection, key_id: ApiKeyId, cap: SpendCap, now: Microseconds) -> KeySpend:
    """Counted from what the key used. Every window begins with a day, so the sums by day are enough."""
    account_id = select(api_keys.c.account_id).where(api_keys.c.id == key_id).scalar_subquery()
    by_day = and_(
        usage_sums.c.account_id == account_id,
        usage_sums.c.dimension == "key",
        usage_sums.c.grain == "day",
        usage_sums.c.name == key_id,
    )
    # A clock that was set back opens no window before the newest in which the key was used: when that comes again, its
    # charges would be forgotten.
    newest_use = connection.execute(select(func.max(usage_sums.c.begins_at)).where(by_day)).scalar_one() or 0
    begin = window_begin(cap.window, Microseconds(max(now, newest_use)))
    charged = connection.execute(
        select(func.coalesce(func.sum(usage_sums.c.cost_microcredits), 0)).where(
            by_day, usage_sums.c.begins_at >= begin
        )
    ).scalar_one()
    held = connection.execute(
        select(func.coalesce(func.sum(holds.c.amount_microcredits), 0)).where(
            _OPEN, holds.c.api_key_id == key_id
        )
    ).scalar_one()
    return KeySpend(
        api_key_id=key_id,
        cap=cap,
        window_begins_at=begin,
        charged_microcredits=int(charged),
        held_microcredits=int(held),
    )


def insert_spend(connection: Connection, spend: KeySpend) -> None:
    connection.execute(
        insert(key_spends).values(
            api_key_id=spend.api_key_id,
            limit_microcredits=spend.cap.limit_microcredits,
            cap_window=spend.cap.window.value,
            window_begins_at=spend.window_begins_at,
            charged_microcredits=spend.charged_microcredits,
            held_microcredits=spend.held_microcredits,
        )
    )


def spend_of(row: Row[Any]) -> KeySpend | None:
    """From a row that was joined with `key_spends`; None if the key has no cap."""
    if row.limit_microcredits is None:
        return None
    return KeySpend(
        api_key_id=row.api_key_id,
        cap=SpendCap(row.limit_microcredits, CapWindow(row.cap_window)),
        window_begins_at=row.window_begins_at,
        charged_microcredits=row.charged_microcredits,
        held_microcredits=row.held_microcredits,
    )


def cap_text(cap: SpendCap | None) -> str:
    """For the audit log."""
    return "cap=none" if cap is None else f"cap={cap.limit_microcredits} window={cap.window}"
