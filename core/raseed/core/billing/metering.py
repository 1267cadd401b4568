"""Holds for work that other services of the operator do: they measure, this ledger prices and charges.

Such a hold is nobody's run. Its owner is one name for all workers, so any of them serves any call; the service itself
keeps the lease alive, and what it forgets is swept at its last checkpoint like the hold of a dead worker.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from raseed.core.accounts.model import Caller
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
)
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import Measured, PriceSnapshot, Rate, RunRecord
from raseed.core.billing.ports import Ledger, LedgerUnavailable
from raseed.core.billing.price_book import PriceBook, PricesInForce
from raseed.core.billing.pricing import cost_microcredits
from raseed.core.billing.refusals import raise_refusal
from raseed.core.clock import SECOND, Clock
from raseed.core.errors import (
    CapacityError,
    HoldAlreadyResolved,
    HoldUnknown,
    RequestInvalid,
)
from raseed.core.ids import HoldId
from raseed.core.inference.model import UsageSource

OWNER = "metering"
"""`owner_instance` of these holds. No worker has this name, so nobody takes them for holds of an earlier life."""
OWNER_EPOCH = 1
LEASE_S = 60
LEASE_S_MIN = 5
LEASE_S_MAX = 3_600
REQUEST_ID_CHARS_MAX = 64
MODEL_CHARS_MAX = 128
OWN_PRICES = "caller"
"""Version of prices that the caller brought itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Work to be paid for."""

    request_id: str
    model: str
    rates: tuple[Rate, ...]
    """Empty: those of the price list."""
    least: Measured
    want: Measured
    lease_s: int


class MeteringService:
    """Every method can be sent again: it answers the same and charges nothing twice. All raise RequestInvalid, and
    CapacityError when the ledger does not answer. That the key has the scope for it was checked at the door.
    """

    def __init__(self, ledger: Ledger, prices: PriceBook, policy: HoldPolicy, clock: Clock) -> None:
        self._ledger = ledger
        self._policy = policy
        self._prices = PricesInForce(prices, clock)

    async def place(self, caller: Caller, work: Work) -> Held:
        """Raises CreditExhausted, HeldByOpenRequests, SpendCapReached, PriceUnknown, AccountSuspended, RequestReusedWithOtherInput."""
        hold_id = _named_hold(caller, work.request_id)
        if not 0 < len(work.model) <= MODEL_CHARS_MAX or not work.model.isprintable():
            raise RequestInvalid(
                f"model must have 1 to {MODEL_CHARS_MAX} printable characters.", param="model"
            )
        price = self._price(caller, work)
        least = cost_microcredits(price, work.least)
        want = cost_microcredits(price, work.want) if work.want.quantities else least
        if want < least:
            raise RequestInvalid("want must not cost less than min.", param="want")
        asked = (work.model, work.rates, work.least, work.want)
        result = await self._submit(
            PlaceHold(
                account_id=caller.account_id,
                hold_id=hold_id,
                api_key_id=caller.api_key_id,
                parent_key_id=caller.parent_key_id,
                person_id=caller.spender_id,
                price=price,
                input_hash=hashlib.sha256(repr(asked).encode()).hexdigest(),
                min_microcredits=least,
                want_microcredits=want,
                owner_instance=OWNER,
                owner_epoch=OWNER_EPOCH,
                lease_us=_lease_us(work.lease_s),
            )
        )
        assert isinstance(result, Held), result
        return result

    async def extend(
        self, caller: Caller, request_id: str, *, cover: Measured, used: Measured, lease_s: int
    ) -> Held:
        """Raises CreditExhausted, HeldByOpenRequests, SpendCapReached, HoldUnknown, HoldAlreadyResolved."""
        hold_id = _named_hold(caller, request_id)
        lease_us = _lease_us(lease_s)
        try:
            hold = await self._ledger.hold(hold_id)
        except LedgerUnavailable as error:
            raise _unavailable() from error
        if hold is None or hold.account_id != caller.account_id:
            raise _unknown_hold()
        result = await self._submit(
            ExtendHold(
                account_id=caller.account_id,
                hold_id=hold_id,
                owner_instance=OWNER,
                owner_epoch=OWNER_EPOCH,
                to_microcredits=cost_microcredits(hold.price, cover),
                checkpoint=used,
                lease_us=lease_us,
                debt_limit_microcredits=self._policy.default_debt_limit_microcredits,
            )
        )
        assert isinstance(result, Held), result
        return result

    async def settle(self, caller: Caller, request_id: str, *, used: Measured, latency_ms: int) -> Settled:
        """Raises HoldUnknown, HoldAlreadyResolved, RequestReusedWithOtherInput."""
        return await self._resolved(
            SettleHold(
                account_id=caller.account_id,
                hold_id=_named_hold(caller, request_id),
                owner_instance=OWNER,
                owner_epoch=OWNER_EPOCH,
                measured=used,
                run=_record("completed", latency_ms),
            )
        )

    async def release(self, caller: Caller, request_id: str) -> Settled:
        """Raises HoldUnknown, HoldAlreadyResolved."""
        return await self._resolved(
            ReleaseHold(
                account_id=caller.account_id,
                hold_id=_named_hold(caller, request_id),
                owner_instance=OWNER,
                owner_epoch=OWNER_EPOCH,
                run=_record("failed", 0),
            )
        )

    def _price(self, caller: Caller, work: Work) -> PriceSnapshot:
        if not work.rates:
            return self._prices.snapshot(work.model, caller.tier)
        if len({rate.meter for rate in work.rates}) < len(work.rates):
            raise RequestInvalid("rates must name each meter once.", param="rates")
        return PriceSnapshot(model=work.model, version=OWN_PRICES, rates=work.rates)

    async def _resolved(self, command: SettleHold | ReleaseHold) -> Settled:
        result = await self._submit(command)
        assert isinstance(result, Settled), result
        return result

    async def _submit(self, command: PlaceHold | ExtendHold | SettleHold | ReleaseHold) -> Result:
        try:
            [result] = await self._ledger.submit([command])
        except LedgerUnavailable as error:
            raise _unavailable() from error
        if isinstance(result, Refused):
            _refuse(result)
        return result


def hold_id_of(caller: Caller, request_id: str) -> HoldId:
    """The hold of a caller's own id: the same id names the same hold, whoever else uses it too."""
    name = f"{caller.account_id} {request_id}"
    return HoldId(f"hold_{hashlib.sha256(name.encode()).hexdigest()[:32]}")


