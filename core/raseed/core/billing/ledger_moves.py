"""The moves that ledger commands are made of. Each is called after every check has passed and cannot be refused."""

from __future__ import annotations

from collections.abc import Callable

from raseed.core.billing.ledger_state import (
    AccountState,
    Entry,
    LedgerState,
    LedgerTransaction,
    LedgerTxKind,
    UsageEvent,
    is_due,
    is_eligible,
)
from raseed.core.billing.model import Allocation, Hold, HoldState, RunRecord, UsageLine
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, GrantId, LedgerTxId

NewId = Callable[[str], str]

BREAKAGE = "sys:breakage"
HOUSELOSS = "sys:houseloss"


def grant_account(account_id: AccountId, grant_id: GrantId) -> str:
    return f"cust:{account_id}:grant:{grant_id}"


def debt_account(account_id: AccountId) -> str:
    return f"cust:{account_id}:debt"


def book(
    state: LedgerState,
    account: AccountState,
    kind: LedgerTxKind,
    idem_key: str,
    ref: str,
    entries: list[Entry],
    now: Microseconds,
    new_id: NewId,
    actor: str = "system",
) -> LedgerTxId:
    """Record one transaction. Entries that do not sum to zero are a bug of ours and stop the command."""
    assert sum(entry.amount_microcredits for entry in entries) == 0, f"unbalanced {kind} of {ref}"
    transaction = LedgerTransaction(
        id=LedgerTxId(new_id("ltx")),
        kind=kind,
        idem_key=idem_key,
        account_id=account.id,
        ref=ref,
        actor=actor,
        at=now,
        entries=tuple(entries),
    )
    state.transactions.append(transaction)
    return transaction.id


def expire_due(state: LedgerState, account: AccountState, now: Microseconds, new_id: NewId) -> int:
    """Send what is left of grants whose time is over to breakage. What open holds keep of them stays until those end.

    Returns how much it was.
    """
    expired = 0
    for grant in list(account.grants.values()):
        free = grant.remaining_microcredits - grant.held_microcredits
        if free == 0 or not is_due(grant, now):
            continue
        # The same grant can expire twice: what a hold returns to it while the clock is turned back is its again for
        # so long. What is left of a grant only ever falls, so it tells one expiry from the next.
        idem_key = f"expire:{grant.id}:{grant.remaining_microcredits}"
        grant.remaining_microcredits -= free
        account.available_microcredits -= free
        state.touch_account(account)
        state.touch_grant(account, grant, now)
        entries = [Entry(grant_account(account.id, grant.id), -free, grant.id), Entry(BREAKAGE, free)]
        book(state, account, "expire", idem_key, grant.id, entries, now, new_id)
        expired += free
    return expired


def repay(
    state: LedgerState, account: AccountState, ref: str, step: str, now: Microseconds, new_id: NewId
) -> None:
    """Pay what the account owes, or a part of it, from credit that is free now, in burn order.

    `step` tells the times at which commands about one hold or grant do this apart.
    """
    entries: list[Entry] = []
    owed = account.debt_microcredits
    for grant in list(account.grants.values()):
        paid = min(account.debt_microcredits, grant.remaining_microcredits - grant.held_microcredits)
        if paid == 0 or not is_eligible(grant, now):
            continue
        grant.remaining_microcredits -= paid
        account.available_microcredits -= paid
        account.debt_microcredits -= paid
        state.touch_grant(account, grant, now)
        entries.append(Entry(grant_account(account.id, grant.id), -paid, grant.id))
    if entries:
        state.touch_account(account)
        entries.append(Entry(debt_account(account.id), owed - account.debt_microcredits))
        book(state, account, "repay", f"repay:{ref}:{step}", ref, entries, now, new_id)


