"""Holds and charges of runs: the ledger's commands, with the waiting and the retrying that belong to them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import NoReturn

from raseed.core.billing.commands import (
    ExtendHold,
    Granted,
    Held,
    IssueGrant,
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
from raseed.core.billing.model import BalanceView, Measured, PriceSnapshot, RunRecord
from raseed.core.billing.ports import Ledger, LedgerUnavailable
from raseed.core.errors import (
    INSUFFICIENT_CREDITS_MESSAGE,
    AccountSuspended,
    CapacityError,
    Conflict,
    CreditExhausted,
    HeldByOpenRequests,
    RaseedError,
    RequestReusedWithOtherInput,
    Unauthenticated,
)
from raseed.core.ids import AccountId, ApiKeyId, HoldId

RETRY_FIRST_S = 0.05
RETRY_MAX_S = 2.0
"""Pause between attempts to reach a ledger that is down: from the first to the longest."""
PLACE_ATTEMPTS_MAX = 3
"""Attempts to place a hold before the request is refused. A settle has no such bound: it is retried until it commits."""
WAIT_POLL_S = 0.1
"""While waiting for one's own holds: another worker may release them, and only the ledger knows."""


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


class HoldService:
    """Opens, extends and resolves the holds of this worker's runs."""

    def __init__(self, ledger: Ledger, owner: Owner, policy: HoldPolicy) -> None:
        self.policy = policy
        self._ledger = ledger
        self._owner = owner
        self._released: defaultdict[AccountId, set[asyncio.Future[None]]] = defaultdict(set)

    async def open(
        self, payer: Payer, hold_id: HoldId, price: PriceSnapshot, coverage: Coverage, input_hash: str
    ) -> Held:
        """Set credit aside for a run. When it returns, the hold is durable and the caller must settle or release it.

        Waits up to `hold_wait_s` if only the account's own open holds are in the way. Raises CreditExhausted,
        HeldByOpenRequests, AccountSuspended, Conflict, RequestReusedWithOtherInput, CapacityError.
        """
        least, wanted = coverage.first_lease()
        command = PlaceHold(
            account_id=payer.account_id,
            hold_id=hold_id,
            api_key_id=payer.api_key_id,
            price=price,
            input_hash=input_hash,
            min_microcredits=least,
            want_microcredits=wanted,
            owner_instance=self._owner.instance,
            owner_epoch=self._owner.epoch,
            lease_us=self.policy.lease_us,
        )
        deadline = asyncio.get_running_loop().time() + self.policy.hold_wait_s
        while True:
            result = await self._place(command)
            if isinstance(result, Held):
                if result.replayed:
                    raise Conflict(
                        "A request with this id was already answered."
                        if not result.is_open
                        else "A request with this id is being answered now."
                    )
                coverage.hold_placed(result.amount_microcredits)
                return result
            assert isinstance(result, Refused), result
            left_s = deadline - asyncio.get_running_loop().time()
            if result.refusal is not Refusal.HELD_BY_OPEN_REQUESTS or left_s <= 0:
                raise_refusal(result)
            await self._own_release(payer.account_id, min(left_s, WAIT_POLL_S))

    async def extend(self, payer: Payer, hold_id: HoldId, to_microcredits: int, checkpoint: Measured) -> bool:
        """Raise an open hold to a level, and move its checkpoint. False if the credit is not there."""
        try:
            [result] = await self._ledger.submit(
                [self.extension(payer, hold_id, to_microcredits, checkpoint)]
            )
        except LedgerUnavailable:
            return False
        return isinstance(result, Held)

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
        )

    async def heartbeat(self, extensions: Sequence[ExtendHold]) -> None:
        """Checkpoint many runs at once. A lost heartbeat is made good by the next."""
        try:
            await self._ledger.submit(extensions)
        except LedgerUnavailable:
            return

    async def settle(self, payer: Payer, hold_id: HoldId, measured: Measured, run: RunRecord) -> Settled:
        """Charge what was used and free the rest. Tries until it is durable; never raises for a hold of ours."""
        return await self._resolve(
            SettleHold(
                account_id=payer.account_id,
                hold_id=hold_id,
                owner_instance=self._owner.instance,
                owner_epoch=self._owner.epoch,
                measured=measured,
                run=run,
            )
        )

    async def release(self, payer: Payer, hold_id: HoldId, run: RunRecord) -> Settled:
        """Free all of a hold: nothing was produced, nothing is charged. Tries until it is durable."""
        return await self._resolve(
            ReleaseHold(
                account_id=payer.account_id,
                hold_id=hold_id,
                owner_instance=self._owner.instance,
                owner_epoch=self._owner.epoch,
                run=run,
            )
        )

    async def sweep(self, alive: Container[HoldId] = ()) -> int:
        """Settle the holds of dead owners at their checkpoints, except those in `alive`, whose runs will settle them.

        Safe to run anywhere, any number of times. Returns how many were settled. Raises LedgerUnavailable.
        """
        swept = 0
        while True:
            found = await self._ledger.holds_to_sweep(self._owner.instance, self._owner.epoch)
            holds = [hold for hold in found if hold.id not in alive]
            if not holds:
                return swept
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
            resolved = sum(isinstance(result, Settled) for result in results)
            swept += resolved
            for hold in holds:
                self._wake(hold.account_id)
            if resolved == 0:
                return swept

    async def _place(self, command: PlaceHold) -> Result:
        pause_s = RETRY_FIRST_S
        for attempt in range(PLACE_ATTEMPTS_MAX):
            try:
                [result] = await self._ledger.submit([command])
            except LedgerUnavailable:
                if attempt + 1 < PLACE_ATTEMPTS_MAX:
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, RETRY_MAX_S)
                continue
            if isinstance(result, Held) and result.replayed and attempt > 0:
                # An earlier attempt did commit: this is our own hold, not somebody's second request.
                return Held(
                    hold_id=result.hold_id,
                    amount_microcredits=result.amount_microcredits,
                    lease_until=result.lease_until,
                    spendable_microcredits=result.spendable_microcredits,
                )
            return result
        raise CapacityError(
            "The service cannot take requests right now. Please try again.", retry_after_s=2.0
        )

    async def _resolve(self, command: SettleHold | ReleaseHold) -> Settled:
        pause_s = RETRY_FIRST_S
        while True:
            try:
                [result] = await self._ledger.submit([command])
            except LedgerUnavailable:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RETRY_MAX_S)
                continue
            self._wake(command.account_id)
            if isinstance(result, Settled):
                return result
            assert isinstance(result, Refused), result
            raise_refusal(result)

    async def _own_release(self, account_id: AccountId, timeout_s: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._released[account_id].add(turn)
        try:
            async with asyncio.timeout(timeout_s):
                await turn
        except TimeoutError:
            return
        finally:
            waiting = self._released[account_id]
            waiting.discard(turn)
            if not waiting:
                del self._released[account_id]

    def _wake(self, account_id: AccountId) -> None:
        for turn in self._released.get(account_id, ()):
            if not turn.done():
                turn.set_result(None)


class CreditService:
    """Balances and grants: what people and operators ask of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def balance(self, account_id: AccountId) -> BalanceView | None:
        return await self._ledger.balance(account_id)

    async def grant(self, command: IssueGrant) -> Granted:
        """Give credit. Safe to retry with the same `grant_key`. Raises RaseedError, LedgerUnavailable."""
        [result] = await self._ledger.submit([command])
        if isinstance(result, Refused):
            raise_refusal(result)
        assert isinstance(result, Granted), result
        return result


def raise_refusal(refused: Refused) -> NoReturn:
    """The error that a caller sees for a refused command."""
    figures = {
        "required_microcredits": str(refused.required_microcredits),
        "available_microcredits": str(refused.spendable_microcredits),
        "held_microcredits": str(refused.held_microcredits),
        "unit": "microcredits",
    }
    match refused.refusal:
        case Refusal.CREDIT_EXHAUSTED:
            raise CreditExhausted(INSUFFICIENT_CREDITS_MESSAGE, metadata=figures)
        case Refusal.HELD_BY_OPEN_REQUESTS:
            raise HeldByOpenRequests(INSUFFICIENT_CREDITS_MESSAGE, metadata=figures)
        case Refusal.ACCOUNT_NOT_ACTIVE:
            raise AccountSuspended("This account is not active.")
        case Refusal.ACCOUNT_UNKNOWN:
            raise Unauthenticated("This account no longer exists.")
        case Refusal.REUSED_WITH_OTHER_INPUT:
            raise RequestReusedWithOtherInput("This request id was used before with other content.")
        case _:
            raise RaseedError(f"The ledger refused: {refused.refusal}.")
