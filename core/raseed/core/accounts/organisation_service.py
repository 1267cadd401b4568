"""The use cases of organisations: open one, invite to it, join and leave it, and say who is what in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from raseed.core.accounts.contact_notice import CHANNELS
from raseed.core.accounts.identity import Identifier
from raseed.core.accounts.key_rules import check_cap
from raseed.core.accounts.model import Caller, Tier
from raseed.core.accounts.organisation_ports import InvitationStore, MemberStore
from raseed.core.accounts.organisations import (
    Belonging,
    Invitation,
    Member,
    NewInvitation,
    NewOrganisation,
    Organisation,
    OrganisationLimits,
    new_token,
    read_name,
    token_digest,
)
from raseed.core.accounts.scopes import Role
from raseed.core.accounts.sign_in import BUSY_S, Post
from raseed.core.billing.spend_caps import Bucket, SpendCap
from raseed.core.clock import DAY, Clock, Microseconds
from raseed.core.errors import (
    InvitationRejected,
    NotFound,
    Overloaded,
    PermissionDenied,
    RequestInvalid,
    Unauthenticated,
)
from raseed.core.ids import AccountId, InvitationId, PersonId, new_id
from raseed.core.jobs import Job
from raseed.core.messaging.ports import INVITATION_TEMPLATE, Language, Message

KEPT_US = DAY
"""How long invitations are kept that cannot be accepted any more: those of a day are counted."""
PURGE_INTERVAL_S = 600.0
PURGE_ROWS_MAX = 200
PURGE_ROUND_S = 10.0

_REJECTED = (
    "This invitation is not valid, or it is for another number or address than yours. Ask for a new one."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationPolicy:
    """What a profile says of it."""

    tiers: frozenset[Tier]
    """Of persons who may open one themselves."""
    language: Language
    """Of invitations, where nobody said another."""


class OrganisationService:
    """Every caller is a session; most act for the organisation that they speak of.

    `read_identifier` reads a telephone number or an e-mail address, of which one is given. `forget` makes this worker
    look up again who is in an organisation; the others hear of it.
    """

    def __init__(
        self,
        *,
        members: MemberStore,
        invitations: InvitationStore,
        policy: OrganisationPolicy,
        limits: OrganisationLimits,
        read_identifier: Callable[[str, str], Identifier],
        post: Post,
        forget: Callable[[AccountId], None],
        clock: Clock,
    ) -> None:
        self._members = members
        self._invitations = invitations
        self._policy = policy
        self._limits = limits
        self._read_identifier = read_identifier
        self._post = post
        self._forget = forget
        self._clock = clock

    async def create(self, caller: Caller, name: str) -> Organisation:
        """An organisation with an empty wallet, of the tier of the caller, who is its owner.

        Raises PermissionDenied if the caller's tier may not, RequestInvalid, Conflict if he owns too many.
        """
        if caller.role is not None or caller.tier not in self._policy.tiers:
            tiers = ", ".join(sorted(self._policy.tiers)) or "no tier"
            raise PermissionDenied(f"Organisations can be opened from an own account of: {tiers}.")
        person = _person(caller)
        new = NewOrganisation(
            id=AccountId(new_id("acct")),
            name=read_name(name),
            owner=person,
            tier=None,
            owned_max=self._limits.owned_max,
        )
        return await self._members.create(new, person)

    async def belongings(self, caller: Caller, after: str, limit: int) -> list[Belonging]:
        """What the person is a member of, the newest organisation first."""
        return list(await self._members.belongings(_person(caller), after, limit))

    async def accept(self, caller: Caller, token: str) -> Belonging:
        """Become a member. Safe to repeat. Raises InvitationRejected, Conflict for who is a member otherwise."""
        digest = token_digest(token.strip())
        joined = None if digest is None else await self._invitations.accept(digest, _person(caller))
        if joined is None:
            raise InvitationRejected(_REJECTED)
        self._forget(joined.organisation.id)
        return joined

    async def get(self, caller: Caller) -> Organisation:
        """The one that the caller acts for. Raises RequestInvalid if he acts for none."""
        organisation = await self._members.find(_acting(caller))
        if organisation is None:
            raise NotFound("There is no such organisation.")
        return organisation

    async def members(self, caller: Caller, after: str, limit: int) -> list[Member]:
        return list(await self._members.members(_acting(caller), after, limit))

    async def invite(
        self, caller: Caller, *, phone: str, email: str, role: str, language: str = ""
    ) -> Invitation:
        """Send an invitation. Whether somebody has an account with this number or address is not said.

        Raises RequestInvalid, PermissionDenied for a role that the caller does not manage, Conflict for a member or if
        there are too many, TooManyInvitations, Overloaded.
        """
        organisation = await self.get(caller)
        by = _person(caller)
        spoken = _language(language, self._policy.language)
        token, now = new_token(), self._clock.now()
        digest = token_digest(token)
        assert digest is not None
        invitation = Invitation(
            id=InvitationId(new_id("inv")),
            organisation_id=organisation.id,
            identifier=self._read_identifier(phone, email),
            role=read_role(role),
            invited_by=by,
            created_at=now,
            expires_at=Microseconds(now + self._limits.invitation_life_us),
        )
        await self._invitations.invite(
            NewInvitation(invitation=invitation, digest=digest), self._limits, by=by
        )
        message = Message(
            channel=CHANNELS[invitation.identifier.kind],
            to=invitation.identifier.value,
            language=spoken,
            template=INVITATION_TEMPLATE,
            parameters={
                "organisation": organisation.name,
                "code": token,
                "days": str(max(1, self._limits.invitation_life_us // DAY)),
            },
        )
        if not self._post(message):
            raise Overloaded("Too many messages are being sent. Please invite again.", retry_after_s=BUSY_S)
        return invitation

    async def invitations(self, caller: Caller, after: str, limit: int) -> list[Invitation]:
        """Those that may still be accepted, newest first."""
        found = await self._invitations.open_invitations(_acting(caller), self._clock.now(), after, limit)
        return list(found)

    async def revoke_invitation(self, caller: Caller, invitation_id: str) -> None:
        """Raises NotFound if it is not open, PermissionDenied."""
        await self._invitations.revoke(_acting(caller), InvitationId(invitation_id), by=_person(caller))

    async def change_role(self, caller: Caller, person_id: str, role: str) -> Member:
        """Raises PermissionDenied, NotFound, Conflict for the last owner. Safe to repeat."""
        return await self._change(caller, PersonId(person_id), read_role(role))

    async def remove(self, caller: Caller, person_id: str, *, keep_keys: bool) -> Member:
        """His keys of the organisation are revoked, unless they are kept. Raises as `change_role` does."""
        if person_id == _person(caller):
            raise RequestInvalid("Nobody removes himself: leave the organisation.", param="person_id")
        return await self._change(caller, PersonId(person_id), None, keep_keys=keep_keys)

    async def set_cap(self, caller: Caller, person_id: str, cap: SpendCap | None) -> Member:
        """What a member may spend of the organisation's credit, by session and with the keys that he made; None lifts it.
        Raises RequestInvalid, PermissionDenied for whom the caller does not manage and for himself, NotFound. Safe to repeat.
        """
        check_cap(cap)
        by = _person(caller)
        return await self._members.set_cap(_acting(caller), PersonId(person_id), cap, by=by, actor=by)

    async def own_spend(self, caller: Caller) -> Bucket | None:
        """The caller's own cap in the organisation that he acts for, and what counts against it."""
        found = await self._members.membership(_acting(caller), _person(caller))
        return None if found is None else found[0].spend

    async def leave(self, caller: Caller) -> None:
        """The keys that he made for it are revoked. Raises Conflict for the last owner."""
        await self._change(caller, _person(caller), None)

    async def _change(
        self, caller: Caller, person_id: PersonId, role: Role | None, *, keep_keys: bool = False
    ) -> Member:
        organisation_id, by = _acting(caller), _person(caller)
        member = await self._members.change(
            organisation_id, person_id, role, by=by, actor=by, keep_keys=keep_keys
        )
        self._forget(organisation_id)
        return member


