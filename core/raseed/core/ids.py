"""Typed, prefixed identifiers. An id sorts by its time of creation and can be read aloud."""

from __future__ import annotations

import os
import time
from typing import NewType

AccountId = NewType("AccountId", str)
ApiKeyId = NewType("ApiKeyId", str)
GrantId = NewType("GrantId", str)
HoldId = NewType("HoldId", str)
LedgerTxId = NewType("LedgerTxId", str)
OperatorId = NewType("OperatorId", str)
OperatorKeyId = NewType("OperatorKeyId", str)
PersonId = NewType("PersonId", str)
RunId = NewType("RunId", str)
SessionId = NewType("SessionId", str)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32, lower case: no i, l, o, u to misread
_RANDOM_BITS = 80
_ID_CHARS = 26


def new_id(prefix: str) -> str:
    """`<prefix>_<26 characters>`: 48 bits of milliseconds, then 80 random bits (the layout of a ULID).

    >>> new_id("acct").startswith("acct_"), len(new_id("acct"))
    (True, 31)
    """
    number = (int(time.time() * 1000) << _RANDOM_BITS) | int.from_bytes(os.urandom(_RANDOM_BITS // 8), "big")
    chars = [""] * _ID_CHARS
    for position in range(_ID_CHARS - 1, -1, -1):
        chars[position] = _ALPHABET[number & 31]
        number >>= 5
    return f"{prefix}_{''.join(chars)}"
