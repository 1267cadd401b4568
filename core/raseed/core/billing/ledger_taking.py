"""The command that takes credit back."""

from __future__ import annotations

from collections.abc import Iterable

from raseed.core.billing.commands import Refusal, Refused, Result, TakeBack, TakenBack
from raseed.core.billing.ledger_checks import refused
from raseed.core.billing.ledger_moves import NewId, book, expire_due, grant_account
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


def take_back(
    state: LedgerState, account: AccountState | None, command: TakeBack, now: Microseconds, new_id: NewId
) -> Result:
    amount = command.amount_microcredits
    if (amount is None and command.grant_id is None) or (amount is not None and not 0 < amount <= AMOUNT_MAX):
        return refused(Refusal.AMOUNT_OUT_OF_RANGE, account, now, amount or 0)
    if account is None:
        return refused(Refusal.ACCOUNT_UNKNOWN, account, now)
    key = taken_key(command)
    known = state.taken.get(key)
    if known is not None:
        return _replayed(account, command, known, now)
    grants = [grant for grant in account.grants.values() if not is_due(grant, now)]
    if command.grant_id is not None:
        grants = [grant for grant in grants if grant.id == command.grant_id]
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
    return _taken_back(account, parts, now)


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
    parts = [
        (entry.grant_id, -entry.amount_microcredits) for entry in known.entries if entry.grant_id is not None
    ]
    if (known.kind, known.ref) != _subject(command):
        return refused(Refusal.REUSED_WITH_OTHER_INPUT, account, now)
    if command.amount_microcredits not in {None, sum(taken for _, taken in parts)}:
        return refused(Refusal.REUSED_WITH_OTHER_INPUT, account, now)
    return _taken_back(account, parts, now, replayed=True)


def _subject(command: TakeBack) -> tuple[LedgerTxKind, str]:
    """What the transaction is and what it is about: tells one command from another under the same key."""
    return (
        "void" if command.amount_microcredits is None else "adjust",
        command.grant_id or command.account_id,
    )


def _taken_back(
    account: AccountState,
    parts: Iterable[tuple[GrantId, int]],
    now: Microseconds,
    *,
    replayed: bool = False,
) -> TakenBack:
    parts = tuple(parts)
    return TakenBack(
        parts=parts,
        still_held_microcredits=sum(
            account.grants[grant_id].held_microcredits for grant_id, _ in parts if grant_id in account.grants
        ),
        spendable_microcredits=credit(account, now)[0],
        replayed=replayed,
    )


def _short(refusal: Refusal, account: AccountState, free: int, required: int) -> Refused:
    """The figures are those of the grants in question."""
    return Refused(
        refusal=refusal,
        spendable_microcredits=free,
        held_microcredits=account.held_microcredits,
        required_microcredits=required,
    )
