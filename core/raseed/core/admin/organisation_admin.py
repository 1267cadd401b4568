"""What operators do with organisations and their members."""

from __future__ import annotations

from collections.abc import Callable

from raseed.core.accounts.key_rules import check_cap
from raseed.core.accounts.model import Tier
from raseed.core.accounts.organisation_ports import MemberStore
from raseed.core.accounts.organisation_service import read_role
from raseed.core.accounts.organisations import Member, NewOrganisation, Organisation, read_name
from raseed.core.accounts.service import AccountService
from raseed.core.billing.spend_caps import SpendCap
from raseed.core.errors import NotFound, RequestInvalid
from raseed.core.ids import AccountId, PersonId, new_id


class OrganisationAdmin:
    """Organisations are named by id, persons by id, e-mail address or telephone number. No role binds an operator, only the
    rule that an owner remains.

    `forget` makes this worker look up again who is in an organisation; the others hear of it.
    """

    def __init__(
        self, members: MemberStore, accounts: AccountService, forget: Callable[[AccountId], None]
    ) -> None:
        self._members = members
        self._accounts = accounts
        self._forget = forget

    async def create(self, name: str, owner: str, tier: str, *, actor: str) -> Organisation:
        """`tier` empty: the owner's. Raises RequestInvalid, NotFound."""
        new = NewOrganisation(
            id=AccountId(new_id("acct")),
            name=read_name(name),
            owner=await self._person(owner),
            tier=_tier(tier),
            owned_max=None,
        )
        return await self._members.create(new, actor)

    async def list_organisations(self, after: str, limit: int) -> list[Organisation]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page."""
        return list(await self._members.list(after, limit))

    async def members(self, organisation: str, after: str, limit: int) -> list[Member]:
        """By person. Raises NotFound."""
        organisation_id = AccountId(organisation)
        if await self._members.find(organisation_id) is None:
            raise NotFound(f"There is no organisation {organisation!r}.")
        return list(await self._members.members(organisation_id, after, limit))

    async def set_member(self, organisation: str, person: str, role: str, *, actor: str) -> Member:
        """Make him a member, or give him another role. Raises RequestInvalid, NotFound, Conflict. Safe to repeat."""
        organisation_id, person_id, wanted = (
            AccountId(organisation),
            await self._person(person),
            read_role(role),
        )
        if await self._members.membership(organisation_id, person_id) is None:
            member = await self._members.add(organisation_id, person_id, wanted, actor)
        else:
            member = await self._members.change(organisation_id, person_id, wanted, by=None, actor=actor)
        self._forget(organisation_id)
        return member

    async def set_cap(self, organisation: str, person: str, cap: SpendCap | None, *, actor: str) -> Member:
        """What a member may spend; None lifts it. Raises RequestInvalid, NotFound. Safe to repeat."""
        check_cap(cap)
        return await self._members.set_cap(
            AccountId(organisation), await self._person(person), cap, by=None, actor=actor
        )

    async def remove_member(self, organisation: str, person: str, *, keep_keys: bool, actor: str) -> Member:
        """As he was. Raises NotFound, Conflict for the last owner."""
        organisation_id, person_id = AccountId(organisation), await self._person(person)
        member = await self._members.change(
            organisation_id, person_id, None, by=None, actor=actor, keep_keys=keep_keys
        )
        self._forget(organisation_id)
        return member

    async def _person(self, reference: str) -> PersonId:
        return PersonId((await self._accounts.find(reference)).id)


def _tier(text: str) -> Tier | None:
    if not text:
        return None
    try:
        return Tier(text)
    except ValueError:
        raise RequestInvalid(f"Unknown tier; known: {', '.join(Tier)}.", param="tier") from None
