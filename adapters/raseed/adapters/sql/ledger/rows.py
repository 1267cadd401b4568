"""Ledger rows as core objects, and back. Tuples are in the order of the table's columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from raseed.core.billing.ledger_state import AccountState, LedgerTransaction, UsageEvent
from raseed.core.billing.model import (
    Grant,
    GrantSource,
    GrantStatus,
    Hold,
    HoldState,
    Measured,
    Meter,
    PriceSnapshot,
    Rate,
)
from raseed.core.billing.spend_caps import Bucket, CapWindow, SpendCap
from raseed.core.money import Rounding

Row = tuple[Any, ...]

SNAPSHOTS_MAX = 1_024
"""Price snapshots and checkpoints remembered in both forms: there are as many as models × price list versions."""

_GRANT_STATUS = {status.value: status for status in GrantStatus}
_GRANT_SOURCE = {source.value: source for source in GrantSource}
_CAP_WINDOW = {window.value: window for window in CapWindow}
_HOLD_STATE = {state.value: state for state in HoldState}


@lru_cache(maxsize=SNAPSHOTS_MAX)
def price_text(price: PriceSnapshot) -> str:
    rates = [[rate.meter.value, rate.unit_price_microcredits, rate.per] for rate in price.rates]
    fields = {"model": price.model, "version": price.version, "rates": rates}
    if price.rounding is not Rounding.EXACT:
        fields["rounding"] = price.rounding.value
    return json.dumps(fields, separators=(",", ":"))


@lru_cache(maxsize=SNAPSHOTS_MAX)
def price_of(text: str) -> PriceSnapshot:
    fields = json.loads(text)
    rates = tuple(Rate(Meter(meter), unit_price, per) for meter, unit_price, per in fields["rates"])
    rounding = Rounding(fields.get("rounding", Rounding.EXACT))
    return PriceSnapshot(model=fields["model"], version=fields["version"], rates=rates, rounding=rounding)


_compact = json.JSONEncoder(separators=(",", ":")).encode


@lru_cache(maxsize=SNAPSHOTS_MAX)
def measured_text(measured: Measured) -> str:
    return _compact([[meter.value, quantity] for meter, quantity in measured.quantities])


@lru_cache(maxsize=SNAPSHOTS_MAX)
def measured_of(text: str) -> Measured:
    return Measured(tuple((Meter(meter), quantity) for meter, quantity in json.loads(text)))


def grant_of(row: Row) -> Grant:
    return Grant(
        id=row[0],
        account_id=row[1],
        grant_key=row[2],
        source=_GRANT_SOURCE[row[3]],
        amount_microcredits=row[4],
        remaining_microcredits=row[5],
        held_microcredits=row[6],
        priority=row[7],
        effective_at=row[8],
        expires_at=row[9],
        status=_GRANT_STATUS[row[10]],
        cost_basis_minor=row[11],
        currency=row[12],
        created_at=row[13],
        reason=row[14],
    )


def grant_row(grant: Grant) -> Row:
    return (
        grant.id,
        grant.account_id,
        grant.grant_key,
        grant.source.value,
        grant.amount_microcredits,
        grant.remaining_microcredits,
        grant.held_microcredits,
        grant.priority,
        grant.effective_at,
        grant.expires_at,
        grant.status.value,
        grant.cost_basis_minor,
        grant.currency,
        grant.created_at,
        grant.reason,
    )


def hold_of(row: Row) -> Hold:
    """Without its allocations, which are rows of their own."""
    return Hold(
        id=row[0],
        account_id=row[1],
        api_key_id=row[2],
        model=row[3],
        price=price_of(row[4]),
        input_hash=row[5],
        amount_microcredits=row[6],
        state=_HOLD_STATE[row[7]],
        owner_instance=row[8],
        owner_epoch=row[9],
        lease_until=row[10],
        checkpoint=measured_of(row[11]),
        opened_at=row[12],
        closed_at=row[13],
        cost_microcredits=row[14],
        debt_microcredits=row[15],
        parent_key_id=row[16],
        person_id=row[17],
        allocations=[],
    )


def hold_row(hold: Hold) -> Row:
    """Without what it may owe, which is nothing when it is placed."""
    return (
        hold.id,
        hold.account_id,
        hold.api_key_id,
        hold.model,
        price_text(hold.price),
        hold.input_hash,
        hold.amount_microcredits,
        hold.state.value,
        hold.owner_instance,
        hold.owner_epoch,
        hold.lease_until,
        measured_text(hold.checkpoint),
        hold.opened_at,
        hold.closed_at,
        hold.cost_microcredits,
        hold.parent_key_id,
        hold.person_id,
    )


def bucket_of(row: Row) -> Bucket:
    return Bucket(
        id=row[0],
        cap=SpendCap(row[1], _CAP_WINDOW[row[2]]),
        window_begins_at=row[3],
        charged_microcredits=row[4],
        held_microcredits=row[5],
    )


def bucket_change_rows(buckets: Iterable[Bucket]) -> Iterator[Row]:
    for bucket in buckets:
        yield bucket.window_begins_at, bucket.charged_microcredits, bucket.held_microcredits, bucket.id


def reservation_rows(accounts: Iterable[AccountState]) -> Iterator[Row]:
    for account in accounts:
        yield account.debt_reserved_microcredits, account.id


def hold_debt_rows(holds: Iterable[Hold]) -> Iterator[Row]:
    for hold in holds:
        yield hold.debt_microcredits, hold.id


def allocation_rows(holds: Iterable[Hold]) -> Iterator[Row]:
    for hold in holds:
        for seq, allocation in enumerate(hold.allocations):
            yield hold.id, allocation.grant_id, seq, allocation.amount_microcredits


def transaction_row(transaction: LedgerTransaction) -> Row:
    return (
        transaction.id,
        transaction.kind,
        transaction.idem_key,
        transaction.account_id,
        transaction.ref,
        transaction.actor,
        transaction.at,
    )


def entry_rows(transactions: Iterable[LedgerTransaction]) -> Iterator[Row]:
    for transaction in transactions:
        for seq, entry in enumerate(transaction.entries):
            yield transaction.id, seq, entry.ledger_account, entry.grant_id, entry.amount_microcredits


def usage_event_row(event: UsageEvent) -> Row:
    hold, run = event.hold, event.run
    return (
        hold.id,
        hold.account_id,
        hold.api_key_id,
        hold.model,
        run.usage_source.value,
        run.outcome,
        run.finish_reason,
        event.cost_microcredits,
        event.shortfall_microcredits,
        event.ledger_tx_id,
        run.latency_ms,
        run.first_token_ms,
        run.backend,
        event.at,
        hold.person_id,
    )


def usage_line_rows(events: Iterable[UsageEvent]) -> Iterator[Row]:
    for event in events:
        for line in event.lines:
            yield (
                event.hold.id,
                line.meter.value,
                line.quantity,
                line.unit_price_microcredits,
                line.per,
                line.cost_microcredits,
            )
