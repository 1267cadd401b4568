"""Everything that is kept about an account, in SQL: which tables, which columns, and in which order."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, Select, Table, literal, select, tuple_

from raseed.adapters.sql.accounts.tables import (
    account_notes,
    account_standing,
    accounts,
    api_keys,
    closing_requests,
    consents,
    sessions,
)
from raseed.adapters.sql.admin.tables import audit_details, audit_log
from raseed.adapters.sql.ledger.tables import (
    grants,
    ledger_entries,
    ledger_tx,
    spend_buckets,
    usage_events,
    usage_lines,
)
from raseed.adapters.sql.messaging.tables import notice_preferences, outbox
from raseed.adapters.sql.organisations.tables import memberships, organisations
from raseed.adapters.sql.payments.receipt_tables import receipt_buyers, receipts
from raseed.adapters.sql.payments.redemption_tables import redemptions
from raseed.adapters.sql.payments.subscription_tables import (
    provider_subscriptions,
    subscription_periods,
    subscriptions,
)
from raseed.adapters.sql.payments.tables import payments, refunds
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.admin.export import ExportPage, ExportPosition
from raseed.core.ids import AccountId
from raseed.core.texts import is_storable

LEFT_OUT = frozenset({"account_id", "pepper_version", "past_pepper_version", "chain_seq"})
"""Columns that say nothing about anybody. Left out too is whatever is bytes: hashes, and keys."""

_NUMBER_MAX = 2**63

Keys = tuple[ColumnElement[Any], ...]


@dataclass(frozen=True, slots=True)
class Part:
    query: Callable[[AccountId], Select[Any]]
    keys: Keys
    """What its records are ordered by and told apart by, as an index has them: an account may have millions."""


def _of(table: Table, *keys: ColumnElement[Any]) -> Part:
    return Part(lambda account_id: select(table).where(table.c.account_id == account_id), keys)


def _beside(table: Table, parent: Table, link: tuple[str, str], keys: Keys) -> Part:
    """Of a table whose rows belong to rows of another one."""
    belongs = table.c[link[0]] == parent.c[link[1]]
    return Part(
        lambda account_id: (
            select(table).join_from(parent, table, belongs).where(parent.c.account_id == account_id)
        ),
        keys,
    )


PARTS: dict[str, Part] = {
    "account": Part(lambda account_id: select(accounts).where(accounts.c.id == account_id), (accounts.c.id,)),
    "standing": _of(account_standing, account_standing.c.account_id),
    "note": _of(account_notes, account_notes.c.id),
    "organisation": _of(organisations, organisations.c.account_id),
    "membership": Part(
        lambda account_id: select(memberships).where(
            (memberships.c.person_id == account_id) | (memberships.c.organisation_id == account_id)
        ),
        (memberships.c.organisation_id, memberships.c.person_id),
    ),
    "closing_request": _of(closing_requests, closing_requests.c.account_id),
    "consent": _of(consents, consents.c.terms_version),
    "notice_preference": _of(notice_preferences, notice_preferences.c.kind),
    "notice": _of(outbox, outbox.c.id),
    "api_key": _of(api_keys, api_keys.c.id),
    "spend_cap": _of(spend_buckets, spend_buckets.c.id),
    "session": _of(sessions, sessions.c.id),
    "grant": _of(grants, grants.c.id),
    "ledger_transaction": _of(ledger_tx, ledger_tx.c.at, ledger_tx.c.id),
    "ledger_entry": _beside(
        ledger_entries, ledger_tx, ("tx_id", "id"), (ledger_tx.c.at, ledger_tx.c.id, ledger_entries.c.seq)
    ),
    "payment": _of(payments, payments.c.id),
    "refund": _beside(refunds, payments, ("payment_id", "id"), (payments.c.id, refunds.c.id)),
    "receipt": _of(receipts, receipts.c.id),
    "receipt_buyer": _beside(receipt_buyers, receipts, ("receipt_id", "id"), (receipts.c.id,)),
    "redemption": _of(redemptions, redemptions.c.code_id),
    "subscription": _of(subscriptions, subscriptions.c.id),
    "subscription_period": _of(subscription_periods, subscription_periods.c.id),
    "subscription_agreement": _beside(
        provider_subscriptions,
        subscriptions,
        ("subscription_id", "id"),
        (subscriptions.c.id, provider_subscriptions.c.id),
    ),
    "usage": _of(usage_events, usage_events.c.at, usage_events.c.request_id),
    "usage_line": _beside(
        usage_lines,
        usage_events,
        ("request_id", "request_id"),
        (usage_events.c.at, usage_events.c.request_id, usage_lines.c.meter),
    ),
    "audit": Part(
        lambda account_id: (
            select(audit_log, audit_details.c.detail)
            .join_from(audit_log, audit_details, audit_details.c.seq == audit_log.c.seq, isouter=True)
            .where((audit_log.c.subject == account_id) | (audit_log.c.actor == account_id))
        ),
        (audit_log.c.seq,),
    ),
}
"""In the order of the export."""


OPERATORS_OWN = frozenset({"note", "audit"})
"""What operators wrote down for themselves: they hand it out after they have read it."""


class SqlExportStore:
    """Implements `core.admin.export.ExportStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def page(
        self, account_id: AccountId, after: ExportPosition, limit: int, *, is_for_holder: bool = False
    ) -> ExportPage:
        names = [name for name in PARTS if not (is_for_holder and name in OPERATORS_OWN)]
        first = names.index(after.part) if after.part else 0
        passed = _passed(PARTS[after.part].keys, after.key) if after.part else None

        def work(connection: Connection) -> ExportPage:
            records: list[dict[str, Any]] = []
            for name in names[first:]:
                part = PARTS[name]
                query = part.query(account_id).order_by(*part.keys).limit(limit - len(records))
                if passed is not None and name == after.part:
                    query = query.where(tuple_(*part.keys) > passed)
                shown = [column for column in query.selected_columns if _is_shown(column)]
                rows = connection.execute(query.with_only_columns(*shown, *part.keys)).all()
                names_of = [column.name for column in shown]
                records += [{"record": name, **dict(zip(names_of, row, strict=False))} for row in rows]
                if len(records) == limit:
                    last = list(rows[-1][len(shown) :])
                    return ExportPage(records, ExportPosition(name, json.dumps(last)))
            return ExportPage(records, None)

        return await self._database.read(work)


def _passed(keys: Keys, text: str) -> Any:
    """The keys of the last record that was given out. Raises ValueError for what none has."""
    try:
        values = json.loads(text)
    except RecursionError:
        raise ValueError("no position: too deep") from None
    kinds = [key.type.python_type for key in keys]
    if not isinstance(values, list) or [type(value) for value in values] != kinds:
        raise ValueError(f"no position: {text!r}")
    if any(isinstance(value, int) and abs(value) >= _NUMBER_MAX for value in values):
        raise ValueError("no position: no column holds this number")
    if any(isinstance(value, str) and not is_storable(value) for value in values):
        raise ValueError("no position: no column holds this text")
    return tuple_(*(literal(value, key.type) for value, key in zip(values, keys, strict=True)))


def _is_shown(column: Any) -> bool:
    return column.name not in LEFT_OUT and not isinstance(column.type, LargeBinary)
