"""Invariants of what API keys with a cap have spent. Each function is a query that finds the rows which break one."""

from __future__ import annotations

from sqlalchemy import Select, and_, case, func, or_

from raseed.adapters.sql.accounts.tables import api_keys
from raseed.adapters.sql.ledger.invariants_books import OPEN, finding
from raseed.adapters.sql.ledger.tables import holds, key_spends, usage_sums


def cap_held_equals_open_holds() -> Select[str, str]:
    held = func.coalesce(func.sum(holds.c.amount_microcredits), 0)
    return (
        finding(key_spends.c.api_key_id, "held ", key_spends.c.held_microcredits, ", open holds say ", held)
        .join_from(key_spends, holds, and_(holds.c.api_key_id == key_spends.c.api_key_id, OPEN), isouter=True)
        .group_by(key_spends.c.api_key_id, key_spends.c.held_microcredits)
        .having(held != key_spends.c.held_microcredits)
    )


def cap_charged_equals_usage() -> Select[str, str]:
    """All that the key was charged since the window began. More than that only while a clock that was set back dates
    charges before the window; never more than all that the key was ever charged.
    """
    cost, charged = usage_sums.c.cost_microcredits, key_spends.c.charged_microcredits
    of_window = case((usage_sums.c.begins_at >= key_spends.c.window_begins_at, cost), else_=0)
    least, most = func.coalesce(func.sum(of_window), 0), func.coalesce(func.sum(cost), 0)
    return (
        finding(key_spends.c.api_key_id, "charged ", charged, ", usage says ", least, " to ", most)
        .join_from(key_spends, api_keys, api_keys.c.id == key_spends.c.api_key_id)
        .join(
            usage_sums,
            and_(
                usage_sums.c.account_id == api_keys.c.account_id,
                usage_sums.c.dimension == "key",
                usage_sums.c.grain == "day",
                usage_sums.c.name == key_spends.c.api_key_id,
            ),
            isouter=True,
        )
        .group_by(key_spends.c.api_key_id, charged)
        .having(or_(charged < least, charged > most))
    )
