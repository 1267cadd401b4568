"""Plays a plan through the whole of a worker: the run with its hold and charge, the servicer of the wire, and the wall of
errors around it. What comes out is what Envoy would get. Time jumps: a silence of twenty seconds takes none.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import strategies as st
from tests.property.streams.plans import Answer, Call, Plan, Say, Silence, Think, plans
from tests.property.streams.provider import deltas
from tests.support.desk import Desk
from tests.support.memory_ledger import MemoryLedger
from tests.support.virtual_time import LoopClock, VirtualTimeLoop
from tests.unit.billing.builders import ALICE, issue

from raseed.adapters.rpc.call import Call as Rpc
from raseed.adapters.rpc.call import enter_call
from raseed.adapters.rpc.forms import Forms
from raseed.adapters.rpc.interceptors.errors import errors
from raseed.adapters.rpc.rest.anthropic import AnthropicServicer
from raseed.adapters.rpc.rest.openai import OpenAIServicer
from raseed.adapters.rpc.rest.responses import ResponsesRestServicer
from raseed.core.accounts.model import Caller, Tier
from raseed.core.billing.holds import HoldPolicy
from raseed.core.errors import BackendLost
from raseed.core.inference.model import (
    BackendEvent,
    Capability,
    ChatRequest,
    Delta,
    Finish,
    Logprob,
    ModelCard,
    TokenLogprob,
    ToolCall,
    Usage,
)
from raseed.core.inference.ports import Prepared
from raseed.core.responses.asking import Asking
from raseed.core.responses.service import ResponseService
from raseed.rest.v1 import responses_pb2, rest_pb2

CREDIT = 10**9
PROMPT_TOKENS = 3
MAX_TOKENS = 1000
SILENCE_S = 20.0
READ_S = 0.001
LOGPROB = TokenLogprob(Logprob(b"x", -0.25), (Logprob(b"x", -0.25),))
NOBODY: Any = None
"""What a stream that is not kept never asks."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One of the APIs that stream."""

    name: str
    method: str
    body: Callable[[Plan], Mapping[str, Any]]
    serve: Callable[[Desk, bytes, Any], Awaitable[None]]
    choices_max: int = 1
    has_tools: bool = True

    def plans(self, *, is_whole: bool = False, breaks: bool = False) -> st.SearchStrategy[Plan]:
        return plans(self.choices_max, with_calls=self.has_tools, is_whole=is_whole, breaks=breaks)


@dataclass(slots=True)
class Played:
    """What the caller of a stream got."""

    stream: bytes = b""
    writes: list[bytes] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    """When each was written; the first is when the stream was asked for."""
    content_types: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    is_left: bool = False
    """Whether its reader went away before its end."""

    @property
    def is_refused(self) -> bool:
        """With a status of its own: nothing of a stream has begun."""
        return "x-http-status" in self.metadata


class Reader:
    """A `ServicerContext` as far as the REST servicers know one."""

    def __init__(self, plan: Plan) -> None:
        self.played = Played(times_s=[asyncio.get_running_loop().time()])
        self._plan = plan

    def time_remaining(self) -> None:
        return None

    async def send_initial_metadata(self, metadata: Sequence[tuple[str, str]]) -> None:
        self.played.metadata.update(metadata)

    async def write(self, message: Any) -> None:
        self.played.writes.append(message.data)
        self.played.times_s.append(asyncio.get_running_loop().time())
        self.played.content_types.append(message.content_type)
        if len(self.played.writes) == self._plan.leaves_after:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()  # as grpc does when the peer has gone
        if self._plan.is_read_slowly:
            await asyncio.sleep(READ_S)


class PlayedGeneration:
    served_by = "played"

    def __init__(self, answer: Answer, choice: int, plan: Plan) -> None:
        self._events = events_of(answer, choice, plan)
        self._is_fast = plan.is_read_slowly
        self._made = 0
        self._cancelled = False

    async def next(self) -> BackendEvent:
        if not self._is_fast:
            await asyncio.sleep(READ_S / 3)
        while not self._cancelled:
            event = self._events.pop(0)
            if isinstance(event, Silence):
                await asyncio.sleep(SILENCE_S)
                continue
            if isinstance(event, Exception):
                raise event
            if isinstance(event, Delta):
                self._made = event.completion_tokens
            return event
        return Finish(
            finish_reason=None, usage=Usage(prompt_tokens=PROMPT_TOKENS, completion_tokens=self._made)
        )

    async def cancel(self) -> None:
        self._cancelled = True

    async def close(self) -> None:
        self._cancelled = True


def events_of(answer: Answer, choice: int, plan: Plan) -> list[BackendEvent | Silence | Exception]:
    if plan.manner is None:
        said = list(own_deltas(answer, choice, with_logprobs=plan.with_logprobs))
    else:
        said = list(deltas(answer, plan.manner, choice, with_logprobs=plan.with_logprobs))
    if answer.breaks:
        return [*said, BackendLost("The model stopped unexpectedly while it was answering.")]
    usage = Usage(prompt_tokens=PROMPT_TOKENS, completion_tokens=answer.tokens, cached_tokens=1)
    return [*said, Finish(finish_reason=answer.finish_reason, usage=usage)]


