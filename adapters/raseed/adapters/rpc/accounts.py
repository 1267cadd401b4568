"""AccountsService over gRPC."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.accounts.v1 import accounts_pb2 as pb
from raseed.accounts.v1 import accounts_pb2_grpc
from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.key_mapping import (
    from_core_key,
    to_core_cap,
    to_core_grace,
    to_core_patch,
    to_core_spec,
)
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.core.accounts.key_service import By, KeyService
from raseed.core.accounts.service import AccountService
from raseed.core.ids import ApiKeyId

KEYS_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class AccountsServicer(accounts_pb2_grpc.AccountsServiceServicer):
    """Whose account it is, the caller says and nothing in a request."""

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
                kind=account.kind.value,
            ),
            api_key_id=caller.api_key_id or "",
        )

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, context: Context) -> pb.ListApiKeysResponse:
        size = page_size(request.page_size, KEYS_PAGE_MAX)
        after = decode_token(request.page_token)
        caller = current_call().caller
        keys = await self._keys.list_keys(caller.account_id, after, size + 1, made_by=caller.keys_of)
        token = encode_token(keys[size - 1].id) if len(keys) > size else ""
        return pb.ListApiKeysResponse(api_keys=map(from_core_key, keys[:size]), next_page_token=token)

    async def GetApiKey(self, request: pb.GetApiKeyRequest, context: Context) -> pb.GetApiKeyResponse:
        caller = current_call().caller
        key = await self._keys.find(caller.account_id, ApiKeyId(request.id), made_by=caller.keys_of)
        return pb.GetApiKeyResponse(api_key=from_core_key(key))

    async def CreateApiKey(
        self, request: pb.CreateApiKeyRequest, context: Context
    ) -> pb.CreateApiKeyResponse:
        caller = current_call().caller
        spec = to_core_spec(request.settings, request.mode, to_core_cap(request.settings))
        made = await self._keys.create(By.of(caller), caller.account_id, spec, request.request_id)
        return pb.CreateApiKeyResponse(api_key=from_core_key(made.key), key=made.text)

    async def UpdateApiKey(
        self, request: pb.UpdateApiKeyRequest, context: Context
    ) -> pb.UpdateApiKeyResponse:
        caller = current_call().caller
        patch = to_core_patch(request.settings, request.update_mask)
        key = await self._keys.update(
            By.of(caller), ApiKeyId(request.id), patch, account_id=caller.account_id
        )
        return pb.UpdateApiKeyResponse(api_key=from_core_key(key))

    async def RotateApiKey(
        self, request: pb.RotateApiKeyRequest, context: Context
    ) -> pb.RotateApiKeyResponse:
        caller = current_call().caller
        made = await self._keys.rotate(
            By.of(caller),
            ApiKeyId(request.id),
            account_id=caller.account_id,
            grace_s=to_core_grace(request),
            request_id=request.request_id,
        )
        return pb.RotateApiKeyResponse(api_key=from_core_key(made.key), key=made.text)

    async def RevokeApiKey(
        self, request: pb.RevokeApiKeyRequest, context: Context
    ) -> pb.RevokeApiKeyResponse:
        caller = current_call().caller
        key = await self._keys.revoke(By.of(caller), ApiKeyId(request.id), account_id=caller.account_id)
        return pb.RevokeApiKeyResponse(api_key=from_core_key(key))

    async def ReportUnauthorisedUse(
        self, request: pb.ReportUnauthorisedUseRequest, context: Context
    ) -> pb.ReportUnauthorisedUseResponse:
        caller = current_call().caller
        made = await self._keys.report_unauthorised_use(
            By.of(caller), caller.account_id, replace_keys=request.replace_keys
        )
        return pb.ReportUnauthorisedUseResponse(
            api_keys=[pb.ReplacedApiKey(api_key=from_core_key(one.key), key=one.text) for one in made]
        )
