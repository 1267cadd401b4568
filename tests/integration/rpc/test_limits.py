"""Limits at the doors: every answer says where its caller stands, and what is refused is told in the caller's protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tests.integration.rpc.conftest import NUMBERS
from tests.support.worker import Client, Worker, error_of, running_worker

from raseed.accounts.v1 import accounts_pb2, accounts_pb2_grpc
from raseed.adapters.rpc.access import access_of
from raseed.adapters.rpc.interceptors.limits import RUNS, UNCOUNTED_PREFIX
from raseed.billing.v1 import billing_pb2, billing_pb2_grpc
from raseed.core.accounts.model import OwnLimit, OwnLimits
from raseed.core.ids import AccountId
from raseed.inference.v1 import inference_pb2, inference_pb2_grpc
from raseed.metering.v1 import metering_pb2, metering_pb2_grpc
from raseed.rest.v1 import rest_pb2, rest_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

RPM = 10
"""Of the tier `free` in the default profile."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Worker]:
    async with running_worker(tmp_path_factory.mktemp("worker"), RASEED_LIMITS_ENABLED="true") as running:
        yield running


async def customer(worker: Worker, limits: OwnLimits = (), scopes: tuple[str, ...] = ()) -> Client:
    client = await worker.client(f"limited-{next(NUMBERS)}", scopes=scopes)
    if limits:
        await worker.platform.accounts.set_own_limits(
            AccountId(client.account), limits, reason="test", actor="test"
        )
    return client


def chat(text: str = "hello", **fields: Any) -> inference_pb2.CreateChatCompletionRequest:
    message = inference_pb2.ChatMessage(role="user", content=text)
    return inference_pb2.CreateChatCompletionRequest(model="scripted", messages=[message], **fields)


async def native(worker: Worker, client: Client, *metadata: tuple[str, str], **fields: Any) -> dict[str, str]:
    """The trailing metadata of an answer."""
    stub = inference_pb2_grpc.InferenceServiceStub(worker.channel)
    call = stub.CreateChatCompletion(chat(**fields), metadata=(*client.metadata, *metadata))
    await call
    return as_dict(await call.trailing_metadata())


def as_dict(metadata: Any) -> dict[str, str]:
    return {name: str(value) for name, value in tuple(metadata or ())}


async def rest(
    call: Any, *, after: int | None = None
) -> tuple[int, dict[str, str], dict[str, Any] | list[bytes]]:
    """Status, headers and body as Envoy would make them."""
    parts = [part.data async for part in call]
    headers = as_dict(await call.initial_metadata())
    body = b"".join(parts)
    return int(headers.get("x-http-status", "200")), headers, json.loads(body) if body[:1] == b"{" else parts


def body_of(**fields: Any) -> HttpBody:
    message = {"role": "user", "content": "hello"}
    return HttpBody(data=json.dumps({"model": "scripted", "messages": [message], **fields}).encode())


async def openai(worker: Worker, client: Client, **fields: Any) -> Any:
    stub = rest_pb2_grpc.OpenAIServiceStub(worker.channel)
    request = rest_pb2.CreateChatCompletionRequest(body=body_of(**fields))
    return await rest(stub.CreateChatCompletion(request, metadata=client.metadata))


async def test_the_methods_that_ask_a_model_are_methods():
    assert all(access_of(method) is not None for method in RUNS)
    assert access_of(UNCOUNTED_PREFIX + "PlaceHold") is not None


async def test_a_native_answer_says_what_is_left(worker):
    client = await customer(worker)
    first, second = [await native(worker, client) for _ in range(2)]
    assert (first["x-ratelimit-limit-requests"], first["x-ratelimit-remaining-requests"]) == ("10", "9")
    assert (second["x-ratelimit-limit"], second["x-ratelimit-remaining"]) == ("10", "8")
    assert first["x-ratelimit-limit-tokens"] == "2000000"
    assert first["x-ratelimit-reset-requests"].endswith("s")


