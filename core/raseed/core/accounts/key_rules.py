"""Which keys may be made and changed, and by whom. Pure functions: stores call some of them inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from raseed.core.accounts.key_bounds import (
    EVERYTHING,
    NO_LIMITS,
    Bounds,
    KeyLimits,
    KeyMode,
    Network,
    excess,
    meet,
)
from raseed.core.accounts.model import ApiKey, Caller
from raseed.core.accounts.scopes import KEY_DEFAULT, Scope
from raseed.core.billing.spend_caps import SpendCap
from raseed.core.clock import Microseconds
from raseed.core.errors import Conflict, NotFound, PermissionDenied, RequestInvalid
from raseed.core.ids import ApiKeyId
from raseed.core.money import AMOUNT_MAX

NAME_CHARS_MAX = 64
MODELS_MAX = 200
MODEL_CHARS_MAX = 128
NETWORKS_MAX = 50
"""Each request of the key is compared with them."""
LIMIT_MAX = 10**9


class Unset(Enum):
    """What a patch does not speak of."""

    UNSET = auto()


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpec:
    """What a new key is asked to be. What is left out is as its maker has it, or the default."""

    name: str = ""
    mode: KeyMode | None = None
    scopes: frozenset[str] = frozenset()
    allowed_models: frozenset[str] | None = None
    allowed_networks: tuple[Network, ...] | None = None
    expires_at: Microseconds | Unset | None = UNSET
    """None: never."""
    limits: KeyLimits = NO_LIMITS
    cap: SpendCap | None = None

    @property
    def text(self) -> str:
        """The same for equal specs, in every process: sets are in order."""
        models = None if self.allowed_models is None else sorted(self.allowed_models)
        networks = None if self.allowed_networks is None else sorted(map(str, self.allowed_networks))
        ordered = (self.name, self.mode, sorted(self.scopes), models, networks, self.expires_at)
        return repr((*ordered, self.limits, self.cap))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPatch:
    """What of a key is to be another way. None lifts a bound."""

    name: str | Unset = UNSET
    scopes: frozenset[str] | Unset = UNSET
    allowed_models: frozenset[str] | Unset | None = UNSET
    allowed_networks: tuple[Network, ...] | Unset | None = UNSET
    expires_at: Microseconds | Unset | None = UNSET
    requests_per_minute: int | Unset | None = UNSET
    tokens_per_minute: int | Unset | None = UNSET
    concurrency: int | Unset | None = UNSET
    cap: SpendCap | Unset | None = UNSET


def asked_bounds(spec: KeySpec, outer: Bounds, now: Microseconds, life_us: int | None) -> Bounds:
    """How far the new key is to reach. Raises PermissionDenied where that is further than its maker does."""
    if spec.expires_at is not UNSET:
        expires_at = spec.expires_at
    else:
        expires_at = None if life_us is None else Microseconds(now + life_us)
        if outer.expires_at is not None:
            expires_at = outer.expires_at if expires_at is None else min(expires_at, outer.expires_at)
    bounds = Bounds(
        scopes=spec.scopes or KEY_DEFAULT & outer.scopes,
        mode=spec.mode or outer.mode,
        models=outer.models if spec.allowed_models is None else spec.allowed_models,
        networks=outer.networks if spec.allowed_networks is None else spec.allowed_networks,
        expires_at=expires_at,
        limits=spec.limits,
    )
    refuse_excess(bounds, outer)
    return bounds


def patched(key: ApiKey, patch: KeyPatch) -> ApiKey:
    """The key with what the patch says, but for the cap, which is the ledger's."""
    changes = {
        name: value
        for name in ("name", "scopes", "allowed_models", "allowed_networks", "expires_at")
        if (value := getattr(patch, name)) is not UNSET
    }
    limits = {name: value for name in KeyLimits.__slots__ if (value := getattr(patch, name)) is not UNSET}
    return replace(key, **changes, limits=replace(key.limits, **limits))


def outer_bounds(caller: Caller | None, key: ApiKey, parent: ApiKey | None) -> Bounds:
    """How far whoever changes a key may let it reach. None: an operator changes it."""
    bounds = EVERYTHING if parent is None else parent.bounds
    if caller is None:
        return bounds
    if caller.api_key_id == key.id:
        return key.bounds  # no key widens itself
    return meet(bounds, Bounds(scopes=caller.key_scopes | (key.scopes & caller.kept_scopes)))


def check_may_manage(caller: Caller | None, key: ApiKey, *, only_to_revoke: bool = False) -> None:
    """A person manages the keys of the account that may do no more than he; a key those that it made, and itself.

    Without that, whoever may rotate keys could get the secret of one that may do more. Raises PermissionDenied, and
    NotFound for a key that the caller does not even see.
    """
    if caller is None:
        return
    check_sees(caller, key)
    if caller.api_key_id is not None and caller.api_key_id not in (key.id, key.parent_id):
        raise PermissionDenied("An API key may change itself and the keys that it made, and no others.")
    if not only_to_revoke and not key.scopes <= caller.kept_scopes:
        raise PermissionDenied(
            "This API key may do more than you: only somebody who may do as much can change it."
        )


