"""What organisations need of a store. Every method is one transaction, whichever worker calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from raseed.core.accounts.model import Account
from raseed.core.accounts.organisations import (
    Belonging,
    Invitation,
    Member,
    NewInvitation,
    NewOrganisation,
    Organisation,
    OrganisationLimits,
)
from raseed.core.accounts.scopes import Role
from raseed.core.billing.spend_caps import SpendCap
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, InvitationId, PersonId


class MemberStore(Protocol):
    """Organisations and who is in them. What changes is audited, and every worker hears of it.

    `by` is who does it, whose role is read in the same transaction; None: an operator, whom no role limits. Raises
    NotFound if `by` is no member, whatever else is asked.
    """

    async def create(self, new: NewOrganisation, actor: str) -> Organisation:
        """With its wallet and its owner. Raises NotFound for an owner who is nobody, Conflict if he owns too many."""
        ...

    async def find(self, organisation_id: AccountId) -> Organisation | None: ...

    async def list(self, after: str, limit: int) -> Sequence[Organisation]:
        """All of them, newest first; `after` is the id of the last one already seen, empty for the first page."""
        ...

    async def belongings(self, person_id: PersonId, after: str, limit: int) -> Sequence[Belonging]:
        """What a person is a member of, the newest organisation first; `after` as for `list`."""
        ...

    async def membership(
        self, organisation_id: AccountId, person_id: PersonId
    ) -> tuple[Member, Account] | None:
        """With the organisation's account. None if he is no member."""
        ...

    async def members(self, organisation_id: AccountId, after: str, limit: int) -> Sequence[Member]:
        """By person, with what those that have a spend cap have spent in the window of this moment; `after` is the id of the last person already seen, empty for the first page."""
        ...

    async def add(self, organisation_id: AccountId, person_id: PersonId, role: Role, actor: str) -> Member:
        """By an operator. Raises NotFound, and Conflict if the person is a member already."""
        ...

    async def change(
        self,
        organisation_id: AccountId,
        person_id: PersonId,
        role: Role | None,
        *,
        by: PersonId | None,
        actor: str,
        keep_keys: bool = False,
    ) -> Member:
        """Another role, or None: he is no member any more, and the keys that he made are revoked unless they are kept.

        His spend cap goes with him. Keys of who stays are narrowed to what his role may put into them. Invitations that he made end. Returns him as
        he is then, or was. Raises what `organisations.check_change` raises, NotFound.
        """
        ...

    async def set_cap(
        self,
        organisation_id: AccountId,
        person_id: PersonId,
        cap: SpendCap | None,
        *,
        by: PersonId | None,
        actor: str,
    ) -> Member:
        """What he may spend of the organisation's credit in a window; None: all of it. Holds from now on obey it. Safe to
        repeat. Raises what `organisations.check_may_cap` raises, NotFound.
        """
        ...


class InvitationStore(Protocol):
    """`by` and NotFound as in `MemberStore`."""

    async def invite(self, new: NewInvitation, limits: OrganisationLimits, *, by: PersonId) -> None:
        """In place of an open one to the same number or address.

        Raises PermissionDenied for a role that `by` does not manage; RequestInvalid for himself; Conflict for a member,
        or if there are too many; TooManyInvitations.
        """
        ...

    async def open_invitations(
        self, organisation_id: AccountId, now: Microseconds, after: str, limit: int
    ) -> Sequence[Invitation]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page."""
        ...

    async def revoke(self, organisation_id: AccountId, invitation_id: InvitationId, *, by: PersonId) -> None:
        """Raises NotFound if it is not open; PermissionDenied as for inviting."""
        ...

    async def accept(self, digest: bytes, person_id: PersonId) -> Belonging | None:
        """Becomes a member. None if there is no such open invitation to this person. Safe to repeat.

        Raises Conflict if he is a member already; the invitation stays as it is.
        """
        ...

    async def purge(self, before: Microseconds, limit: int) -> int:
        """Delete so many that could not be accepted after that moment; how many there were."""
        ...
