"""What operators do about payments: give money back, and decide what is in review."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from raseed.core.clock import MINUTE, Clock, Microseconds
from raseed.core.errors import Conflict, NotFound, RequestInvalid, RequestReusedWithOtherInput
from raseed.core.ids import PaymentId, RefundId, new_id
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.model import (
    Payment,
    PaymentState,
    Refund,
    RefundState,
    SeenRefund,
    SeenRefundState,
    SeenStatus,
)
from raseed.core.payments.ports import (
    AuditNote,
    Beside,
    GatewayError,
    GatewayRefused,
    GatewayUnavailable,
    PaymentStore,
    ProviderIdTaken,
)
from raseed.core.payments.records import ACTOR, PAID_STATES, beside, money
from raseed.core.payments.refund_states import OPEN_REFUNDS, follow_answer, is_called
from raseed.core.payments.settling import RACES_MAX, Settling
from raseed.core.payments.states import accepted, is_about, mismatches

ASK_AGAIN_US = 10 * MINUTE
"""How long a provider that did not answer may take to show a refund that it took: before that, nobody asks it again."""
REFUND_S = 30.0
"""Longest wait for a provider's answer to a refund. What came of it later, the schedule finds out."""
REASON_CHARS_MAX = 500
REQUEST_KEY_CHARS_MAX = 128


