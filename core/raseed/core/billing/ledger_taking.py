"""The command that takes credit back."""

from __future__ import annotations

from collections.abc import Iterable

from raseed.core.billing.commands import Refusal, Refused, Result, TakeBack, TakenBack, TakeShortfall
from raseed.core.billing.ledger_checks import refused
from raseed.core.billing.ledger_moves import (
    HOUSELOSS,
    NewId,
    book,
    debt_account,
    expire_due,
    grant_account,
    repay,
)
from raseed.core.billing.ledger_state import (
    AccountState,
    Entry,
    LedgerState,
    LedgerTransaction,
    LedgerTxKind,
    credit,
    is_due,
    taken_key,
)
from raseed.core.billing.model import Grant, GrantStatus
from raseed.core.clock import Microseconds
from raseed.core.ids import GrantId
from raseed.core.money import AMOUNT_MAX

CLAWBACK = "sys:clawback"
"""Gains what a command asks for. What it leaves to a later one goes out of it again with the same transaction."""


def take_back(
    state: LedgerState, account: AccountState | None, command: TakeBack, now: Microseconds, new_id: NewId
) -> Result:
    amount, grant_id = command.amount_microcredits, command.grant_id
    is_partial = command.shortfall is not TakeShortfall.REFUSE
    if amount is None and (grant_id is None or is_partial):
        return refused(Refusal.AMOUNT_OUT_OF_RANGE, account, now)
    if amount is not None and (not 0 < amount <= AMOUNT_MAX or (is_partial and grant_id is None)):
        return refused(Refusal.AMOUNT_OUT_OF_RANGE, account, now, amount)
    if account is None:
        return refused(Refusal.ACCOUNT_UNKNOWN, account, now)
    key = taken_key(command)
    known = state.taken.get(key)
    if known is not None:
        return _replayed(account, command, known, now)
    if is_partial:
        assert amount is not None
        assert grant_id is not None
        return _claim(state, account, command, grant_id, amount, now, new_id)
    grants = [grant for grant in account.grants.values() if not is_due(grant, now)]
    if grant_id is not None:
        grants = [grant for grant in grants if grant.id == grant_id]
        if not grants:
            return refused(Refusal.GRANT_UNKNOWN, account, now)
    free = sum(grant.remaining_microcredits - grant.held_microcredits for grant in grants)
    wanted = free if amount is None else amount
    if free < max(wanted, 1):
        left = sum(grant.remaining_microcredits for grant in grants)
        short = Refusal.CREDIT_EXHAUSTED if left < max(wanted, 1) else Refusal.HELD_BY_OPEN_REQUESTS
        return _short(short, account, free, wanted)

    expire_due(state, account, now, new_id)
    parts: list[tuple[GrantId, int]] = []
    for grant in sorted(grants, key=lambda grant: (grant.created_at, grant.id), reverse=True):
        taken = min(wanted, grant.remaining_microcredits - grant.held_microcredits)
        if taken:
            _take(state, account, grant, taken, now)
            parts.append((grant.id, taken))
            wanted -= taken
    entries = [Entry(grant_account(account.id, grant_id), -taken, grant_id) for grant_id, taken in parts]
    entries.append(Entry(CLAWBACK, sum(taken for _, taken in parts)))
    kind, ref = _subject(command)
    book(state, account, kind, key, ref, entries, now, new_id, command.actor)
    state.taken[key] = state.transactions[-1]
    return _taken_back(account, command, state.taken[key], now)


