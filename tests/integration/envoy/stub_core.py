# ruff: noqa: N802  the names of the methods are those of the protos
"""A core that does what the request body tells it, and remembers what it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.api import httpbody_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from raseed.admin.v1 import admin_pb2_grpc
from raseed.billing.v1 import billing_pb2, billing_pb2_grpc
from raseed.inference.v1 import inference_pb2, inference_pb2_grpc
from raseed.rest.v1 import rest_pb2_grpc

SSE = "text/event-stream; charset=utf-8"


def body(data: bytes | str, content_type: str = "application/json") -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(
        content_type=content_type, data=data.encode() if isinstance(data, str) else data
    )


@dataclass
class Seen:
    """What arrived."""

    metadata: dict[str, str] = field(default_factory=dict)
    model: str | None = None
    body: bytes = b""
    content_type: str = ""
    call_count: int = 0
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    time_remaining_s: float | None = None

    def take(self, context: Any) -> None:
        self.call_count += 1
        self.metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        self.time_remaining_s = context.time_remaining()


class Planned:
    """Answers a body as its JSON says."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    async def _answer(self, request: Any, context: Any) -> None:
        self.seen.take(context)
        self.seen.body, self.seen.content_type = request.body.data, request.body.content_type
        try:
            plan: dict[str, Any] = json.loads(request.body.data[:4096])
        except ValueError:
            plan = {}
        if "status" in plan:
            await self._answer_error(plan, context)
        elif "abort" in plan:
            if plan.get("after_headers"):
                await context.send_initial_metadata((("x-request-id", "req_stub"),))
            if plan.get("after_body"):
                await context.write(body("data: 1\n\n", SSE))
            await context.abort(grpc.StatusCode[plan["abort"]], "secret host 10.0.0.1")
        elif "events" in plan:
            await self._stream(plan, context)
        elif "hang" in plan:
            await self._hang(context)
        elif "header" in plan:
            await context.send_initial_metadata((("retry-after", "7"), ("x-should-retry", "false")))
            await context.write(body("{}"))
        else:
            await context.send_initial_metadata((("x-request-id", "req_stub"),))
            await context.write(body('{"ok":true}'))

    async def _answer_error(self, plan: dict[str, Any], context: Any) -> None:
        await context.send_initial_metadata((("x-http-status", str(plan["status"])), ("retry-after", "3")))
        await context.write(body(json.dumps({"error": {"code": plan["status"]}})))

    async def _stream(self, plan: dict[str, Any], context: Any) -> None:
        try:
            for index in range(plan["events"]):
                await context.write(body(f'data: {{"n":{index}}}\n\n', SSE))
                await asyncio.sleep(plan.get("pause_s", 0))
            await context.write(body("data: [DONE]\n\n", SSE))
        except asyncio.CancelledError:
            self.seen.cancelled.set()
            raise

    async def _hang(self, context: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.seen.cancelled.set()
            raise


class OpenAI(Planned, rest_pb2_grpc.OpenAIServiceServicer):
    async def CreateChatCompletion(self, request: Any, context: Any) -> None:
        await self._answer(request, context)

    async def ListModels(self, request: Any, context: Any) -> None:
        self.seen.take(context)
        await context.write(body('{"object":"list","data":[]}'))

    async def GetModel(self, request: Any, context: Any) -> None:
        self.seen.take(context)
        self.seen.model = request.model
        await context.write(body(json.dumps({"id": request.model})))


class Anthropic(Planned, rest_pb2_grpc.AnthropicServiceServicer):
    async def CreateMessage(self, request: Any, context: Any) -> None:
        await self._answer(request, context)

    async def CountMessageTokens(self, request: Any, context: Any) -> None:
        await self._answer(request, context)


class Inference(inference_pb2_grpc.InferenceServiceServicer):
    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    async def CreateChatCompletion(
        self, request: Any, context: Any
    ) -> inference_pb2.CreateChatCompletionResponse:
        self.seen.take(context)
        if request.model == "missing":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
        return inference_pb2.CreateChatCompletionResponse(content="hello", model=request.model)

    async def StreamChatCompletion(self, request: Any, context: Any) -> None:
        self.seen.take(context)
        for index in range(3):
            await context.write(inference_pb2.StreamChatCompletionResponse(content_delta=str(index)))


class Billing(billing_pb2_grpc.BillingServiceServicer):
    async def GetSubscription(self, request: Any, context: Any) -> billing_pb2.GetSubscriptionResponse:
        return billing_pb2.GetSubscriptionResponse(tier="free")


@dataclass
class StubCore:
    port: int
    seen: Seen
    health: health.aio.HealthServicer
    server: grpc.aio.Server

    async def set_serving(self, *, is_serving: bool) -> None:
        status = health_pb2.HealthCheckResponse.ServingStatus
        await self.health.set("", status.Value("SERVING" if is_serving else "NOT_SERVING"))


@asynccontextmanager
async def stub_core(port: int = 0) -> AsyncIterator[StubCore]:
    message_bytes_max = 33 * 1024 * 1024
    server = grpc.aio.server(
        options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", message_bytes_max)]
    )
    seen, health_servicer = Seen(), health.aio.HealthServicer()
    rest_pb2_grpc.add_OpenAIServiceServicer_to_server(OpenAI(seen), server)
    rest_pb2_grpc.add_AnthropicServiceServicer_to_server(Anthropic(seen), server)
    inference_pb2_grpc.add_InferenceServiceServicer_to_server(Inference(seen), server)
    billing_pb2_grpc.add_BillingServiceServicer_to_server(Billing(), server)
    # Present, so that only the edge keeps it from the public.
    admin_pb2_grpc.add_AdminServiceServicer_to_server(admin_pb2_grpc.AdminServiceServicer(), server)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection(
        ("raseed.inference.v1.InferenceService", reflection.SERVICE_NAME), server
    )
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    core = StubCore(bound, seen, health_servicer, server)
    await core.set_serving(is_serving=True)
    try:
        yield core
    finally:
        await server.stop(0)