def _named_hold(caller: Caller, request_id: str) -> HoldId:
    if not 0 < len(request_id) <= REQUEST_ID_CHARS_MAX or not request_id.isprintable():
        raise RequestInvalid(
            f"request_id must have 1 to {REQUEST_ID_CHARS_MAX} printable characters.", param="request_id"
        )
    return hold_id_of(caller, request_id)


def _lease_us(lease_s: int) -> int:
    """0 is the default."""
    if lease_s and not LEASE_S_MIN <= lease_s <= LEASE_S_MAX:
        raise RequestInvalid(f"lease_s must be from {LEASE_S_MIN} to {LEASE_S_MAX}.", param="lease_s")
    return (lease_s or LEASE_S) * SECOND


def _record(outcome: str, latency_ms: int) -> RunRecord:
    return RunRecord(
        outcome=outcome,
        finish_reason=None,
        usage_source=UsageSource.UPSTREAM,
        latency_ms=latency_ms,
        backend=OWNER,
    )


def _refuse(refused: Refused) -> None:
    match refused.refusal:
        case Refusal.HOLD_UNKNOWN | Refusal.HOLD_NOT_OWNED:
            raise _unknown_hold()
        case Refusal.ALREADY_RESOLVED:
            raise HoldAlreadyResolved("This hold has ended: it was settled or released, or its lease lapsed.")
        case Refusal.AMOUNT_OUT_OF_RANGE:
            raise RequestInvalid("A price or a quantity is out of range.")
        case _:
            raise_refusal(refused)


def _unknown_hold() -> HoldUnknown:
    return HoldUnknown("There is no hold under this request_id.")


def _unavailable() -> CapacityError:
    return CapacityError("The ledger does not answer. Please send the same request again.", retry_after_s=1.0)