def _claim(
    state: LedgerState,
    account: AccountState,
    command: TakeBack,
    grant_id: GrantId,
    amount: int,
    now: Microseconds,
    new_id: NewId,
) -> Result:
    """Take what is free of the grant, and book the rest if nothing more of it can come free."""
    if not _is_of(state, account, grant_id):
        return refused(Refusal.GRANT_UNKNOWN, account, now)
    is_owed = command.shortfall is TakeShortfall.DEBT
    if is_owed and account.debt_microcredits + amount > AMOUNT_MAX:
        return refused(Refusal.AMOUNT_OUT_OF_RANGE, account, now, amount)

    expire_due(state, account, now, new_id)
    rest, entries = amount, list[Entry]()
    grant = account.grants.get(grant_id)
    if grant is not None:
        taken = min(amount, grant.remaining_microcredits - grant.held_microcredits)
        if taken:
            _take(state, account, grant, taken, now)
            entries.append(Entry(grant_account(account.id, grant_id), -taken, grant_id))
        rest -= taken
    entries.append(Entry(CLAWBACK, amount))
    is_held = grant is not None and grant.held_microcredits > 0
    if rest and is_held:
        entries.append(Entry(CLAWBACK, -rest))
    elif rest and is_owed:
        account.debt_microcredits += rest
        entries.append(Entry(debt_account(account.id), -rest))
    elif rest:
        entries.append(Entry(HOUSELOSS, -rest))
    state.touch_account(
        account
    )  # whatever it came to: its version keeps others from deciding the same beside it
    kind, ref = _subject(command)
    key = taken_key(command)
    book(state, account, kind, key, ref, entries, now, new_id, command.actor)
    state.taken[key] = state.transactions[-1]
    repay(state, account, grant_id, key, now, new_id)
    return _taken_back(account, command, state.taken[key], now)


def _is_of(state: LedgerState, account: AccountState, grant_id: GrantId) -> bool:
    """Whether the account has, or ever had, this grant."""
    if grant_id in account.grants or state.named_grants.get(grant_id) == account.id:
        return True
    new = state.new_grants.get(grant_id)
    return new is not None and new.account_id == account.id


def _take(state: LedgerState, account: AccountState, grant: Grant, amount: int, now: Microseconds) -> None:
    grant.remaining_microcredits -= amount
    account.available_microcredits -= amount
    state.touch_account(account)
    state.touch_grant(account, grant, now)
    if grant.remaining_microcredits == 0:
        grant.status = GrantStatus.VOIDED


def _replayed(
    account: AccountState, command: TakeBack, known: LedgerTransaction, now: Microseconds
) -> TakenBack | Refused:
    asked = sum(e.amount_microcredits for e in known.entries if _is_asked(e))
    if (known.kind, known.ref) != _subject(command) or command.amount_microcredits not in {None, asked}:
        return refused(Refusal.REUSED_WITH_OTHER_INPUT, account, now)
    return _taken_back(account, command, known, now, replayed=True)


def _is_asked(entry: Entry) -> bool:
    return entry.ledger_account == CLAWBACK and entry.amount_microcredits > 0


def _subject(command: TakeBack) -> tuple[LedgerTxKind, str]:
    """What the transaction is and what it is about: tells one command from another under the same key."""
    ref = command.grant_id or command.account_id
    match command.shortfall:
        case TakeShortfall.REFUSE:
            return "void" if command.amount_microcredits is None else "adjust", ref
        case TakeShortfall.DEBT:
            return "claim", ref
        case TakeShortfall.WRITE_OFF:
            return "waive", ref


def _taken_back(
    account: AccountState,
    command: TakeBack,
    booked: LedgerTransaction,
    now: Microseconds,
    *,
    replayed: bool = False,
) -> TakenBack:
    """All but what changes afterwards is read from what was booked."""
    parts = tuple((e.grant_id, -e.amount_microcredits) for e in booked.entries if e.grant_id is not None)
    concerned: Iterable[GrantId] = [grant_id for grant_id, _ in parts]
    if command.grant_id is not None:
        concerned = [command.grant_id]
    return TakenBack(
        parts=parts,
        still_held_microcredits=sum(
            account.grants[grant_id].held_microcredits for grant_id in concerned if grant_id in account.grants
        ),
        spendable_microcredits=credit(account, now)[0],
        debt_microcredits=_lost_by(booked, debt_account(account.id)),
        written_off_microcredits=_lost_by(booked, HOUSELOSS),
        replayed=replayed,
    )


def _lost_by(booked: LedgerTransaction, ledger_account: str) -> int:
    return -sum(e.amount_microcredits for e in booked.entries if e.ledger_account == ledger_account)


def _short(refusal: Refusal, account: AccountState, free: int, required: int) -> Refused:
    """The figures are those of the grants in question."""
    return Refused(
        refusal=refusal,
        spendable_microcredits=free,
        held_microcredits=account.held_microcredits,
        required_microcredits=required,
    )
