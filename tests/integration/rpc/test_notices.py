"""What accounts want to be told, and what operators see of what could not be: over gRPC and HTTP's side of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.api.httpbody_pb2 import HttpBody
from tests.integration.rpc.test_admin_credits import refused
from tests.support.worker import Client, Worker

from raseed.accounts.v1 import notices_pb2 as pb
from raseed.accounts.v1 import notices_pb2_grpc
from raseed.admin.v1 import audit_pb2
from raseed.core.accounts.scopes import Scope
from raseed.core.messaging.notices import NOTICE_TYPES
from raseed.rest.v1 import notices_pb2 as rest_pb
from raseed.rest.v1 import notices_pb2_grpc as rest_pb_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCOPES = (Scope.ACCOUNT_READ, Scope.ACCOUNT_WRITE)


async def update(worker: Worker, client: Client, **fields) -> pb.NoticePreferences:
    stub = notices_pb2_grpc.NoticesServiceStub(worker.channel)
    request = pb.UpdateNoticePreferencesRequest(**fields)
    answer = await stub.UpdateNoticePreferences(request, metadata=client.metadata)
    preferences: pb.NoticePreferences = answer.preferences
    return preferences


async def wanted(worker: Worker, client: Client) -> tuple[dict[str, bool], str]:
    stub = notices_pb2_grpc.NoticesServiceStub(worker.channel)
    answer = await stub.GetNoticePreferences(pb.GetNoticePreferencesRequest(), metadata=client.metadata)
    return {each.kind: each.wanted for each in answer.preferences.notices}, answer.preferences.language


async def test_everything_is_wanted_in_the_profiles_language_until_somebody_says_otherwise(
    worker: Worker, new_client
):
    client, other = await new_client(scopes=SCOPES), await new_client(scopes=SCOPES)
    kinds, language = await wanted(worker, client)
    assert language == "ar"
    assert set(kinds) == {kind for kind, type_ in NOTICE_TYPES.items() if not type_.is_for_operators}
    assert all(kinds.values())

    changed = await update(worker, client, wanted={"credit_warning": False, "welcome": True}, language="en")
    assert (changed.language, [each.kind for each in changed.notices if not each.wanted]) == (
        "en",
        ["credit_warning"],
    )
    await update(worker, client, wanted={"welcome": False})
    kinds, language = await wanted(worker, client)
    assert (language, [kind for kind, is_wanted in kinds.items() if not is_wanted]) == (
        "en",
        ["welcome", "credit_warning"],
    )
    await update(worker, client, wanted={"welcome": True}, language="")
    assert (await wanted(worker, client))[1] == "ar"
    assert all((await wanted(worker, other))[0].values())
    request = audit_pb2.ListAuditRowsRequest(subject=client.account, action="account.notices")
    rows = (await worker.operators.call("ListAuditRows", request)).rows
    assert rows[-1].detail == "credit_warning=no welcome=yes language=en"


@pytest.mark.parametrize(
    "fields",
    [
        {"wanted": {"key_created": False}},
        {"wanted": {"ip_banned": False}},
        {"wanted": {"anything": False}},
        {"wanted": {"welcome": False}, "language": "fr"},
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(worker: Worker, new_client, fields):
    client = await new_client(scopes=SCOPES)
    assert await refused(update(worker, client, **fields)) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
    kinds, language = await wanted(worker, client)
    assert all(kinds.values())
    assert language == "ar"


async def test_an_essential_notice_may_be_wanted(worker: Worker, new_client):
    client = await new_client(scopes=SCOPES)
    await update(worker, client, wanted={"key_created": True})


async def test_a_key_without_the_scope_is_refused(worker: Worker, new_client):
    client = await new_client(scopes=(Scope.ACCOUNT_READ,))
    await wanted(worker, client)
    assert (await refused(update(worker, client)))[1] == "SCOPE_MISSING"


async def test_the_same_over_http(worker: Worker, new_client):
    client = await new_client(scopes=SCOPES)
    stub = rest_pb_grpc.NoticesRestServiceStub(worker.channel)

    async def patch(body: object) -> dict[str, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        call = stub.UpdateNoticePreferences(
            rest_pb.UpdateNoticePreferencesRequest(body=HttpBody(data=data)), metadata=client.metadata
        )
        [answer] = [part async for part in call]
        status = dict(await call.initial_metadata()).get("x-http-status", "200")
        return {"status": status, **json.loads(answer.data)}

    changed = await patch({"wanted": {"welcome": False}, "language": "en", "more": 1})
    assert changed["status"] == "200"
    assert {"kind": "welcome", "wanted": False, "essential": False} in changed["notices"]
    wrongs: list[object] = [
        b"{",
        {"wanted": {"welcome": 0}},
        {"wanted": []},
        {"language": 5},
        {"language": "fr"},
    ]
    for wrong in wrongs:
        assert (await patch(wrong))["status"] == "400"
    call = stub.GetNoticePreferences(rest_pb.GetNoticePreferencesRequest(), metadata=client.metadata)
    [answer] = [part async for part in call]
    del changed["status"]
    assert json.loads(answer.data) == changed
