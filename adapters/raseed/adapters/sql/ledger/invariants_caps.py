"""Invariants of what has been spent of each cap. Each function is a query that finds the rows which break one."""

from __future__ import annotations

from sqlalchemy import Select, and_, case, func, literal, or_, select, union_all

from raseed.adapters.sql.accounts.tables import api_keys
from raseed.adapters.sql.ledger.invariants_books import OPEN, finding
from raseed.adapters.sql.ledger.tables import holds, spend_buckets, usage_sums
from raseed.adapters.sql.ledger.usage_sums import SESSION_OF

_buckets = spend_buckets.c
_MEMBER = "/%"
"""Behind the account's id: the bucket is a member's."""


def cap_held_equals_open_holds() -> Select[str, str]:
    """What the open holds keep that name the bucket."""
    held = func.coalesce(func.sum(holds.c.amount_microcredits), 0)
    names_it = or_(
        holds.c.api_key_id == _buckets.id,
        holds.c.parent_key_id == _buckets.id,
        holds.c.account_id.concat("/").concat(holds.c.person_id) == _buckets.id,
    )
    is_in_it = and_(holds.c.account_id == _buckets.account_id, OPEN, names_it)
    return (
        finding(_buckets.id, "held ", _buckets.held_microcredits, ", open holds say ", held)
        .join_from(spend_buckets, holds, is_in_it, isouter=True)
        .group_by(_buckets.id, _buckets.held_microcredits)
        .having(held != _buckets.held_microcredits)
    )


def cap_charged_equals_usage() -> Select[str, str]:
    """All that was charged since the window began. More than that only while a clock that was set back dates charges before
    the window; never more than all that was ever charged.
    """
    keys = api_keys.c
    of_key = or_(keys.id == _buckets.id, keys.parent_id == _buckets.id)
    of_member = keys.account_id.concat("/").concat(keys.created_by) == _buckets.id
    names = union_all(
        select(_buckets.id, keys.id.label("name")).join_from(
            spend_buckets, api_keys, and_(keys.account_id == _buckets.account_id, or_(of_key, of_member))
        ),
        select(
            _buckets.id,
            literal(SESSION_OF).concat(func.substr(_buckets.id, func.length(_buckets.account_id) + 2)),
        ).where(_buckets.id.like(_buckets.account_id.concat(_MEMBER))),
    ).subquery()
    cost, charged = usage_sums.c.cost_microcredits, _buckets.charged_microcredits
    of_window = case((usage_sums.c.begins_at >= _buckets.window_begins_at, cost), else_=0)
    least, most = func.coalesce(func.sum(of_window), 0), func.coalesce(func.sum(cost), 0)
    return (
        finding(_buckets.id, "charged ", charged, ", usage says ", least, " to ", most)
        .join_from(spend_buckets, names, names.c.id == _buckets.id, isouter=True)
        .join(
            usage_sums,
            and_(
                usage_sums.c.account_id == _buckets.account_id,
                usage_sums.c.dimension == "key",
                usage_sums.c.grain == "day",
                usage_sums.c.name == names.c.name,
            ),
            isouter=True,
        )
        .group_by(_buckets.id, charged)
        .having(or_(charged < least, charged > most))
    )