def check_sees(caller: Caller, key: ApiKey) -> None:
    """Raises NotFound for a key of another member, where the caller sees only his own."""
    if caller.keys_of is not None and key.created_by != caller.keys_of:
        raise unknown_key(key.id)


def unknown_key(key_id: ApiKeyId) -> NotFound:
    return NotFound(f"There is no API key {key_id!r}.", metadata={"api_key": key_id})


def check_parent(parent: ApiKey, now: Microseconds) -> None:
    """Raises PermissionDenied."""
    if not parent.is_valid(now):
        raise PermissionDenied("The API key that makes this one is not valid any more.")
    if parent.parent_id is not None:
        raise PermissionDenied("An API key that was made by an API key makes none.")
    if parent.limits != NO_LIMITS:
        # Each of its keys would have them once more.
        raise PermissionDenied("An API key with rate limits of its own makes no keys.")


def check_limits(before: ApiKey, after: ApiKey, children: Sequence[ApiKey]) -> None:
    """`children`: valid keys that it made. Raises Conflict."""
    if children and after.limits not in (before.limits, NO_LIMITS):
        raise Conflict("This API key made others, whose requests no limit of its own would count.")


def follow(child: ApiKey, parent: ApiKey) -> ApiKey:
    """The child of a key that was changed: it never reaches further, and ends when that is revoked."""
    followed = child.within(meet(child.bounds, parent.bounds))
    return replace(followed, revoked_at=child.revoked_at or parent.revoked_at)


def refuse_excess(bounds: Bounds, outer: Bounds) -> None:
    """Raises PermissionDenied."""
    if (field := excess(bounds, outer)) is not None:
        raise PermissionDenied(f"An API key cannot be given more than its maker has: {field}.", param=field)
    if not bounds.scopes:
        raise PermissionDenied("You have none of the default scopes to give: name others.", param="scopes")


def check_spec(spec: KeySpec, now: Microseconds) -> None:
    """Raises RequestInvalid."""
    _check_name(spec.name)
    _check_scopes(spec.scopes)
    _check_models(spec.allowed_models)
    _check_networks(spec.allowed_networks)
    _check_expiry(spec.expires_at, now)
    for name in KeyLimits.__slots__:
        _check_limit(name, getattr(spec.limits, name))
    check_cap(spec.cap)


def check_patch(patch: KeyPatch, now: Microseconds) -> None:
    """Raises RequestInvalid."""
    if patch.name is not UNSET:
        _check_name(patch.name)
    if patch.scopes is not UNSET:
        if not patch.scopes:
            raise RequestInvalid("Name at least one scope.", param="scopes")
        _check_scopes(patch.scopes)
    if patch.allowed_models is not UNSET:
        _check_models(patch.allowed_models)
    if patch.allowed_networks is not UNSET:
        _check_networks(patch.allowed_networks)
    _check_expiry(patch.expires_at, now)
    for name in KeyLimits.__slots__:
        value = getattr(patch, name)
        if value is not UNSET:
            _check_limit(name, value)
    if patch.cap is not UNSET:
        check_cap(patch.cap)


def check_cap(cap: SpendCap | None) -> None:
    """Raises RequestInvalid."""
    if cap is not None and not 0 <= cap.limit_microcredits <= AMOUNT_MAX:
        raise RequestInvalid("A cap is not negative, and no more than an account can have.", param="cap")


def check_not_revoked(key: ApiKey) -> None:
    """Raises Conflict."""
    if key.revoked_at is not None:
        raise Conflict("This API key was revoked: make another.")


def _check_name(name: str) -> None:
    if len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise RequestInvalid(f"A key's name has at most {NAME_CHARS_MAX} printable characters.", param="name")


def _check_scopes(scopes: frozenset[str]) -> None:
    if unknown := sorted(scopes - set(Scope)):
        raise RequestInvalid(f"Unknown scope {unknown[0]!r}; known: {', '.join(Scope)}.", param="scopes")


def _check_models(models: frozenset[str] | None) -> None:
    if models is None:
        return
    if not 0 < len(models) <= MODELS_MAX or not all(
        0 < len(model) <= MODEL_CHARS_MAX and model.isprintable() for model in models
    ):
        raise RequestInvalid(
            f"allowed_models has 1 to {MODELS_MAX} ids of at most {MODEL_CHARS_MAX} printable characters.",
            param="allowed_models",
        )


def _check_networks(networks: tuple[Network, ...] | None) -> None:
    if networks is not None and not 0 < len(networks) <= NETWORKS_MAX:
        raise RequestInvalid(
            f"allowed_addresses has 1 to {NETWORKS_MAX} networks.", param="allowed_addresses"
        )


def _check_expiry(expires_at: Microseconds | Unset | None, now: Microseconds) -> None:
    if expires_at is not UNSET and expires_at is not None and expires_at <= now:
        raise RequestInvalid("expires_at must be in the future.", param="expires_at")


def _check_limit(name: str, value: int | None) -> None:
    if value is not None and not 1 <= value <= LIMIT_MAX:
        raise RequestInvalid(f"{name} is from 1 to {LIMIT_MAX:,}.", param=name)
