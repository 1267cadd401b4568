"""KeyAdminService over gRPC, for operators."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import acting
from raseed.adapters.rpc.key_mapping import from_core_key, to_core_grace, to_core_patch
from raseed.admin.v1 import key_admin_pb2 as pb
from raseed.admin.v1 import key_admin_pb2_grpc
from raseed.core.accounts.key_service import By, KeyService
from raseed.core.ids import ApiKeyId

Context = grpc.aio.ServicerContext[Any, Any]


class KeyAdminServicer(key_admin_pb2_grpc.KeyAdminServiceServicer):
    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    async def GetApiKey(self, request: pb.GetApiKeyRequest, context: Context) -> pb.GetApiKeyResponse:
        key = await self._keys.find(None, ApiKeyId(request.id))
        return pb.GetApiKeyResponse(api_key=from_core_key(key), account_id=key.account_id)

    async def UpdateApiKey(
        self, request: pb.UpdateApiKeyRequest, context: Context
    ) -> pb.UpdateApiKeyResponse:
        patch = to_core_patch(request.settings, request.update_mask)
        key = await self._keys.update(
            By(actor=acting(context).actor), ApiKeyId(request.id), patch, account_id=None
        )
        return pb.UpdateApiKeyResponse(api_key=from_core_key(key))

    async def RotateApiKey(
        self, request: pb.RotateApiKeyRequest, context: Context
    ) -> pb.RotateApiKeyResponse:
        made = await self._keys.rotate(
            By(actor=acting(context).actor),
            ApiKeyId(request.id),
            account_id=None,
            grace_s=to_core_grace(request),
            request_id=request.request_id,
        )
        return pb.RotateApiKeyResponse(api_key=from_core_key(made.key), key=made.text)
