"""The rules of the ledger: pure functions over loaded state.

`decide` checks everything first and changes the state only when the command succeeds, so a refused command leaves no
trace and needs no savepoint. Time and ids are arguments: the same state, command, moment and ids give the same ledger.
"""

from __future__ import annotations

from typing import assert_never

from raseed.core.billing.commands import (
    Command,
    ExpireCredit,
    ExtendHold,
    IssueGrant,
    PlaceHold,
    ReleaseHold,
    Result,
    SettleHold,
    SweepHold,
    TakeBack,
)
from raseed.core.billing.ledger_closing import release_hold, settle_hold, sweep_hold
from raseed.core.billing.ledger_expiry import expire_credit
from raseed.core.billing.ledger_moves import NewId
from raseed.core.billing.ledger_opening import extend_hold, issue_grant, place_hold
from raseed.core.billing.ledger_state import LedgerState
from raseed.core.billing.ledger_taking import take_back
from raseed.core.clock import Microseconds


def decide(state: LedgerState, command: Command, now: Microseconds, new_id: NewId) -> Result:
    """Apply one command. The state must hold what `needs` names for it. `new_id` makes an id of the prefix given."""
    account = state.accounts.get(command.account_id)
    match command:
        case IssueGrant():
            return issue_grant(state, account, command, now, new_id)
        case PlaceHold():
            return place_hold(state, account, command, now, new_id)
        case ExtendHold():
            return extend_hold(state, account, command, now, new_id)
        case SettleHold():
            return settle_hold(state, account, command, now, new_id)
        case ReleaseHold():
            return release_hold(state, account, command, now, new_id)
        case SweepHold():
            return sweep_hold(state, account, command, now, new_id)
        case TakeBack():
            return take_back(state, account, command, now, new_id)
        case ExpireCredit():
            return expire_credit(state, account, command, now, new_id)
        case _:
            assert_never(command)
