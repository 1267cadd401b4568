"""AccountsService over gRPC."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.accounts.v1 import accounts_pb2 as pb
from raseed.accounts.v1 import accounts_pb2_grpc
from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.core.accounts.key_service import KeyService
from raseed.core.accounts.model import ApiKey
from raseed.core.accounts.service import AccountService

KEYS_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class AccountsServicer(accounts_pb2_grpc.AccountsServiceServicer):
    def __init__(self, accounts: AccountService, keys: KeyService) -> None:
        self._accounts = accounts
        self._keys = keys

    async def GetAccount(self, request: pb.GetAccountRequest, context: Context) -> pb.GetAccountResponse:
        caller = current_call().caller
        account = await self._accounts.find(caller.account_id)
        return pb.GetAccountResponse(
            account=pb.Account(
                id=account.id,
                email=account.email or "",
                phone=account.phone_e164 or "",
                tier=account.tier.value,
                status=account.status.value,
            ),
            api_key_id=caller.api_key_id or "",
        )

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, context: Context) -> pb.ListApiKeysResponse:
        size = page_size(request.page_size, KEYS_PAGE_MAX)
        after = decode_token(request.page_token)
        keys = await self._keys.list_keys(current_call().caller.account_id, after, size + 1)
        token = encode_token(keys[size - 1].id) if len(keys) > size else ""
        return pb.ListApiKeysResponse(api_keys=map(key_message, keys[:size]), next_page_token=token)


def key_message(key: ApiKey) -> pb.ApiKey:
    spend = key.spend
    return pb.ApiKey(
        id=key.id,
        name=key.name,
        hint=f"rsd_…{key.last4}",
        created_at_us=key.created_at,
        revoked_at_us=key.revoked_at,
        spend_cap=None
        if spend is None
        else pb.SpendCap(
            limit_microcredits=spend.cap.limit_microcredits,
            window=spend.cap.window.value,
            charged_microcredits=spend.charged_microcredits,
            held_microcredits=spend.held_microcredits,
        ),
    )
