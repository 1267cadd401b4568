"""Accounts and API keys."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from raseed.core.billing.spend_caps import KeySpend
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId
from raseed.core.messaging.ports import Language


class AccountStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Tier(StrEnum):
    FREE = "free"
    STARTER = "starter"
    BASIC = "basic"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Scope(StrEnum):
    """What an API key may do beside the customer's API, which every key may use."""

    METERING_WRITE = "metering:write"
    """Place, extend, settle and release holds of its account, for work that other services do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    id: AccountId
    email: str | None
    phone_e164: str | None
    tier: Tier
    status: AccountStatus
    tier_expires_at: Microseconds | None
    created_at: Microseconds
    language: Language | None = None
    """In which notices are written; None: the profile's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A stored key. The secret itself is nowhere: only its HMAC is."""

    id: ApiKeyId
    account_id: AccountId
    public_id: str
    """The part of the key between mode and secret; finds the row without a search over hashes."""
    digest: bytes
    pepper_version: int
    name: str
    last4: str
    created_at: Microseconds
    expires_at: Microseconds | None
    revoked_at: Microseconds | None
    scopes: frozenset[str] = frozenset()
    """Also those that a later version knows and this one does not."""
    spend: KeySpend | None = None
    """Its cap and what counts against it; None: no cap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The outcome of authentication: whom a request is charged to. Immutable and cached."""

    account_id: AccountId
    api_key_id: ApiKeyId
    tier: Tier
    scopes: frozenset[str] = frozenset()
