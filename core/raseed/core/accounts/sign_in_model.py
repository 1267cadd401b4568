"""What sign-in is made of: codes as they are stored, sessions, and what comes of a code that was right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from raseed.core.accounts.code_limits import Tally
from raseed.core.accounts.identity import Identifier
from raseed.core.accounts.model import Account, Tier
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, SessionId
from raseed.core.messaging.ports import Language


class Purpose(StrEnum):
    """What a code is for. One that was made for something else is wrong."""

    SIGN_IN = "sign_in"
    CHANGE_IDENTIFIER = "change_identifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCode:
    id: bytes
    """SHA-256 of the challenge."""
    purpose: Purpose
    identifier: Identifier
    account_id: AccountId | None
    """Whose identifier changes; None for a sign-in: nobody looks whether there is an account before the code was right."""
    device: str
    """The device that was known when the code was asked for; empty: none."""
    digest: bytes
    pepper_version: int
    expires_at: Microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Somebody gave the right code. It is not yet used up: that happens together with what it was for."""

    code: StoredCode
    subjects: tuple[str, ...] = field(repr=False)
    forgiven: Callable[[Mapping[str, Tally], bool], Mapping[str, Tally]] = field(repr=False)
    """What the success makes of the tallies of `subjects`, where the guess was counted as a failure. Pure. The flag says
    whether the code is used up with it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified number or address as it is kept for good: keyed hashes of it, by version of the pepper."""

    digests: Mapping[int, bytes] = field(repr=False)

    @property
    def newest(self) -> tuple[int, bytes]:
        version = max(self.digests)
        return version, self.digests[version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    id: SessionId
    account_id: AccountId
    device: str
    """For its owner to recognise it by: "Firefox on Windows". Empty: not known."""
    created_at: Microseconds
    authenticated_at: Microseconds
    """When a code was given."""
    last_used_at: Microseconds
    """To the minute."""
    expires_at: Microseconds
    """Its absolute end. Idle for too long, it is over before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session to begin, of an account that is found when it begins."""

    id: SessionId
    digest: bytes = field(repr=False)
    """SHA-256 of its token."""
    device: str
    address: str = field(repr=False)
    """Where it begins, for the notice to its owner. Not kept with the session."""
    begins_at: Microseconds
    expires_at: Microseconds
    at_most: int
    """Sessions of one account; the oldest ones end for it."""

    def of(self, account_id: AccountId) -> Session:
        """As it is when it has begun."""
        return Session(
            id=self.id,
            account_id=account_id,
            device=self.device,
            created_at=self.begins_at,
            authenticated_at=self.begins_at,
            last_used_at=self.begins_at,
            expires_at=self.expires_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """The account that a stranger gets."""

    id: AccountId
    tier: Tier
    language: Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms in force, and whether they are accepted now. Every account has to accept them, new ones at once."""

    version: str
    """Empty: there are none."""
    minimum_age: int
    """What is confirmed with them; 0: nothing."""
    is_accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """An account that is reached in another way."""

    account: Account
    before: tuple[Identifier, ...]
    """What it was reached by; empty if it is the same as now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What came of a sign-in."""

    account: Account
    is_new: bool
    is_welcome_due: bool
    """Whether this identity opened this account and its welcome grant is not known to be booked."""
    has_accepted_terms: bool = True
    is_blocked: bool = False
    """Whether the account is not active: then there is no session."""
