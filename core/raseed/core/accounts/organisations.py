"""Organisations, their members and the invitations to them: what they are, and who may do what to whom."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass, field

from raseed.core.accounts.identity import Identifier
from raseed.core.accounts.model import Account, Tier
from raseed.core.accounts.scopes import Role
from raseed.core.billing.spend_caps import Bucket
from raseed.core.clock import DAY, Microseconds
from raseed.core.errors import Conflict, PermissionDenied, RequestInvalid
from raseed.core.ids import AccountId, InvitationId, PersonId

NAME_CHARS_MAX = 64
TOKEN_PREFIX = "rsd_inv_"  # noqa: S105 - what secrets begin with, so that scanners find them
_TOKEN = re.compile(TOKEN_PREFIX + "[0-9a-f]{32}")
_ADDRESS = re.compile(r"[/\\@:<>]|(?<=\S)[.。]\w\w|\d[.。]\d|\bwww\b", re.IGNORECASE)
"""A dot inside a word, as programs that show a message make links of; but not of initials: no top-level domain has one
letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationLimits:
    invitation_life_us: int = 7 * DAY
    """How long an invitation may be accepted: who reads his messages once a week still can."""
    invitations_per_day: int = 50
    """Of one organisation: each is a message that somebody pays for and a stranger gets."""
    invitations_to_one_per_day: int = 5
    """To one person, however the address is spelled, from all organisations together."""
    messages_per_day: int = 1_000
    """By one channel (UTC), codes included, after which nobody is invited: half of the day's, the rest is for signing in."""
    members_max: int = 500
    """Of one organisation, those that are invited included."""
    owned_max: int = 5
    """Organisations of which one person may be owner by his own doing; operators can open more for him."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    account: Account
    """The wallet: of kind organisation."""
    name: str

    @property
    def id(self) -> AccountId:
        return self.account.id


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrganisation:
    id: AccountId
    name: str
    owner: PersonId
    tier: Tier | None
    """None: the owner's, for as long as he has it."""
    owned_max: int | None
    """None: whoever asks is not limited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    organisation_id: AccountId
    person_id: PersonId
    role: Role
    added_by: str
    """Who invited him, or the operator who added him; of who opened the organisation: himself."""
    joined_at: Microseconds
    email: str | None = field(default=None, repr=False)
    phone_e164: str | None = field(default=None, repr=False)
    spend: Bucket | None = None
    """His spend cap and what counts against it; None: no cap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """A membership as the person sees it."""

    organisation: Organisation
    role: Role
    joined_at: Microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """One that may still be accepted. The secret that accepts it is only in the message."""

    id: InvitationId
    organisation_id: AccountId
    identifier: Identifier
    role: Role
    invited_by: PersonId
    created_at: Microseconds
    expires_at: Microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvitation:
    invitation: Invitation
    digest: bytes = field(repr=False)


def new_token() -> str:
    return TOKEN_PREFIX + secrets.token_hex(16)


def token_digest(token: str) -> bytes | None:
    """What is stored of it; None if it is no token. It has 128 random bits: a fast hash without a key is enough."""
    return hashlib.sha256(token.encode()).digest() if _TOKEN.fullmatch(token) else None


def read_name(text: str) -> str:
    """Raises RequestInvalid. Strangers read the name in a message of ours, so nothing in it may look like an address.

    >>> read_name("  Gulf  Shipping Co. K.S.C. ")
    'Gulf Shipping Co. K.S.C.'
    """
    name = " ".join(text.split())
    if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise RequestInvalid(f"A name has 1 to {NAME_CHARS_MAX} printable characters.", param="name")
    if _ADDRESS.search(unicodedata.normalize("NFKC", name)):  # with every other full stop, slash and at sign
        raise RequestInvalid("A name may not look like an address of the web or of e-mail.", param="name")
    return name


def manages(by: Role, role: Role) -> bool:
    """Whether who is `by` may invite, remove and appoint those who are `role`: owners everybody, admins those below.

    >>> manages(Role.ADMIN, Role.BILLING), manages(Role.ADMIN, Role.ADMIN), manages(Role.MEMBER, Role.MEMBER)
    (True, False, False)
    """
    return by is Role.OWNER or (by is Role.ADMIN and role in {Role.MEMBER, Role.BILLING})


def check_manages(by: Role | None, role: Role) -> None:
    """None: an operator. Raises PermissionDenied."""
    if by is not None and not manages(by, role):
        raise PermissionDenied(f"Your role, {by}, does not manage the role {role}.")


def check_may_cap(by: Role | None, role: Role, *, is_self: bool) -> None:
    """Whether a member's spend cap may be set. `by` None: an operator. Raises PermissionDenied."""
    if is_self:
        raise PermissionDenied("Nobody sets his own spend cap: ask somebody else who manages members.")
    check_manages(by, role)


def check_change(by: Role | None, old: Role, new: Role | None, *, is_self: bool, other_owners: int) -> None:
    """Whether a member may get another role, or none. `by` None: an operator. Raises PermissionDenied, Conflict.

    Nobody raises himself: what he is to become he has to manage, and so what he is. Everybody may leave.
    """
    if not (is_self and new is None):
        check_manages(by, old)
        if new is not None:
            check_manages(by, new)
    if old is Role.OWNER and new is not Role.OWNER and other_owners == 0:
        raise Conflict("An organisation keeps at least one owner. Make somebody else an owner before.")
