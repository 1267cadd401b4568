"""OrganisationsService over gRPC."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.accounts.v1 import organisations_pb2 as pb
from raseed.accounts.v1 import organisations_pb2_grpc
from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.key_mapping import from_core_spend, to_core_cap
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.core.accounts.identity import IdentifierKind
from raseed.core.accounts.organisation_service import OrganisationService
from raseed.core.accounts.organisations import Belonging, Invitation, Member, Organisation

PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class OrganisationsServicer(organisations_pb2_grpc.OrganisationsServiceServicer):
    def __init__(self, organisations: OrganisationService) -> None:
        self._organisations = organisations

    async def CreateOrganisation(
        self, request: pb.CreateOrganisationRequest, context: Context
    ) -> pb.CreateOrganisationResponse:
        made = await self._organisations.create(current_call().caller, request.name)
        return pb.CreateOrganisationResponse(organisation=from_core_organisation(made))

    async def ListMyOrganisations(
        self, request: pb.ListMyOrganisationsRequest, context: Context
    ) -> pb.ListMyOrganisationsResponse:
        size = page_size(request.page_size, PAGE_MAX)
        after = decode_token(request.page_token)
        found = await self._organisations.belongings(current_call().caller, after, size + 1)
        token = encode_token(found[size - 1].organisation.id) if len(found) > size else ""
        return pb.ListMyOrganisationsResponse(
            memberships=map(_membership, found[:size]), next_page_token=token
        )

    async def AcceptInvitation(
        self, request: pb.AcceptInvitationRequest, context: Context
    ) -> pb.AcceptInvitationResponse:
        joined = await self._organisations.accept(current_call().caller, request.code)
        return pb.AcceptInvitationResponse(membership=_membership(joined))

    async def GetOrganisation(
        self, request: pb.GetOrganisationRequest, context: Context
    ) -> pb.GetOrganisationResponse:
        caller = current_call().caller
        organisation = await self._organisations.get(caller)
        return pb.GetOrganisationResponse(
            organisation=from_core_organisation(organisation),
            role=caller.role or "",
            spend_cap=from_core_spend(await self._organisations.own_spend(caller)),
        )

    async def ListMembers(self, request: pb.ListMembersRequest, context: Context) -> pb.ListMembersResponse:
        size = page_size(request.page_size, PAGE_MAX)
        after = decode_token(request.page_token)
        found = await self._organisations.members(current_call().caller, after, size + 1)
        token = encode_token(found[size - 1].person_id) if len(found) > size else ""
        return pb.ListMembersResponse(members=map(from_core_member, found[:size]), next_page_token=token)

    async def InviteMember(
        self, request: pb.InviteMemberRequest, context: Context
    ) -> pb.InviteMemberResponse:
        sent = await self._organisations.invite(
            current_call().caller,
            phone=request.phone,
            email=request.email,
            role=request.role,
            language=request.language,
        )
        return pb.InviteMemberResponse(invitation=_invitation(sent))

    async def ListInvitations(
        self, request: pb.ListInvitationsRequest, context: Context
    ) -> pb.ListInvitationsResponse:
        size = page_size(request.page_size, PAGE_MAX)
        after = decode_token(request.page_token)
        found = await self._organisations.invitations(current_call().caller, after, size + 1)
        token = encode_token(found[size - 1].id) if len(found) > size else ""
        return pb.ListInvitationsResponse(invitations=map(_invitation, found[:size]), next_page_token=token)

    async def RevokeInvitation(
        self, request: pb.RevokeInvitationRequest, context: Context
    ) -> pb.RevokeInvitationResponse:
        await self._organisations.revoke_invitation(current_call().caller, request.invitation_id)
        return pb.RevokeInvitationResponse()

    async def ChangeMemberRole(
        self, request: pb.ChangeMemberRoleRequest, context: Context
    ) -> pb.ChangeMemberRoleResponse:
        caller = current_call().caller
        member = await self._organisations.change_role(caller, request.person_id, request.role)
        return pb.ChangeMemberRoleResponse(member=from_core_member(member))

    async def SetMemberSpendCap(
        self, request: pb.SetMemberSpendCapRequest, context: Context
    ) -> pb.SetMemberSpendCapResponse:
        caller = current_call().caller
        member = await self._organisations.set_cap(caller, request.person_id, to_core_cap(request))
        return pb.SetMemberSpendCapResponse(member=from_core_member(member))

    async def RemoveMember(
        self, request: pb.RemoveMemberRequest, context: Context
    ) -> pb.RemoveMemberResponse:
        caller = current_call().caller
        await self._organisations.remove(caller, request.person_id, keep_keys=request.keep_keys)
        return pb.RemoveMemberResponse()

    async def LeaveOrganisation(
        self, request: pb.LeaveOrganisationRequest, context: Context
    ) -> pb.LeaveOrganisationResponse:
        await self._organisations.leave(current_call().caller)
        return pb.LeaveOrganisationResponse()


def from_core_organisation(organisation: Organisation) -> pb.Organisation:
    account = organisation.account
    return pb.Organisation(
        id=account.id,
        name=organisation.name,
        tier=account.tier.value,
        status=account.status.value,
        created_at_us=account.created_at,
    )


def from_core_member(member: Member) -> pb.Member:
    return pb.Member(
        person_id=member.person_id,
        email=member.email or "",
        phone=member.phone_e164 or "",
        role=member.role.value,
        added_by=member.added_by,
        joined_at_us=member.joined_at,
        spend_cap=from_core_spend(member.spend),
    )


def _membership(belonging: Belonging) -> pb.Membership:
    return pb.Membership(
        organisation=from_core_organisation(belonging.organisation),
        role=belonging.role.value,
        joined_at_us=belonging.joined_at,
    )


def _invitation(invitation: Invitation) -> pb.Invitation:
    identifier = invitation.identifier
    return pb.Invitation(
        id=invitation.id,
        phone=identifier.value if identifier.kind is IdentifierKind.PHONE else "",
        email=identifier.value if identifier.kind is IdentifierKind.EMAIL else "",
        role=invitation.role.value,
        invited_by=invitation.invited_by,
        created_at_us=invitation.created_at,
        expires_at_us=invitation.expires_at,
    )