class Refunds:
    """All of it is safe to repeat under the same request key, and written into the audit log with who did it and why."""

    def __init__(self, store: PaymentStore, gateways: Gateways, settling: Settling, clock: Clock) -> None:
        self._store = store
        self._gateways = gateways
        self._settling = settling
        self._clock = clock

    async def refund(
        self, payment_id: PaymentId, amount_minor: int | None, *, reason: str, request_key: str, actor: str
    ) -> Refund:
        """Ask the provider to give it back; None: all that is left. The refund as it is when the provider has answered:
        `requested` if it has not, and then the schedule looks for it before it is asked for again; `failed` if the provider
        does not want to.

        Raises NotFound; RequestInvalid for an amount that is more than what is left; Conflict for a payment that is not
        paid, or of which a refund is under way; RequestReusedWithOtherInput; GatewayMissing. Then nothing was asked.
        """
        _check_reason(reason)
        if not 1 <= len(request_key) <= REQUEST_KEY_CHARS_MAX or not request_key.isprintable():
            raise RequestInvalid(
                "A request id of 1 to 128 printable characters is required.", param="request_id"
            )
        for _ in range(RACES_MAX):
            payment = await self._settling.read(payment_id)
            known = await self._store.refunds(payment_id)
            if (again := _same(known, request_key, amount_minor)) is not None:
                return again
            self._gateways.of(payment)
            new = self._new(payment, known, amount_minor, reason, request_key, actor)
            note = AuditNote(
                action="payment.refund_requested",
                detail=f"{new.id} {money(new.amount_minor, payment.currency)} {reason}",
                actor=actor,
            )
            written = await self._store.replace(
                payment, self._to_be_looked_at(payment), Beside(refunds=[new], audit=[note])
            )
            if written is not None:
                return await self._ask(written, new)
        raise _busy(payment_id)

    def _new(
        self,
        payment: Payment,
        known: Sequence[Refund],
        amount_minor: int | None,
        reason: str,
        request_key: str,
        actor: str,
    ) -> Refund:
        if payment.state not in PAID_STATES:
            raise Conflict("This payment is not paid.", metadata={"state": payment.state})
        if any(refund.state in OPEN_REFUNDS for refund in known):
            raise Conflict("A refund of this payment is under way.", metadata={"payment": payment.id})
        left = payment.left_minor
        amount = left if amount_minor is None else amount_minor
        if not 0 < amount <= left:
            raise RequestInvalid(f"{money(left, payment.currency)} of this payment are left.", param="amount")
        now = self._clock.now()
        return Refund(
            id=RefundId(new_id("rfd")),
            payment_id=payment.id,
            amount_minor=amount,
            reason=reason,
            actor=actor,
            state=RefundState.REQUESTED,
            provider_refund_id="",
            is_dispute=False,
            created_at=now,
            asked_at=now,
            request_key=request_key,
        )

    async def resume(self, payment_id: PaymentId) -> None:
        """Ask again for a refund whose answer was lost, if the provider, looked at just now, does not know of it. The
        schedule calls it after it has settled the payment. Safe to repeat. Raises GatewayMissing.
        """
        payment = await self._settling.read(payment_id)
        self._gateways.of(payment)
        now = self._clock.now()
        for refund in await self._store.refunds(payment_id):
            if refund.state is not RefundState.REQUESTED or now - (refund.asked_at or 0) < ASK_AGAIN_US:
                continue
            # Written first, and under the version of the payment: of several workers one asks.
            asked = replace(refund, asked_at=now)
            claimed = await self._store.replace(
                payment, self._to_be_looked_at(payment), Beside(refunds=[asked])
            )
            if claimed is not None:
                await self._ask(claimed, asked)

    def _to_be_looked_at(self, payment: Payment) -> Payment:
        """Also changed if nothing else is: its version says that somebody asks."""
        next_ = Microseconds(self._clock.now() + ASK_AGAIN_US)
        return replace(payment, check_count=payment.check_count + 1, next_check_at=next_)

    async def _ask(self, payment: Payment, refund: Refund) -> Refund:
        gateway = self._gateways.of(payment)
        try:
            async with asyncio.timeout(REFUND_S):
                told = await gateway.refund(payment, refund)
        except (GatewayUnavailable, TimeoutError):
            return refund
        except GatewayRefused as error:
            return await self._refused(payment, refund, str(error))
        known = await self._store.refunds(payment.id)
        after = follow_answer(refund, known, told, self._clock.now())
        return await self._write(payment.id, refund.state, after)

    async def _refused(self, payment: Payment, refund: Refund, why: str) -> Refund:
        """It may have been done at an attempt before, or by somebody else: what is there now, a look says."""
        failed = replace(refund, state=RefundState.FAILED, ended_at=self._clock.now())
        note = AuditNote(action="payment.refund_refused", detail=f"{refund.id} {why}", actor=ACTOR)
        return await self._write(payment.id, refund.state, failed, note)

    async def mark_failed(
        self, payment_id: PaymentId, refund_id: RefundId, *, reason: str, actor: str
    ) -> Refund:
        """Write down that a refund is not waited for any more: its provider gave it up and does not say so, or never had it.
        Nothing was withdrawn for it and nothing is; another one can be asked for. If the provider says that it was done after
        all, that holds.

        Raises NotFound; RequestInvalid; GatewayError; Conflict if the provider, asked just now, has done it or is still at
        it, and for one that may not have got there yet. Safe to repeat.
        """
        _check_reason(reason)
        payment = await self._settling.settle(payment_id)
        refund = await self._find(payment_id, refund_id)
        if refund.state is RefundState.FAILED:
            return refund
        seen = await self._gateways.of(payment).look_up(payment)
        self._check_given_up(refund, () if seen is None else seen.refunds)
        failed = replace(refund, state=RefundState.FAILED, ended_at=self._clock.now())
        note = AuditNote(action="payment.refund_given_up", detail=f"{refund.id} {reason}", actor=actor)
        ended = await self._write(payment_id, refund.state, failed, note)
        if ended.state is not RefundState.FAILED:
            raise _not_given_up(ended)
        return ended

    def _check_given_up(self, refund: Refund, seen: Sequence[SeenRefund]) -> None:
        if refund.state not in OPEN_REFUNDS:
            raise _not_given_up(refund)
        if any(told.state is SeenRefundState.PENDING and is_called(refund, told) for told in seen):
            raise Conflict("Its provider says that this refund is under way.", metadata={"refund": refund.id})
        if (
            refund.state is RefundState.REQUESTED
            and self._clock.now() - (refund.asked_at or 0) < ASK_AGAIN_US
        ):
            raise Conflict("Its provider may be about to do this refund.", metadata={"refund": refund.id})

    async def _write(
        self, payment_id: PaymentId, was: RefundState, after: Refund, *notes: AuditNote
    ) -> Refund:
        """What became of a refund, unless a look was quicker; then what follows for the credit."""
        for _ in range(RACES_MAX):
            payment = await self._settling.read(payment_id)
            before = await self._find(payment_id, after.id)
            if before.state is not was:
                after = before
                break
            next_ = replace(payment, check_count=payment.check_count + 1)
            if await self._store.replace(payment, next_, Beside(refunds=[after], audit=notes)) is not None:
                break
        try:
            await self._settling.settle(payment_id)
        except GatewayError:
            return after  # the schedule looks at it soon
        return await self._find(payment_id, after.id)

    async def _find(self, payment_id: PaymentId, refund_id: RefundId) -> Refund:
        for refund in await self._store.refunds(payment_id):
            if refund.id == refund_id:
                return refund
        raise NotFound("There is no such refund.", metadata={"refund": refund_id})

    async def accept(self, payment_id: PaymentId, *, reason: str, actor: str) -> Payment:
        """Credit what is in review as it was ordered. The provider must say, now, that this order is paid.

        Raises NotFound, RequestInvalid, Conflict, GatewayError. Safe to repeat.
        """
        _check_reason(reason)
        for _ in range(RACES_MAX):
            payment = await self._settling.read(payment_id)
            if payment.state in {PaymentState.PAID, PaymentState.CREDITED}:
                return await self._settling.deliver(payment)
            _check_in_review(payment)
            seen = await self._gateways.of(payment).look_up(payment)
            if seen is None or seen.status is not SeenStatus.PAID or not is_about(mismatches(payment, seen)):
                raise Conflict("Its provider does not say that this order is paid.")
            after = accepted(payment, seen, self._clock.now())
            try:
                written = await self._store.replace(
                    payment, after, beside(payment, after, actor=actor, reason=reason)
                )
            except ProviderIdTaken as error:
                raise Conflict(
                    "What its provider calls it is another payment.", metadata={"payment": error.payment_id}
                ) from error
            if written is not None:
                return await self._settling.deliver(written)
        raise _busy(payment_id)

    async def reject(self, payment_id: PaymentId, *, reason: str, actor: str) -> Payment:
        """Never credit what is in review; what was paid can be refunded. Raises NotFound, RequestInvalid, Conflict. Safe to
        repeat.
        """
        _check_reason(reason)
        for _ in range(RACES_MAX):
            payment = await self._settling.read(payment_id)
            if payment.state is PaymentState.REJECTED:
                return payment
            _check_in_review(payment)
            after = replace(payment, state=PaymentState.REJECTED)
            written = await self._store.replace(
                payment, after, beside(payment, after, actor=actor, reason=reason)
            )
            if written is not None:
                return written
        raise _busy(payment_id)


def _same(known: Sequence[Refund], request_key: str, amount_minor: int | None) -> Refund | None:
    for refund in known:
        if refund.request_key == request_key:
            if amount_minor not in {None, refund.amount_minor}:
                raise RequestReusedWithOtherInput("There is another refund under this request id.")
            return refund
    return None


def _not_given_up(refund: Refund) -> Conflict:
    return Conflict(
        f"This refund is {refund.state}.", metadata={"refund": refund.id, "state": refund.state.value}
    )


def _check_in_review(payment: Payment) -> None:
    if payment.state is not PaymentState.REVIEW:
        raise Conflict("This payment is not in review.", metadata={"state": payment.state})


def _check_reason(reason: str) -> None:
    if not reason or len(reason) > REASON_CHARS_MAX:
        raise RequestInvalid(f"A reason of 1 to {REASON_CHARS_MAX} characters is required.", param="reason")


def _busy(payment_id: PaymentId) -> Conflict:
    return Conflict("This payment is being changed by others.", metadata={"payment": payment_id})
