"""What is written down about a payment's change, in its transaction: rows of the audit log, and notices.

What tells of a receipt or a credit note (`CREDIT_BOUGHT`, `PAYMENT_RECEIVED`, `REFUND_DONE`) is written where those are
numbered.
"""

from __future__ import annotations

from collections.abc import Sequence

from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.money import credits_text, price_text
from raseed.core.payments.model import Payment, PaymentState, Refund
from raseed.core.payments.ports import AuditNote, Beside

PAID_STATES = frozenset(
    {PaymentState.PAID, PaymentState.CREDITED, PaymentState.REVIEW, PaymentState.REJECTED}
)
"""There is, or may be, money."""
ACTOR = "payments"
"""Who follows what providers say."""


def money(amount_minor: int, currency: str) -> str:
    """As operators and customers read it.

    >>> money(2_000, "KWD")
    '2.000 KWD'
    """
    return f"{price_text(amount_minor, currency)} {currency}"


def beside(
    before: Payment,
    after: Payment,
    refunds: Sequence[Refund] = (),
    *,
    actor: str = ACTOR,
    reason: str = "",
) -> Beside:
    """For a change of one payment. `reason`: an operator's, for his decision."""
    audit = [AuditNote(action=action, detail=detail, actor=actor) for action, detail in _audit(before, after)]
    if reason:
        audit.append(AuditNote(action="payment.decided", detail=f"{after.state}: {reason}", actor=actor))
    return Beside(refunds=refunds, audit=audit, notices=_notices(before, after))


def _audit(before: Payment, after: Payment) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if before.state is not after.state:
        rows.append((f"payment.{after.state}", _detail(after)))
    if after.problem and after.problem != before.problem and after.state is before.state:
        rows.append(("payment.problem", after.problem))
    for action, was, now in (
        ("payment.refunded", before.refunded_minor, after.refunded_minor),
        ("payment.disputed", before.disputed_minor, after.disputed_minor),
    ):
        if was != now:
            rows.append(
                (action, f"{money(now, after.currency)} of {money(after.amount_minor, after.currency)}")
            )
    taken = after.withdrawn_microcredits - before.withdrawn_microcredits
    if taken and before.withdrawal_count != after.withdrawal_count:
        rows.append(("payment.withdrawn", f"credits={credits_text(taken)} step={after.withdrawal_count}"))
    return rows


def _detail(payment: Payment) -> str:
    parts = [
        f"account={payment.account_id}",
        f"provider={payment.provider}",
        f"mode={payment.mode}",
        f"amount={money(payment.amount_minor, payment.currency)}",
    ]
    if payment.invoice_id:
        parts.append(f"invoice={payment.invoice_id}")
    if payment.provider_payment_id:
        parts.append(f"transaction={payment.provider_payment_id}")
    if payment.state is PaymentState.CREDITED:
        parts.append(f"credits={credits_text(payment.granted_microcredits)}")
    if payment.problem:
        parts.append(f"problem={payment.problem}")
    return " ".join(parts)


def _notices(before: Payment, after: Payment) -> list[Notice]:
    told: list[Notice] = []
    amount = money(after.amount_minor, after.currency)
    is_new = before.state is not after.state
    # Who was never sent to a page of a renewal that we ordered gets another one, and has missed nothing.
    is_ours = after.period_start is not None and not after.url
    if is_new and after.state is PaymentState.FAILED and not is_ours:
        told.append(_notice(NoticeKind.PAYMENT_FAILED, after, after.id, amount=amount))
    if is_new and after.state is PaymentState.REVIEW:
        told.append(_notice(NoticeKind.PAYMENT_IN_REVIEW, after, after.id, amount=amount, payment=after.id))
    is_odd = bool(after.problem) and after.problem != before.problem
    if is_new and after.state is PaymentState.REVIEW:
        told.append(_to_operators(after, after.id))
    elif is_odd and after.state in PAID_STATES:
        told.append(_to_operators(after, f"{after.id}:{after.check_count}"))
    if after.disputed_minor > before.disputed_minor:
        told.append(
            _notice(
                NoticeKind.DISPUTE_OPENED,
                after,
                f"{after.id}:{after.disputed_minor}",
                account=after.account_id,
                payment=after.id,
                amount=money(after.disputed_minor, after.currency),
            )
        )
    return told


def _to_operators(payment: Payment, cause: str) -> Notice:
    return _notice(
        NoticeKind.PAYMENT_TO_REVIEW,
        payment,
        cause,
        account=payment.account_id,
        payment=payment.id,
        problem=payment.problem,
    )


def _notice(kind: NoticeKind, about: Payment, cause: str, /, **parameters: str) -> Notice:
    return Notice(kind=kind, account_id=about.account_id, cause=cause, parameters=parameters)
