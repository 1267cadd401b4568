"""Keys over native gRPC and over REST: what is asked arrives, what is answered says it, and whose they are is not for the
request to say.
"""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.field_mask_pb2 import FieldMask
from tests.integration.rpc.test_auth import sign_in
from tests.support.worker import Client, Worker, error_of

from raseed.accounts.v1 import accounts_pb2 as pb
from raseed.accounts.v1 import accounts_pb2_grpc
from raseed.core.accounts.model import OwnLimit
from raseed.core.ids import AccountId
from raseed.rest.v1 import keys_pb2, keys_pb2_grpc, rest_pb2, rest_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANAGING = ("keys:read", "keys:write", "account:read")
HOUR_US = 3_600_000_000


def stub(worker: Worker) -> Any:
    return accounts_pb2_grpc.AccountsServiceStub(worker.channel)


async def rest(worker: Worker, method: str, client: Client, **fields: Any) -> tuple[int, dict[str, Any]]:
    """Status and JSON."""
    body = fields.pop("body", None)
    if body is not None:
        fields["body"] = HttpBody(data=json.dumps(body).encode())
    extra = fields.pop("headers", ())
    kind = {"ListKeys": "ListKeysRequest", "ReportUnauthorisedUse": "ReportUnauthorisedUseRequest"}
    request = getattr(keys_pb2, kind.get(method, f"{method}Request"))(**fields)
    call = getattr(keys_pb2_grpc.KeysRestServiceStub(worker.channel), method)(
        request, metadata=(*client.metadata, *extra)
    )
    headers = dict(await call.initial_metadata())
    parts = [part.data async for part in call]
    return int(headers.get("x-http-status", 200)), json.loads(b"".join(parts))


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_of(caught.value)


async def rich(worker: Worker, new_client: Any) -> Client:
    """A client that may have as many keys as it likes, and whose key manages them."""
    client: Client = await new_client(scopes=MANAGING)
    await worker.platform.accounts.set_own_limits(
        AccountId(client.account), ((OwnLimit.KEYS, None),), reason="test", actor="test"
    )
    return client


async def test_no_more_keys_than_the_tier_has_and_the_refusal_says_how_many(worker, new_client):
    client = await new_client(scopes=MANAGING)
    status, answer = await rest(worker, "CreateKey", client, body={})
    assert (status, answer["error"]["code"]) == (409, "key_limit_reached")
    assert "1 API key" in answer["error"]["message"]


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "raseed-account", "x-csrf-token"])
async def test_of_two_headers_that_say_who_calls_none_is_guessed(worker, new_client, name):
    client = await new_client(scopes=MANAGING)
    given = dict(client.metadata).get(name, "something")
    request = pb.ListApiKeysRequest()
    two = [*client.metadata, (name, given), (name, f"{given}x")]
    assert (await refused(stub(worker).ListApiKeys(request, metadata=two)))[1] == "REQUEST_INVALID"
    same = [*client.metadata, *client.metadata]
    assert len((await stub(worker).ListApiKeys(request, metadata=same)).api_keys) == 1


