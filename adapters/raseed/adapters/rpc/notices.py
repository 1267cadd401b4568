"""What an account is told: NoticesService over gRPC, and the same over HTTP."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.accounts.v1 import notices_pb2 as pb
from raseed.accounts.v1 import notices_pb2_grpc
from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.rest.answers import write_json
from raseed.adapters.wire.notices import decode_update, encode_preferences
from raseed.core.messaging.service import NoticeService, Preferences
from raseed.rest.v1 import notices_pb2 as rest_pb
from raseed.rest.v1 import notices_pb2_grpc as rest_pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class NoticesServicer(notices_pb2_grpc.NoticesServiceServicer):
    def __init__(self, notices: NoticeService) -> None:
        self._notices = notices

    async def GetNoticePreferences(
        self, request: pb.GetNoticePreferencesRequest, context: Context
    ) -> pb.GetNoticePreferencesResponse:
        preferences = await self._notices.preferences(current_call().caller.account_id)
        return pb.GetNoticePreferencesResponse(preferences=_message(preferences))

    async def UpdateNoticePreferences(
        self, request: pb.UpdateNoticePreferencesRequest, context: Context
    ) -> pb.UpdateNoticePreferencesResponse:
        call = current_call()
        preferences = await self._notices.update(
            call.caller.account_id,
            dict(request.wanted),
            request.language if request.HasField("language") else None,
            _actor(call),
        )
        return pb.UpdateNoticePreferencesResponse(preferences=_message(preferences))


class NoticesRestServicer(rest_pb_grpc.NoticesRestServiceServicer):
    def __init__(self, notices: NoticeService) -> None:
        self._notices = notices

    async def GetNoticePreferences(
        self, request: rest_pb.GetNoticePreferencesRequest, context: Context
    ) -> None:
        call = current_call()
        preferences = await self._notices.preferences(call.caller.account_id)
        await write_json(context, call, encode_preferences(preferences))

    async def UpdateNoticePreferences(
        self, request: rest_pb.UpdateNoticePreferencesRequest, context: Context
    ) -> None:
        call = current_call()
        asked = decode_update(request.body.data)
        preferences = await self._notices.update(
            call.caller.account_id, asked.wanted, asked.language, _actor(call)
        )
        await write_json(context, call, encode_preferences(preferences))


def _actor(call: Call) -> str:
    caller = call.caller
    return caller.api_key_id or caller.account_id


def _message(preferences: Preferences) -> pb.NoticePreferences:
    return pb.NoticePreferences(
        notices=[
            pb.NoticePreference(kind=each.kind.value, wanted=each.is_wanted, essential=each.is_essential)
            for each in preferences.notices
        ],
        language=preferences.language.value,
    )
