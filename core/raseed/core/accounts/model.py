"""Accounts and API keys."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from raseed.core.accounts.scopes import Role
from raseed.core.billing.spend_caps import KeySpend
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId, PersonId, SessionId
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


class OwnLimit(StrEnum):
    """What of its tier's limits an account may have another of; fields of `limits.model.TierLimits`."""

    RPM = "rpm"
    RPD = "rpd"
    TPM = "tpm"
    CONCURRENCY = "concurrency"
    MAX_OUTPUT_TOKENS = "max_output_tokens"
    KEYS = "keys"
    PRIORITY = "priority"


OwnLimits = tuple[tuple[OwnLimit, int | None], ...]
"""None: no limit. What is not named is as the tier has it."""


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
    own_limits: OwnLimits = ()


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
class KeyLimits:
    """An API key's own rate limits, below its account's. None: no own limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None
    """Answers at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The outcome of authentication, whatever the credential: whose account, and what may be done. Immutable, cached.

    Either a key or a session made it, never both.
    """

    account_id: AccountId
    tier: Tier
    api_key_id: ApiKeyId | None = None
    session_id: SessionId | None = None
    person_id: PersonId | None = None
    """Of a session: who signed in. Of a key: None, also if a person made it."""
    role: Role | None = None
    """Of a session in an organisation; None in a person's own account. Only for showing: what counts is `scopes`."""
    scopes: frozenset[str] = frozenset()
    """Also those that a later version knows and this one does not."""
    allowed_models: frozenset[str] | None = None
    """None: all that the account may use."""
    limits: KeyLimits = KeyLimits()
    own_limits: OwnLimits = ()
    """Of the account."""