async def test_a_key_from_its_making_to_its_end(worker, new_client):
    client = await rich(worker, new_client)
    settings = pb.ApiKeySettings(
        name="ci",
        scopes=["inference"],
        allowed_models=["b", "a"],
        allowed_addresses=["192.0.2.7", "2001:db8::/32"],
        requests_per_minute=5,
        spend_cap=pb.SpendCapSetting(limit_microcredits=7, window="day"),
    )
    request = pb.CreateApiKeyRequest(settings=settings, mode="test", request_id="r")
    made = await stub(worker).CreateApiKey(request, metadata=client.metadata)
    again = await stub(worker).CreateApiKey(request, metadata=client.metadata)
    assert made.key.startswith("rsd_test_")
    assert (again.key, again.api_key.id) == ("", made.api_key.id)
    key = made.api_key
    assert (key.name, key.mode, list(key.scopes), key.parent_id) == (
        "ci",
        "test",
        ["inference"],
        client.key_id,
    )
    assert list(key.allowed_models.models) == ["a", "b"]
    assert list(key.allowed_addresses.networks) == ["192.0.2.7/32", "2001:db8::/32"]
    assert (key.requests_per_minute, key.HasField("concurrency")) == (5, False)
    assert (key.spend_cap.limit_microcredits, key.spend_cap.window) == (7, "day")
    assert made.key[-4:] in key.hint
    assert made.key[-49:-6] not in str(again) + str(key)

    update = pb.UpdateApiKeyRequest(
        id=key.id,
        settings=pb.ApiKeySettings(name="ci 2", concurrency=3),
        update_mask=FieldMask(paths=["name", "concurrency", "requests_per_minute", "spend_cap"]),
    )
    changed = (await stub(worker).UpdateApiKey(update, metadata=client.metadata)).api_key
    assert (changed.name, changed.concurrency) == ("ci 2", 3)
    assert not changed.HasField("requests_per_minute")
    assert not changed.HasField("spend_cap")
    assert changed.allowed_models == key.allowed_models

    rotation = pb.RotateApiKeyRequest(id=key.id, grace_s=60)
    rotated = await stub(worker).RotateApiKey(rotation, metadata=client.metadata)
    assert rotated.key.startswith(made.key[:21])
    assert rotated.key != made.key
    assert rotated.api_key.HasField("old_secret_ends_at_us")
    found = await stub(worker).GetApiKey(pb.GetApiKeyRequest(id=key.id), metadata=client.metadata)
    assert found.api_key == rotated.api_key
    revoked = await stub(worker).RevokeApiKey(pb.RevokeApiKeyRequest(id=key.id), metadata=client.metadata)
    assert revoked.api_key.HasField("revoked_at_us")


async def test_the_same_over_rest(worker, new_client):
    client = await rich(worker, new_client)
    body = {"name": "ci", "scopes": ["inference"], "allowed_addresses": ["192.0.2.7"], "concurrency": 2}
    body |= {"spend_cap": {"limit": 2.5, "window": "day"}, "mode": "test"}
    header = (("idempotency-key", "k"),)
    status, made = await rest(worker, "CreateKey", client, body=body, headers=header)
    assert status == 201
    assert made["key"].startswith("rsd_test_")
    assert made["key"] not in json.dumps({name: value for name, value in made.items() if name != "key"})
    again = (await rest(worker, "CreateKey", client, body=body, headers=header))[1]
    assert (again["id"], again["key"]) == (made["id"], None)
    assert made["spend_cap"] == {"limit": 2.5, "window": "day", "charged": 0, "held": 0}
    assert (made["allowed_addresses"], made["allowed_models"]) == (["192.0.2.7/32"], None)
    assert (made["parent_id"], made["last_used_on"], made["revoked_at"]) == (client.key_id, None, None)
    patch = {"name": "ci 2", "allowed_addresses": None, "spend_cap": None, "expires_at": None}
    assert (await rest(worker, "UpdateKey", client, id=made["id"], body=patch))[0] == 403  # its maker's ends
    del patch["expires_at"]
    changed = (await rest(worker, "UpdateKey", client, id=made["id"], body=patch))[1]
    assert changed == {key: value for key, value in made.items() if key != "key"} | {
        "name": "ci 2",
        "allowed_addresses": None,
        "spend_cap": None,
    }
    rotated = (await rest(worker, "RotateKey", client, id=made["id"]))[1]
    assert rotated["key"] not in (made["key"], None)
    assert rotated["old_secret_ends_at"] is not None
    listed = (await rest(worker, "ListKeys", client, limit="1"))[1]
    assert [key["id"] for key in listed["data"]] == [made["id"]]
    rest_of_them = (await rest(worker, "ListKeys", client, cursor=listed["next_cursor"]))[1]
    assert [key["id"] for key in rest_of_them["data"]] == [client.key_id]
    assert (await rest(worker, "RevokeKey", client, id=made["id"]))[1]["revoked_at"] is not None
    assert (await rest(worker, "GetKey", client, id=made["id"]))[1]["name"] == "ci 2"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": 1}, "name"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"allowed_addresses": ["192.0.2.1/24"]}, "allowed_addresses"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"spend_cap": {"limit": 0.0000001}}, "spend_cap.limit"),
        ({"mode": "demo"}, "mode"),
        ({"tier": "enterprise"}, None),
        ({"balance": 5}, None),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused_by_its_field(worker, new_client, body, param):
    client = await new_client(scopes=MANAGING)
    status, answer = await rest(worker, "CreateKey", client, body=body)
    assert status == 400, answer
    if param is not None:
        assert answer["error"]["param"] == param


