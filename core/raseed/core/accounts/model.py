"""Accounts and API keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from raseed.core.accounts.key_bounds import NO_LIMITS, Bounds, KeyLimits, KeyMode, Network
from raseed.core.accounts.scopes import KEPT_SCOPES_OF, KEY_SCOPES_OF, OF_OPERATORS, Role
from raseed.core.billing.spend_caps import Bucket
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId, PersonId, SessionId
from raseed.core.messaging.ports import Language


class AccountStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class AccountKind(StrEnum):
    PERSON = "person"
    """Of somebody who signs in with its telephone number or e-mail address."""
    ORGANISATION = "organisation"
    """Nobody's own: its members act for it, and it has neither number nor address."""


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
    kind: AccountKind = AccountKind.PERSON


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSecret:
    """The secret that a key had before it was rotated: it counts until its grace is over."""

    digest: bytes
    pepper_version: int
    ends_at: Microseconds


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
    mode: KeyMode = KeyMode.LIVE
    allowed_models: frozenset[str] | None = None
    """None: every one that the account may use."""
    allowed_networks: tuple[Network, ...] | None = None
    """None: it may be used from anywhere."""
    limits: KeyLimits = NO_LIMITS
    parent_id: ApiKeyId | None = None
    """The key that made it, which reaches at least as far. None: a person or an operator made it."""
    created_by: PersonId | None = None
    """The person who made it, or made the key that did. None: an operator made it, or it is from before that was kept."""
    past: PastSecret | None = None
    rotated_by: bytes | None = None
    """Digest of the request that rotated it last, if that had an id."""
    last_used_at: Microseconds | None = None
    """The beginning of the day, in UTC, on which it was used last; known within minutes."""
    spend: Bucket | None = None
    """Its cap and what counts against it; None: no cap."""

    @property
    def hint(self) -> str:
        """What people recognise it by, and nobody can use."""
        return f"rsd_{self.mode}_{self.public_id}_…{self.last4}"

    @property
    def bounds(self) -> Bounds:
        return Bounds(
            scopes=self.scopes,
            mode=self.mode,
            models=self.allowed_models,
            networks=self.allowed_networks,
            expires_at=self.expires_at,
            limits=self.limits,
        )

    def within(self, bounds: Bounds) -> ApiKey:
        """The same key with these bounds."""
        return replace(
            self,
            scopes=bounds.scopes,
            mode=bounds.mode,
            allowed_models=bounds.models,
            allowed_networks=bounds.networks,
            expires_at=bounds.expires_at,
            limits=bounds.limits,
        )

    def is_valid(self, now: Microseconds) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


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
    limits: KeyLimits = NO_LIMITS
    """The key's own; those of the account are its tier's."""
    own_limits: OwnLimits = ()
    """Of the account."""
    parent_key_id: ApiKeyId | None = None
    """Of a key: the one that made it."""
    spender_id: PersonId | None = None
    """In an organisation: whose spending it is, the session's person or whoever made the key. None: nobody's there, or
    in a person's own account."""
    keys_of: PersonId | None = None
    """Of the account's keys, and of what is used with them, only those that this person made. None: all of them."""

    @property
    def key_scopes(self) -> frozenset[str]:
        """What may be put into a key."""
        return self.scopes if self.role is None else KEY_SCOPES_OF[self.role]

    @property
    def kept_scopes(self) -> frozenset[str]:
        """What a key that this caller changes may have already, and keep."""
        if self.api_key_id is not None:
            return self.scopes
        return self.scopes | OF_OPERATORS if self.role is None else KEPT_SCOPES_OF[self.role]
