"""/api/keys: API keys over HTTP. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

import hashlib
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.accounts import KEYS_PAGE_MAX
from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.idempotency import KEY_HEADER
from raseed.adapters.rpc.paging import decode_token, encode_token
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.wire import keys as wire
from raseed.adapters.wire.usage_query import decode_limit
from raseed.core.accounts.key_service import By, KeyService
from raseed.core.idempotency import checked_key
from raseed.core.ids import ApiKeyId
from raseed.rest.v1 import keys_pb2 as pb
from raseed.rest.v1 import keys_pb2_grpc

JSON = "application/json"
NO_STORE = ("cache-control", "no-store")
CREATED = ("x-http-status", "201")

Context = grpc.aio.ServicerContext[Any, Any]


class KeysRestServicer(keys_pb2_grpc.KeysRestServiceServicer):
    """Whose keys they are, the caller says and nothing in a request."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    async def ListKeys(self, request: pb.ListKeysRequest, context: Context) -> None:
        call = current_call()
        size = decode_limit(request.limit) or KEYS_PAGE_MAX
        after = decode_token(request.cursor, "cursor")
        caller = call.caller
        keys = await self._keys.list_keys(caller.account_id, after, size + 1, made_by=caller.keys_of)
        cursor = encode_token(keys[size - 1].id) if len(keys) > size else ""
        await _write(context, call, wire.encode_keys(keys[:size], cursor))

    async def GetKey(self, request: pb.GetKeyRequest, context: Context) -> None:
        call = current_call()
        caller = call.caller
        key = await self._keys.find(caller.account_id, ApiKeyId(request.id), made_by=caller.keys_of)
        await _write(context, call, wire.encode_key(key))

    async def CreateKey(self, request: pb.CreateKeyRequest, context: Context) -> None:
        call = current_call()
        spec = wire.decode_new_key(request.body.data)
        made = await self._keys.create(By.of(call.caller), call.caller.account_id, spec, _request_id(call))
        await _write(context, call, wire.encode_made(made), CREATED)

    async def UpdateKey(self, request: pb.UpdateKeyRequest, context: Context) -> None:
        call = current_call()
        patch = wire.decode_patch(request.body.data)
        account_id = call.caller.account_id
        key = await self._keys.update(By.of(call.caller), ApiKeyId(request.id), patch, account_id=account_id)
        await _write(context, call, wire.encode_key(key))

    async def RotateKey(self, request: pb.RotateKeyRequest, context: Context) -> None:
        call = current_call()
        made = await self._keys.rotate(
            By.of(call.caller),
            ApiKeyId(request.id),
            account_id=call.caller.account_id,
            grace_s=wire.decode_rotation(request.body.data),
            request_id=_request_id(call),
        )
        await _write(context, call, wire.encode_made(made))

    async def RevokeKey(self, request: pb.RevokeKeyRequest, context: Context) -> None:
        call = current_call()
        account_id = call.caller.account_id
        key = await self._keys.revoke(By.of(call.caller), ApiKeyId(request.id), account_id=account_id)
        await _write(context, call, wire.encode_key(key))

    async def ReportUnauthorisedUse(self, request: pb.ReportUnauthorisedUseRequest, context: Context) -> None:
        call = current_call()
        made = await self._keys.report_unauthorised_use(
            By.of(call.caller),
            call.caller.account_id,
            replace_keys=wire.decode_report(request.body.data),
        )
        await _write(context, call, wire.encode_report(made))


def _request_id(call: Call) -> str:
    """Of the header `Idempotency-Key`, which may be longer than what the core takes. Raises RequestInvalid."""
    key = call.metadata.get(KEY_HEADER)
    return "" if key is None else hashlib.sha256(checked_key(key).encode()).hexdigest()


async def _write(context: Context, call: Call, body: bytes, *headers: tuple[str, str]) -> None:
    if headers:
        call.http_status = int(headers[0][1])
    await context.send_initial_metadata((*response_headers(call), NO_STORE, *headers))
    await context.write(HttpBody(content_type=JSON, data=body))
