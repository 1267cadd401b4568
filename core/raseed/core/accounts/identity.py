"""Telephone numbers and e-mail addresses as they identify people: one spelling for each, whatever was typed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from raseed.core.errors import RequestInvalid

PHONE_CHARS_MAX = 64
"""Of what is typed, with spaces and brackets; E.164 itself has at most 15 digits."""
EMAIL_CHARS_MAX = 254
"""Of an address, as it is typed and as it is kept: no mailbox has a longer one (RFC 5321)."""
LOCAL_PART_CHARS_MAX = 64
PREFIX_DIGITS = 7
"""Digits of a number, country code included, that neighbouring numbers share: about ten thousand of them."""
ANYWHERE = frozenset[str]()
_GMAIL = ("gmail.com", "googlemail.com")
"""Two names of one service, which ignores dots before the @: everybody there has a thousand addresses."""

_WESTERN_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2)
_BETWEEN_DIGITS = re.compile(r"[\s().\-/\u00a0\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_DIGITS = re.compile(r"\+?[0-9]{3,20}")
_LOCAL_PART = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")


class IdentifierKind(StrEnum):
    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Identifier:
    """What a person is reached by. It is personal: not in the repr."""

    kind: IdentifierKind
    value: str = field(repr=False)
    """A telephone number in E.164 (`+96550123456`), or an e-mail address in lower case."""

    @property
    def person(self) -> str:
        """The same for spellings that reach the same mailbox: `ada+news@x.org` is `ada@x.org`, and for Gmail
        `a.da@googlemail.com` is `ada@gmail.com`. Only for comparing.
        """
        if self.kind is IdentifierKind.PHONE:
            return self.value
        local, domain = self.value.split("@")
        local = local.split("+")[0] or local
        if domain in _GMAIL:
            return f"{local.replace('.', '')}@{_GMAIL[0]}"
        return f"{local}@{domain}"

    @property
    def neighbourhood(self) -> str | None:
        """What adjacent telephone numbers have in common; addresses have no neighbours."""
        return self.value[: 1 + PREFIX_DIGITS] if self.kind is IdentifierKind.PHONE else None


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    e164: str = field(repr=False)
    region: str
    """ISO 3166 code of the country that it belongs to."""


class PhoneNumbers(Protocol):
    """The numbering plans of the world."""

    def read(self, digits: str, region: str) -> PhoneNumber | None:
        """A number that a person can have and get messages at; None for everything else.

        `digits` has a plus sign, or is as dialled inside `region`. Pure and quick: no I/O.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpTerms:
    """Who may open an account, and what they have to say for it."""

    default_region: str = "KW"
    """The country of a number that is written without its country code."""
    bare_calling_codes: tuple[str, ...] = ("965", "966", "971", "974", "968", "973")
    """Country codes that people write without a plus sign: tried before `default_region`."""
    countries: frozenset[str] = ANYWHERE
    """ISO 3166 codes of the countries whose numbers may sign up or in; empty: all. Codes to the others are not paid for."""
    terms_version: str = ""
    """What a new account must accept; empty: nothing."""
    minimum_age: int = 0
    """Years that a new account's holder must confirm; 0: not asked."""


def western_digits(text: str) -> str:
    """With 0 to 9 in place of Arabic-Indic and Persian digits.

    >>> western_digits("٠١٢ ۳۴۵")
    '012 345'
    """
    return text.translate(_WESTERN_DIGITS)


def read_phone(text: str, numbers: PhoneNumbers, terms: SignUpTerms) -> Identifier:
    """The number that somebody wrote, in E.164. Raises RequestInvalid, which does not repeat it."""
    for digits in _readings(text, terms):
        number = numbers.read(digits, terms.default_region)
        if number is None:
            continue
        if terms.countries and number.region not in terms.countries:
            raise RequestInvalid("Telephone numbers of this country are not served here.", param="phone")
        return Identifier(IdentifierKind.PHONE, number.e164)
    raise RequestInvalid(
        "Not a mobile telephone number. Write it with its country code: +965 5012 3456.", param="phone"
    )


def read_email(text: str) -> Identifier:
    """The address in lower case, its domain in ASCII. Raises RequestInvalid, which does not repeat it.

    Not checked: whether anybody reads it. Quoted local parts and addresses in brackets, which nobody has, are refused.
    """
    if len(text) > EMAIL_CHARS_MAX:  # before anything else: a domain of megabytes takes seconds
        raise _no_email()
    local, at, domain = text.strip().lower().rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        domain = ""
    address = f"{local}{at}{domain}"
    if (
        len(local) > LOCAL_PART_CHARS_MAX
        or len(address) > EMAIL_CHARS_MAX
        or not _LOCAL_PART.fullmatch(local)
        or not _DOMAIN.fullmatch(domain)
    ):
        raise _no_email()
    return Identifier(IdentifierKind.EMAIL, address)


def _no_email() -> RequestInvalid:
    return RequestInvalid("Not an e-mail address.", param="email")


def read_identifier(
    phone: str, email: str, kinds: Collection[IdentifierKind], numbers: PhoneNumbers, terms: SignUpTerms
) -> Identifier:
    """The one of both that was given; `kinds` are those that people are known by here. Raises RequestInvalid."""
    if bool(phone) == bool(email):
        raise RequestInvalid("Give a telephone number or an e-mail address, and not both.", param="phone")
    kind = IdentifierKind.PHONE if phone else IdentifierKind.EMAIL
    if kind not in kinds:
        names = {IdentifierKind.PHONE: "a telephone number", IdentifierKind.EMAIL: "an e-mail address"}
        raise RequestInvalid(f"Give {' or '.join(names[kind] for kind in kinds)}.", param=kind)
    return read_phone(phone, numbers, terms) if phone else read_email(email)


def _readings(text: str, terms: SignUpTerms) -> Iterator[str]:
    """What digits may mean, the likeliest first. Eight digits that begin with 965 are no number abroad, but one in
    Kuwait: so more than one is tried.
    """
    if len(text) > PHONE_CHARS_MAX:
        return
    digits = _BETWEEN_DIGITS.sub("", western_digits(text))
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if not _DIGITS.fullmatch(digits):
        return
    if not digits.startswith("+") and digits.startswith(terms.bare_calling_codes):
        yield f"+{digits}"
    yield digits
