"""What becomes of refunds when their payment is looked at: pure functions of what we have and what the provider says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from raseed.core.clock import Microseconds
from raseed.core.ids import RefundId
from raseed.core.payments.model import Payment, Refund, RefundState, SeenRefund, SeenRefundState

OPEN_REFUNDS = frozenset({RefundState.REQUESTED, RefundState.PENDING})
_STATES = {
    SeenRefundState.PENDING: RefundState.PENDING,
    SeenRefundState.DONE: RefundState.DONE,
    SeenRefundState.CANCELED: RefundState.FAILED,
}


def follow_refunds(
    payment: Payment,
    known: Sequence[Refund],
    seen: Sequence[SeenRefund],
    now: Microseconds,
    new_id: Callable[[], RefundId],
) -> tuple[Refund, ...]:
    """The refunds that changed or that we had not heard of, each as it is now. The same again: none."""
    open_ones = list(known)
    changed: list[Refund] = []
    for told in seen:
        ours = match(open_ones, told)
        if ours is None:
            ours_now = _heard_of(payment, told, now, new_id())
        else:
            open_ones.remove(ours)
            ours_now = follow_refund(ours, told, now)
        if ours_now != ours:
            changed.append(ours_now)
    return tuple(changed)


def match(known: Sequence[Refund], told: SeenRefund) -> Refund | None:
    """Which of ours it is. By the provider's id, else by ours; else, for a provider that keeps none of ours, the one that
    was asked for with this amount and that we do not know the provider's id of: there is never more than one.
    """
    for refund in known:
        if told.id and refund.provider_refund_id == told.id:
            return refund
    for refund in known:
        if told.reference and refund.id == told.reference:
            return refund
    if told.reference or told.is_dispute:
        return None
    for refund in known:
        if refund.state is RefundState.REQUESTED and refund.amount_minor == told.amount_minor:
            return refund
    return None


def follow_refund(refund: Refund, told: SeenRefund, now: Microseconds) -> Refund:
    state = _STATES[told.state]
    ended_at = now if refund.ended_at is None else refund.ended_at
    return replace(
        refund,
        state=state,
        amount_minor=told.amount_minor,
        provider_refund_id=told.id or refund.provider_refund_id,
        ended_at=None if state in OPEN_REFUNDS else ended_at,
    )


def _heard_of(payment: Payment, told: SeenRefund, now: Microseconds, refund_id: RefundId) -> Refund:
    first = Refund(
        id=refund_id,
        payment_id=payment.id,
        amount_minor=told.amount_minor,
        reason="",
        actor=payment.provider.value,
        state=RefundState.PENDING,
        provider_refund_id=told.id,
        is_dispute=told.is_dispute,
        created_at=now,
    )
    return follow_refund(first, told, now)


def has_open(refunds: Sequence[Refund]) -> bool:
    return any(refund.state in OPEN_REFUNDS for refund in refunds)


def merged(known: Sequence[Refund], changed: Sequence[Refund]) -> tuple[Refund, ...]:
    """All of them, the changed ones as they are now."""
    return tuple({refund.id: refund for refund in (*known, *changed)}.values())
