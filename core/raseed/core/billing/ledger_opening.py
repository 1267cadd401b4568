"""Commands that give credit or set it aside."""

from __future__ import annotations

from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.commands import (
    ExtendHold,
    Granted,
    Held,
    IssueGrant,
    PlaceHold,
    Refusal,
    Refused,
    Result,
)
from raseed.core.billing.ledger_checks import owned_hold, refused
from raseed.core.billing.ledger_moves import (
    NewId,
    book,
    debt_account,
    expire_due,
    grant_account,
    repay,
    set_aside,
)
from raseed.core.billing.ledger_state import (
    AccountState,
    Entry,
    LedgerState,
    balance_view,
    credit,
    in_burn_order,
    is_eligible,
    means,
)
from raseed.core.billing.measured import highest, normalised, price_is_sound, total_cost
from raseed.core.billing.model import Grant, GrantStatus, Hold, HoldState, Measured
from raseed.core.billing.pricing import price_lines
from raseed.core.clock import Microseconds
from raseed.core.ids import GrantId
from raseed.core.money import AMOUNT_MAX


def issue_grant(
    state: LedgerState, account: AccountState | None, command: IssueGrant, now: Microseconds, new_id: NewId
) -> Result:
    amount = command.amount_microcredits
    if not 0 < amount <= AMOUNT_MAX or command.cost_basis_minor < 0:
        return refused(Refusal.AMOUNT_OUT_OF_RANGE, account, now, amount)
    if account is None:
        return refused(Refusal.ACCOUNT_UNKNOWN, account, now)
    known = state.granted.get((account.id, command.grant_key))
    if known is not None:
        if (known.amount_microcredits, known.source) != (amount, command.source):
            return refused(Refusal.REUSED_WITH_OTHER_INPUT, account, now)
        return Granted(grant_id=known.id, balance=balance_view(account, now), replayed=True)
    if account.available_microcredits + account.held_microcredits + amount > AMOUNT_MAX:
        return refused(Refusal.AMOUNT_OUT_OF_RANGE, account, now, amount)

    expire_due(state, account, now, new_id)
    repaid = min(account.debt_microcredits, amount)
    grant = Grant(
        id=GrantId(new_id("grant")),
        account_id=account.id,
        grant_key=command.grant_key,
        source=command.source,
        amount_microcredits=amount,
        remaining_microcredits=amount - repaid,
        held_microcredits=0,
        priority=command.priority,
        effective_at=now if command.effective_at is None else command.effective_at,
        expires_at=command.expires_at,
        status=GrantStatus.ACTIVE,
        cost_basis_minor=command.cost_basis_minor,
        currency=command.currency,
        created_at=now,
        reason=command.reason,
    )
    state.new_grants[grant.id] = state.granted[account.id, command.grant_key] = grant
    entries = [Entry(f"sys:issued:{command.source}", -amount)]
    if repaid:
        entries.append(Entry(debt_account(account.id), repaid))
    if grant.remaining_microcredits:
        entries.append(Entry(grant_account(account.id, grant.id), grant.remaining_microcredits, grant.id))
        account.grants = in_burn_order([*account.grants.values(), grant])
    else:
        grant.status = GrantStatus.EXHAUSTED
    account.debt_microcredits -= repaid
    account.available_microcredits += grant.remaining_microcredits
    state.touch_account(account)
    idem_key = f"grant:{account.id}:{command.grant_key}"
    book(state, account, "grant", idem_key, grant.id, entries, now, new_id, command.actor)
    return Granted(grant_id=grant.id, balance=balance_view(account, now))


