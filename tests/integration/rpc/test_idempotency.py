"""`Idempotency-Key` at the doors: native gRPC, the OpenAI routes, and the operators' billing mutations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from tests.integration.rpc.conftest import AT_ONCE
from tests.support.worker import MICROCREDITS, Client, Worker, error_of

from raseed.admin.v1 import admin_pb2 as pb
from raseed.inference.v1 import inference_pb2, inference_pb2_grpc
from raseed.rest.v1 import rest_pb2, rest_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

HIT = ("idempotency-hit", "true")
SLOW = "#script tokens=20 pace_ms=20"


def chat(text: str, **fields: Any) -> inference_pb2.CreateChatCompletionRequest:
    message = inference_pb2.ChatMessage(role="user", content=text)
    return inference_pb2.CreateChatCompletionRequest(model="scripted", messages=[message], **fields)


def under(client: Client, key: str) -> tuple[tuple[str, str], ...]:
    return (*client.metadata, ("idempotency-key", key))


async def hits(call: Any) -> bool:
    return HIT in tuple(await call.initial_metadata())


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_of(caught.value)


async def left(worker: Worker, client: Client) -> int:
    account = (await worker.admin.GetAccount(pb.GetAccountRequest(account=client.account))).account
    assert account.held_microcredits == 0
    return int(account.balance_microcredits)


@dataclass(frozen=True)
class Http:
    """What an HTTP client would get."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.body)["error"]
        return error


async def post(worker: Worker, metadata: Sequence[tuple[str, str]], text: str, **fields: Any) -> Http:
    body = {"model": "scripted", "messages": [{"role": "user", "content": text}], **fields}
    call = rest_pb2_grpc.OpenAIServiceStub(worker.channel).CreateChatCompletion(
        rest_pb2.CreateChatCompletionRequest(body=HttpBody(data=json.dumps(body).encode())),
        metadata=tuple(metadata),
    )
    data = b"".join([part.data async for part in call])
    headers = {name: str(value) for name, value in tuple(await call.initial_metadata())}
    return Http(int(headers.get("x-http-status", "200")), headers, data)


@AT_ONCE
async def test_native_answers_again_and_charges_once(worker, new_client):
    client, stub = await new_client(), inference_pb2_grpc.InferenceServiceStub(worker.channel)
    first = stub.CreateChatCompletion(chat("hello"), metadata=under(client, "k"))
    answer = await first
    after = await left(worker, client)
    again = stub.CreateChatCompletion(chat("hello"), metadata=under(client, "k"))
    assert await again == answer
    assert [await hits(first), await hits(again)] == [False, True]
    other = stub.CreateChatCompletion(chat("goodbye"), metadata=under(client, "k"))
    assert await refused(other) == ("ALREADY_EXISTS", "REQUEST_REUSED_WITH_OTHER_INPUT")
    assert await left(worker, client) == after < 1_000 * MICROCREDITS


async def test_a_key_is_its_accounts_and_its_methods_own(worker, new_client):
    stub = inference_pb2_grpc.InferenceServiceStub(worker.channel)
    one, two = await new_client(), await new_client()
    ids = {
        (await stub.CreateChatCompletion(chat("hello"), metadata=under(client, "shared"))).id
        for client in (one, two, one)
    }
    rest = await post(worker, under(one, "shared"), "hello")
    assert len(ids | {json.loads(rest.body)["id"]}) == 3


