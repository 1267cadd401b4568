"""Commands that end a hold: each hold is ended by exactly one of them."""

from __future__ import annotations

from raseed.core.billing.commands import Refusal, Refused, ReleaseHold, Result, Settled, SettleHold, SweepHold
from raseed.core.billing.ledger_checks import owned_hold, refused
from raseed.core.billing.ledger_moves import NewId, resolve
from raseed.core.billing.ledger_state import AccountState, LedgerState, credit
from raseed.core.billing.measured import normalised, total_cost, within
from raseed.core.billing.model import Hold, HoldState, RunRecord, UsageLine
from raseed.core.billing.pricing import price_lines
from raseed.core.clock import Microseconds
from raseed.core.inference.model import UsageSource
from raseed.core.money import AMOUNT_MAX


def settle_hold(
    state: LedgerState, account: AccountState | None, command: SettleHold, now: Microseconds, new_id: NewId
) -> Result:
    measured = normalised(command.measured)
    if measured is None:
        return refused(Refusal.AMOUNT_OUT_OF_RANGE, account, now)
    owned = owned_hold(state, account, command, now)
    if isinstance(owned, Refused):
        return owned
    account, hold = owned
    if hold.state is HoldState.SETTLED and hold.checkpoint != measured:
        return refused(Refusal.REUSED_WITH_OTHER_INPUT, account, now)
    if hold.state is HoldState.SETTLED:
        return _replayed(account, hold, now)
    if hold.state is not HoldState.OPEN:
        return refused(Refusal.ALREADY_RESOLVED, account, now)
    lines = price_lines(hold.price, measured)
    cost = total_cost(lines)
    if cost > AMOUNT_MAX:
        return refused(Refusal.AMOUNT_OUT_OF_RANGE, account, now, cost)

    hold.checkpoint = measured
    charge = min(cost, hold.amount_microcredits)
    resolve(
        state,
        account,
        hold,
        HoldState.SETTLED,
        command.run,
        lines,
        charge=charge,
        houseloss=cost - charge,
        now=now,
        new_id=new_id,
    )
    return _settled(account, hold, lines, now)


def release_hold(
    state: LedgerState, account: AccountState | None, command: ReleaseHold, now: Microseconds, new_id: NewId
) -> Result:
    owned = owned_hold(state, account, command, now)
    if isinstance(owned, Refused):
        return owned
    account, hold = owned
    if hold.state is HoldState.RELEASED:
        return _replayed(account, hold, now)
    if hold.state is not HoldState.OPEN:
        return refused(Refusal.ALREADY_RESOLVED, account, now)

    resolve(
        state,
        account,
        hold,
        HoldState.RELEASED,
        command.run,
        (),
        charge=0,
        houseloss=0,
        now=now,
        new_id=new_id,
    )
    return _settled(account, hold, (), now)


def sweep_hold(
    state: LedgerState, account: AccountState | None, command: SweepHold, now: Microseconds, new_id: NewId
) -> Result:
    """Settle at the last checkpoint.

    What was produced after it is known to nobody: the whole rest of the hold is booked as lost by the house, an upper
    bound, because the owner could not produce beyond its hold (but for what the house absorbs, of which it books what
    the checkpoint says). The customer gets that rest back. A checkpoint of more than can be booked counts as the most
    that can be.
    """
    if account is None:
        return refused(Refusal.ACCOUNT_UNKNOWN, account, now)
    hold = state.holds.get(command.hold_id)
    if hold is None or hold.account_id != account.id:
        return refused(Refusal.HOLD_UNKNOWN, account, now)
    if hold.state is HoldState.SWEPT:
        return _replayed(account, hold, now)
    if hold.state is not HoldState.OPEN:
        return refused(Refusal.ALREADY_RESOLVED, account, now)
    of_earlier_life = (
        hold.owner_instance == command.sweeper_instance and hold.owner_epoch < command.sweeper_epoch
    )
    if not of_earlier_life and now < hold.lease_until:
        return refused(Refusal.LEASE_NOT_LAPSED, account, now)

    lines = within(AMOUNT_MAX, price_lines(hold.price, hold.checkpoint))
    cost = total_cost(lines)
    charge = min(cost, hold.amount_microcredits)
    run = RunRecord(
        outcome="swept",
        finish_reason=None,
        usage_source=UsageSource.CHECKPOINT,
        latency_ms=max(0, now - hold.opened_at) // 1000,
    )
    houseloss = abs(hold.amount_microcredits - cost)
    resolve(
        state,
        account,
        hold,
        HoldState.SWEPT,
        run,
        lines,
        charge=charge,
        houseloss=houseloss,
        now=now,
        new_id=new_id,
    )
    return _settled(account, hold, lines, now)


def _replayed(account: AccountState, hold: Hold, now: Microseconds) -> Settled:
    """The answer to a repeat: everything in it follows from the resolved hold."""
    is_free = hold.state is HoldState.RELEASED
    lines = () if is_free else within(AMOUNT_MAX, price_lines(hold.price, hold.checkpoint))
    return _settled(account, hold, lines, now, replayed=True)


def _settled(
    account: AccountState,
    hold: Hold,
    lines: tuple[UsageLine, ...],
    now: Microseconds,
    *,
    replayed: bool = False,
) -> Settled:
    charge, used = hold.cost_microcredits or 0, total_cost(lines)
    is_upper_bound = hold.state is HoldState.SWEPT and used < hold.amount_microcredits
    return Settled(
        hold_id=hold.id,
        cost_microcredits=charge,
        lines=lines,
        shortfall_microcredits=(hold.amount_microcredits if is_upper_bound else used) - charge,
        spendable_microcredits=credit(account, now)[0],
        replayed=replayed,
    )
