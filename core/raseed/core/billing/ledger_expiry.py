"""The command that books what has expired."""

from __future__ import annotations

from raseed.core.billing.commands import ExpireCredit, Expired, Refusal, Result
from raseed.core.billing.ledger_checks import refused
from raseed.core.billing.ledger_moves import NewId, expire_due
from raseed.core.billing.ledger_state import AccountState, LedgerState, credit
from raseed.core.clock import Microseconds


def expire_credit(
    state: LedgerState, account: AccountState | None, _command: ExpireCredit, now: Microseconds, new_id: NewId
) -> Result:
    if account is None:
        return refused(Refusal.ACCOUNT_UNKNOWN, account, now)
    amount = expire_due(state, account, now, new_id)
    return Expired(amount_microcredits=amount, spendable_microcredits=credit(account, now)[0])