@AT_ONCE
async def test_fifty_at_once_are_one_run(worker, new_client):
    client, stub = await new_client(), inference_pb2_grpc.InferenceServiceStub(worker.channel)
    calls = [stub.CreateChatCompletion(chat(SLOW), metadata=under(client, "k")) for _ in range(50)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    answers = [it for it in outcomes if isinstance(it, inference_pb2.CreateChatCompletionResponse)]
    errors = {error_of(it) for it in outcomes if isinstance(it, grpc.aio.AioRpcError)}
    assert len(answers) == 1
    assert errors == {("ABORTED", "REQUEST_IN_PROGRESS")}
    assert await left(worker, client) == 1_000 * MICROCREDITS - answers[0].usage.cost_microcredits


@AT_ONCE
async def test_a_native_stream_is_named_and_not_sent_again(worker, new_client):
    client, stub = await new_client(), inference_pb2_grpc.InferenceServiceStub(worker.channel)
    request = inference_pb2.StreamChatCompletionRequest(model="scripted", messages=chat("hello").messages)
    pieces = [piece async for piece in stub.StreamChatCompletion(request, metadata=under(client, "k"))]
    after = await left(worker, client)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        [piece async for piece in stub.StreamChatCompletion(request, metadata=under(client, "k"))]
    assert error_of(caught.value) == ("ABORTED", "ALREADY_ANSWERED")
    assert pieces[0].id in (caught.value.details() or "")
    assert await left(worker, client) == after


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_that_is_none_is_refused(worker, new_client, key):
    answer = await post(worker, under(await new_client(), key), "hello")
    assert answer.status == 400
    assert answer.error["param"] == "Idempotency-Key"


async def test_the_longest_key_is_taken(worker, new_client):
    assert (await post(worker, under(await new_client(), "k k" * 85), "hello")).status == 200


async def test_one_id_is_enough(worker, new_client):
    stub = inference_pb2_grpc.InferenceServiceStub(worker.channel)
    request = chat("hello", request_id="mine")
    call = stub.CreateChatCompletion(request, metadata=under(await new_client(), "k"))
    assert await refused(call) == ("INVALID_ARGUMENT", "REQUEST_INVALID")


@AT_ONCE
async def test_rest_answers_again(worker, new_client):
    metadata = under(await new_client(), "k")
    first, again = [await post(worker, metadata, "hello") for _ in range(2)]
    assert first.body == again.body
    assert [http.headers.get("idempotency-hit") for http in (first, again)] == [None, "true"]
    other = await post(worker, metadata, "goodbye")
    assert (other.status, other.error["code"]) == (422, "idempotency_key_reused")


@AT_ONCE
async def test_rest_says_how_long_to_wait(worker, new_client):
    metadata = under(await new_client(), "k")
    first = asyncio.create_task(post(worker, metadata, SLOW))
    await asyncio.sleep(0.1)
    second = await post(worker, metadata, SLOW)
    assert (second.status, second.error["code"]) == (409, "request_in_progress")
    assert second.headers["retry-after"] == "1"
    assert (await first).status == 200
    assert (await post(worker, metadata, SLOW)).body == (await first).body


async def test_a_rest_stream_is_named_and_not_sent_again(worker, new_client):
    metadata = under(await new_client(), "k")
    first = await post(worker, metadata, "hello", stream=True)
    assert first.body.endswith(b"data: [DONE]\n\n")
    again = await post(worker, metadata, "hello", stream=True)
    assert (again.status, again.error["code"]) == (409, "already_answered")
    assert again.headers["x-should-retry"] == "false"
    name = json.loads(first.body.split(b"\n")[0].removeprefix(b"data: "))["id"]
    assert name in again.error["message"]


async def test_an_error_that_was_charged_is_sent_again(worker, new_client):
    client = await new_client()
    first, again = [await post(worker, under(client, "k"), "#script tokens=5 fail_at=3") for _ in range(2)]
    assert first.status == again.status == 503
    assert first.error == again.error
    assert [http.headers.get("idempotency-hit") for http in (first, again)] == [None, "true"]


async def test_what_is_refused_is_not_kept(worker, new_client):
    metadata = under(await new_client(), "k")
    assert (await post(worker, metadata, "hello", temperature=9)).status == 400
    assert (await post(worker, metadata, "hello")).status == 200


@AT_ONCE
async def test_a_client_that_leaves_comes_back_for_its_answer(worker, new_client):
    client = await new_client()
    leaving = asyncio.create_task(post(worker, under(client, "k"), SLOW))
    await asyncio.sleep(0.1)
    leaving.cancel()
    async with asyncio.timeout(5.0):
        while (found := await post(worker, under(client, "k"), SLOW)).status == 409:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (found.status, found.headers.get("idempotency-hit")) == (200, "true")
    tokens = json.loads(found.body)["usage"]["completion_tokens"]
    assert tokens == 20


def mutations(client: Client, grant_id: str) -> list[tuple[str, Any, Any]]:
    """Each mutation, with another content under the same key."""
    named: dict[str, Any] = {"account": client.account, "reason": "why"}
    return [
        (
            "GrantCredits",
            pb.GrantCreditsRequest(amount_microcredits=5, **named),
            pb.GrantCreditsRequest(amount_microcredits=6, **named),
        ),
        (
            "AdjustCredits",
            pb.AdjustCreditsRequest(amount_microcredits=-7, **named),
            pb.AdjustCreditsRequest(amount_microcredits=7, **named),
        ),
        (
            "VoidGrant",
            pb.VoidGrantRequest(grant_id=grant_id, **named),
            pb.VoidGrantRequest(grant_id="grant_other", **named),
        ),
    ]


@AT_ONCE
@pytest.mark.parametrize("number", [0, 1, 2], ids=["grant", "adjust", "void"])
async def test_a_mutation_is_made_once_and_answered_alike(worker, new_client, number):
    client = await new_client()
    account = (await worker.admin.GetAccount(pb.GetAccountRequest(account=client.account))).account
    name, request, other = mutations(client, account.grants[0].id)[number]
    method, metadata = getattr(worker.admin, name), (("idempotency-key", uuid4().hex),)
    first = method(request, metadata=metadata)
    answer = await first
    after = await left(worker, client)
    assert after != 1_000 * MICROCREDITS
    # What happens in between does not change the answer.
    await worker.admin.GrantCredits(
        pb.GrantCreditsRequest(account=client.account, amount_microcredits=1, reason="in between")
    )
    again = method(request, metadata=metadata)
    assert await again == answer
    assert [await hits(first), await hits(again)] == [False, True]
    assert await refused(method(other, metadata=metadata)) == (
        "ALREADY_EXISTS",
        "REQUEST_REUSED_WITH_OTHER_INPUT",
    )
    assert await left(worker, client) == after + 1


@AT_ONCE
async def test_fifty_mutations_at_once_are_one(worker, new_client):
    client = await new_client()
    request = pb.GrantCreditsRequest(account=client.account, amount_microcredits=5, reason="why")
    metadata = (("idempotency-key", "k"),)
    answers = await asyncio.gather(
        *(worker.admin.GrantCredits(request, metadata=metadata) for _ in range(50))
    )
    assert len({answer.grant_id for answer in answers}) == 1
    assert await left(worker, client) == 1_000 * MICROCREDITS + 5


async def test_a_mutation_is_known_after_its_record_is_gone(worker, new_client):
    """The ledger keeps what names it for ever."""
    client = await new_client()
    request = pb.GrantCreditsRequest(account=client.account, amount_microcredits=5, reason="why")
    metadata = (("idempotency-key", "k"),)
    first = await worker.admin.GrantCredits(request, metadata=metadata)
    await worker.platform.content.erase(client.account)
    again = await worker.admin.GrantCredits(request, metadata=metadata)
    assert again.grant_id == first.grant_id
    assert await left(worker, client) == 1_000 * MICROCREDITS + 5


async def test_a_mutation_has_one_id(worker, new_client):
    client = await new_client()
    request = pb.GrantCreditsRequest(
        account=client.account, amount_microcredits=5, reason="why", request_id="mine"
    )
    call = worker.admin.GrantCredits(request, metadata=(("idempotency-key", "k"),))
    assert await refused(call) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
