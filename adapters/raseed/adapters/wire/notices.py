"""JSON of /api/account/notices."""

from __future__ import annotations

import msgspec

from raseed.adapters.wire.body import read_body, served_keys
from raseed.adapters.wire.openai.body import WORDS
from raseed.core.messaging.service import Preferences

_encode = msgspec.json.Encoder().encode


class UpdateBody(msgspec.Struct, frozen=True):
    wanted: dict[str, bool] = {}
    language: str | None = None


class _Notice(msgspec.Struct, frozen=True):
    kind: str
    wanted: bool
    essential: bool


class _Preferences(msgspec.Struct, frozen=True):
    language: str
    notices: list[_Notice]


_update = msgspec.json.Decoder(UpdateBody)
_UPDATE_KEYS = served_keys(UpdateBody.__struct_fields__)


def decode_update(body: bytes) -> UpdateBody:
    """Raises RequestInvalid. Fields that it does not know are dropped."""
    return read_body(body, _update, _UPDATE_KEYS, WORDS)


def encode_preferences(preferences: Preferences) -> bytes:
    notices = [
        _Notice(kind=each.kind.value, wanted=each.is_wanted, essential=each.is_essential)
        for each in preferences.notices
    ]
    return _encode(_Preferences(language=preferences.language.value, notices=notices))
