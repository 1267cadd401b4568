"""AccountAdminService over gRPC, for operators."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.admin.mapping import from_core_account
from raseed.adapters.rpc.call import acting
from raseed.adapters.rpc.own_data import RECORDS_PAGE_MAX, position_of, token_of
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.adapters.wire.own_data import encode_records
from raseed.admin.v1 import account_admin_pb2 as pb
from raseed.admin.v1 import account_admin_pb2_grpc, admin_pb2
from raseed.core.accounts.closing import ClosingRequests
from raseed.core.accounts.model import Account
from raseed.core.admin.account_service import AccountAdmin
from raseed.core.admin.contact_service import ContactAdmin
from raseed.core.admin.erasure import ErasureService
from raseed.core.admin.export import ExportService
from raseed.core.admin.service import AdminService
from raseed.core.admin.standing import AccountNote
from raseed.core.errors import RequestInvalid

NOTES_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class AccountAdminServicer(account_admin_pb2_grpc.AccountAdminServiceServicer):
    def __init__(
        self,
        accounts: AccountAdmin,
        contacts: ContactAdmin,
        closings: ClosingRequests,
        export: ExportService,
        erasure: ErasureService,
        admin: AdminService,
    ) -> None:
        self._accounts = accounts
        self._contacts = contacts
        self._closings = closings
        self._export = export
        self._erasure = erasure
        self._admin = admin

    async def SuspendAccount(
        self, request: pb.SuspendAccountRequest, context: Context
    ) -> pb.SuspendAccountResponse:
        account = await self._accounts.suspend(
            request.account, reason=request.reason, actor=acting(context).actor
        )
        return pb.SuspendAccountResponse(account=await self._whole(account))

    async def ReinstateAccount(
        self, request: pb.ReinstateAccountRequest, context: Context
    ) -> pb.ReinstateAccountResponse:
        account = await self._accounts.reinstate(
            request.account, reason=request.reason, actor=acting(context).actor
        )
        return pb.ReinstateAccountResponse(account=await self._whole(account))

    async def CloseAccount(
        self, request: pb.CloseAccountRequest, context: Context
    ) -> pb.CloseAccountResponse:
        account = await self._accounts.close(
            request.account,
            reason=request.reason,
            actor=acting(context).actor,
            forfeit=request.forfeit if request.HasField("forfeit") else None,
        )
        return pb.CloseAccountResponse(account=await self._whole(account))

    async def ExportAccount(
        self, request: pb.ExportAccountRequest, context: Context
    ) -> pb.ExportAccountResponse:
        after = position_of(request.page_token)
        try:
            page = await self._export.page(
                request.account,
                after,
                limit=page_size(request.page_size, RECORDS_PAGE_MAX),
                actor=acting(context).actor,
            )
        except ValueError as error:
            raise RequestInvalid("page_token is not one that was given out.", param="page_token") from error
        return pb.ExportAccountResponse(
            records=encode_records(page.records).decode().splitlines(), next_page_token=token_of(page)
        )

    async def ListClosingRequests(
        self, request: pb.ListClosingRequestsRequest, context: Context
    ) -> pb.ListClosingRequestsResponse:
        size = page_size(request.page_size, NOTES_PAGE_MAX)
        found = await self._closings.list(decode_token(request.page_token), size + 1)
        return pb.ListClosingRequestsResponse(
            closing_requests=[
                pb.AccountClosingRequest(
                    account=wish.account_id,
                    requested_at_us=wish.requested_at,
                    reason=wish.reason,
                    erase=wish.wants_erasure,
                )
                for wish in found[:size]
            ],
            next_page_token=encode_token(found[size - 1].account_id) if len(found) > size else "",
        )

    async def EraseAccount(
        self, request: pb.EraseAccountRequest, context: Context
    ) -> pb.EraseAccountResponse:
        account = await self._erasure.erase(
            request.account, reason=request.reason, actor=acting(context).actor
        )
        return pb.EraseAccountResponse(account=await self._whole(account))

    async def SetAccountTier(
        self, request: pb.SetAccountTierRequest, context: Context
    ) -> pb.SetAccountTierResponse:
        account = await self._accounts.set_tier(
            request.account,
            tier=request.tier,
            expires_at=request.expires_at_us if request.HasField("expires_at_us") else None,
            reason=request.reason,
            actor=acting(context).actor,
        )
        return pb.SetAccountTierResponse(account=await self._whole(account))

    async def ApproveSecondAccount(
        self, request: pb.ApproveSecondAccountRequest, context: Context
    ) -> pb.ApproveSecondAccountResponse:
        standing = await self._accounts.approve_second(
            request.account,
            second_of=request.second_of,
            reason=request.reason,
            actor=acting(context).actor,
        )
        account, _ = await self._admin.account(standing.account_id)
        return pb.ApproveSecondAccountResponse(account=await self._whole(account))

    async def SetAccountContact(
        self, request: pb.SetAccountContactRequest, context: Context
    ) -> pb.SetAccountContactResponse:
        account = await self._contacts.set_contact(
            request.account,
            phone=request.phone,
            email=request.email,
            reason=request.reason,
            actor=acting(context).actor,
        )
        return pb.SetAccountContactResponse(account=await self._whole(account))

    async def AddAccountNote(
        self, request: pb.AddAccountNoteRequest, context: Context
    ) -> pb.AddAccountNoteResponse:
        note = await self._accounts.add_note(request.account, text=request.text, actor=acting(context).actor)
        return pb.AddAccountNoteResponse(note=_note(note))

    async def ListAccountNotes(
        self, request: pb.ListAccountNotesRequest, context: Context
    ) -> pb.ListAccountNotesResponse:
        size = page_size(request.page_size, NOTES_PAGE_MAX)
        notes = await self._accounts.notes(request.account, decode_token(request.page_token), size + 1)
        return pb.ListAccountNotesResponse(
            notes=map(_note, notes[:size]),
            next_page_token=encode_token(notes[size - 1].id) if len(notes) > size else "",
        )

    async def _whole(self, account: Account) -> admin_pb2.AdminAccount:
        balance = await self._admin.balance(account.id)
        debt_limit = self._admin.debt_limit(balance) if balance else 0
        return from_core_account(account, balance, debt_limit, await self._accounts.standing(account.id))


def _note(note: AccountNote) -> pb.AccountNote:
    return pb.AccountNote(id=note.id, at_us=note.at, actor=note.actor, text=note.text)
