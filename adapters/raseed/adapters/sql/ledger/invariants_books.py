"""Invariants of entries, grants and balances. Each function is a query that finds the rows which break one."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, literal, not_, or_, select

from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.ledger.tables import (
    balances,
    grants,
    hold_allocations,
    holds,
    ledger_entries,
    ledger_tx,
)
from raseed.core.billing.model import HoldState

OPEN = holds.c.state == HoldState.OPEN.value
DEBT_ACCOUNTS = "cust:%:debt"


def finding(id_: object, *parts: object) -> Select[str, str]:
    """A row of the answer; parts are columns and texts in turn, joined into the detail."""
    detail: ColumnElement[str] = literal("")
    for part in parts:
        text = literal(part) if isinstance(part, str) else func.coalesce(cast(part, Text), "none")
        detail = detail.concat(text)
    return select(id_, detail)  # type: ignore[call-overload, no-any-return]


def transaction_sums_to_zero() -> Select[str, str]:
    total = func.sum(ledger_entries.c.amount_microcredits)
    return (
        finding(ledger_tx.c.id, "entries sum to ", total)
        .join_from(ledger_tx, ledger_entries, ledger_entries.c.tx_id == ledger_tx.c.id, isouter=True)
        .group_by(ledger_tx.c.id)
        .having(func.coalesce(total, 1) != 0)  # one without entries books nothing
    )


def entry_names_its_grant() -> Select[str, str]:
    owner = literal("cust:").concat(grants.c.account_id).concat(":grant:").concat(grants.c.id)
    return (
        finding(ledger_entries.c.tx_id, "entry of ", ledger_entries.c.ledger_account)
        .join_from(ledger_entries, grants, grants.c.id == ledger_entries.c.grant_id, isouter=True)
        .where(
            or_(
                and_(ledger_entries.c.grant_id.is_not(None), ledger_entries.c.ledger_account != owner),
                and_(
                    ledger_entries.c.grant_id.is_(None),
                    ledger_entries.c.ledger_account.like("cust:%:grant:%"),
                ),
            )
        )
    )


def expiry_touches_its_own_grant() -> Select[str, str]:
    return (
        finding(ledger_tx.c.id, "expiry of ", ledger_tx.c.ref, " debits ", ledger_entries.c.grant_id)
        .join_from(ledger_tx, ledger_entries, ledger_entries.c.tx_id == ledger_tx.c.id)
        .where(ledger_tx.c.kind == "expire", ledger_entries.c.grant_id != ledger_tx.c.ref)
    )


# --------------------------------------------------------------------------------------------------- grants


def grant_remaining_equals_entries() -> Select[str, str]:
    """The entries are summed first: only this check goes from a grant to its entries, so no index leads there."""
    booked = (
        select(ledger_entries.c.grant_id, func.sum(ledger_entries.c.amount_microcredits).label("amount"))
        .where(ledger_entries.c.grant_id.is_not(None))
        .group_by(ledger_entries.c.grant_id)
        .subquery()
    )
    amount = func.coalesce(booked.c.amount, 0)
    return (
        finding(grants.c.id, "remaining ", grants.c.remaining_microcredits, ", entries say ", amount)
        .join_from(grants, booked, booked.c.grant_id == grants.c.id, isouter=True)
        .where(amount != grants.c.remaining_microcredits)
    )


def grant_held_within_remaining() -> Select[str, str]:
    held, remaining = grants.c.held_microcredits, grants.c.remaining_microcredits
    return finding(
        grants.c.id, "held ", held, " of remaining ", remaining, " of ", grants.c.amount_microcredits
    ).where(not_(and_(held >= 0, held <= remaining, remaining <= grants.c.amount_microcredits)))


def grant_active_while_something_is_left() -> Select[str, str]:
    is_active = grants.c.status == "active"
    return finding(grants.c.id, grants.c.status, " with ", grants.c.remaining_microcredits, " left").where(
        is_active != (grants.c.remaining_microcredits > 0)
    )


def grant_held_equals_open_allocations() -> Select[str, str]:
    promised = (
        select(hold_allocations.c.grant_id, func.sum(hold_allocations.c.amount_microcredits).label("amount"))
        .join_from(hold_allocations, holds, holds.c.id == hold_allocations.c.hold_id)
        .where(OPEN)
        .group_by(hold_allocations.c.grant_id)
        .subquery()
    )
    amount = func.coalesce(promised.c.amount, 0)
    return (
        finding(grants.c.id, "held ", grants.c.held_microcredits, ", open holds keep ", amount)
        .join_from(grants, promised, promised.c.grant_id == grants.c.id, isouter=True)
        .where(grants.c.held_microcredits != amount)
    )


def one_welcome_grant() -> Select[str, str]:
    return (
        finding(grants.c.account_id, func.count(), " welcome grants")
        .where(grants.c.source == "welcome")
        .group_by(grants.c.account_id)
        .having(func.count() > 1)
    )


# -------------------------------------------------------------------------------------------------- balances


def account_has_balance() -> Select[str, str]:
    return (
        finding(accounts.c.id, "no balance row")
        .join_from(accounts, balances, balances.c.account_id == accounts.c.id, isouter=True)
        .where(balances.c.account_id.is_(None))
    )


def balance_available_equals_grants() -> Select[str, str]:
    free = func.coalesce(func.sum(grants.c.remaining_microcredits - grants.c.held_microcredits), 0)
    return (
        finding(balances.c.account_id, "available ", balances.c.available_microcredits, ", grants say ", free)
        .join_from(balances, grants, grants.c.account_id == balances.c.account_id, isouter=True)
        .group_by(balances.c.account_id, balances.c.available_microcredits)
        .having(free != balances.c.available_microcredits)
    )


def balance_held_equals_open_holds() -> Select[str, str]:
    held = func.coalesce(func.sum(holds.c.amount_microcredits - holds.c.debt_microcredits), 0)
    return (
        finding(balances.c.account_id, "held ", balances.c.held_microcredits, ", open holds say ", held)
        .join_from(balances, holds, and_(holds.c.account_id == balances.c.account_id, OPEN), isouter=True)
        .group_by(balances.c.account_id, balances.c.held_microcredits)
        .having(held != balances.c.held_microcredits)
    )


def balance_debt_equals_entries() -> Select[str, str]:
    booked = (
        select(
            ledger_entries.c.ledger_account, func.sum(ledger_entries.c.amount_microcredits).label("amount")
        )
        .where(ledger_entries.c.ledger_account.like(DEBT_ACCOUNTS))
        .group_by(ledger_entries.c.ledger_account)
        .subquery()
    )
    owed = -func.coalesce(booked.c.amount, 0)
    name = literal("cust:").concat(balances.c.account_id).concat(":debt")
    return (
        finding(balances.c.account_id, "debt ", balances.c.debt_microcredits, ", entries say ", owed)
        .join_from(balances, booked, booked.c.ledger_account == name, isouter=True)
        .where(owed != balances.c.debt_microcredits)
    )


def replay_rebuilds_balances() -> Select[str, str]:
    """From the entries alone, without looking at grants: what came in minus what went out is what is there."""
    booked = (
        select(ledger_tx.c.account_id, func.sum(ledger_entries.c.amount_microcredits).label("amount"))
        .join_from(ledger_tx, ledger_entries, ledger_entries.c.tx_id == ledger_tx.c.id)
        .where(ledger_entries.c.ledger_account.like("cust:%:grant:%"))
        .group_by(ledger_tx.c.account_id)
        .subquery()
    )
    amount = func.coalesce(booked.c.amount, 0)
    stored = balances.c.available_microcredits + balances.c.held_microcredits
    return (
        finding(balances.c.account_id, "available and held ", stored, ", entries say ", amount)
        .join_from(balances, booked, booked.c.account_id == balances.c.account_id, isouter=True)
        .where(stored != amount)
    )
