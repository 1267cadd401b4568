"""What several commands check, and how a refusal is answered."""

from __future__ import annotations

from raseed.core.billing.commands import ExtendHold, Refusal, Refused, ReleaseHold, SettleHold
from raseed.core.billing.ledger_state import AccountState, LedgerState, credit
from raseed.core.billing.model import Hold
from raseed.core.clock import Microseconds
from raseed.core.ids import BucketId


def refused(
    refusal: Refusal,
    account: AccountState | None,
    now: Microseconds,
    required: int = 0,
    spendable: int | None = None,
    bucket_id: BucketId | None = None,
) -> Refused:
    """`spendable`: if it is not all of the account's credit."""
    if account is None:
        return Refused(refusal=refusal, required_microcredits=required)
    return Refused(
        refusal=refusal,
        spendable_microcredits=credit(account, now)[0] if spendable is None else spendable,
        held_microcredits=account.held_microcredits,
        required_microcredits=required,
        bucket_id=bucket_id,
    )


def owned_hold(
    state: LedgerState,
    account: AccountState | None,
    command: ExtendHold | SettleHold | ReleaseHold,
    now: Microseconds,
) -> tuple[AccountState, Hold] | Refused:
    """The hold and its account, in whatever state, if the command's sender owns it."""
    if account is None:
        return refused(Refusal.ACCOUNT_UNKNOWN, account, now)
    hold = state.holds.get(command.hold_id)
    if hold is None or hold.account_id != account.id:
        return refused(Refusal.HOLD_UNKNOWN, account, now)
    if (hold.owner_instance, hold.owner_epoch) != (command.owner_instance, command.owner_epoch):
        return refused(Refusal.HOLD_NOT_OWNED, account, now)
    return account, hold