def own_deltas(answer: Answer, choice: int, *, with_logprobs: bool) -> Iterator[Delta | Silence]:
    tokens, calls = 0, 0
    for step in answer.steps:
        match step:
            case Silence():
                yield step
            case Say(text):
                tokens += 1
                yield Delta(completion_tokens=tokens, text=text, logprobs=(LOGPROB,) if with_logprobs else ())
            case Think(text):
                tokens += 1
                yield Delta(completion_tokens=tokens, reasoning=text)
            case Call(name, arguments):
                first, *more = arguments
                tokens += 1
                opened = ToolCall(id=f"call_{choice}_{calls}", name=name, arguments_json=first)
                yield Delta(completion_tokens=tokens, tool_call_index=calls, tool_call=opened)
                for piece in more:
                    tokens += 1
                    yield Delta(completion_tokens=tokens, tool_call_index=calls, tool_arguments=piece)
                calls += 1


class PlayedBackend:
    """Implements `ModelBackend`: can do everything, and gives the answers of its plan in turn."""

    name = "played"

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._given = 0

    def models(self) -> Sequence[ModelCard]:
        return []

    def serves(self, model: str) -> bool:
        return True

    def capabilities(self, model: str) -> frozenset[Capability]:
        return frozenset(Capability)

    async def is_ready(self) -> bool:
        return True

    async def prepare(self, request: ChatRequest) -> Prepared:
        return Prepared(request=request, prompt_tokens=PROMPT_TOKENS, max_tokens=MAX_TOKENS)

    async def start(
        self, prepared: Prepared, *, run_id: str, max_tokens: int, timeout_s: float
    ) -> PlayedGeneration:
        choice, self._given = self._given, self._given + 1
        return PlayedGeneration(self._plan.answers[choice], choice, self._plan)


def play(plan: Plan, wire: Wire) -> Played:
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(_play(plan, wire))
    finally:
        loop.close()


async def _play(plan: Plan, wire: Wire) -> Played:
    ledger = MemoryLedger(LoopClock())
    ledger.open_account(ALICE)
    await ledger.submit([issue("g", CREDIT if plan.credit is None else PROMPT_TOKENS + plan.credit)])
    desk = Desk(ledger, backend=PlayedBackend(plan), policy=HoldPolicy(chunk_tokens=1, hold_wait_s=0.0))
    reader = Reader(plan)
    body = json.dumps({"model": "hand", "stream": True, **wire.body(plan)}).encode()

    async def behavior(_request: Any, context: Any) -> None:
        await wire.serve(desk, body, context)

    async def serve() -> None:
        call = Rpc(method=wire.method, metadata={}, request_id="req_" + "0" * 32)
        call.caller = Caller(account_id=ALICE, api_key_id=None, tier=Tier.FREE)
        enter_call(call)
        await errors("payment_required")(wire.method, behavior)(None, cast("Any", reader))

    task = asyncio.create_task(serve())
    await asyncio.wait([task])
    assert task.cancelled() == (
        plan.leaves_after is not None and len(reader.played.writes) >= plan.leaves_after
    )
    if not task.cancelled():
        task.result()
    await desk.inference.drain(0.0)
    assert desk.reported == [], desk.reported
    reader.played.stream = b"".join(reader.played.writes)
    reader.played.is_left = task.cancelled()
    return reader.played


def _messages(_plan: Plan) -> list[dict[str, str]]:
    return [{"role": "user", "content": "?"}]


def _message_body(plan: Plan) -> dict[str, Any]:
    thinking = {"type": "adaptive" if plan.with_thinking else "disabled"}
    return {"messages": _messages(plan), "max_tokens": 1000, "thinking": thinking}


def _chat_body(plan: Plan) -> dict[str, Any]:
    return {
        "messages": _messages(plan),
        "n": len(plan.answers),
        "stream_options": {"include_usage": plan.with_usage},
        "logprobs": plan.with_logprobs,
    }


def _completion_body(plan: Plan) -> dict[str, Any]:
    options = {"stream_options": {"include_usage": plan.with_usage}}
    return {"prompt": "?", "n": len(plan.answers), "max_tokens": 1000, "logprobs": 1, **options}


async def _chat(desk: Desk, body: bytes, context: Any) -> None:
    request = rest_pb2.CreateChatCompletionRequest()
    request.body.data = body
    await OpenAIServicer(desk.inference, NOBODY, Forms()).CreateChatCompletion(request, context)


async def _completion(desk: Desk, body: bytes, context: Any) -> None:
    request = rest_pb2.CreateCompletionRequest()
    request.body.data = body
    await OpenAIServicer(desk.inference, NOBODY, Forms()).CreateCompletion(request, context)


async def _message(desk: Desk, body: bytes, context: Any) -> None:
    request = rest_pb2.CreateMessageRequest()
    request.body.data = body
    await AnthropicServicer(desk.inference, NOBODY, NOBODY, Forms()).CreateMessage(request, context)


async def _response(desk: Desk, body: bytes, context: Any) -> None:
    request = responses_pb2.CreateResponseRequest()
    request.body.data = body
    responses = ResponseService(NOBODY, Asking(NOBODY, NOBODY), NOBODY)
    await ResponsesRestServicer(responses, desk.inference, NOBODY, Forms()).CreateResponse(request, context)


CHAT = Wire("chat", "/raseed.rest.v1.OpenAIService/CreateChatCompletion", _chat_body, _chat, choices_max=3)
COMPLETION = Wire(
    "completion",
    "/raseed.rest.v1.OpenAIService/CreateCompletion",
    _completion_body,
    _completion,
    choices_max=3,
    has_tools=False,
)
MESSAGE = Wire(
    "message",
    "/raseed.rest.v1.AnthropicService/CreateMessage",
    _message_body,
    _message,
)
RESPONSE = Wire(
    "response",
    "/raseed.rest.v1.ResponsesRestService/CreateResponse",
    lambda _plan: {"input": "?", "store": False},
    _response,
)
WIRES = (CHAT, COMPLETION, MESSAGE, RESPONSE)