async def test_native_streams_and_failures_say_it_too(worker):
    client = await customer(worker)
    stub = inference_pb2_grpc.InferenceServiceStub(worker.channel)
    streamed = stub.StreamChatCompletion(
        inference_pb2.StreamChatCompletionRequest(model="scripted", messages=chat().messages),
        metadata=client.metadata,
    )
    assert [piece async for piece in streamed]
    assert as_dict(await streamed.trailing_metadata())["x-ratelimit-remaining"] == "9"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.CreateChatCompletion(chat("#script fail_at=0"), metadata=client.metadata)
    trailers = as_dict(caught.value.trailing_metadata())
    assert trailers["x-ratelimit-remaining"] == "8"
    assert error_of(caught.value)[1] != "INTERNAL", "details are still there beside the limits"


async def test_a_native_refusal(worker):
    client = await customer(worker, ((OwnLimit.RPM, 1),))
    await native(worker, client)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await native(worker, client)
    assert error_of(caught.value) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
    assert as_dict(caught.value.trailing_metadata())["x-ratelimit-remaining"] == "0"
    status: Any = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    retry = error_details_pb2.RetryInfo()
    [packed] = [detail for detail in status.details if detail.Is(retry.DESCRIPTOR)]
    packed.Unpack(retry)
    assert 58 < retry.retry_delay.ToTimedelta().total_seconds() <= 60


