"""What becomes of refunds when their payment is looked at: pure functions of what we have and what the provider says.

Some providers tell of each refund; others of one for the order, that grows. What such a one grew by is a refund of its own
here, whose `provider_refund_id` has a number behind it (`rf_1/2`): so every amount that went back is written down once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from raseed.core.clock import DAY, Microseconds
from raseed.core.ids import RefundId
from raseed.core.payments.model import Payment, Refund, RefundState, SeenRefund, SeenRefundState
from raseed.core.payments.states import LOOKS_MAX_US

OPEN_REFUNDS = frozenset({RefundState.REQUESTED, RefundState.PENDING})
_BETWEEN = "; "
_WAITS = "a refund waits"
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
    all_of_them = {refund.id: refund for refund in known}
    for told in seen:
        after = _follow(payment, tuple(all_of_them.values()), told, now, new_id)
        if after is not None:
            all_of_them[after.id] = after
    before = set(known)
    return tuple(refund for refund in all_of_them.values() if refund not in before)


def follow_answer(refund: Refund, known: Sequence[Refund], told: SeenRefund, now: Microseconds) -> Refund:
    """A refund that was just asked for, by the provider's answer: about this one, whatever it calls it."""
    others = [other for other in known if other.id != refund.id]
    return _as_told(refund, _id_for(others, told.id), told.state, now)


def _follow(
    payment: Payment,
    known: Sequence[Refund],
    told: SeenRefund,
    now: Microseconds,
    new_id: Callable[[], RefundId],
) -> Refund | None:
    """The one that changed, or is new; None: nothing is."""
    group = called(known, told.id)
    if len(group) == 1 and group[0].state is not RefundState.DONE:
        if group[0].state is RefundState.FAILED and told.state is SeenRefundState.PENDING:
            return None  # somebody was told that it has ended: until it is done after all, that stands
        return replace(_as_told(group[0], told.id, told.state, now), amount_minor=told.amount_minor)
    if len(group) == 1 and group[0].amount_minor >= told.amount_minor:
        return _as_told(group[0], told.id, told.state, now)
    rest = told.amount_minor - sum(it.amount_minor for it in group if it.state is RefundState.DONE)
    waiting = next((refund for refund in group if refund.state in OPEN_REFUNDS), None)
    if rest <= 0:
        return None
    if waiting is not None:
        return replace(_as_told(waiting, told.id, told.state, now), amount_minor=rest)
    ours = _asked_for(known, told, rest)
    if ours is None:
        ours = Refund(
            id=new_id(),
            payment_id=payment.id,
            amount_minor=rest,
            reason="",
            actor=payment.provider.value,
            state=RefundState.PENDING,
            provider_refund_id="",
            is_dispute=told.is_dispute,
            created_at=now,
        )
    return _as_told(ours, _id_for(known, told.id), told.state, now)


def _asked_for(known: Sequence[Refund], told: SeenRefund, amount_minor: int) -> Refund | None:
    """Which of ours it is: by our id; else, where the provider keeps none of ours, the one of this amount that was asked for
    and that it has not told of: never are two under way.
    """
    if told.is_dispute:
        return None
    for refund in known:
        if told.reference and refund.id == told.reference and not refund.provider_refund_id:
            return refund
    for refund in known:
        is_open = refund.state is RefundState.REQUESTED and not refund.provider_refund_id
        if is_open and not told.reference and refund.amount_minor == amount_minor:
            return refund
    return None


def _as_told(refund: Refund, provider_id: str, told: SeenRefundState, now: Microseconds) -> Refund:
    state = _STATES[told]
    ended_at = now if refund.ended_at is None else refund.ended_at
    return replace(
        refund,
        state=state,
        provider_refund_id=refund.provider_refund_id or provider_id,
        ended_at=None if state in OPEN_REFUNDS else ended_at,
    )


def _id_for(known: Sequence[Refund], told_id: str) -> str:
    """Under which a refund is written that the provider calls so."""
    count = sum(1 for refund in known if told_id and _base(refund.provider_refund_id) == told_id)
    return f"{told_id}/{count + 1}" if count else told_id


def _base(provider_refund_id: str) -> str:
    base, slash, number = provider_refund_id.rpartition("/")
    return base if slash and number.isdecimal() else provider_refund_id


def called(refunds: Sequence[Refund], provider_id: str) -> list[Refund]:
    """Those of ours that the provider calls so: more than one where it tells of one that grows."""
    return [it for it in refunds if provider_id and _base(it.provider_refund_id) == provider_id]


def is_called(refund: Refund, told: SeenRefund) -> bool:
    """Whether what the provider tells is of this one."""
    return told.reference == refund.id or refund in called([refund], told.id)


def begun(refunds: Sequence[Refund]) -> Microseconds | None:
    """When the latest one began that has not ended. None: all have."""
    return max((refund.created_at for refund in refunds if refund.state in OPEN_REFUNDS), default=None)


def with_waiting(problem: str, refunds: Sequence[Refund], now: Microseconds) -> str:
    """What is wrong with a payment, and which of its refunds are not waited for any more."""
    said = [part for part in problem.split(_BETWEEN) if part and not part.startswith(_WAITS)]
    said += [
        f"{_WAITS} {refund.id}: not ended in {LOOKS_MAX_US // DAY} days"
        for refund in refunds
        if refund.state in OPEN_REFUNDS and now >= refund.created_at + LOOKS_MAX_US
    ]
    return _BETWEEN.join(said)


def merged(known: Sequence[Refund], changed: Sequence[Refund]) -> tuple[Refund, ...]:
    """All of them, the changed ones as they are now."""
    return tuple({refund.id: refund for refund in (*known, *changed)}.values())
