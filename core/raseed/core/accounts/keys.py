"""The form of an API key, and what is stored of it.

    rsd_live_k3J9xQ2mWc7d_<43 characters of secret><6 characters of checksum>

The public id finds the row; the secret has 256 bits, so a fast keyed hash is enough; the checksum (CRC-32 of all before
it, base 62) refuses typos and garbage without touching a database. It is a filter, not a protection.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

PREFIX = "rsd"
MODES = ("live", "test")
"""Of customers' keys."""
ADMIN_MODE = "admin"
"""Of operators' keys, which are no customer's and never taken for one."""
SESSION_PREFIX = f"{PREFIX}_sess_"
"""Before the secret of a session, so that it is told from a key and found by scanners."""
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PUBLIC_CHARS = 12
_SECRET_CHARS = 43  # 62⁴³ > 2²⁵⁶
_CRC_CHARS = 6
_KEY_CHARS_MAX = 128
"""Longer text is not one of our keys; nothing is computed over it."""


@dataclass(frozen=True, slots=True)
class ParsedKey:
    mode: str
    public_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. `text` is shown once and stored nowhere."""

    text: str = field(repr=False)
    public_id: str
    secret: str = field(repr=False)
    last4: str


@dataclass(frozen=True, slots=True)
class Peppers:
    """Server-side secrets of the key hash, by version; they live outside the database."""

    by_version: Mapping[int, bytes] = field(repr=False)

    @property
    def current(self) -> int:
        return max(self.by_version)

    def digest(self, secret: str, version: int) -> bytes:
        return hmac.digest(self.by_version[version], secret.encode(), hashlib.sha256)

    def matches(self, secret: str, version: int, digest: bytes) -> bool:
        """Whether the secret belongs to the digest. Constant time; False for a pepper that is gone."""
        pepper = self.by_version.get(version)
        if pepper is None:
            return False
        return hmac.compare_digest(hmac.digest(pepper, secret.encode(), hashlib.sha256), digest)


def new_key(mode: str = "live", public_id: str = "") -> NewKey:
    """With a public id that it already has, the key gets another secret."""
    public_id = public_id or _random(_PUBLIC_CHARS)
    secret = _random(_SECRET_CHARS)
    body = f"{PREFIX}_{mode}_{public_id}_{secret}"
    text = body + _checksum(body)
    return NewKey(text=text, public_id=public_id, secret=secret, last4=text[-4:])


def parse_key(text: str, modes: Collection[str] = MODES) -> ParsedKey | None:
    """The parts of a well-formed key of one of these modes; None for anything else. No I/O.

    >>> parse_key(new_key().text) is not None, parse_key("sk-1234")
    (True, None)
    """
    if len(text) > _KEY_CHARS_MAX or not text.isascii():
        return None
    parts = text.split("_")
    if len(parts) != 4 or parts[0] != PREFIX or parts[1] not in modes:
        return None
    public_id, rest = parts[2], parts[3]
    if len(public_id) != _PUBLIC_CHARS or len(rest) != _SECRET_CHARS + _CRC_CHARS:
        return None
    if _checksum(text[:-_CRC_CHARS]) != rest[-_CRC_CHARS:]:
        return None
    return ParsedKey(mode=parts[1], public_id=public_id, secret=rest[:-_CRC_CHARS])


def _random(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    chars = []
    for _ in range(_CRC_CHARS):
        number, digit = divmod(number, 62)
        chars.append(_BASE62[digit])
    return "".join(reversed(chars))
