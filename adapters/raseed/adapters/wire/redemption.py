"""JSON of /api/billing/redeem."""

from __future__ import annotations

import msgspec

from raseed.adapters.wire.body import read_body, served_keys
from raseed.adapters.wire.json_values import credits_json, rfc3339_text
from raseed.adapters.wire.openai.body import WORDS
from raseed.core.payments.redeeming import Redeemed


class _Code(msgspec.Struct, frozen=True):
    code: str = ""


class _Redeemed(msgspec.Struct, frozen=True):
    grant_id: str
    credits: msgspec.Raw
    expires_at: str | None
    redeemed_at: str
    was_redeemed: bool
    balance: msgspec.Raw


_code = msgspec.json.Decoder(_Code)
_KEYS = served_keys(_Code.__struct_fields__)
_encode = msgspec.json.Encoder().encode


def decode_code(body: bytes) -> str:
    """Raises RequestInvalid. Fields that it does not know are dropped."""
    return read_body(body, _code, _KEYS, WORDS).code


def encode_redeemed(redeemed: Redeemed) -> bytes:
    """Amounts are JSON numbers of credits; moments RFC 3339 in UTC."""
    redemption = redeemed.redemption
    expires_at = redemption.credit_expires_at
    return _encode(
        _Redeemed(
            grant_id=redeemed.grant_id,
            credits=credits_json(redemption.credit_microcredits),
            expires_at=None if expires_at is None else rfc3339_text(expires_at),
            redeemed_at=rfc3339_text(redemption.redeemed_at),
            was_redeemed=not redeemed.is_new,
            balance=credits_json(redeemed.balance.spendable_microcredits),
        )
    )