async def test_a_mask_is_needed_and_names_fields(worker, new_client):
    client = await new_client(scopes=MANAGING)
    for paths in ([], ["tier"]):
        request = pb.UpdateApiKeyRequest(id=client.key_id, update_mask=FieldMask(paths=paths))
        assert await refused(stub(worker).UpdateApiKey(request, metadata=client.metadata)) == (
            "INVALID_ARGUMENT",
            "REQUEST_INVALID",
        )


async def test_a_key_without_the_scope_neither_sees_nor_makes_keys(worker, new_client):
    client = await new_client()
    denied = ("PERMISSION_DENIED", "SCOPE_MISSING")
    assert (
        await refused(stub(worker).ListApiKeys(pb.ListApiKeysRequest(), metadata=client.metadata)) == denied
    )
    assert (
        await refused(stub(worker).CreateApiKey(pb.CreateApiKeyRequest(), metadata=client.metadata)) == denied
    )
    assert (await rest(worker, "ListKeys", client))[0] == 403


async def test_a_report_of_unauthorised_use_is_not_for_keys(worker, new_client):
    client = await new_client(scopes=MANAGING)
    request = pb.ReportUnauthorisedUseRequest(replace_keys=True)
    call = stub(worker).ReportUnauthorisedUse(request, metadata=client.metadata)
    assert await refused(call) == ("PERMISSION_DENIED", "PERMISSION_DENIED")


async def test_a_revoked_key_makes_nothing_more(worker, new_client):
    client = await new_client(scopes=MANAGING)
    request = pb.RevokeApiKeyRequest(id=client.key_id)
    await stub(worker).RevokeApiKey(request, metadata=client.metadata)
    assert (await refused(stub(worker).CreateApiKey(pb.CreateApiKeyRequest(), metadata=client.metadata)))[
        0
    ] == ("UNAUTHENTICATED")


async def test_a_key_sees_and_uses_its_models_alone(worker, new_client):
    client = await rich(worker, new_client)
    openai = rest_pb2_grpc.OpenAIServiceStub(worker.channel)
    [first, *_] = await models(openai, client)
    made = await rest(worker, "CreateKey", client, body={"allowed_models": [first]})
    narrow = Client(client.account, made[1]["id"], (("authorization", f"Bearer {made[1]['key']}"),))
    assert await models(openai, narrow) == [first]
    other = f"not-{first}"  # the scripted backend answers every id
    body = HttpBody(
        data=json.dumps({"model": other, "messages": [{"role": "user", "content": "x"}]}).encode()
    )
    request = rest_pb2.CreateChatCompletionRequest(body=body)
    call = openai.CreateChatCompletion(request, metadata=narrow.metadata)
    assert dict(await call.initial_metadata())["x-http-status"] == "403"
    [part] = [part async for part in call]
    assert json.loads(part.data)["available_models"] == [first]


async def models(openai: Any, client: Client) -> list[str]:
    call = openai.ListModels(rest_pb2.ListModelsRequest(), metadata=client.metadata)
    return [model["id"] for part in [part async for part in call] for model in json.loads(part.data)["data"]]


async def test_a_person_makes_keys_and_ends_them_all_with_his_sessions(worker):
    entered = await sign_in(worker, "+96550998877")
    person = Client(entered.account_id, "", (("authorization", f"Bearer {entered.session_token}"),))
    await worker.platform.accounts.set_own_limits(
        AccountId(entered.account_id), ((OwnLimit.KEYS, None),), reason="test", actor="test"
    )
    made = [(await rest(worker, "CreateKey", person, body={"name": name}))[1] for name in ("a", "b")]
    keys = [Client(person.account, key["id"], (("authorization", f"Bearer {key['key']}"),)) for key in made]
    for key in keys:
        assert (await rest(worker, "ListKeys", key))[0] == 403  # the default scopes do not manage keys
    status, report = await rest(worker, "ReportUnauthorisedUse", person, body={"replace_keys": True})
    assert status == 200
    assert {key["id"] for key in report["data"]} == {key["id"] for key in made}
    openai = rest_pb2_grpc.OpenAIServiceStub(worker.channel)
    for old in (*keys, person):
        call = openai.ListModels(rest_pb2.ListModelsRequest(), metadata=old.metadata)
        assert dict(await call.initial_metadata())["x-http-status"] == "401"
    for key in report["data"]:
        new = Client(person.account, key["id"], (("authorization", f"Bearer {key['key']}"),))
        assert await models(openai, new)
