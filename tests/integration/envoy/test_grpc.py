"""Native gRPC on the public port: an allow-list, passed through untouched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.integration.envoy.edge import Edge, run_edge
from tests.integration.envoy.stub_core import StubCore

from raseed.admin.v1 import admin_pb2, admin_pb2_grpc
from raseed.billing.v1 import billing_pb2, billing_pb2_grpc
from raseed.inference.v1 import inference_pb2, inference_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")
TIMEOUT_S = 5
ChatRequest = inference_pb2.CreateChatCompletionRequest


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def channel(edge: Edge) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(edge.address) as opened:
        yield opened


async def test_unary_call(channel: grpc.aio.Channel, core: StubCore) -> None:
    stub = inference_pb2_grpc.InferenceServiceStub(channel)
    metadata = (("authorization", "Bearer k"), ("x-raseed-account", "forged"))
    answer = await stub.CreateChatCompletion(ChatRequest(model="m"), metadata=metadata, timeout=TIMEOUT_S)
    assert answer.content == "hello"
    assert core.seen.metadata["authorization"] == "Bearer k"
    assert "x-raseed-account" not in core.seen.metadata


async def test_deadline_of_the_client_reaches_the_core(channel: grpc.aio.Channel, core: StubCore) -> None:
    stub = inference_pb2_grpc.InferenceServiceStub(channel)
    await stub.CreateChatCompletion(ChatRequest(model="m"), timeout=TIMEOUT_S)
    assert core.seen.time_remaining_s is not None
    assert core.seen.time_remaining_s == pytest.approx(TIMEOUT_S, abs=0.5)


async def test_server_stream(channel: grpc.aio.Channel) -> None:
    stub = inference_pb2_grpc.InferenceServiceStub(channel)
    call = stub.StreamChatCompletion(inference_pb2.StreamChatCompletionRequest(model="m"), timeout=TIMEOUT_S)
    assert [piece.content_delta async for piece in call] == ["0", "1", "2"]
    assert await call.code() is grpc.StatusCode.OK
    initial = dict(await call.initial_metadata())
    assert set(initial) == {"x-request-id", "date"}


async def test_status_of_the_core(channel: grpc.aio.Channel) -> None:
    stub = inference_pb2_grpc.InferenceServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.CreateChatCompletion(ChatRequest(model="missing"), timeout=TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "no such model"


async def test_other_public_services(channel: grpc.aio.Channel) -> None:
    billing = billing_pb2_grpc.BillingServiceStub(channel)
    assert (
        await billing.GetSubscription(billing_pb2.GetSubscriptionRequest(), timeout=TIMEOUT_S)
    ).tier == "free"
    health: Any = health_pb2_grpc.HealthStub(channel)
    answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_admin_is_not_there(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin_pb2_grpc.AdminServiceStub(channel).ListAccounts(
            admin_pb2.ListAccountsRequest(), timeout=TIMEOUT_S
        )
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == "Unknown request URL. Please check the URL for typos."


@pytest.mark.parametrize(
    "path", ["/raseed.rest.v1.OpenAIService/ListModels", "/other.Service/Do", "/v1/models"]
)
async def test_nothing_else_is_there(channel: grpc.aio.Channel, core: StubCore, path: str) -> None:
    calls = core.seen.call_count
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"", timeout=TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert core.seen.call_count == calls


async def list_services(address: str) -> list[str]:
    async with grpc.aio.insecure_channel(address) as opened:
        # The stub's types know blocking channels alone.
        make_stub: Any = reflection_pb2_grpc.ServerReflectionStub
        stub = make_stub(opened)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        call = stub.ServerReflectionInfo(iter([request]), timeout=TIMEOUT_S)
        return [service.name async for answer in call for service in answer.list_services_response.service]


async def test_reflection_unless_production(
    edge: Edge, core: StubCore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert "raseed.inference.v1.InferenceService" in await list_services(edge.address)
    async with run_edge(tmp_path_factory.mktemp("production"), [core.port], production=True) as production:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await list_services(production.address)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
