"""OrganisationAdminService over gRPC, for operators."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import acting
from raseed.adapters.rpc.key_mapping import from_core_spend, to_core_given_cap
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.admin.v1 import organisations_pb2 as pb
from raseed.admin.v1 import organisations_pb2_grpc
from raseed.core.accounts.organisations import Member, Organisation
from raseed.core.admin.organisation_admin import OrganisationAdmin

PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class OrganisationAdminServicer(organisations_pb2_grpc.OrganisationAdminServiceServicer):
    def __init__(self, organisations: OrganisationAdmin) -> None:
        self._organisations = organisations

    async def CreateOrganisation(
        self, request: pb.CreateOrganisationRequest, context: Context
    ) -> pb.CreateOrganisationResponse:
        made = await self._organisations.create(
            request.name, request.owner, request.tier, actor=acting(context).actor
        )
        return pb.CreateOrganisationResponse(organisation=_organisation(made))

    async def ListOrganisations(
        self, request: pb.ListOrganisationsRequest, context: Context
    ) -> pb.ListOrganisationsResponse:
        size = page_size(request.page_size, PAGE_MAX)
        found = await self._organisations.list_organisations(decode_token(request.page_token), size + 1)
        token = encode_token(found[size - 1].id) if len(found) > size else ""
        return pb.ListOrganisationsResponse(
            organisations=map(_organisation, found[:size]), next_page_token=token
        )

    async def ListOrganisationMembers(
        self, request: pb.ListOrganisationMembersRequest, context: Context
    ) -> pb.ListOrganisationMembersResponse:
        size = page_size(request.page_size, PAGE_MAX)
        after = decode_token(request.page_token)
        found = await self._organisations.members(request.organisation, after, size + 1)
        token = encode_token(found[size - 1].person_id) if len(found) > size else ""
        return pb.ListOrganisationMembersResponse(members=map(_member, found[:size]), next_page_token=token)

    async def SetOrganisationMember(
        self, request: pb.SetOrganisationMemberRequest, context: Context
    ) -> pb.SetOrganisationMemberResponse:
        member = await self._organisations.set_member(
            request.organisation, request.person, request.role, actor=acting(context).actor
        )
        return pb.SetOrganisationMemberResponse(member=_member(member))

    async def SetOrganisationMemberCap(
        self, request: pb.SetOrganisationMemberCapRequest, context: Context
    ) -> pb.SetOrganisationMemberCapResponse:
        member = await self._organisations.set_cap(
            request.organisation, request.person, to_core_given_cap(request), actor=acting(context).actor
        )
        return pb.SetOrganisationMemberCapResponse(member=_member(member))

    async def RemoveOrganisationMember(
        self, request: pb.RemoveOrganisationMemberRequest, context: Context
    ) -> pb.RemoveOrganisationMemberResponse:
        member = await self._organisations.remove_member(
            request.organisation, request.person, keep_keys=request.keep_keys, actor=acting(context).actor
        )
        return pb.RemoveOrganisationMemberResponse(member=_member(member))


def _organisation(organisation: Organisation) -> pb.Organisation:
    account = organisation.account
    return pb.Organisation(
        id=account.id,
        name=organisation.name,
        tier=account.tier.value,
        status=account.status.value,
        created_at_us=account.created_at,
    )


def _member(member: Member) -> pb.OrganisationMember:
    return pb.OrganisationMember(
        person_id=member.person_id,
        email=member.email or "",
        phone=member.phone_e164 or "",
        role=member.role.value,
        added_by=member.added_by,
        joined_at_us=member.joined_at,
        spend_cap=from_core_spend(member.spend),
    )
