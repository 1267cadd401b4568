"""Short ways to say what the ledger's tests are about. One credit is a million micro-credits; tests use plain numbers."""

from __future__ import annotations

from itertools import count
from typing import Any

from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.commands import (
    Command,
    ExtendHold,
    IssueGrant,
    PlaceHold,
    ReleaseHold,
    Result,
    SettleHold,
    SweepHold,
)
from raseed.core.billing.ledger import decide
from raseed.core.billing.ledger_state import AccountState, LedgerState
from raseed.core.billing.model import (
    GrantSource,
    Measured,
    Meter,
    PriceSnapshot,
    Rate,
    RunRecord,
)
from raseed.core.clock import DAY, SECOND, Microseconds
from raseed.core.ids import AccountId, HoldId
from raseed.core.inference.model import UsageSource

ALICE = AccountId("acct_alice")
BOB = AccountId("acct_bob")
START = Microseconds(1_800_000_000 * SECOND)
LEASE = 60 * SECOND
ONE_EACH = PriceSnapshot(
    model="tiny", version="1", rates=(Rate(Meter.INPUT_TOKENS, 1), Rate(Meter.OUTPUT_TOKENS, 1))
)
"""One micro-credit a token, so a test's quantities are its costs."""
COMPLETED = RunRecord(outcome="completed", finish_reason="stop", usage_source=UsageSource.ENGINE)
FAILED = RunRecord(outcome="failed", finish_reason=None, usage_source=UsageSource.ENGINE)


class ManualClock:
    def __init__(self, now: int = START) -> None:
        self._now = now

    def now(self) -> Microseconds:
        return Microseconds(self._now)

    def advance(self, microseconds: int) -> None:
        self._now += microseconds


def counting_ids() -> Any:
    numbers = count(1)
    return lambda prefix: f"{prefix}_{next(numbers):06}"


def used(tokens: int) -> Measured:
    return Measured(((Meter.OUTPUT_TOKENS, tokens),))


def issue(key: str, amount: int, account_id: AccountId = ALICE, **fields: Any) -> IssueGrant:
    defaults: dict[str, Any] = {"source": GrantSource.TOPUP, "priority": 50}
    return IssueGrant(account_id=account_id, grant_key=key, amount_microcredits=amount, **(defaults | fields))


def place(
    hold: str, want: int, least: int | None = None, account_id: AccountId = ALICE, **fields: Any
) -> PlaceHold:
    defaults: dict[str, Any] = {
        "api_key_id": None,
        "price": ONE_EACH,
        "input_hash": "input",
        "owner_instance": "worker-1",
        "owner_epoch": 1,
        "lease_us": LEASE,
    }
    return PlaceHold(
        account_id=account_id,
        hold_id=HoldId(hold),
        min_microcredits=want if least is None else least,
        want_microcredits=want,
        **(defaults | fields),
    )


def extend(
    hold: str,
    to: int,
    tokens: int = 0,
    account_id: AccountId = ALICE,
    epoch: int = 1,
    debt_limit: int | None = None,
) -> ExtendHold:
    return ExtendHold(
        account_id=account_id,
        hold_id=HoldId(hold),
        owner_instance="worker-1",
        owner_epoch=epoch,
        to_microcredits=to,
        checkpoint=used(tokens),
        lease_us=LEASE,
        debt_limit_microcredits=debt_limit,
    )


def settle(hold: str, tokens: int, account_id: AccountId = ALICE, epoch: int = 1) -> SettleHold:
    return SettleHold(
        account_id=account_id,
        hold_id=HoldId(hold),
        owner_instance="worker-1",
        owner_epoch=epoch,
        measured=used(tokens),
        run=COMPLETED,
    )


def release(hold: str, account_id: AccountId = ALICE, epoch: int = 1) -> ReleaseHold:
    return ReleaseHold(
        account_id=account_id, hold_id=HoldId(hold), owner_instance="worker-1", owner_epoch=epoch, run=FAILED
    )


def sweep(hold: str, account_id: AccountId = ALICE, instance: str = "worker-2", epoch: int = 1) -> SweepHold:
    return SweepHold(
        account_id=account_id, hold_id=HoldId(hold), sweeper_instance=instance, sweeper_epoch=epoch
    )


class Books:
    """`decide` over one state that lives on, with a clock to turn. What it books is in `state`."""

    def __init__(self, *account_ids: AccountId) -> None:
        self.clock = ManualClock()
        self.new_id = counting_ids()
        self.state = LedgerState()
        for account_id in account_ids or (ALICE,):
            self.state.accounts[account_id] = AccountState(
                id=account_id,
                status=AccountStatus.ACTIVE,
                available_microcredits=0,
                held_microcredits=0,
                debt_microcredits=0,
            )

    def do(self, command: Command) -> Result:
        return decide(self.state, command, self.clock.now(), self.new_id)

    @property
    def alice(self) -> AccountState:
        return self.state.accounts[ALICE]

    def remaining(self) -> dict[str, int]:
        """What is left of each grant, by key."""
        return {key: grant.remaining_microcredits for (_, key), grant in self.state.granted.items()}

    def booked(self) -> dict[str, int]:
        """Balance of every ledger account, grants by their keys."""
        keys = {grant.id: key for (_, key), grant in self.state.granted.items()}
        totals: dict[str, int] = {}
        for transaction in self.state.transactions:
            for entry in transaction.entries:
                name = keys[entry.grant_id] if entry.grant_id else entry.ledger_account
                totals[name] = totals.get(name, 0) + entry.amount_microcredits
        return {name: total for name, total in totals.items() if total}


__all__ = ["DAY", "SECOND"]
