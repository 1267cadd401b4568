"""API keys between their messages and the core, for users and operators alike."""

from __future__ import annotations

from typing import Any, Protocol

from google.protobuf.field_mask_pb2 import FieldMask

from raseed.accounts.v1 import accounts_pb2 as pb
from raseed.core.accounts.key_bounds import KeyLimits, KeyMode, Network, parse_network
from raseed.core.accounts.key_rules import UNSET, KeyPatch, KeySpec, Unset
from raseed.core.accounts.key_service import GRACE_S
from raseed.core.accounts.model import ApiKey
from raseed.core.billing.spend_caps import Bucket, CapWindow, SpendCap
from raseed.core.clock import Microseconds
from raseed.core.errors import RequestInvalid

NEVER = 0
"""`expires_at_us` of a key that does not expire."""


class _Settings(Protocol):
    """What the messages that make a key have in common."""

    name: str
    expires_at_us: int
    requests_per_minute: int
    tokens_per_minute: int
    concurrency: int

    @property
    def scopes(self) -> Any: ...
    @property
    def allowed_models(self) -> Any: ...
    @property
    def allowed_addresses(self) -> Any: ...
    def HasField(self, field_name: Any) -> bool: ...


def to_core_spec(settings: _Settings, mode: str, cap: SpendCap | None) -> KeySpec:
    """Raises RequestInvalid."""
    return KeySpec(
        name=settings.name,
        mode=to_core_mode(mode),
        scopes=frozenset(settings.scopes),
        allowed_models=frozenset(settings.allowed_models) or None,
        allowed_networks=to_core_networks(settings.allowed_addresses) or None,
        expires_at=_expiry(settings) if settings.HasField("expires_at_us") else UNSET,
        limits=KeyLimits(**{name: _optional(settings, name) for name in KeyLimits.__slots__}),
        cap=cap,
    )


def to_core_patch(settings: pb.ApiKeySettings, mask: FieldMask) -> KeyPatch:
    """Raises RequestInvalid for an empty mask and for a path that is no field."""
    if not mask.paths:
        raise RequestInvalid("Name what is to change.", param="update_mask")
    values: dict[str, Any] = {}
    for path in mask.paths:
        match path:
            case "name":
                values[path] = settings.name
            case "scopes":
                values[path] = frozenset(settings.scopes)
            case "expires_at_us":
                values["expires_at"] = _expiry(settings)
            case "allowed_models":
                values[path] = frozenset(settings.allowed_models) or None
            case "allowed_addresses":
                values["allowed_networks"] = to_core_networks(settings.allowed_addresses) or None
            case "requests_per_minute" | "tokens_per_minute" | "concurrency":
                values[path] = _optional(settings, path)
            case "spend_cap":
                values["cap"] = to_core_cap(settings)
            case _:
                raise RequestInvalid(f"There is no field {path!r}.", param="update_mask")
    return KeyPatch(**values)


def to_core_cap(settings: Any) -> SpendCap | None:
    """Of a message with a `spend_cap`. Raises RequestInvalid."""
    if not settings.HasField("spend_cap"):
        return None
    cap = settings.spend_cap
    return SpendCap(cap.limit_microcredits, to_core_window(cap.window))


def to_core_given_cap(request: Any) -> SpendCap | None:
    """Of the operators' messages, which have `cap_microcredits` and `cap_window`. Raises RequestInvalid."""
    if request.HasField("cap_microcredits"):
        return SpendCap(request.cap_microcredits, to_core_window(request.cap_window))
    if request.cap_window:
        raise RequestInvalid("A window belongs to a cap.", param="window")
    return None


def to_core_window(text: str) -> CapWindow:
    """Raises RequestInvalid."""
    try:
        return CapWindow(text or CapWindow.LIFETIME)
    except ValueError as error:
        raise RequestInvalid(
            f"Unknown window {text!r}; known: {', '.join(CapWindow)}.", param="window"
        ) from error


def to_core_mode(text: str) -> KeyMode | None:
    """Raises RequestInvalid."""
    if not text:
        return None
    try:
        return KeyMode(text)
    except ValueError as error:
        raise RequestInvalid(f"mode is one of {', '.join(KeyMode)}.", param="mode") from error


def to_core_networks(texts: Any) -> tuple[Network, ...]:
    """Raises RequestInvalid."""
    found = []
    for text in texts:
        try:
            found.append(parse_network(text))
        except ValueError as error:
            raise RequestInvalid(
                "allowed_addresses has networks, 192.0.2.0/24 or 2001:db8::/32, and addresses.",
                param="allowed_addresses",
            ) from error
    return tuple(dict.fromkeys(found))


def to_core_grace(request: Any) -> int:
    return request.grace_s if request.HasField("grace_s") else GRACE_S


def from_core_spend(bucket: Bucket | None) -> pb.SpendCap | None:
    if bucket is None:
        return None
    return pb.SpendCap(
        limit_microcredits=bucket.cap.limit_microcredits,
        window=bucket.cap.window.value,
        charged_microcredits=bucket.charged_microcredits,
        held_microcredits=bucket.held_microcredits,
    )


def from_core_key(key: ApiKey) -> pb.ApiKey:
    models, networks = key.allowed_models, key.allowed_networks
    return pb.ApiKey(
        id=key.id,
        name=key.name,
        hint=key.hint,
        created_at_us=key.created_at,
        revoked_at_us=key.revoked_at,
        spend_cap=from_core_spend(key.spend),
        mode=key.mode.value,
        scopes=sorted(key.scopes),
        expires_at_us=key.expires_at,
        allowed_models=None if models is None else pb.AllowedModels(models=sorted(models)),
        allowed_addresses=None if networks is None else pb.AllowedAddresses(networks=map(str, networks)),
        requests_per_minute=key.limits.requests_per_minute,
        tokens_per_minute=key.limits.tokens_per_minute,
        concurrency=key.limits.concurrency,
        parent_id=key.parent_id or "",
        created_by=key.created_by or "",
        last_used_at_us=key.last_used_at,
        old_secret_ends_at_us=None if key.past is None else key.past.ends_at,
    )


def _expiry(settings: _Settings) -> Microseconds | Unset | None:
    return None if settings.expires_at_us == NEVER else Microseconds(settings.expires_at_us)


def _optional(settings: _Settings, name: str) -> int | None:
    return getattr(settings, name) if settings.HasField(name) else None
