"""Typed, prefixed identifiers. An id sorts by its time of creation and can be read aloud."""

from __future__ import annotations

import os
import time
from typing import NewType

AccountId = NewType("AccountId", str)
ApiKeyId = NewType("ApiKeyId", str)
BucketId = NewType("BucketId", str)
"""Of what has a spend cap: the id of an API key, or `organisation/person`."""
CodeBatchId = NewType("CodeBatchId", str)
GrantId = NewType("GrantId", str)
HoldId = NewType("HoldId", str)
InvitationId = NewType("InvitationId", str)
LedgerTxId = NewType("LedgerTxId", str)
OperatorId = NewType("OperatorId", str)
OperatorKeyId = NewType("OperatorKeyId", str)
PaymentId = NewType("PaymentId", str)
PersonId = NewType("PersonId", str)
ReceiptId = NewType("ReceiptId", str)
RedemptionCodeId = NewType("RedemptionCodeId", str)
RefundId = NewType("RefundId", str)
RunId = NewType("RunId", str)
SessionId = NewType("SessionId", str)
SubscriptionId = NewType("SubscriptionId", str)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32, lower case: no i, l, o, u to misread
_PAIRS = [one + other for one in _ALPHABET for other in _ALPHABET]
"""Two characters for each number of ten bits. Every charge makes an id: a character at a time would take twice as long."""
_TEN = 1023


def new_id(prefix: str) -> str:
    """`<prefix>_<26 characters>`: 48 bits of milliseconds, then 80 random bits (the layout of a ULID).

    >>> new_id("acct").startswith("acct_"), len(new_id("acct"))
    (True, 31)
    """
    at = int(time.time() * 1000)
    chance = int.from_bytes(os.urandom(10), "big")
    return (
        f"{prefix}_{_PAIRS[at >> 40]}{_PAIRS[at >> 30 & _TEN]}{_PAIRS[at >> 20 & _TEN]}{_PAIRS[at >> 10 & _TEN]}"
        f"{_PAIRS[at & _TEN]}{_PAIRS[chance >> 70]}{_PAIRS[chance >> 60 & _TEN]}{_PAIRS[chance >> 50 & _TEN]}"
        f"{_PAIRS[chance >> 40 & _TEN]}{_PAIRS[chance >> 30 & _TEN]}{_PAIRS[chance >> 20 & _TEN]}"
        f"{_PAIRS[chance >> 10 & _TEN]}{_PAIRS[chance & _TEN]}"
    )