def place_hold(
    state: LedgerState, account: AccountState | None, command: PlaceHold, now: Microseconds, new_id: NewId
) -> Result:
    least, most = command.min_microcredits, command.want_microcredits
    if not 0 <= least <= most <= AMOUNT_MAX or not price_is_sound(command.price):
        return refused(Refusal.AMOUNT_OUT_OF_RANGE, account, now, least)
    if account is None:
        return refused(Refusal.ACCOUNT_UNKNOWN, account, now)
    known = state.holds.get(command.hold_id)
    if known is not None:
        if (known.account_id, known.input_hash) != (account.id, command.input_hash):
            return refused(Refusal.REUSED_WITH_OTHER_INPUT, account, now)
        return _held(account, known, now, replayed=True)
    if account.status is not AccountStatus.ACTIVE:
        return refused(Refusal.ACCOUNT_NOT_ACTIVE, account, now, least)
    if account.debt_microcredits:
        least = max(least, min(most, 1))  # who owes opens no hold of nothing: it could only grow on more debt
    spendable, unheld = credit(account, now)
    buckets = state.buckets_of(command)
    spendable = min([spendable, *(bucket.room(now)[0] for bucket in buckets)])
    for bucket in buckets:
        if bucket.room(now)[1] < least:
            return refused(Refusal.SPEND_CAP_REACHED, account, now, least, spendable, bucket.id)
    if spendable < least:
        refusal = Refusal.CREDIT_EXHAUSTED if unheld < least else Refusal.HELD_BY_OPEN_REQUESTS
        return refused(refusal, account, now, least, spendable)

    expire_due(state, account, now, new_id)
    hold = Hold(
        id=command.hold_id,
        account_id=account.id,
        api_key_id=command.api_key_id,
        parent_key_id=command.parent_key_id,
        person_id=command.person_id,
        model=command.price.model,
        price=command.price,
        input_hash=command.input_hash,
        amount_microcredits=0,
        state=HoldState.OPEN,
        owner_instance=command.owner_instance,
        owner_epoch=command.owner_epoch,
        lease_until=Microseconds(now + command.lease_us),
        checkpoint=Measured(),
        opened_at=now,
        allocations=[],
    )
    state.new_holds[hold.id] = state.holds[hold.id] = hold
    amount = min(most, spendable)
    repay(state, account, hold.id, str(amount), now, new_id)
    set_aside(state, account, hold, amount, now)
    return _held(account, hold, now)


def _held(account: AccountState, hold: Hold, now: Microseconds, *, replayed: bool = False) -> Held:
    return Held(
        hold_id=hold.id,
        amount_microcredits=hold.amount_microcredits,
        lease_until=hold.lease_until,
        spendable_microcredits=credit(account, now)[0],
        replayed=replayed,
        is_open=hold.state is HoldState.OPEN,
    )


def extend_hold(
    state: LedgerState, account: AccountState | None, command: ExtendHold, now: Microseconds, new_id: NewId
) -> Result:
    checkpoint = normalised(command.checkpoint)
    if checkpoint is None or not 0 <= command.to_microcredits <= AMOUNT_MAX:
        return refused(Refusal.AMOUNT_OUT_OF_RANGE, account, now, command.to_microcredits)
    owned = owned_hold(state, account, command, now)
    if isinstance(owned, Refused):
        return owned
    account, hold = owned
    if hold.state is not HoldState.OPEN:
        return refused(Refusal.ALREADY_RESOLVED, account, now)
    checkpoint = highest(hold.checkpoint, checkpoint)
    if checkpoint != hold.checkpoint:
        cost = total_cost(price_lines(hold.price, checkpoint))
        if cost > AMOUNT_MAX:  # what a sweep would have to book
            return refused(Refusal.AMOUNT_OUT_OF_RANGE, account, now, cost)
    more = max(0, command.to_microcredits - hold.amount_microcredits)
    if more:
        if account.status is not AccountStatus.ACTIVE:
            return refused(Refusal.ACCOUNT_NOT_ACTIVE, account, now, more)
        # What this hold keeps itself is not going to be released for its own extension.
        own = sum(
            allocation.amount_microcredits
            for allocation in hold.allocations
            if is_eligible(account.grants[allocation.grant_id], now)
        )
        spendable, unheld = means(account, now, own, hold.debt_microcredits, command.debt_limit_microcredits)
        buckets = state.buckets_of(hold)
        spendable = min([spendable, *(bucket.room(now)[0] for bucket in buckets)])
        for bucket in buckets:
            if bucket.room(now)[1] - hold.amount_microcredits < more:
                return refused(Refusal.SPEND_CAP_REACHED, account, now, more, spendable, bucket.id)
        if spendable < more:
            refusal = Refusal.CREDIT_EXHAUSTED if unheld < more else Refusal.HELD_BY_OPEN_REQUESTS
            return refused(refusal, account, now, more, spendable)

        expire_due(state, account, now, new_id)
        repay(state, account, hold.id, str(command.to_microcredits), now, new_id)
        set_aside(state, account, hold, more, now, owed=max(0, more - credit(account, now)[0]))
    hold.checkpoint = checkpoint
    hold.lease_until = Microseconds(max(hold.lease_until, now + command.lease_us))
    state.touch_hold(hold)
    return _held(account, hold, now)
