"""What documents say: receipts and credit notes drawn from payments and refunds, and how buyers are told of them."""

from __future__ import annotations

from dataclasses import replace

from raseed.core.billing.calendar import Calendar
from raseed.core.billing.policy import Policy
from raseed.core.clock import Microseconds
from raseed.core.ids import ReceiptId
from raseed.core.messaging.credit_watch import shown_credits
from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.messaging.ports import Language
from raseed.core.money import CURRENCY_DIGITS
from raseed.core.payments.model import ItemKind, Payment, Refund
from raseed.core.payments.receipts import (
    MERCHANTS_OF_RECORD,
    Receipt,
    ReceiptTerms,
    Seller,
    receipt_kind,
    refund_kind,
)


def draw_receipt(
    id_: ReceiptId, number: str, payment: Payment, terms: ReceiptTerms, at: Microseconds
) -> Receipt:
    """What a payment that was credited gets. Pure: the same arguments give the same document."""
    text, text_ar = item_texts(payment, terms.policy)
    day = terms.calendar.day_of
    begin, end = payment.period_start, payment.period_end
    return Receipt(
        id=id_,
        number=number,
        kind=receipt_kind(payment.provider),
        mode=payment.mode,
        issued_at=at,
        issued_on=str(day(at)),
        time_zone=terms.calendar.time_zone,
        seller=terms.seller,
        merchant=MERCHANTS_OF_RECORD.get(payment.provider),
        account_id=payment.account_id,
        payment_id=payment.id,
        refund_id=None,
        is_dispute=False,
        refers_to="",
        language=_spoken(payment.language, terms.policy),
        item=payment.item,
        item_text=text,
        item_text_ar=text_ar,
        amount_minor=payment.came_minor,
        currency=payment.currency,
        currency_digits=CURRENCY_DIGITS[payment.currency],
        credit_microcredits=payment.granted_microcredits,
        unit=terms.policy.unit,
        provider=payment.provider,
        method=payment.method,
        invoice_id=payment.invoice_id,
        provider_payment_id=payment.provider_payment_id,
        provider_refund_id="",
        paid_on=str(day(payment.paid_at)) if payment.paid_at is not None else "",
        period_begin=str(day(begin)) if begin is not None else "",
        period_end=str(day(Microseconds(end - 1))) if end is not None else "",
    )


def draw_refund(
    id_: ReceiptId,
    number: str,
    paid: Receipt,
    refund: Refund,
    calendar: Calendar,
    seller: Seller,
    at: Microseconds,
) -> Receipt:
    """What a refund or dispute gets when it is done; `paid` is the document of its payment. Pure, as above."""
    return replace(
        paid,
        id=id_,
        number=number,
        kind=refund_kind(paid.provider),
        issued_at=at,
        issued_on=str(calendar.day_of(at)),
        time_zone=calendar.time_zone,
        seller=seller,
        refund_id=refund.id,
        is_dispute=refund.is_dispute,
        refers_to=paid.number,
        amount_minor=refund.amount_minor,
        credit_microcredits=0,
        provider_refund_id=refund.provider_refund_id,
    )


def notice_of(receipt: Receipt) -> Notice | None:
    """What the buyer is told of a document when it is issued. None for a dispute: its buyer began it."""
    if receipt.is_dispute:
        return None
    kind, parameters = NoticeKind.PAYMENT_RECEIVED, {}
    if receipt.kind.is_refund:
        kind = NoticeKind.REFUND_DONE
    elif receipt.item.kind in (ItemKind.PACK, ItemKind.TOPUP) and receipt.credit_microcredits:
        kind, parameters = NoticeKind.CREDIT_BOUGHT, {"credits": shown_credits(receipt.credit_microcredits)}
    return Notice(
        kind=kind,
        account_id=receipt.account_id,
        cause=receipt.id,
        parameters={**parameters, "amount": receipt.amount_text, "receipt": receipt.number},
    )


def item_texts(payment: Payment, policy: Policy) -> tuple[str, str]:
    """What was bought, in English and Arabic. A plan that the profile does not name any more is called by its id."""
    item, microcredits = payment.item, payment.credit_microcredits
    match item.kind:
        case ItemKind.PACK:
            return (
                f"Credit pack: {credit_text(microcredits, policy.unit, Language.ENGLISH)}",
                f"باقة رصيد: {_isolated(credit_text(microcredits, policy.unit, Language.ARABIC))}",
            )
        case ItemKind.TOPUP:
            return (
                f"Top-up: {credit_text(microcredits, policy.unit, Language.ENGLISH)}",
                f"شحن رصيد: {_isolated(credit_text(microcredits, policy.unit, Language.ARABIC))}",
            )
        case ItemKind.PLAN:
            plan = policy.plan(item.id)
            name, name_ar = (plan.name_en, plan.name_ar) if plan else (item.id, item.id)
            return f"Subscription: {name}", f"اشتراك: {name_ar}"
        case ItemKind.KEYS:
            return f"Room for more API keys: {item.quantity}", f"سعة إضافية لمفاتيح API: {item.quantity}"


def _spoken(language: str, policy: Policy) -> Language:
    """Nothing that was ordered fails for its language."""
    return Language(language) if language in tuple(Language) else policy.language


def _isolated(text: str) -> str:
    """Within Arabic, with a direction of its own: a dollar sign stays before its number."""
    return f"\u2068{text}\u2069"


def credit_text(microcredits: int, unit: str, language: Language) -> str:
    """An amount of credit with its unit, and Western digits.

    >>> credit_text(5_000_000_000, "credits", Language.ENGLISH), credit_text(20_500_000, "USD", Language.ARABIC)
    ('5,000 credits', '$20.50')
    """
    number = shown_credits(microcredits)
    if unit == "USD":
        whole, point, cents = number.partition(".")
        return f"${whole}{point}{cents:0<2}" if point else f"${number}"
    if language is Language.ARABIC:
        counted = number.isdigit() and 3 <= int(number) % 100 <= 10
        return "نقطة واحدة" if number == "1" else f"{number} {'نقاط' if counted else 'نقطة'}"
    return "1 credit" if number == "1" else f"{number} credits"
