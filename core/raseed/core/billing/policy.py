"""The commercial rules of one deployment, as data. `adapters/policy` reads them from a profile file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from raseed.core.accounts.identity import SignUpTerms
from raseed.core.accounts.model import Tier
from raseed.core.billing.commands import TakeShortfall
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import GrantSource
from raseed.core.billing.price_book import PriceBook
from raseed.core.billing.pricing import Basis
from raseed.core.limits.model import Tiers
from raseed.core.messaging.ports import Channel, Language
from raseed.core.money import CURRENCY_DIGITS, MICROCREDITS_PER_CREDIT

UnitOfAccount = Literal["credits", "USD"]
"""What customers call one credit. Amounts are micro-credits either way: of a dollar, one is a millionth."""


class Identity(StrEnum):
    """How a customer proves who they are: by a code that is sent there. There are no passwords."""

    WHATSAPP_OTP = "whatsapp_otp"
    EMAIL_CODE = "email_code"


class PaymentProvider(StrEnum):
    MYFATOORAH = "myfatoorah"
    CREEM = "creem"


class Hosting(StrEnum):
    """Where a model runs. Not what it costs: that is for the price list to say."""

    LOCAL = "local"
    CLOUD = "cloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomeGrant:
    amount_microcredits: int
    expires_after_us: int | None
    """None: it does not expire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountGroup:
    """Accounts that pay a part, or a multiple, of every price."""

    id: str
    ratio_milli: int
    tiers: tuple[Tier, ...]
    """The account tiers that belong to it; a tier belongs to one group at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTier:
    """A shelf in the catalogue, as customers see it."""

    id: str
    label: str
    aliases: tuple[str, ...]
    """Other names of the same tier, accepted wherever one is asked for."""


def tier_named(name: str, tiers: Mapping[str, ModelTier]) -> ModelTier | None:
    """By id or alias."""
    return next((tier for tier in tiers.values() if name in (tier.id, *tier.aliases)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelClass:
    """A price class within a tier: its models have a multiplier between the two bounds."""

    id: str
    tier: str
    label: str
    multiplier_min_milli: int
    multiplier_max_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueModel:
    """What is said of a model beside its price. None and empty: not said."""

    id: str
    tier: str
    class_id: str | None
    hosting: Hosting
    display_name: str
    family: str | None
    categories: tuple[str, ...]
    """The first is the main one."""
    context_length: int | None
    """As advertised; what a request may use is what its backend reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Credit that is sold in one piece. It does not expire."""

    id: str
    name: str
    amount_microcredits: int
    bonus_microcredits: int
    """Given on top; `amount + bonus` is what is credited."""
    price_minor: int
    """In the currency's minor unit: 2,000 fils are 2.000 KWD."""
    currency: str
    provider: PaymentProvider
    is_popular: bool
    product_id: str = ""
    """Under which the provider knows the pack, where it keeps the catalogue itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTopup:
    """Top-ups of any amount, where credit is kept in the currency that is paid."""

    currency: str
    provider: PaymentProvider
    min_minor: int
    max_minor: int
    step_minor: int
    product_id: str = ""
    """Under which the provider knows what it sells by the step."""

    def microcredits_for(self, amount_minor: int) -> int:
        """What a payment is credited with. Raises ValueError for an amount that is not on offer."""
        if not self.min_minor <= amount_minor <= self.max_minor or amount_minor % self.step_minor:
            raise ValueError(f"not an amount on offer: {amount_minor}")
        minor_per_credit: int = 10 ** CURRENCY_DIGITS[self.currency]
        return amount_minor * (MICROCREDITS_PER_CREDIT // minor_per_credit)


class PeriodLength(StrEnum):
    """How long one payment of a plan lasts, by the calendar."""

    MONTH = "month"
    YEAR = "year"

    @property
    def months(self) -> int:
        return 12 if self is PeriodLength.YEAR else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A tier and credit for a period, period after period. The credit expires with its period."""

    id: str
    name_en: str
    name_ar: str
    tier: Tier
    amount_microcredits: int
    """Each period."""
    period: PeriodLength
    price_minor: int
    """Of a period, in the currency's minor unit."""
    currency: str
    provider: PaymentProvider
    product_id: str
    """Under which the provider knows the plan, where it keeps the catalogue itself."""
    trial_us: int
    """0: the plan cannot be tried."""
    trial_microcredits: int
    rollover_cap_microcredits: int
    """Of what is left of a period's credit, at most so much goes over into the next one; 0: nothing."""
    grace_us: int
    """How long the tier outlives a period that nobody has renewed."""
    reminder_us: int
    """How long before the end of a period its holder is reminded, and can pay the next one."""
    is_public: bool
    """Shown and sold. One that is not goes on for those who have it."""

    def name(self, language: Language) -> str:
        return self.name_ar if language is Language.ARABIC else self.name_en


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraKeys:
    """Room for more API keys than the tier gives, bought once."""

    price_minor: int
    """Of each."""
    currency: str
    provider: PaymentProvider
    product_id: str
    max_count: int
    """In one order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    profile: str
    time_zone: str
    """IANA name; what a customer's day, month and receipt dates are reckoned in."""
    default_tier: Tier
    unit: UnitOfAccount
    basis: Basis
    identity: tuple[Identity, ...]
    """The first is the one that is offered first."""
    sign_up: SignUpTerms
    channels: tuple[Channel, ...]
    """Where notices go, by preference: the next one is for whom those before cannot reach."""
    language: Language
    """Of notices, for accounts that did not choose one."""
    key_life_days: int | None
    """Of an API key that is made without saying otherwise; None: it never expires."""
    usage_retention_days: int
    """How long single requests stay listed. The ledger itself is kept."""
    organisation_tiers: frozenset[Tier]
    """Of persons who may open organisations themselves."""
    at_closing: Literal["forfeit", "keep"]
    """Whether credit that is left when an account is closed is lost."""
    allow_checkout: bool
    """Whether an API key may buy. Otherwise people do, who signed in."""
    welcome: WelcomeGrant | None
    priorities: Mapping[GrantSource, int]
    """Burn order: grants of a lower number are spent first."""
    credits_shape: Literal["object", "number"]
    """`credits` in GET /api/billing/subscription: an object with the balance, or the bare number."""
    groups: Mapping[str, AccountGroup]
    tiers: Tiers
    model_tiers: Mapping[str, ModelTier]
    model_classes: Mapping[str, ModelClass]
    catalogue: Mapping[str, CatalogueModel]
    """Every model that any of the price lists has an entry for."""
    prices: PriceBook
    notice_days: int
    """Least time between the publication of a raise and its beginning."""
    packs: tuple[Pack, ...]
    topup: OpenTopup | None
    plans: tuple[Plan, ...]
    """Also those that are sold no more: somebody may have one."""
    extra_keys: ExtraKeys | None
    on_upgrade: Literal["keep", "forfeit"]
    """Of the credit of a period that an upgrade ends early: whether it stays until it expires."""
    refund_shortfall: TakeShortfall
    """What becomes of credit that was spent when its payment goes back to the buyer."""
    hold: HoldPolicy

    def model_tier(self, name: str) -> ModelTier | None:
        """By id or alias."""
        return tier_named(name, self.model_tiers)

    def plan(self, plan_id: str) -> Plan | None:
        return next((plan for plan in self.plans if plan.id == plan_id), None)
