"""/api/organisations over HTTP. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.organisations import PAGE_MAX
from raseed.adapters.rpc.paging import decode_token, encode_token
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.wire import organisations as wire
from raseed.adapters.wire.usage_query import decode_limit
from raseed.core.accounts.organisation_service import OrganisationService
from raseed.rest.v1 import organisations_pb2 as pb
from raseed.rest.v1 import organisations_pb2_grpc

JSON = "application/json"
NO_STORE = ("cache-control", "no-store")
CREATED = 201

Context = grpc.aio.ServicerContext[Any, Any]


class OrganisationsRestServicer(organisations_pb2_grpc.OrganisationsRestServiceServicer):
    """Which organisation it is about, the caller says and nothing in a request."""

    def __init__(self, organisations: OrganisationService) -> None:
        self._organisations = organisations

    async def ListMyOrganisations(self, request: pb.ListMyOrganisationsRequest, context: Context) -> None:
        call, size = current_call(), decode_limit(request.limit) or PAGE_MAX
        after = decode_token(request.cursor, "cursor")
        found = await self._organisations.belongings(call.caller, after, size + 1)
        cursor = encode_token(found[size - 1].organisation.id) if len(found) > size else ""
        await _write(context, call, wire.encode_belongings(found[:size], cursor))

    async def CreateOrganisation(self, request: pb.CreateOrganisationRequest, context: Context) -> None:
        call = current_call()
        name = wire.decode_new_organisation(request.body.data)
        made = await self._organisations.create(call.caller, name)
        await _write(context, call, wire.encode_organisation(made), CREATED)

    async def AcceptInvitation(self, request: pb.AcceptInvitationRequest, context: Context) -> None:
        call = current_call()
        joined = await self._organisations.accept(call.caller, wire.decode_acceptance(request.body.data))
        await _write(context, call, wire.encode_belonging(joined))

    async def GetOrganisation(self, request: pb.GetOrganisationRequest, context: Context) -> None:
        call = current_call()
        organisation = await self._organisations.get(call.caller)
        spend = await self._organisations.own_spend(call.caller)
        await _write(context, call, wire.encode_own_organisation(organisation, call.caller.role, spend))

    async def LeaveOrganisation(self, request: pb.LeaveOrganisationRequest, context: Context) -> None:
        call = current_call()
        await self._organisations.leave(call.caller)
        await _write(context, call, wire.encode_done())

    async def ListMembers(self, request: pb.ListMembersRequest, context: Context) -> None:
        call, size = current_call(), decode_limit(request.limit) or PAGE_MAX
        after = decode_token(request.cursor, "cursor")
        found = await self._organisations.members(call.caller, after, size + 1)
        cursor = encode_token(found[size - 1].person_id) if len(found) > size else ""
        await _write(context, call, wire.encode_members(found[:size], cursor))

    async def ChangeMemberRole(self, request: pb.ChangeMemberRoleRequest, context: Context) -> None:
        call = current_call()
        change = wire.decode_change(request.body.data)
        if isinstance(change, str):
            member = await self._organisations.change_role(call.caller, request.person_id, change)
        else:
            member = await self._organisations.set_cap(call.caller, request.person_id, change)
        await _write(context, call, wire.encode_member(member))

    async def RemoveMember(self, request: pb.RemoveMemberRequest, context: Context) -> None:
        call = current_call()
        keep_keys = wire.decode_flag(request.keep_keys, "keep_keys")
        await self._organisations.remove(call.caller, request.person_id, keep_keys=keep_keys)
        await _write(context, call, wire.encode_done())

    async def ListInvitations(self, request: pb.ListInvitationsRequest, context: Context) -> None:
        call, size = current_call(), decode_limit(request.limit) or PAGE_MAX
        after = decode_token(request.cursor, "cursor")
        found = await self._organisations.invitations(call.caller, after, size + 1)
        cursor = encode_token(found[size - 1].id) if len(found) > size else ""
        await _write(context, call, wire.encode_invitations(found[:size], cursor))

    async def InviteMember(self, request: pb.InviteMemberRequest, context: Context) -> None:
        call = current_call()
        asked = wire.decode_invitation(request.body.data)
        sent = await self._organisations.invite(
            call.caller, phone=asked.phone, email=asked.email, role=asked.role, language=asked.language
        )
        await _write(context, call, wire.encode_invitation(sent), CREATED)

    async def RevokeInvitation(self, request: pb.RevokeInvitationRequest, context: Context) -> None:
        call = current_call()
        await self._organisations.revoke_invitation(call.caller, request.id)
        await _write(context, call, wire.encode_done())


async def _write(context: Context, call: Call, body: bytes, status: int = 200) -> None:
    headers = [*response_headers(call), NO_STORE]
    if status != 200:
        call.http_status = status
        headers.append(("x-http-status", str(status)))
    await context.send_initial_metadata(tuple(headers))
    await context.write(HttpBody(content_type=JSON, data=body))
