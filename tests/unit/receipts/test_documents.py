"""Documents as people read them: what each says, in both languages, as HTML and as PDF."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from pypdf import PdfReader
from tests.support.receipts import NOON, SELLER, credited, refunded, terms

from raseed.adapters.receipts import renderer
from raseed.adapters.receipts.html import html_of
from raseed.adapters.receipts.pdf import pdf_of
from raseed.adapters.receipts.renderer import DocumentRenderer
from raseed.adapters.receipts.sheet import Sheet, lay_out
from raseed.adapters.receipts.words import WORDS
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, Microseconds
from raseed.core.errors import Overloaded
from raseed.core.ids import ReceiptId
from raseed.core.messaging.ports import Language
from raseed.core.payments.model import Item, ItemKind, Mode
from raseed.core.payments.ports import Buyer
from raseed.core.payments.receipt_drawing import draw_receipt, draw_refund
from raseed.core.payments.receipts import DocumentKind, IssuedReceipt, Receipt

RESAYIL, KISSAPI = terms(), terms("kissapi")
PACK = draw_receipt(ReceiptId("rcpt_1"), "R-2026-000042", credited(), RESAYIL, NOON)
PLAN = draw_receipt(
    ReceiptId("rcpt_2"),
    "R-2026-000043",
    credited(
        item=Item(kind=ItemKind.PLAN, id="pro"),
        period_start=NOON,
        period_end=Microseconds(NOON + 30 * DAY),
        amount_minor=45_000,
    ),
    RESAYIL,
    NOON,
)
CREEM = draw_receipt(
    ReceiptId("rcpt_3"),
    "TEST-PC-2026-000001",
    credited(
        mode=Mode.TEST,
        provider=PaymentProvider.CREEM,
        method="",
        item=Item(kind=ItemKind.TOPUP, id="", quantity=2_000),
        currency="USD",
        credit_microcredits=20_000_000,
    ),
    KISSAPI,
    NOON,
)
NOTE = draw_refund(
    ReceiptId("rcpt_4"),
    "CN-2026-000007",
    PACK,
    refunded(credited(), is_dispute=True),
    RESAYIL.calendar,
    SELLER,
    NOON,
)
DOCUMENTS = {"pack": PACK, "plan": PLAN, "creem": CREEM, "note": NOTE}
BUYER = Buyer(name="<b>Al Manar & Sons</b>", email="accounts@almanar.example", phone_e164="+96550123456")
ARABIC_DIGITS = re.compile("[٠-٩۰-۹]")
each_language = pytest.mark.parametrize("language", list(Language))
each_document = pytest.mark.parametrize("receipt", DOCUMENTS.values(), ids=DOCUMENTS)


def sheet_of(receipt: Receipt, language: Language, buyer: Buyer | None = BUYER) -> Sheet:
    return lay_out(IssuedReceipt(receipt=receipt, buyer=buyer), language)


def html(receipt: Receipt, language: Language, buyer: Buyer | None = BUYER) -> str:
    return html_of(sheet_of(receipt, language, buyer)).decode()


def pdf_text(receipt: Receipt, language: Language) -> str:
    reader = PdfReader(io.BytesIO(pdf_of(sheet_of(receipt, language), receipt.issued_at)))
    assert len(reader.pages) == 1
    return reader.pages[0].extract_text()


@each_document
@each_language
def test_both_forms_have_number_amount_and_references(receipt: Receipt, language: Language):
    for text in (html(receipt, language), pdf_text(receipt, language)):
        for wanted in (
            receipt.number,
            receipt.amount_text,
            receipt.issued_on,
            receipt.payment_id,
            receipt.provider_payment_id,
            receipt.refers_to,
            "accounts@almanar.example",
            "+96550123456",
        ):
            assert wanted in text
        assert not ARABIC_DIGITS.search(text)


@each_document
@each_language
def test_a_document_has_the_words_of_its_language(receipt: Receipt, language: Language):
    text = html(receipt, language)
    direction = "rtl" if language is Language.ARABIC else "ltr"
    assert f'<html lang="{language}" dir="{direction}">' in text
    assert f"<h1>{WORDS[language].titles[receipt.kind]}</h1>" in text
    name = SELLER.name_ar if language is Language.ARABIC else SELLER.name
    assert name in text
    others = WORDS[Language.ENGLISH if language is Language.ARABIC else Language.ARABIC]
    assert others.titles[receipt.kind] not in text


def test_every_kind_has_a_title_in_every_language():
    for words in WORDS.values():
        assert set(words.titles) == set(DocumentKind)
        assert len(set(words.titles.values())) == len(DocumentKind)


@each_language
def test_markup_in_a_name_is_text(language: Language):
    page = html(PACK, language)
    assert "<b>Al Manar" not in page
    assert "&lt;b&gt;Al Manar &amp; Sons&lt;/b&gt;" in page
    assert "<b>Al Manar & Sons</b>" in pdf_text(PACK, language)
    hostile = replace(PACK, item_text='#panic("x") $1$ ] [ */', item_text_ar='#panic("x") ا')
    assert '#panic("x")' in pdf_text(hostile, language)


def test_a_page_needs_nothing_else():
    page = html(CREEM, Language.ENGLISH)
    assert not re.search(r"<(script|img|link|iframe)|@import|url\(", page)
    assert re.findall(r'href="([^"]*)"', page) == [
        "https://www.creem.io/my-orders/login",
        "mailto:billing@raseed.example",
    ]


@each_language
def test_what_a_merchant_of_record_sold_is_no_tax_receipt_of_ours(language: Language):
    sheet = sheet_of(CREEM, language)
    words = WORDS[language]
    assert sheet.notes[0].text == words.of_merchant.format(merchant="Creem")
    assert "300123456700003" not in html(CREEM, language)
    assert "300123456700003" in html(PACK, language)
    assert words.test in html(CREEM, language)
    assert words.test not in html(PACK, language)


def test_who_was_forgotten_is_an_account_only():
    sheet = sheet_of(PACK, Language.ENGLISH, None)
    assert [row.label for row in sheet.buyer.rows] == ["Account"]
    assert "almanar" not in html(PACK, Language.ENGLISH, None)


def test_a_value_keeps_its_direction_in_arabic():
    page = html(PLAN, Language.ARABIC)
    assert '<bdi dir="ltr">45.000 KWD</bdi>' in page
    assert "\u20662026-11-21\u2069 إلى \u20662026-12-21\u2069" in page
    assert '<bdi dir="ltr">accounts@almanar.example</bdi>' in page


def test_a_long_address_is_copied_as_it_is():
    address = "a.very.long.address.of.accounts@subdomain.of.almanar-trading-company.example"
    sheet = sheet_of(PACK, Language.ENGLISH, Buyer(email=address))
    text = PdfReader(io.BytesIO(pdf_of(sheet, NOON))).pages[0].extract_text()
    assert address in text.replace("\n", "")


@each_language
def test_the_same_document_is_the_same_bytes(language: Language):
    first, again = (pdf_of(sheet_of(PACK, language), NOON) for _ in range(2))
    assert first == again
    reader = PdfReader(io.BytesIO(first))
    assert reader.metadata is not None
    assert reader.metadata.title == f"{WORDS[language].titles[PACK.kind]} {PACK.number}"
    fonts = {str(font["/BaseFont"]) for font in reader.pages[0]["/Resources"]["/Font"].values()}  # type: ignore[index]
    assert fonts
    assert all("FiraGO" in font for font in fonts)


async def test_the_loop_goes_on_while_pdfs_are_made_and_too_many_are_refused(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(renderer, "PDFS_WAITING_MAX", 4)
    documents = DocumentRenderer()
    issued = IssuedReceipt(receipt=PACK, buyer=BUYER)
    try:
        made = await asyncio.gather(
            *(documents.pdf(issued, Language.ARABIC) for _ in range(6)), return_exceptions=True
        )
        assert [type(each) for each in made] == [bytes] * 4 + [Overloaded] * 2
        assert await documents.pdf(issued, Language.ENGLISH)
        assert (await documents.html(issued, Language.ENGLISH)).startswith(b"<!doctype html>")
    finally:
        documents.close()


def test_nothing_of_it_is_loaded_before_the_first_document():
    code = (
        "import sys; from raseed.adapters.receipts.renderer import DocumentRenderer; DocumentRenderer().close();"
        "print([name for name in ('typst', 'pymupdf_fonts', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_receipt_states_what_was_received():
    """Where an operator accepted that it is not what was ordered."""
    receipt = draw_receipt(
        ReceiptId("rcpt_9"), "R-2026-000044", credited(received_minor=1_000), RESAYIL, NOON
    )
    assert (receipt.amount_text, receipt.credit_microcredits) == ("1.000 KWD", PACK.credit_microcredits)
