"""JSON of /api/keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from raseed.adapters.wire.body import read_body, served_keys
from raseed.adapters.wire.json_values import rfc3339_text
from raseed.adapters.wire.openai.body import WORDS
from raseed.adapters.wire.spend_caps import Cap, Spend, spend_json, to_core_cap
from raseed.core.accounts.key_bounds import KeyLimits, KeyMode, Network, parse_network
from raseed.core.accounts.key_rules import KeyPatch, KeySpec
from raseed.core.accounts.key_service import GRACE_S, Made
from raseed.core.accounts.model import ApiKey
from raseed.core.clock import SECOND, Microseconds
from raseed.core.errors import RequestInvalid

_encode = msgspec.json.Encoder().encode
_NOTHING = b"{}"
_LIMITS = KeyLimits.__slots__


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays as it is, or is the default; null lifts it."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    scopes: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    expires_at: datetime | msgspec.UnsetType | None = msgspec.UNSET
    allowed_models: tuple[str, ...] | msgspec.UnsetType | None = msgspec.UNSET
    allowed_addresses: tuple[str, ...] | msgspec.UnsetType | None = msgspec.UNSET
    requests_per_minute: int | msgspec.UnsetType | None = msgspec.UNSET
    tokens_per_minute: int | msgspec.UnsetType | None = msgspec.UNSET
    concurrency: int | msgspec.UnsetType | None = msgspec.UNSET
    spend_cap: Cap | msgspec.UnsetType | None = msgspec.UNSET


class _NewKey(_Settings, frozen=True, forbid_unknown_fields=True):
    mode: KeyMode | None = None


class _Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    grace_s: int = GRACE_S


class _Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    replace_keys: bool = False


class _Key(msgspec.Struct, frozen=True):
    id: str
    name: str
    hint: str
    mode: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_on: str | None
    allowed_models: list[str] | None
    allowed_addresses: list[str] | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrency: int | None
    spend_cap: Spend | None
    parent_id: str | None
    created_by: str | None
    old_secret_ends_at: str | None
    key: str | msgspec.UnsetType | None = msgspec.UNSET


class _Keys(msgspec.Struct, frozen=True):
    data: list[_Key]
    next_cursor: str | None


_new_key = msgspec.json.Decoder(_NewKey)
_settings = msgspec.json.Decoder(_Settings)
_rotation = msgspec.json.Decoder(_Rotation)
_report = msgspec.json.Decoder(_Report)
_NEW_KEY_FIELDS = served_keys(_NewKey.__struct_fields__)
_SETTINGS_FIELDS = served_keys(_Settings.__struct_fields__)


def decode_new_key(body: bytes) -> KeySpec:
    """Raises RequestInvalid."""
    given = read_body(body or _NOTHING, _new_key, _NEW_KEY_FIELDS, WORDS)
    values = _values(given)
    limits = KeyLimits(**{name: values.pop(name) for name in _LIMITS if name in values})
    return KeySpec(**values, mode=given.mode, limits=limits)


def decode_patch(body: bytes) -> KeyPatch:
    """Raises RequestInvalid."""
    return KeyPatch(**_values(read_body(body or _NOTHING, _settings, _SETTINGS_FIELDS, WORDS)))


def decode_rotation(body: bytes) -> int:
    """The grace in seconds. Raises RequestInvalid."""
    return read_body(body or _NOTHING, _rotation, served_keys(("grace_s",)), WORDS).grace_s


def decode_report(body: bytes) -> bool:
    """Whether keys are replaced. Raises RequestInvalid."""
    return read_body(body or _NOTHING, _report, served_keys(("replace_keys",)), WORDS).replace_keys


def encode_key(key: ApiKey) -> bytes:
    return _encode(_key(key))


def encode_made(made: Made) -> bytes:
    """With the key itself, as `key`: null if it was told before."""
    return _encode(_made(made))


def encode_keys(keys: Sequence[ApiKey], next_cursor: str) -> bytes:
    """One page."""
    return _encode(_Keys(data=[_key(key) for key in keys], next_cursor=next_cursor or None))


def encode_report(made: Sequence[Made]) -> bytes:
    """Every key that was ended, with what takes its place: null if nothing does."""
    return _encode(_Keys(data=[_made(one) for one in made], next_cursor=None))


def _made(made: Made) -> _Key:
    return replace(_key(made.key), key=made.text or None)


def _values(given: _Settings) -> dict[str, Any]:
    """The fields that were given, as the core calls them."""
    values: dict[str, Any] = {
        name: getattr(given, name) for name in ("name", *_LIMITS) if getattr(given, name) is not msgspec.UNSET
    }
    if given.scopes is not msgspec.UNSET:
        values["scopes"] = frozenset(given.scopes)
    if given.expires_at is not msgspec.UNSET:
        values["expires_at"] = None if given.expires_at is None else _moment(given.expires_at)
    if given.allowed_models is not msgspec.UNSET:
        models = given.allowed_models
        values["allowed_models"] = None if models is None else frozenset(models)
    if given.allowed_addresses is not msgspec.UNSET:
        addresses = given.allowed_addresses
        values["allowed_networks"] = None if addresses is None else _networks(addresses)
    if given.spend_cap is not msgspec.UNSET:
        values["cap"] = None if given.spend_cap is None else to_core_cap(given.spend_cap)
    return values


def _moment(given: datetime) -> Microseconds:
    if given.tzinfo is None:
        raise RequestInvalid(
            "expires_at must be a moment with its offset, 2026-03-01T08:00:00Z.", param="expires_at"
        )
    return Microseconds(int(given.timestamp()) * SECOND)


def _networks(texts: Sequence[str]) -> tuple[Network, ...]:
    try:
        return tuple(dict.fromkeys(map(parse_network, texts)))
    except ValueError as error:
        raise RequestInvalid(
            "allowed_addresses has networks, 192.0.2.0/24 or 2001:db8::/32, and addresses.",
            param="allowed_addresses",
        ) from error


def _key(key: ApiKey) -> _Key:
    models, networks = key.allowed_models, key.allowed_networks
    return _Key(
        id=key.id,
        name=key.name,
        hint=key.hint,
        mode=key.mode.value,
        scopes=sorted(key.scopes),
        created_at=rfc3339_text(key.created_at),
        expires_at=_text(key.expires_at),
        revoked_at=_text(key.revoked_at),
        last_used_on=None if key.last_used_at is None else rfc3339_text(key.last_used_at)[:10],
        allowed_models=None if models is None else sorted(models),
        allowed_addresses=None if networks is None else list(map(str, networks)),
        requests_per_minute=key.limits.requests_per_minute,
        tokens_per_minute=key.limits.tokens_per_minute,
        concurrency=key.limits.concurrency,
        spend_cap=spend_json(key.spend),
        parent_id=key.parent_id,
        created_by=key.created_by,
        old_secret_ends_at=None if key.past is None else _text(key.past.ends_at),
    )


def _text(at: Microseconds | None) -> str | None:
    return None if at is None else rfc3339_text(at)
