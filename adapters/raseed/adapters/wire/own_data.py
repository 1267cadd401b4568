"""JSON of /api/account/closing and /api/account/export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from raseed.adapters.wire.body import read_body, served_keys
from raseed.adapters.wire.openai.body import WORDS
from raseed.core.accounts.closing import ClosingRequest

_encode = msgspec.json.Encoder().encode


class ClosingBody(msgspec.Struct, frozen=True):
    reason: str = ""
    erase: bool = False


class _Request(msgspec.Struct, frozen=True):
    requested_at: str
    reason: str
    erase: bool


class _Closing(msgspec.Struct, frozen=True):
    closing_request: _Request | None


_closing = msgspec.json.Decoder(ClosingBody)
_CLOSING_KEYS = served_keys(ClosingBody.__struct_fields__)


def decode_closing(body: bytes) -> ClosingBody:
    """Raises RequestInvalid. Fields that it does not know are dropped; no body is an empty wish."""
    return read_body(body or b"{}", _closing, _CLOSING_KEYS, WORDS)


def encode_closing(request: ClosingRequest | None) -> bytes:
    if request is None:
        return _encode(_Closing(closing_request=None))
    at = datetime.fromtimestamp(request.requested_at / 1_000_000, UTC).isoformat().replace("+00:00", "Z")
    shown = _Request(requested_at=at, reason=request.reason, erase=request.wants_erasure)
    return _encode(_Closing(closing_request=shown))


def encode_records(records: Iterable[Mapping[str, Any]]) -> bytes:
    """One JSON object a line."""
    return b"".join(_encode(record) + b"\n" for record in records)