def set_aside(
    state: LedgerState, account: AccountState, hold: Hold, amount: int, now: Microseconds, owed: int = 0
) -> None:
    """Add `amount` to the hold: `owed` of it is promised, the rest is taken from eligible grants in burn order. The
    caller has checked that it is there, and within the account's debt limit.
    """
    left = amount - owed
    by_grant = {allocation.grant_id: allocation for allocation in hold.allocations}
    for grant in account.grants.values():
        if left == 0:
            break
        free = grant.remaining_microcredits - grant.held_microcredits
        if free == 0 or not is_eligible(grant, now):
            continue
        taken = min(left, free)
        left -= taken
        grant.held_microcredits += taken
        if grant.id in by_grant:
            by_grant[grant.id].amount_microcredits += taken
        else:
            hold.allocations.append(Allocation(grant.id, taken))
        state.touch_grant(account, grant, now)
    assert left == 0, f"hold {hold.id} wanted more than is spendable"
    hold.amount_microcredits += amount
    account.available_microcredits -= amount - owed
    account.held_microcredits += amount - owed
    state.touch_account(account)
    if owed:
        hold.debt_microcredits += owed
        account.debt_reserved_microcredits += owed
        state.changed_hold_debts[hold.id] = hold
        state.changed_reservations[account.id] = account
    state.count_in_caps(hold, now, held=amount)
    state.changed_allocations[hold.id] = hold


def resolve(
    state: LedgerState,
    account: AccountState,
    hold: Hold,
    end: HoldState,
    run: RunRecord,
    lines: tuple[UsageLine, ...],
    *,
    charge: int,
    houseloss: int,
    now: Microseconds,
    new_id: NewId,
) -> None:
    """End a hold: debit `charge` from its allocations in order, then from what it may owe, free the rest, write the
    usage event.

    What is freed of a grant whose time is over goes to breakage, not back to the account, and what the account owes
    is paid from the rest. `houseloss` is paid by the house: `sys:consumed` gains charge + houseloss, so it always shows
    what was used.
    """
    expire_due(state, account, now, new_id)
    entries: list[Entry] = []
    left, broken = charge, 0
    for allocation in hold.allocations:
        grant = account.grants[allocation.grant_id]
        spent = min(left, allocation.amount_microcredits)
        freed = allocation.amount_microcredits - spent
        lost = freed if is_due(grant, now) else 0
        left -= spent
        broken += lost
        grant.held_microcredits -= allocation.amount_microcredits
        grant.remaining_microcredits -= spent + lost
        account.available_microcredits += freed - lost
        state.touch_grant(account, grant, now)
        if spent + lost:
            entries.append(Entry(grant_account(account.id, grant.id), -(spent + lost), grant.id))
    assert left <= hold.debt_microcredits, f"hold {hold.id} charged more than it keeps"
    account.held_microcredits -= hold.amount_microcredits - hold.debt_microcredits
    state.touch_account(account)
    if hold.debt_microcredits:
        account.debt_reserved_microcredits -= hold.debt_microcredits
        state.changed_reservations[account.id] = account
    if left:
        account.debt_microcredits += left
        entries.append(Entry(debt_account(account.id), -left))
    state.count_in_caps(hold, now, held=-hold.amount_microcredits, charged=charge)
    if charge + houseloss:
        entries.append(Entry(f"sys:consumed:{hold.model}", charge + houseloss))
    if houseloss:
        entries.append(Entry(HOUSELOSS, -houseloss))
    if broken:
        entries.append(Entry(BREAKAGE, broken))

    kind: LedgerTxKind = _KIND_OF_END[end]
    tx_id = book(state, account, kind, f"hold:{hold.id}", hold.id, entries, now, new_id) if entries else None
    hold.state, hold.closed_at, hold.cost_microcredits = end, now, charge
    state.touch_hold(hold)
    state.usage_events.append(
        UsageEvent(
            hold=hold,
            run=run,
            lines=lines,
            cost_microcredits=charge,
            shortfall_microcredits=houseloss,
            ledger_tx_id=tx_id,
            at=now,
        )
    )
    repay(state, account, hold.id, "end", now, new_id)


_KIND_OF_END: dict[HoldState, LedgerTxKind] = {
    HoldState.SETTLED: "settle",
    HoldState.RELEASED: "release",
    HoldState.SWEPT: "sweep",
}
