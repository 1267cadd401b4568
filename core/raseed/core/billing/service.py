"""Holds and charges of runs: the ledger's commands, with the waiting and the retrying that belong to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace

from raseed.core.billing.commands import (
    ExtendHold,
    Held,
    PlaceHold,
    Refusal,
    Refused,
    ReleaseHold,
    Result,
    Settled,
    SettleHold,
    SweepHold,
)
from raseed.core.billing.holds import Coverage, HoldPolicy
from raseed.core.billing.model import Hold, HoldState, Measured, PriceSnapshot, RunRecord
from raseed.core.billing.ports import Ledger, LedgerUnavailable
from raseed.core.billing.refusals import raise_refusal
from raseed.core.billing.turns import Turns
from raseed.core.errors import Conflict, RequestInProgress
from raseed.core.ids import AccountId, ApiKeyId, HoldId, PersonId

RETRY_FIRST_S = 0.05
RETRY_MAX_S = 2.0
"""Pause between attempts to reach a ledger that is down: from the first to the longest."""
ATTEMPTS_MAX = 3
"""Attempts to place or extend a hold before the request is refused, or ends at what is covered. A settle has no such
bound: it is retried until it commits."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The worker that places and resolves holds: its name, and which of its lives this is."""

    instance: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Whom a hold is for."""

    account_id: AccountId
    api_key_id: ApiKeyId | None
    parent_key_id: ApiKeyId | None = None
    person_id: PersonId | None = None
    """In an organisation: whose spending it is."""


@dataclass(frozen=True, slots=True)
class SweptBatch:
    settled: int
    last: Hold | None
    """The next batch lies behind it. None: there was nothing more to look at."""
    unwritable: tuple[HoldId, ...] = ()
    """Holds whose end the store does not take: they stay open until somebody sees to them."""


class HoldService:
    """Opens, extends and resolves the holds of this worker's runs."""

    def __init__(self, ledger: Ledger, owner: Owner, policy: HoldPolicy) -> None:
        self.policy = policy
        self._ledger = ledger
        self._owner = owner
        self._turns = Turns()

    async def open(
        self,
        payer: Payer,
        hold_id: HoldId,
        price: PriceSnapshot,
        coverage: Coverage,
        input_hash: str,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Held:
        """Set credit aside for a run. When it returns, the hold is durable and the caller must settle or release it.

        Waits up to `hold_wait_s`, while it `is_wanted`, if only the account's own open holds are in the way. Raises
        CreditExhausted, HeldByOpenRequests, SpendCapReached, AccountSuspended, RequestInProgress, Conflict,
        RequestReusedWithOtherInput: then nothing is held. Raises LedgerUnavailable when that is unknown: then the
        caller must `undo`.
        """
        least, wanted = coverage.first_lease()
        command = PlaceHold(
            account_id=payer.account_id,
            hold_id=hold_id,
            api_key_id=payer.api_key_id,
            parent_key_id=payer.parent_key_id,
            person_id=payer.person_id,
            price=price,
            input_hash=input_hash,
            min_microcredits=least,
            want_microcredits=wanted,
            owner_instance=self._owner.instance,
            owner_epoch=self._owner.epoch,
            lease_us=self.policy.lease_us,
        )
        result = await self._place(command)
        if _would_pay_later(result) and self.policy.hold_wait_s > 0:
            result = await self._turns.repeat(
                payer.account_id,
                self.policy.hold_wait_s,
                lambda: self._place(command),
                lambda outcome: not _would_pay_later(outcome) or not is_wanted(),
            )
        if isinstance(result, Refused):
            raise_refusal(result)
        assert isinstance(result, Held), result
        if result.replayed:
            if result.is_open:
                raise RequestInProgress("A request with this id is being answered now.", retry_after_s=1.0)
            raise Conflict("A request with this id was already answered.")
        coverage.hold_placed(result.amount_microcredits)
        return result

    async def extend(
        self, payer: Payer, hold_id: HoldId, coverage: Coverage, level: int, checkpoint: Measured
    ) -> bool:
        """Raise an open hold to a level, or as near to it as the account's credit, its debt limit and every cap allow,
        and move its checkpoint.

        What is missing then the house covers, if that is the policy. True if more is covered than before; `coverage`
        then knows how much. Safe to repeat.
        """
        for _ in range(ATTEMPTS_MAX):
            result = await self._extended(self.extension(payer, hold_id, level, checkpoint))
            if isinstance(result, Held):
                coverage.hold_placed(result.amount_microcredits)
                return True
            if not isinstance(result, Refused) or not _is_short(result):
                return False
            nearer = coverage.held_microcredits + result.spendable_microcredits
            if nearer >= level:
                return False
            if not coverage.would_grow(nearer):
                return _has_nothing_left(result, coverage) and coverage.absorb()
            level = nearer  # and if another request takes of it meanwhile, nearer still
        return False

    def extension(
        self, payer: Payer, hold_id: HoldId, to_microcredits: int, checkpoint: Measured
    ) -> ExtendHold:
        return ExtendHold(
            account_id=payer.account_id,
            hold_id=hold_id,
            owner_instance=self._owner.instance,
            owner_epoch=self._owner.epoch,
            to_microcredits=to_microcredits,
            checkpoint=checkpoint,
            lease_us=self.policy.lease_us,
            debt_limit_microcredits=self.policy.default_debt_limit_microcredits,
        )

    async def heartbeat(self, extensions: Sequence[ExtendHold]) -> None:
        """Checkpoint many runs at once. A lost heartbeat is made good by the next."""
        try:
            await self._ledger.submit(extensions)
        except LedgerUnavailable:
            return

    async def settle(self, payer: Payer, hold_id: HoldId, measured: Measured, run: RunRecord) -> Settled:
        """Charge what was used and free the rest. Tries until it is durable.

        Raises RaseedError for a hold of ours only when the ledger cannot write its end, ever: it is left to the sweep.
        """
        command = SettleHold(
            account_id=payer.account_id,
            hold_id=hold_id,
            owner_instance=self._owner.instance,
            owner_epoch=self._owner.epoch,
            measured=measured,
            run=run,
        )
        return _settled(await self._resolved(command))

    async def release(self, payer: Payer, hold_id: HoldId, run: RunRecord) -> Settled:
        """Free all of a hold: nothing was produced, nothing is charged. Tries until it is durable."""
        return _settled(await self._resolved(self._release(payer, hold_id, run)))

    async def undo(self, payer: Payer, hold_id: HoldId, run: RunRecord) -> None:
        """Free a hold of which it is unknown whether it was placed. Tries until that is certain."""
        await self._resolved(self._release(payer, hold_id, run))

    async def sweep(self, alive: Container[HoldId] = ()) -> int:
        """Settle the holds of dead owners at their checkpoints, except those in `alive`, whose runs will settle them.

        Safe to run anywhere, any number of times. Returns how many were settled. Raises LedgerUnavailable.
        """
        batch = await self.sweep_batch(None, alive)
        swept = batch.settled
        while batch.last is not None:
            batch = await self.sweep_batch(batch.last, alive)
            swept += batch.settled
        return swept

    async def sweep_batch(self, after: Hold | None, alive: Container[HoldId] = ()) -> SweptBatch:
        """As `sweep`, at most as many as the ledger finds at once behind the last hold of the batch before.

        What is alive, or cannot be settled, is passed over, so that it never hides what comes behind it.
        """
        found = await self._ledger.holds_to_sweep(self._owner.instance, self._owner.epoch, after)
        last = found[-1] if found else None
        holds = [hold for hold in found if hold.id not in alive]
        if not holds:
            return SweptBatch(0, last)
        results = await self._ledger.submit(
            [
                SweepHold(
                    account_id=hold.account_id,
                    hold_id=hold.id,
                    sweeper_instance=self._owner.instance,
                    sweeper_epoch=self._owner.epoch,
                )
                for hold in holds
            ]
        )
        for hold in holds:
            self._turns.wake(hold.account_id)
        return SweptBatch(
            settled=sum(isinstance(result, Settled) for result in results),
            last=last,
            unwritable=tuple(
                hold.id
                for hold, result in zip(holds, results, strict=True)
                if isinstance(result, Refused) and result.refusal is Refusal.CANNOT_BE_WRITTEN
            ),
        )

    async def _place(self, command: PlaceHold) -> Held | Refused:
        """Raises LedgerUnavailable when it is unknown whether the hold was placed."""
        pause_s, attempt = RETRY_FIRST_S, 1
        while True:
            try:
                [result] = await self._ledger.submit([command])
                assert isinstance(result, Held | Refused), result
                if (
                    isinstance(result, Held)
                    and result.replayed
                    and attempt > 1
                    and await self._is_ours(command)
                ):
                    return replace(result, replayed=False)  # an attempt before this one did commit
            except LedgerUnavailable:
                if attempt == ATTEMPTS_MAX:
                    raise
            else:
                return result
            await asyncio.sleep(pause_s)
            pause_s, attempt = min(pause_s * 2, RETRY_MAX_S), attempt + 1

    async def _is_ours(self, command: PlaceHold) -> bool:
        """Whether the open hold of this id is ours of this life. No second run of ours can have the id: see `Run`."""
        hold = await self._ledger.hold(command.hold_id)
        return (
            hold is not None
            and hold.state is HoldState.OPEN
            and (hold.owner_instance, hold.owner_epoch) == (command.owner_instance, command.owner_epoch)
        )

    async def _extended(self, command: ExtendHold) -> Result | None:
        """None if the ledger does not answer: what was held before is held in any case."""
        pause_s = RETRY_FIRST_S
        for _ in range(ATTEMPTS_MAX):
            try:
                [result] = await self._ledger.submit([command])
            except LedgerUnavailable:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RETRY_MAX_S)
            else:
                return result
        return None

    def _release(self, payer: Payer, hold_id: HoldId, run: RunRecord) -> ReleaseHold:
        return ReleaseHold(
            account_id=payer.account_id,
            hold_id=hold_id,
            owner_instance=self._owner.instance,
            owner_epoch=self._owner.epoch,
            run=run,
        )

    async def _resolved(self, command: SettleHold | ReleaseHold) -> Result:
        pause_s = RETRY_FIRST_S
        while True:
            try:
                [result] = await self._ledger.submit([command])
            except LedgerUnavailable:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RETRY_MAX_S)
                continue
            self._turns.wake(command.account_id)
            return result


def _would_pay_later(result: Result) -> bool:
    return isinstance(result, Refused) and result.refusal is Refusal.HELD_BY_OPEN_REQUESTS


def _is_short(refused: Refused) -> bool:
    return refused.refusal in {
        Refusal.SPEND_CAP_REACHED,
        Refusal.CREDIT_EXHAUSTED,
        Refusal.HELD_BY_OPEN_REQUESTS,
    }


def _has_nothing_left(refused: Refused, coverage: Coverage) -> bool:
    """Whether the account is out of credit, and not only short of it while other requests of its own keep some: the
    house does not pay for what comes free again. Nor for a key at its cap, which is the customer's own wish.
    """
    others_microcredits = refused.held_microcredits - coverage.held_microcredits
    return refused.refusal is Refusal.CREDIT_EXHAUSTED and others_microcredits <= 0


def _settled(result: Result) -> Settled:
    if isinstance(result, Refused):
        raise_refusal(result)
    assert isinstance(result, Settled), result
    return result
