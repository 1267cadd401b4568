"""The ledger port over a dictionary: the rules without a database. Not durable, not for production."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from tests.unit.billing.builders import counting_ids

from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.commands import Command, Result
from raseed.core.billing.ledger import decide
from raseed.core.billing.ledger_state import AccountState, LedgerState, balance_view
from raseed.core.billing.model import BalanceView, Hold, HoldState
from raseed.core.billing.spend_caps import Bucket, SpendCap, window_begin
from raseed.core.clock import Clock
from raseed.core.ids import AccountId, BucketId, HoldId


class MemoryLedger:
    """Implements `core.billing.ports.Ledger`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._new_id = counting_ids()
        self._state = LedgerState()

    @property
    def state(self) -> LedgerState:
        """All of it, for a test to look at."""
        return self._state

    def open_account(self, account_id: AccountId) -> None:
        self._state.accounts[account_id] = AccountState(
            id=account_id,
            status=AccountStatus.ACTIVE,
            available_microcredits=0,
            held_microcredits=0,
            debt_microcredits=0,
        )

    def set_status(self, account_id: AccountId, status: AccountStatus) -> None:
        self._state.accounts[account_id].status = status

    def set_debt_limit(self, account_id: AccountId, limit: int | None) -> None:
        self._state.accounts[account_id].debt_limit_microcredits = limit

    def set_cap(self, bucket_id: BucketId, cap: SpendCap | None) -> None:
        """As `adapters.sql.ledger.spend_caps`: what counted before counts."""
        self._state.buckets.pop(bucket_id, None)
        if cap is None:
            return
        used = [event for event in self._state.usage_events if bucket_id in event.hold.bucket_ids]
        begin = window_begin(cap.window, max([self._clock.now(), *(event.at for event in used)]))
        self._state.buckets[bucket_id] = Bucket(
            id=bucket_id,
            cap=cap,
            window_begins_at=begin,
            charged_microcredits=sum(event.cost_microcredits for event in used if event.at >= begin),
            held_microcredits=sum(
                hold.amount_microcredits
                for hold in self._state.holds.values()
                if bucket_id in hold.bucket_ids and hold.state is HoldState.OPEN
            ),
        )

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        return [decide(self._state, command, self._clock.now(), self._new_id) for command in commands]

    async def balance(self, account_id: AccountId) -> BalanceView | None:
        account = self._state.accounts.get(account_id)
        return None if account is None else balance_view(account, self._clock.now())

    async def hold(self, hold_id: HoldId) -> Hold | None:
        return copy.deepcopy(self._state.holds.get(hold_id))

    async def holds_to_sweep(
        self, instance: str, epoch: int, after: Hold | None = None, limit: int = 256
    ) -> list[Hold]:
        now = self._clock.now()
        orphans = [
            hold
            for hold in self._state.holds.values()
            if hold.state is HoldState.OPEN
            and (hold.lease_until <= now or (hold.owner_instance == instance and hold.owner_epoch < epoch))
        ]

        def place(hold: Hold) -> tuple[int, str]:
            return hold.lease_until, hold.id

        behind = [hold for hold in orphans if after is None or place(hold) > place(after)]
        return copy.deepcopy(sorted(behind, key=place)[:limit])
