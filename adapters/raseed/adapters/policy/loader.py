"""Reads a commercial profile. One that cannot be read, or that would give a model away, stops the start."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from raseed.adapters.policy.models import read_terms
from raseed.adapters.policy.offers import read_packs, read_topup
from raseed.adapters.policy.plans import read_extra_keys, read_plans
from raseed.adapters.policy.price_lists import read_prices
from raseed.adapters.policy.source import PolicyError, Source, collecting, read_source
from raseed.adapters.policy.tiers import read_tiers
from raseed.core.accounts.identity import SignUpTerms
from raseed.core.accounts.key_service import KEY_LIFE_DAYS
from raseed.core.accounts.model import Tier
from raseed.core.billing.commands import TakeShortfall
from raseed.core.billing.holds import HoldPolicy, OnShortfall, Reserve
from raseed.core.billing.model import GrantSource
from raseed.core.billing.policy import AccountGroup, Identity, Policy, UnitOfAccount, WelcomeGrant
from raseed.core.billing.pricing import Basis, PriceList
from raseed.core.clock import DAY
from raseed.core.messaging.ports import Channel, Language
from raseed.core.money import AMOUNT_MAX, MILLI, Rounding

__all__ = ["PolicyError", "load_policy", "policy_of"]

RATIO_MAX_MILLI = 1_000 * MILLI
ABSORBED_CREDITS = Decimal(1_000)
ABSORBED_USD = Decimal("0.01")
"""What one request may cost the house by default: a thousand tokens at multiplier 1 (fewer credits where a multiplier is
for many tokens), or a cent. The rest of most answers, and little enough for whoever tries to live on it: every request
must first be able to pay for its own prompt."""
Days = Annotated[int, Meta(ge=1, le=36_500)]
Region = Annotated[str, Meta(pattern="^[A-Z]{2}$")]
CallingCode = Annotated[str, Meta(pattern="^[1-9][0-9]{0,2}$")]


class _Profile(msgspec.Struct, frozen=True):
    profile: str
    time_zone: str
    default_tier: Tier
    billing: dict[str, Any]
    grants: dict[str, Any]
    prices: dict[str, Any]
    model_tiers: dict[str, Any]
    models: dict[str, Any]
    price_classes: dict[str, Any] = {}
    accounts: dict[str, Any] = {}
    api: dict[str, Any] = {}
    groups: dict[str, Any] = {}
    tiers: dict[str, Any] = {}
    packs: list[dict[str, Any]] = []
    topup: dict[str, Any] | None = None
    plans: list[dict[str, Any]] = []
    extra_keys: dict[str, Any] | None = None


class _Billing(msgspec.Struct, frozen=True):
    basis: Basis
    unit: UnitOfAccount = "credits"
    per_tokens: Literal[1, 1000] = 1
    rounding: Rounding = Rounding.EXACT
    credits_shape: Literal["object", "number"] = "object"
    weights: dict[str, Any] = {}
    reserve: Reserve = Reserve.LEASE
    on_shortfall: OnShortfall = OnShortfall.STOP
    debt_limit: Decimal | None = None
    absorb_limit: Decimal | None = None
    on_upgrade: Literal["keep", "forfeit"] = "keep"
    refund_shortfall: Literal["debt", "write_off"] = "debt"


class _Accounts(msgspec.Struct, frozen=True):
    identity: Annotated[tuple[Identity, ...], Meta(min_length=1)] = (Identity.WHATSAPP_OTP,)
    default_region: Region = "KW"
    bare_calling_codes: tuple[CallingCode, ...] = ("965", "966", "971", "974", "968", "973")
    countries: tuple[Region, ...] = ()
    terms_version: Annotated[str, Meta(max_length=32)] = ""
    minimum_age: Annotated[int, Meta(ge=0, le=99)] = 0
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1)] = (Channel.WHATSAPP, Channel.EMAIL)
    language: Language = Language.ENGLISH
    key_life_days: Annotated[int, Meta(ge=0, le=36_500)] = KEY_LIFE_DAYS
    usage_retention_days: Days = 365
    organisations: tuple[Tier, ...] = (Tier.ENTERPRISE,)
    at_closing: Literal["forfeit", "keep"] = "forfeit"


class _Api(msgspec.Struct, frozen=True):
    allow_checkout: bool = False


class _Grants(msgspec.Struct, frozen=True):
    priority: dict[str, Any]
    welcome: dict[str, Any] | None = None


class _Welcome(msgspec.Struct, frozen=True):
    credits: Decimal
    expires_after_days: Days | None = None
    by_email: bool = False


class _Priority(msgspec.Struct, frozen=True):
    """A field for each GrantSource."""

    welcome: int
    subscription: int
    topup: int
    adjustment: int
    restore: int


class _Group(msgspec.Struct, frozen=True):
    ratio: Decimal
    tiers: tuple[Tier, ...]


def load_policy(name_or_path: str, hold: HoldPolicy) -> Policy:
    """The policy of a shipped profile, by name, or of a file, by path. Raises PolicyError."""
    return policy_of(read_source(name_or_path), hold)


def policy_of(source: Source, hold: HoldPolicy) -> Policy:
    """Raises PolicyError."""
    profile = source.table((), _Profile)
    billing = source.table(("billing",), _Billing)
    accounts = source.table(("accounts",), _Accounts) if profile.accounts else _Accounts()
    api = source.table(("api",), _Api) if profile.api else _Api()
    zone = _zone(source, profile.time_zone)
    groups = _groups(source)
    ratios = {tier: group.ratio_milli for group in groups.values() for tier in group.tiers}
    terms = read_terms(source, billing.basis, billing.per_tokens)
    template = PriceList(version="", models={}, rounding=billing.rounding, ratios_milli=ratios)
    prices, catalogue, notice_days = read_prices(source, terms, zone, template)
    return Policy(
        profile=profile.profile,
        time_zone=profile.time_zone,
        default_tier=profile.default_tier,
        unit=billing.unit,
        basis=billing.basis,
        identity=accounts.identity,
        sign_up=SignUpTerms(
            default_region=accounts.default_region,
            bare_calling_codes=accounts.bare_calling_codes,
            countries=frozenset(accounts.countries),
            terms_version=accounts.terms_version,
            minimum_age=accounts.minimum_age,
        ),
        channels=accounts.channels,
        language=accounts.language,
        key_life_days=accounts.key_life_days or None,
        usage_retention_days=accounts.usage_retention_days,
        organisation_tiers=frozenset(accounts.organisations),
        at_closing=accounts.at_closing,
        allow_checkout=api.allow_checkout,
        welcome=_welcome(source, accounts.identity),
        priorities=_priorities(source),
        credits_shape=billing.credits_shape,
        groups=groups,
        tiers=read_tiers(source, catalogue),
        model_tiers=terms.tiers,
        model_classes=terms.classes,
        catalogue=catalogue,
        prices=prices,
        notice_days=notice_days,
        packs=read_packs(source, billing.unit),
        topup=read_topup(source, billing.unit),
        plans=read_plans(source),
        extra_keys=read_extra_keys(source),
        on_upgrade=billing.on_upgrade,
        refund_shortfall=TakeShortfall(billing.refund_shortfall),
        hold=_hold(source, billing, hold),
    )


def _hold(source: Source, billing: _Billing, hold: HoldPolicy) -> HoldPolicy:
    def limit(key: str, given: Decimal | None, default: Decimal, belongs_to: OnShortfall) -> int:
        if given is not None and billing.on_shortfall is not belongs_to:
            raise source.refusal(("billing", key), f'only with on_shortfall = "{belongs_to}"')
        return source.units(("billing", key), default if given is None else given, 6, 0, AMOUNT_MAX)

    by_default = ABSORBED_USD if billing.unit == "USD" else ABSORBED_CREDITS / billing.per_tokens
    return replace(
        hold,
        reserve=billing.reserve,
        on_shortfall=billing.on_shortfall,
        debt_limit_microcredits=limit("debt_limit", billing.debt_limit, Decimal(0), OnShortfall.DEBT),
        absorb_limit_microcredits=limit("absorb_limit", billing.absorb_limit, by_default, OnShortfall.ABSORB),
    )


def _zone(source: Source, name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise source.refusal(("time_zone",), f"unknown time zone {name!r}") from error


def _welcome(source: Source, identity: Collection[Identity]) -> WelcomeGrant | None:
    if source.table(("grants",), _Grants).welcome is None:
        return None
    path = ("grants", "welcome")
    given = source.table(path, _Welcome)
    if Identity.EMAIL_CODE in identity and not given.by_email:
        raise source.refusal(
            path,
            "whoever has a domain has any number of e-mail addresses, and each would be given credit; "
            "say by_email = true if that is meant",
        )
    days = given.expires_after_days
    return WelcomeGrant(
        amount_microcredits=source.units((*path, "credits"), given.credits, 6, 1, AMOUNT_MAX),
        expires_after_us=None if days is None else days * DAY,
    )


def _priorities(source: Source) -> Mapping[GrantSource, int]:
    given = source.table(("grants", "priority"), _Priority)
    return {grant: getattr(given, grant.value) for grant in GrantSource}


def _groups(source: Source) -> dict[str, AccountGroup]:
    groups: dict[str, AccountGroup] = {}
    grouped: dict[Tier, str] = {}
    with collecting() as attempt:
        for name in source.names(("groups",)):
            with attempt():
                path = ("groups", name)
                given = source.table(path, _Group)
                for tier in given.tiers:
                    if grouped.setdefault(tier, name) != name:
                        raise source.refusal((*path, "tiers"), f"{tier} belongs to {grouped[tier]} already")
                ratio = source.units((*path, "ratio"), given.ratio, 3, 1, RATIO_MAX_MILLI)
                groups[name] = AccountGroup(id=name, ratio_milli=ratio, tiers=given.tiers)
    return groups
