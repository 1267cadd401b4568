"""However a number or an address is written, it is one identifier, or it is refused without being repeated."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raseed.adapters.identity.phones import NumberingPlans
from raseed.core.accounts.identity import (
    Identifier,
    IdentifierKind,
    SignUpTerms,
    read_email,
    read_phone,
    western_digits,
)
from raseed.core.errors import RequestInvalid

PLANS = NumberingPlans()
TERMS = SignUpTerms()
KUWAIT = "+96550123456"


def phone(text: str, terms: SignUpTerms = TERMS) -> str:
    found = read_phone(text, PLANS, terms)
    assert found.kind is IdentifierKind.PHONE
    return found.value


@pytest.mark.parametrize(
    "text",
    [
        "+96550123456",
        "0096550123456",
        "96550123456",
        "50123456",
        "  +965 5012-3456 ",
        "(965) 5012 3456",
        "+٩٦٥ ٥٠١٢ ٣٤٥٦",
        "٥٠١٢٣٤٥٦",
        "۰۰۹۶۵۵۰۱۲۳۴۵۶",
        "\u2066+965 5012 3456\u2069",
    ],
)
def test_one_number_however_it_is_written(text):
    assert phone(text) == KUWAIT


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("966512345678", "+966512345678"),
        ("971501234567", "+971501234567"),
        ("97433123456", "+97433123456"),
        ("96892123456", "+96892123456"),
        ("97336001234", "+97336001234"),
        ("96512345", "+96596512345"),  # begins like a country code, and is a number in Kuwait
        ("+447400123456", "+447400123456"),
    ],
)
def test_a_code_of_the_gulf_needs_no_plus_sign(text, number):
    assert phone(text) == number


def test_the_region_of_bare_numbers_is_the_profiles():
    assert phone("0501234567", SignUpTerms(default_region="AE")) == "+971501234567"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "12",
        "+9655012345",
        "+96522123456",
        "+9001234567",
        "5012345a",
        "+965+50123456",
        "1" * 65,
        "٫٫٫",
        "+1900 555 0123",
    ],
)
def test_what_is_no_mobile_number_is_refused_and_not_repeated(text):
    with pytest.raises(RequestInvalid) as caught:
        phone(text)
    assert caught.value.param == "phone"
    assert len(text) < 3 or text not in caught.value.message


def test_only_countries_that_are_served():
    terms = SignUpTerms(countries=frozenset({"KW", "SA"}))
    assert phone("50123456", terms) == KUWAIT
    with pytest.raises(RequestInvalid, match="country"):
        phone("+447400123456", terms)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada.Lovelace@Example.COM ", "ada.lovelace@example.com"),
        ("a+b@example.co.uk", "a+b@example.co.uk"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_one_spelling_of_an_address(text, address):
    assert read_email(text) == Identifier(IdentifierKind.EMAIL, address)


@pytest.mark.parametrize(
    "text",
    [
        "", "ada", "@example.com", "ada@", "ada@localhost", "a da@example.com", "ada@exa mple.com", "ada@@example.com",
        ".ada@example.com", "ada..b@example.com", '"ada"@example.com', "ada@[127.0.0.1]", "ada@127.0.0.1",
        "ada@-example.com", "ada@example.com\r\nBcc: x@example.com", "a" * 65 + "@example.com",
        "ada@" + "a" * 250 + ".com", "ada@" + "ü" * 64 + ".com", "ada\x00@example.com", "<ada@example.com>",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_not_repeated(text):
    with pytest.raises(RequestInvalid) as caught:
        read_email(text)
    assert caught.value.param == "email"
    assert len(text) < 3 or text not in caught.value.message


def test_megabytes_are_refused_at_once():
    """Anybody may send them, and the whole worker would wait."""
    began = time.process_time()
    for text in ("a@" + "é." * 1_000_000 + "com", " " * 300 + "ada@example.com"):
        with pytest.raises(RequestInvalid):
            read_email(text)
    assert time.process_time() - began < 0.5


def test_a_person_has_one_mailbox_and_a_number_has_neighbours():
    assert read_email("Ada+News@Example.com").person == "ada@example.com"
    assert read_email("+@example.com").person == "+@example.com"
    for text in ("ada.lovelace@gmail.com", "A.D.A.lovelace+x@GoogleMail.com"):
        assert read_email(text).person == "adalovelace@gmail.com"
    assert read_email("ada.lovelace@example.com").person == "ada.lovelace@example.com"
    number = read_phone(KUWAIT, PLANS, TERMS)
    assert (number.person, number.neighbourhood) == (KUWAIT, "+9655012")
    assert read_email("ada@example.com").neighbourhood is None


def test_identifiers_are_not_shown():
    assert "5012" not in repr(read_phone(KUWAIT, PLANS, TERMS))
    assert "ada" not in repr(read_email("ada@example.com"))


@given(st.text(max_size=80))
def test_any_text_is_an_identifier_or_refused(text):
    for read in (read_email, phone):
        with suppress(RequestInvalid):
            assert read(text)


@given(st.text(alphabet="0123456789", max_size=12))
def test_digits_mean_the_same_in_every_script(digits):
    for zero in (0x0660, 0x06F0):
        assert western_digits("".join(chr(zero + int(digit)) for digit in digits)) == digits
