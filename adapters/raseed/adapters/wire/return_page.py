"""The page that a browser comes back to from a provider: what became of a payment, in English and Arabic.

It has no script, takes nothing from the address, and says nothing of an account: only the state of a payment, and to those
who came with our reference, that.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html import escape

from raseed.core.payments.model import PaymentState

REFRESH_S = 10
"""How often the page of a payment that is under way is loaded again."""

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font-family:system-ui,sans-serif;max-width:34rem;margin:10vh auto;padding:0 1.25rem;line-height:1.6}"
    "section{border-top:1px solid #8886;padding:1rem 0}h1{font-size:1.3rem;margin:0 0 .5rem}"
    "code{font-size:1rem;unicode-bidi:isolate;direction:ltr;overflow-wrap:anywhere}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = (
    (
        "content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("x-robots-tag", "noindex"),
)
CONTENT_TYPE = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class _Text:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class _Texts:
    en: _Text
    ar: _Text


_CREDITED = _Texts(
    _Text("Thank you: your payment is complete", "What you bought is in your account."),
    _Text("شكرًا لك: اكتملت عملية الدفع", "أُضيف ما اشتريته إلى حسابك."),
)
_PAID = _Texts(
    _Text(
        "Your payment has arrived",
        "What you bought is being added to your account, and will be there in a moment.",
    ),
    _Text("وصلت دفعتك", "تجري إضافة ما اشتريته إلى حسابك، وسيظهر خلال لحظات."),
)
_UNDER_WAY = _Texts(
    _Text(
        "Your payment is not confirmed yet",
        "We look again by ourselves: you need not pay again, and may close this page. If you paid and see nothing after "
        "15 minutes, write to us with this reference.",
    ),
    _Text(
        "لم تتأكد عملية الدفع بعد",
        "سنتحقق منها بأنفسنا، فلا حاجة إلى الدفع مرة أخرى، ويمكنك إغلاق هذه الصفحة. إن كنت قد دفعت ولم يظهر شيء بعد 15 دقيقة "
        "فراسلنا بهذا الرقم المرجعي.",
    ),
)
_FAILED = _Texts(
    _Text(
        "The payment was not made",
        "Nothing was taken as far as we know, and you may try again. If money was taken all the same, it is credited as "
        "soon as we hear of it; write to us with this reference if it is not.",
    ),
    _Text(
        "لم تتم عملية الدفع",
        "لم يُخصم شيء على حد علمنا، ويمكنك المحاولة من جديد. إن خُصم المبلغ رغم ذلك فسيُضاف الرصيد فور علمنا به؛ راسلنا بهذا الرقم "
        "المرجعي إن لم يُضف.",
    ),
)
_REVIEW = _Texts(
    _Text(
        "Your payment is being checked",
        "Somebody looks at it and you will hear from us. The reference to ask with:",
    ),
    _Text("دفعتك قيد المراجعة", "يراجعها أحد موظفينا وسنبلغك بالنتيجة. الرقم المرجعي للاستفسار:"),
)
_REJECTED = _Texts(
    _Text("Your payment was not accepted", "Nothing was credited for it. Write to us with this reference."),
    _Text("لم تُقبل دفعتك", "لم يُضف عنها رصيد. راسلنا بهذا الرقم المرجعي."),
)
_UNKNOWN = _Texts(
    _Text(
        "There is no such payment",
        "If you paid, your payment is credited by itself; you can see it in your account.",
    ),
    _Text("لا توجد عملية دفع كهذه", "إن كنت قد دفعت فستُضاف دفعتك تلقائيًا، ويمكنك رؤيتها في حسابك."),
)
_AWAY = _Texts(
    _Text(
        "We cannot look at the moment",
        "If you paid, your payment is credited by itself. Please load this page again.",
    ),
    _Text("يتعذر علينا التحقق الآن", "إن كنت قد دفعت فستُضاف دفعتك تلقائيًا. يُرجى إعادة تحميل هذه الصفحة."),
)
_ELSEWHERE = _Texts(
    _Text("", "You find the reference beside the payment in your account."),
    _Text("", "تجد الرقم المرجعي بجانب عملية الدفع في حسابك."),
)
_OF_STATE = {
    PaymentState.CREATED: _UNDER_WAY,
    PaymentState.PENDING: _UNDER_WAY,
    PaymentState.PAID: _PAID,
    PaymentState.CREDITED: _CREDITED,
    PaymentState.FAILED: _FAILED,
    PaymentState.EXPIRED: _FAILED,
    PaymentState.REVIEW: _REVIEW,
    PaymentState.REJECTED: _REJECTED,
}


def payment_page(state: PaymentState, reference: str, language: str, *, refreshes: bool) -> bytes:
    """In the language first in which the payment was ordered. `reference`: empty where it is not to be shown. `refreshes`:
    loaded again by itself.
    """
    return _page(_OF_STATE[state], language, reference, refreshes=refreshes)


def unknown_page() -> bytes:
    return _page(_UNKNOWN, "en")


def away_page() -> bytes:
    """While we cannot say anything."""
    return _page(_AWAY, "en", refreshes=True)


def _page(texts: _Texts, language: str, reference: str | None = None, *, refreshes: bool = False) -> bytes:
    english = _section("en", "ltr", texts.en, _reference("Reference", reference, _ELSEWHERE.en))
    arabic = _section("ar", "rtl", texts.ar, _reference("الرقم المرجعي", reference, _ELSEWHERE.ar))
    is_arabic = language == "ar"
    title = escape((texts.ar if is_arabic else texts.en).title)
    refresh = f'<meta http-equiv="refresh" content="{REFRESH_S}">' if refreshes else ""
    return (
        f'<!doctype html><html lang="{"ar" if is_arabic else "en"}" dir="{"rtl" if is_arabic else "ltr"}">'
        f'<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">{refresh}'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f"{arabic + english if is_arabic else english + arabic}</body></html>"
    ).encode()


def _section(language: str, direction: str, text: _Text, reference: str) -> str:
    return (
        f'<section lang="{language}" dir="{direction}"><h1>{escape(text.title)}</h1>'
        f"<p>{escape(text.text)}</p>{reference}</section>"
    )


def _reference(label: str, reference: str | None, elsewhere: _Text) -> str:
    if reference is None:
        return ""
    if not reference:
        return f"<p>{escape(elsewhere.text)}</p>"
    return f"<p>{label}: <code>{escape(reference)}</code></p>"
