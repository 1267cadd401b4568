"""How a redemption code looks, and what of it is right before anybody asks a database.

    GIFT-7K3Q-X9M2-ABCD-EF4H      <prefix of the batch>-<14 random characters><2 check characters>

It is read aloud and typed: case, separators and Arabic digits do not matter, and O, I and L are taken for the digits that
they look like. The random part has 70 bits. The check characters find every single wrong character and every two that
were exchanged; they are a filter, not a protection.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from raseed.core.accounts.identity import western_digits

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O and U."""
PREFIX = re.compile(r"[A-Z0-9]{2,12}")
RANDOM_CHARS = 14
CHECK_CHARS = 2
GROUP_CHARS = 4
TEXT_CHARS_MAX = 64
"""Of what is typed, with separators. What is longer is no code, and nothing is computed over it."""
_SECRET_CHARS = RANDOM_CHARS + CHECK_CHARS
_BETWEEN = re.compile(r"[\s_\-\u2010-\u2015\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_READ = re.compile(rf"[A-Z0-9]{{2,12}}[{ALPHABET}]{{{_SECRET_CHARS}}}")
_LOOKS_LIKE = str.maketrans("OIL", "011")
_MODULUS = 1021
"""A prime below 32², the number of what two characters can say."""
_BASE = 33


@dataclass(frozen=True, slots=True)
class NewCode:
    text: str = field(repr=False)
    """Shown once, and stored nowhere."""
    canonical: str = field(repr=False)
    """What is hashed."""


def new_code(prefix: str) -> NewCode:
    """`prefix` is one of `PREFIX`."""
    body = _canonical(prefix) + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARS))
    canonical = body + _check(body)
    secret = canonical[-_SECRET_CHARS:]
    groups = [secret[at : at + GROUP_CHARS] for at in range(0, _SECRET_CHARS, GROUP_CHARS)]
    return NewCode(text="-".join([prefix, *groups]), canonical=canonical)


def read_code(text: str) -> str | None:
    """The canonical form of what somebody typed; None if it is no code. No I/O.

    >>> code = new_code("GIFT")
    >>> read_code(f" {code.text.lower().replace('-', ' ')} ") == code.canonical, read_code("GIFT-0000")
    (True, None)
    """
    if len(text) > TEXT_CHARS_MAX:
        return None
    canonical = _canonical(_BETWEEN.sub("", western_digits(text)))
    if not _READ.fullmatch(canonical):
        return None
    body, check = canonical[:-CHECK_CHARS], canonical[-CHECK_CHARS:]
    return canonical if _check(body) == check else None


def _canonical(text: str) -> str:
    return text.upper().translate(_LOOKS_LIKE)


def _check(body: str) -> str:
    """A polynomial over a prime field: to change one character, or to exchange two neighbours, always changes it."""
    number = 0
    for character in body:
        number = (number * _BASE + ord(character)) % _MODULUS
    high, low = divmod(number, len(ALPHABET))
    return ALPHABET[high] + ALPHABET[low]
