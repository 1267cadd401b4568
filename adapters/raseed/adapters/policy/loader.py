"""Reads a commercial profile. A profile that cannot be read, or that would give a model away, stops the start."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from raseed.core.accounts.model import Tier
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import GrantSource, Meter, Rate
from raseed.core.billing.policy import Policy, WelcomeGrant
from raseed.core.billing.pricing import ModelPrice, PriceList
from raseed.core.clock import DAY
from raseed.core.money import MICROCREDITS_PER_CREDIT, microcredits_of

MULTIPLIER_SCALE = 1000
INPUT_METERS = (Meter.INPUT_TOKENS, Meter.CACHED_INPUT_TOKENS)
OUTPUT_METERS = (Meter.OUTPUT_TOKENS, Meter.REASONING_TOKENS)


class PolicyError(Exception):
    """The profile cannot be used; the message names the file, the key and what is wrong."""


class _Billing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    basis: Literal["total", "output"]
    credits_shape: Literal["object", "number"] = "object"


class _Welcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    credits: str
    expires_after_days: int | None = None


class _Grants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    priority: dict[str, int]
    welcome: _Welcome | None = None


class _Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str


class _Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tier: str
    multiplier: str


class _Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    profile: str
    time_zone: str
    default_tier: str
    billing: _Billing
    grants: _Grants
    prices: _Prices
    models: dict[str, _Model]


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    profile: _Profile

    def fail(self, key: str, why: str) -> PolicyError:
        return PolicyError(f"{self.name}: {key}: {why}")


def load_policy(name_or_path: str, hold: HoldPolicy) -> Policy:
    """The policy of a shipped profile, by name, or of a file, by path. Raises PolicyError."""
    source = _read(name_or_path)
    profile = source.profile
    try:
        ZoneInfo(profile.time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise source.fail("time_zone", f"unknown time zone {profile.time_zone!r}") from error
    if profile.default_tier not in Tier.__members__.values():
        raise source.fail("default_tier", f"unknown tier {profile.default_tier!r}")
    return Policy(
        profile=profile.profile,
        time_zone=profile.time_zone,
        default_tier=Tier(profile.default_tier),
        welcome=_welcome(source),
        priorities=_priorities(source),
        credits_shape=profile.billing.credits_shape,
        prices=PriceList(
            version=profile.prices.version,
            models={model: _price(source, model, entry) for model, entry in profile.models.items()},
        ),
        hold=hold,
    )


def token_price(
    model: str, tier: str, multiplier_milli: int, basis: Literal["total", "output"]
) -> ModelPrice:
    """The price of a model whose tokens cost `multiplier_milli` thousandths of a credit each."""
    unit = multiplier_milli * (MICROCREDITS_PER_CREDIT // MULTIPLIER_SCALE)
    meters = OUTPUT_METERS if basis == "output" else INPUT_METERS + OUTPUT_METERS
    return ModelPrice(
        model=model,
        tier=tier,
        multiplier_milli=multiplier_milli,
        rates=tuple(Rate(meter, unit) for meter in meters),
    )


def _read(name_or_path: str) -> _Source:
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if not path.is_file():
            raise PolicyError(f"{name_or_path}: no such profile file")
        text = path.read_text(encoding="utf-8")
    else:
        profiles = files("raseed.adapters.policy") / "profiles"
        resource = profiles / f"{name_or_path}.toml"
        if not resource.is_file():
            known = sorted(entry.name.removesuffix(".toml") for entry in profiles.iterdir())
            raise PolicyError(f"unknown profile {name_or_path!r}; known: {', '.join(known)}")
        text = resource.read_text(encoding="utf-8")
    try:
        return _Source(name_or_path, msgspec.convert(tomllib.loads(text), _Profile))
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PolicyError(f"{name_or_path}: {error}") from error


def _welcome(source: _Source) -> WelcomeGrant | None:
    welcome = source.profile.grants.welcome
    if welcome is None:
        return None
    try:
        amount = microcredits_of(welcome.credits)
    except ValueError as error:
        raise source.fail("grants.welcome.credits", str(error)) from error
    days = welcome.expires_after_days
    if amount <= 0 or (days is not None and days <= 0):
        raise source.fail("grants.welcome", "amounts and days must be above 0")
    return WelcomeGrant(amount_microcredits=amount, expires_after_us=None if days is None else days * DAY)


def _priorities(source: _Source) -> Mapping[GrantSource, int]:
    given = source.profile.grants.priority
    if set(given) != {grant.value for grant in GrantSource}:
        raise source.fail("grants.priority", f"needs each of {', '.join(GrantSource)}")
    return {GrantSource(name): priority for name, priority in given.items()}


def _price(source: _Source, model: str, entry: _Model) -> ModelPrice:
    key = f"models.{model}.multiplier"
    try:
        scaled = Decimal(entry.multiplier) * MULTIPLIER_SCALE
    except InvalidOperation as error:
        raise source.fail(key, f"not a number: {entry.multiplier!r}") from error
    if not scaled.is_finite() or scaled != int(scaled):
        raise source.fail(key, f"has at most three decimals: {entry.multiplier!r}")
    if scaled <= 0:
        raise source.fail(key, "a model must not be priced at nothing")
    return token_price(model, entry.tier, int(scaled), source.profile.billing.basis)
