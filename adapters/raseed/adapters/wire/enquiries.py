"""JSON of /api/contact."""

from __future__ import annotations

import msgspec

from raseed.adapters.wire.body import read_body, served_keys
from raseed.adapters.wire.openai.body import WORDS

ACCEPTED = b'{"accepted":true}'


class EnquiryBody(msgspec.Struct, frozen=True):
    reply_to: str = ""
    text: str = ""


_enquiry = msgspec.json.Decoder(EnquiryBody)
_KEYS = served_keys(EnquiryBody.__struct_fields__)


def decode_enquiry(body: bytes) -> EnquiryBody:
    """Raises RequestInvalid. Fields that it does not know are dropped."""
    return read_body(body, _enquiry, _KEYS, WORDS)
