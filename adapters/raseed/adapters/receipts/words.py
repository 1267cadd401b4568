"""What stands on documents beside their values, in English and Arabic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from raseed.core.messaging.ports import Language
from raseed.core.payments.receipts import DocumentKind

METHODS: Mapping[str, str] = {"kn": "KNET", "vm": "Visa / Mastercard", "ap": "Apple Pay"}
"""Names of the commonest ways to pay, by the provider's code; others are shown by their code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    titles: Mapping[DocumentKind, str]
    test: str
    number: str
    issued_on: str
    paid_on: str
    seller: str
    sold_by: str
    service: str
    tax_number: str
    buyer: str
    account: str
    name: str
    email: str
    phone: str
    item: str
    period: str
    amount: str
    paid: str
    """Before the total of what was paid."""
    given_back: str
    credit: str
    payment_details: str
    provider: str
    method: str
    transaction: str
    refund: str
    payment: str
    invoice: str
    refers_to: str
    dispute: str
    until: str
    """Between the first and last day of a period."""
    of_merchant: str
    """With {merchant}: why this is no tax receipt."""
    refund_of_merchant: str
    where_invoice: str
    """Before an address."""
    questions: str


ENGLISH = Words(
    titles={
        DocumentKind.RECEIPT: "Receipt",
        DocumentKind.CREDIT_NOTE: "Credit note",
        DocumentKind.PAYMENT_CONFIRMATION: "Payment confirmation",
        DocumentKind.REFUND_CONFIRMATION: "Refund confirmation",
    },
    test="Test payment: no money was moved",
    number="Number",
    issued_on="Date",
    paid_on="Paid on",
    seller="Seller",
    sold_by="Merchant of record",
    service="Service",
    tax_number="Tax number",
    buyer="Buyer",
    account="Account",
    name="Name",
    email="E-mail",
    phone="Telephone",
    item="Item",
    period="Period",
    amount="Amount",
    paid="Total paid",
    given_back="Total refunded",
    credit="Credit added",
    payment_details="Payment",
    provider="Provider",
    method="Method",
    transaction="Transaction",
    refund="Refund",
    payment="Our reference",
    invoice="Provider's reference",
    refers_to="Refers to",
    dispute="The buyer's bank took this amount back.",
    until="to",
    of_merchant="This confirms your payment and is not a tax receipt. {merchant} sold to you as merchant of record, "
    "collected the tax that applies, and sent you its own invoice. Amounts here are without that tax.",
    refund_of_merchant="This is not a tax document. {merchant} sold to you as merchant of record: what went back of the tax, "
    "its own documents say. Amounts here are without tax.",
    where_invoice="Its invoice:",
    questions="Questions:",
)

ARABIC = Words(
    titles={
        DocumentKind.RECEIPT: "إيصال",
        DocumentKind.CREDIT_NOTE: "إشعار دائن",
        DocumentKind.PAYMENT_CONFIRMATION: "تأكيد دفع",
        DocumentKind.REFUND_CONFIRMATION: "تأكيد استرداد",
    },
    test="دفعة تجريبية: لم تُحوَّل أي أموال",
    number="الرقم",
    issued_on="التاريخ",
    paid_on="تاريخ الدفع",
    seller="البائع",
    sold_by="التاجر المسجَّل",
    service="الخدمة",
    tax_number="الرقم الضريبي",
    buyer="المشتري",
    account="الحساب",
    name="الاسم",
    email="البريد الإلكتروني",
    phone="الهاتف",
    item="البند",
    period="الفترة",
    amount="المبلغ",
    paid="إجمالي المدفوع",
    given_back="إجمالي المسترد",
    credit="الرصيد المضاف",
    payment_details="الدفع",
    provider="مزوّد الدفع",
    method="وسيلة الدفع",
    transaction="رقم العملية",
    refund="رقم الاسترداد",
    payment="مرجعنا",
    invoice="مرجع المزوّد",
    refers_to="يشير إلى",
    dispute="استردّ بنك المشتري هذا المبلغ.",
    until="إلى",
    of_merchant="هذا تأكيد لدفعتك وليس إيصالًا ضريبيًا. باعتك {merchant} بصفتها التاجر المسجَّل، وحصّلت الضريبة المستحقة، "
    "وأرسلت إليك فاتورتها. المبالغ هنا من دون تلك الضريبة.",
    refund_of_merchant="هذا ليس مستندًا ضريبيًا. باعتك {merchant} بصفتها التاجر المسجَّل، ومستنداتها تبيّن ما أُعيد من الضريبة. "
    "المبالغ هنا من دون ضريبة.",
    where_invoice="فاتورتها:",
    questions="للاستفسار:",
)

WORDS: Mapping[Language, Words] = {Language.ENGLISH: ENGLISH, Language.ARABIC: ARABIC}