def read_role(text: str) -> Role:
    """Raises RequestInvalid."""
    try:
        return Role(text)
    except ValueError:
        raise RequestInvalid(f"Unknown role; known: {', '.join(Role)}.", param="role") from None


def purge_invitations_job(store: InvitationStore, clock: Clock) -> Job:
    """Two of them at once find the same rows; one deletes them, the other has deleted nothing."""

    async def batch() -> bool:
        before = Microseconds(clock.now() - KEPT_US)
        return await store.purge(before, PURGE_ROWS_MAX) >= PURGE_ROWS_MAX

    return Job(name="purge invitations", batch=batch, interval_s=PURGE_INTERVAL_S, round_s=PURGE_ROUND_S)


def _person(caller: Caller) -> PersonId:
    if caller.person_id is None:
        raise Unauthenticated("This is for people: sign in.")
    return caller.person_id


def _acting(caller: Caller) -> AccountId:
    """What the caller speaks of. A role is only in callers that act for an organisation."""
    if caller.role is None:
        raise RequestInvalid("Say for which organisation you act: send `raseed-account: acct_…`.")
    return caller.account_id


def _language(text: str, default: Language) -> Language:
    if not text:
        return default
    try:
        return Language(text)
    except ValueError:
        raise RequestInvalid(f"Unknown language; known: {', '.join(Language)}.", param="language") from None
