"""What becomes of a payment: pure functions of the payment, what its provider says now, and the hour.

| is, seen   | nothing, or open | paid, and as ordered | paid, and not as ordered | failed, expired |
|------------|------------------|----------------------|--------------------------|-----------------|
| `created`  | `pending` if open | `paid`              | `review`                 | `failed`, `expired` |
| `pending`  | `pending`        | `paid`               | `review`                 | `failed`, `expired` |
| `failed`   | `pending` if open | `paid`              | `review`                 | `failed`, `expired` |
| `expired`  | `pending` if open | `paid`              | `review`                 | `failed`, `expired` |
| `paid`     | `paid`, with a problem | `paid`         | `paid`, with a problem   | `paid`, with a problem |
| `credited` | `credited`, with a problem | `credited` | `credited`, with a problem | `credited`, with a problem |
| `review`   | `review`         | `review`             | `review`                 | `review`        |
| `rejected` | `rejected`       | `rejected`           | `rejected`               | `rejected`      |

What is not paid when its page is over, by the provider's clock or after a day, is `expired`. What is open, and whose page
nobody knows a minute after its beginning, is `failed`: its buyer may order anew. Only `settle` makes `credited`,
after the ledger has the grant; only an operator leads out of `review`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from raseed.core.clock import DAY, HOUR, MINUTE, Microseconds
from raseed.core.money import share
from raseed.core.payments.model import Payment, PaymentState, Seen, SeenRefundState, SeenStatus

PAGE_LIFE_US = 1 * DAY
"""How long an order can be paid whose provider does not say: longer than any page that we know of."""
LOOKS_MAX_US = 30 * DAY
"""What was not paid in this time is not looked at any more, unless something says that it was; nor is a refund waited for
that its provider has not ended in it: operators are told."""
SETTLE_AGAIN_US = 1 * MINUTE
"""After which a payment that is paid and not credited is taken up, or one of which not all is withdrawn: whoever did it has
died, or had no ledger, or open requests held the rest."""
FIRST_LOOKS_US = (1 * MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE)
"""After the beginning; then hourly, then daily."""
HOURLY_US = 72 * HOUR
PAGE_WAIT_US = 1 * MINUTE
"""After which an order that its provider has is not waited for any more if nobody knows its page: longer than a call that
makes one may take."""
AFTER_CREDIT_US = (1 * DAY, 7 * DAY, 30 * DAY, 60 * DAY, 120 * DAY)
"""When a payment that is credited is looked at, for refunds and disputes of which no event has told: card schemes give a
buyer about four months.
"""

PAGE_LOST = "its provider has it, and the answer with its page was lost"
UNPAID = frozenset({PaymentState.CREATED, PaymentState.PENDING, PaymentState.FAILED, PaymentState.EXPIRED})


def mismatches(payment: Payment, seen: Seen) -> dict[str, str]:
    """What differs between what was ordered and what the provider has, by name; empty: nothing.

    A renewal that the provider began by itself has no reference of ours: then its subscription told whose it is.
    """
    pairs: list[tuple[str, object, object]] = [
        ("provider", payment.provider.value, seen.provider.value),
        ("mode", payment.mode.value, seen.mode.value),
        ("amount", payment.amount_minor, seen.amount_minor),
        ("currency", payment.currency, seen.currency),
        ("product", payment.product_id, seen.product_id),
    ]
    if seen.reference or payment.subscription_id is None:
        pairs.insert(0, ("reference", payment.id, seen.reference))
    if payment.invoice_id:
        pairs.append(("invoice", payment.invoice_id, seen.invoice_id))
    if payment.provider_payment_id and seen.status is SeenStatus.PAID:
        pairs.append(("transaction", payment.provider_payment_id, seen.provider_payment_id))
    return {
        name: f"{name}: ordered {ordered or 'none'}, seen {found or 'none'}"
        for name, ordered, found in pairs
        if ordered != found
    }


def is_about(differs: Collection[str]) -> bool:
    """Whether it is the same order in spite of what differs: what was given back is then counted."""
    return not {"reference", "provider", "mode", "currency", "invoice"} & set(differs)


def decide(
    payment: Payment, seen: Seen | None, now: Microseconds, *, refund_begun: Microseconds | None = None
) -> Payment:
    """The payment as it is after this look. `seen` None: the provider knows of no such order.

    The same look again changes nothing but the number of looks. Nothing is withdrawn by it: see `begin_withdrawal`.
    """
    differs = {} if seen is None else mismatches(payment, seen)
    after = replace(payment, check_count=payment.check_count + 1)
    if payment.state in UNPAID:
        after = _unpaid(after, seen, differs, now)
    elif payment.state in {PaymentState.PAID, PaymentState.CREDITED}:
        after = _paid(after, seen, differs)
    elif seen is not None and is_about(differs):
        after = _given_back(after, seen)
    return replace(after, next_check_at=next_look(after, now, refund_begun=refund_begun))


def _unpaid(payment: Payment, seen: Seen | None, differs: dict[str, str], now: Microseconds) -> Payment:
    if seen is None:
        return _expired(payment, now)
    if seen.status is SeenStatus.PAID:
        known = replace(
            payment,
            invoice_id=seen.invoice_id or payment.invoice_id,
            provider_payment_id=seen.provider_payment_id,
            paid_at=now if seen.paid_at is None else seen.paid_at,
            received_minor=seen.amount_minor,
        )
        if differs:
            # Its ids may be another order's: they are in the text, and nowhere else.
            received = seen.amount_minor if is_about(differs) else None
            review = replace(payment, state=PaymentState.REVIEW, received_minor=received)
            return replace(review, problem="; ".join(differs.values()))
        return _blocked(_given_back(replace(known, state=PaymentState.PAID, problem=""), seen))
    if differs:
        # Nothing was paid, and it may be another order: nothing of it is believed.
        return replace(_expired(payment, now), problem="; ".join(differs.values()))
    known = replace(
        payment,
        invoice_id=seen.invoice_id or payment.invoice_id,
        url=seen.url or payment.url,
        expires_at=payment.expires_at if seen.expires_at is None else seen.expires_at,
        problem="",
    )
    if seen.status is SeenStatus.FAILED:
        return replace(known, state=PaymentState.FAILED)
    if seen.status is SeenStatus.EXPIRED:
        return replace(known, state=PaymentState.EXPIRED)
    if not known.url and now >= payment.created_at + PAGE_WAIT_US:
        return replace(known, state=PaymentState.FAILED, problem=PAGE_LOST)
    return _expired(replace(known, state=PaymentState.PENDING), now)


def _expired(payment: Payment, now: Microseconds) -> Payment:
    over_at = payment.created_at + PAGE_LIFE_US if payment.expires_at is None else payment.expires_at
    if now < over_at or payment.state is PaymentState.FAILED:
        return payment
    return replace(payment, state=PaymentState.EXPIRED)


def _paid(payment: Payment, seen: Seen | None, differs: dict[str, str]) -> Payment:
    """It was verified once: what the provider says since takes back what it says that it gave back, and no more."""
    if seen is None:
        return replace(payment, problem="the provider knows nothing of it any more")
    if not is_about(differs):
        return replace(payment, problem="; ".join(differs.values()))
    if differs:
        return replace(_given_back(payment, seen), problem="; ".join(differs.values()))
    if seen.status is not SeenStatus.PAID:
        return replace(_given_back(payment, seen), problem=f"paid, and now the provider says: {seen.status}")
    after = _given_back(replace(payment, problem=""), seen)
    if after.withdrawn_microcredits > _not_due(after):
        return replace(after, problem="less was given back than was withdrawn for it")
    return after


def _given_back(payment: Payment, seen: Seen) -> Payment:
    done = [refund for refund in seen.refunds if refund.state is SeenRefundState.DONE]
    return replace(
        payment,
        refunded_minor=sum(refund.amount_minor for refund in done if not refund.is_dispute),
        disputed_minor=sum(refund.amount_minor for refund in done if refund.is_dispute),
    )


def _blocked(payment: Payment) -> Payment:
    """What was given back before anything was credited is never credited. It is fixed now: the grant has one amount."""
    never = _not_due(payment)
    return replace(
        payment,
        withdrawn_microcredits=never,
        granted_microcredits=payment.credit_microcredits - never,
    )


def accepted(payment: Payment, seen: Seen, now: Microseconds) -> Payment:
    """What was in review and is credited as ordered, because an operator says so. What differs stays written down."""
    after = replace(
        payment,
        state=PaymentState.PAID,
        invoice_id=seen.invoice_id or payment.invoice_id,
        provider_payment_id=seen.provider_payment_id,
        paid_at=now if seen.paid_at is None else seen.paid_at,
        received_minor=seen.amount_minor,
    )
    after = _blocked(_given_back(after, seen))
    return replace(after, next_check_at=next_look(after, now))


def _not_due(payment: Payment) -> int:
    """How much of the credit the payment does not pay for, because it went back. All of the credit is for what came in, but
    for what came in beyond the order: that paid for nothing, and goes back first.
    """
    paying = min(payment.came_minor, payment.amount_minor)
    if not paying:
        return 0
    kept = min(payment.left_minor, paying)
    return payment.credit_microcredits - share(payment.credit_microcredits, kept, paying)


def begin_withdrawal(payment: Payment) -> Payment:
    """With the next step written down, if something is to be withdrawn and no step is under way."""
    if payment.state is not PaymentState.CREDITED or payment.withdrawing_microcredits:
        return payment
    return replace(
        payment, withdrawing_microcredits=max(_not_due(payment) - payment.withdrawn_microcredits, 0)
    )


def end_withdrawal(payment: Payment, settled_microcredits: int) -> Payment:
    """The ledger has done so much of the step: less than all of it while open requests hold some. The rest is for a later
    step, under another key.
    """
    if not 0 <= settled_microcredits <= payment.withdrawing_microcredits:
        raise ValueError(f"more than the step: {settled_microcredits}")
    return replace(
        payment,
        withdrawn_microcredits=payment.withdrawn_microcredits + settled_microcredits,
        withdrawing_microcredits=0,
        withdrawal_count=payment.withdrawal_count + 1,
    )


def next_look(
    payment: Payment, now: Microseconds, *, refund_begun: Microseconds | None = None
) -> Microseconds | None:
    """When the schedule looks at it again; None: never. `refund_begun`: of the latest one that its provider has not ended."""
    if payment.state is PaymentState.PAID or _is_withdrawing(payment):
        return Microseconds(now + SETTLE_AGAIN_US)
    if refund_begun is not None and now < refund_begun + LOOKS_MAX_US:
        step = HOUR if now < refund_begun + HOURLY_US else DAY
        return Microseconds(min(now + step, refund_begun + LOOKS_MAX_US))
    if payment.state in UNPAID:
        return _in_time(payment.created_at, now)
    if payment.state is PaymentState.CREDITED and payment.credited_at is not None:
        begun = payment.credited_at
        return next((Microseconds(begun + age) for age in AFTER_CREDIT_US if begun + age > now), None)
    return None


def _is_withdrawing(payment: Payment) -> bool:
    return payment.state is PaymentState.CREDITED and _not_due(payment) > payment.withdrawn_microcredits


def _in_time(begun: Microseconds, now: Microseconds) -> Microseconds | None:
    """The first moment of the schedule that is still to come: what was missed is not made up for."""
    age = max(now - begun, 0)
    if age >= LOOKS_MAX_US:
        return None
    for look in FIRST_LOOKS_US:
        if look > age:
            return Microseconds(begun + look)
    step = HOUR if age < HOURLY_US else DAY
    return Microseconds(begun + (age // step + 1) * step)