@pytest.mark.parametrize("stream", [False, True])
async def test_an_openai_answer_says_what_is_left_and_then_what_is_over(worker, stream):
    client = await customer(worker, ((OwnLimit.RPM, 2),))
    answers = [await openai(worker, client, stream=stream) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 200, 429]
    assert [headers["x-ratelimit-remaining-requests"] for _, headers, _ in answers] == ["1", "0", "0"]
    _, headers, body = answers[2]
    assert {"retry-after", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-reset-tokens"} <= set(headers)
    assert body["retry_after"] == int(headers["retry-after"])
    assert (body["error"]["type"], body["error"]["code"]) == ("requests", "rate_limit_exceeded")


async def test_other_failures_say_it_too(worker):
    client = await customer(worker)
    for fields, status, left in (({"messages": []}, 400, "10"), ({"messages": 1}, 400, "10")):
        answered, headers, _ = await openai(worker, client, **fields)
        assert (answered, headers["x-ratelimit-remaining"]) == (status, left)
    poor = await worker.client(f"limited-{next(NUMBERS)}", credit=0)
    status, headers, _ = await openai(worker, poor)
    assert (status, headers["x-ratelimit-remaining"]) == (402, "9"), "limits come before credit"
    stranger = Client("", "", (("authorization", "Bearer nobody"),))
    status, headers, _ = await openai(worker, stranger)
    assert status == 401
    assert not [name for name in headers if "ratelimit" in name]


async def test_anthropics_routes_in_anthropics_words(worker):
    client = await customer(worker, ((OwnLimit.RPM, 1),))
    stub = rest_pb2_grpc.AnthropicServiceStub(worker.channel)

    async def ask() -> Any:
        request = rest_pb2.CreateMessageRequest(body=body_of(max_tokens=5))
        return await rest(stub.CreateMessage(request, metadata=client.metadata))

    status, headers, _ = await ask()
    assert (status, headers["anthropic-ratelimit-requests-remaining"]) == (200, "0")
    assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    status, headers, body = await ask()
    assert (status, body["error"]["type"]) == (429, "rate_limit_error")
    assert headers["retry-after"]


async def test_other_calls_are_counted_apart(worker):
    client = await customer(worker, ((OwnLimit.RPM, 3),))
    stub = billing_pb2_grpc.BillingServiceStub(worker.channel)
    for _ in range(3):
        await native(worker, client)
    for left in "210":
        call = stub.GetSubscription(billing_pb2.GetSubscriptionRequest(), metadata=client.metadata)
        await call
        assert as_dict(await call.trailing_metadata())["x-ratelimit-remaining"] == left
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetSubscription(billing_pb2.GetSubscriptionRequest(), metadata=client.metadata)
    assert error_of(caught.value) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
    models = rest_pb2_grpc.OpenAIServiceStub(worker.channel).ListModels(
        rest_pb2.ListModelsRequest(), metadata=client.metadata
    )
    assert (await rest(models))[0] == 429


async def test_an_estimate_is_a_call_like_others(worker):
    client = await customer(worker, ((OwnLimit.RPM, 1),))
    stub = rest_pb2_grpc.BillingRestServiceStub(worker.channel)
    statuses = [
        (
            await rest(
                stub.EstimatePrice(rest_pb2.EstimatePriceRequest(body=body_of()), metadata=client.metadata)
            )
        )[0]
        for _ in range(2)
    ]
    assert statuses == [200, 429]


async def test_services_of_the_operator_are_not_counted(worker):
    client = await customer(worker, ((OwnLimit.RPM, 1),), ("metering:write",))
    stub = metering_pb2_grpc.MeteringServiceStub(worker.channel)
    for _ in range(3):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ReleaseHold(metering_pb2.ReleaseHoldRequest(request_id="x"), metadata=client.metadata)
        assert error_of(caught.value)[1] != "RATE_LIMITED"
        assert "x-ratelimit-limit" not in as_dict(caught.value.trailing_metadata())


async def test_an_answer_that_is_sent_again_takes_nothing(worker):
    client = await customer(worker)
    key = ("idempotency-key", "once")
    for _ in range(3):
        assert (await native(worker, client, key))["x-ratelimit-remaining"] == "9"


async def test_a_refusal_is_not_kept_under_its_key(worker):
    client = await customer(worker, ((OwnLimit.RPM, 1),))
    await native(worker, client)
    key = ("idempotency-key", "refused")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await native(worker, client, key)
    assert error_of(caught.value)[1] == "RATE_LIMITED"
    limits = ((OwnLimit.RPM, 600),)
    await worker.platform.accounts.set_own_limits(
        AccountId(client.account), limits, reason="test", actor="test"
    )
    await asyncio.sleep(0.15)  # what was used up stays used up, and comes back at the new rate
    assert (await native(worker, client, key))["x-ratelimit-limit"] == "600"


async def test_an_account_without_limits_is_told_none(worker):
    unlimited = ((OwnLimit.RPM, None), (OwnLimit.TPM, None), (OwnLimit.CONCURRENCY, None))
    client = await customer(worker, unlimited)
    for _ in range(RPM + 2):
        assert not [name for name in await native(worker, client) if "ratelimit" in name]


async def test_a_key_has_limits_and_models_of_its_own(worker):
    client = await customer(worker, ((OwnLimit.KEYS, None),), ("keys:write",))
    settings = accounts_pb2.ApiKeySettings(requests_per_minute=2, concurrency=1, allowed_models=["scripted"])
    made = await accounts_pb2_grpc.AccountsServiceStub(worker.channel).CreateApiKey(
        accounts_pb2.CreateApiKeyRequest(settings=settings), metadata=client.metadata
    )
    strict = Client(client.account, made.api_key.id, (("authorization", f"Bearer {made.key}"),))
    assert (await native(worker, strict))["x-ratelimit-limit"] == "2"
    assert (await native(worker, client))["x-ratelimit-remaining"] == "8", "both take from the account's"
    await native(worker, strict)
    status, _, body = await openai(worker, strict)
    assert (status, body["error"]["message"].partition(":")[0]) == (
        429,
        f"Rate limit reached for scripted in organization {client.account} on requests per min (RPM) of this API key",
    )
    status, _, body = await openai(worker, strict, model="other")
    assert (status, body["error"]["code"]) == (403, "model_not_allowed")
    assert body["available_models"] == ["scripted"]


async def test_a_new_limit_is_in_force_at_once(worker):
    client = await customer(worker)
    assert (await native(worker, client))["x-ratelimit-limit"] == "10"
    limits = ((OwnLimit.RPM, 600),)
    await worker.platform.accounts.set_own_limits(
        AccountId(client.account), limits, reason="test", actor="test"
    )
    assert (await native(worker, client))["x-ratelimit-limit"] == "600"
