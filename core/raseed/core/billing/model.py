"""The nouns of billing. Amounts are whole micro-credits, moments are microseconds (`clock.Microseconds`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from raseed.core.billing.spend_caps import bucket_ids
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId, BucketId, GrantId, HoldId, PersonId
from raseed.core.inference.model import UsageSource
from raseed.core.money import Rounding


class Meter(StrEnum):
    """What can be counted and priced."""

    INPUT_TOKENS = "input_tokens"
    CACHED_INPUT_TOKENS = "cached_input_tokens"
    CACHE_WRITE_TOKENS = "cache_write_tokens"
    OUTPUT_TOKENS = "output_tokens"
    REASONING_TOKENS = "reasoning_tokens"
    IMAGES = "images"
    AUDIO_MILLISECONDS = "audio_milliseconds"
    CHARACTERS = "characters"
    SEARCH_UNITS = "search_units"
    REQUESTS = "requests"


@dataclass(frozen=True, slots=True)
class Rate:
    """`unit_price_microcredits` for every `per` units of the meter."""

    meter: Meter
    unit_price_microcredits: int
    per: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSnapshot:
    """The prices one request is charged at, frozen when its hold is placed. A meter without a rate costs nothing."""

    model: str
    version: str
    """Version of the price list that it was taken from."""
    rates: tuple[Rate, ...]
    rounding: Rounding = Rounding.EXACT


@dataclass(frozen=True, slots=True)
class UsageLine:
    meter: Meter
    quantity: int
    unit_price_microcredits: int
    per: int
    cost_microcredits: int


class GrantSource(StrEnum):
    WELCOME = "welcome"
    SUBSCRIPTION = "subscription"
    TOPUP = "topup"
    ADJUSTMENT = "adjustment"
    RESTORE = "restore"


class GrantStatus(StrEnum):
    ACTIVE = "active"
    """Some of it is left. Whether it can be spent at this hour is for `effective_at` and `expires_at` to say."""
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    """Nothing is left and its time is over: what was not spent went to breakage."""
    VOIDED = "voided"


@dataclass(slots=True, kw_only=True)
class Grant:
    """Credit given to an account. `remaining` falls as it is spent; `held` of it is promised to open holds."""

    id: GrantId
    account_id: AccountId
    grant_key: str
    """Unique per account: the same key grants once, whatever is retried."""
    source: GrantSource
    amount_microcredits: int
    remaining_microcredits: int
    held_microcredits: int
    priority: int
    effective_at: Microseconds
    expires_at: Microseconds | None
    status: GrantStatus
    cost_basis_minor: int = 0
    """What was paid for it, in the currency's minor unit (fils, cents); 0 is free credit."""
    currency: str = ""
    created_at: Microseconds
    reason: str = ""


class HoldState(StrEnum):
    OPEN = "open"
    SETTLED = "settled"
    RELEASED = "released"
    SWEPT = "swept"


@dataclass(slots=True, kw_only=True)
class Hold:
    """A pending ledger record: credit set aside for one request, resolved exactly once."""

    id: HoldId
    """The request's id: one hold for each request, for ever."""
    account_id: AccountId
    api_key_id: ApiKeyId | None
    parent_key_id: ApiKeyId | None = None
    """The key that made that one."""
    person_id: PersonId | None = None
    """In an organisation: who made the key, or signed in. In a person's own account: None, it is always he."""
    model: str
    price: PriceSnapshot
    input_hash: str
    """Digest of what was asked: the same id with another digest is an error, not a replay."""
    amount_microcredits: int
    debt_microcredits: int = 0
    """Of the amount, what no credit covers: the account may come to owe it. Used after everything else."""
    state: HoldState
    owner_instance: str
    owner_epoch: int
    lease_until: Microseconds
    checkpoint: Measured
    """What was already produced at the last extension or heartbeat; a sweep charges this. Of a settled hold: what it
    was settled with."""
    opened_at: Microseconds
    closed_at: Microseconds | None = None
    cost_microcredits: int | None = None
    allocations: list[Allocation]
    """From which grants the rest of the amount comes, in burn order."""

    @property
    def bucket_ids(self) -> list[BucketId]:
        """Where it counts, if there is a cap: fixed when it is placed, so it gives back where it took."""
        return bucket_ids(self.account_id, self.api_key_id, self.parent_key_id, self.person_id)


@dataclass(slots=True)
class Allocation:
    grant_id: GrantId
    amount_microcredits: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Quantities of what was used, by meter; absent means none."""

    quantities: tuple[tuple[Meter, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What a usage event says of a run beside its lines. Durations in milliseconds."""

    outcome: str
    """completed · cancelled · failed · swept"""
    finish_reason: str | None
    usage_source: UsageSource
    latency_ms: int = 0
    first_token_ms: int | None = None
    backend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantView:
    id: GrantId
    source: GrantSource
    amount_microcredits: int
    remaining_microcredits: int
    held_microcredits: int
    effective_at: Microseconds
    expires_at: Microseconds | None
    priority: int
    created_at: Microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceView:
    """An account's credit at one moment. `spendable` is what a new request could hold now."""

    account_id: AccountId
    spendable_microcredits: int
    held_microcredits: int
    debt_microcredits: int
    own_debt_limit_microcredits: int | None = None
    """None: the profile's."""
    grants: tuple[GrantView, ...]
    """Those with credit left, in burn order."""
