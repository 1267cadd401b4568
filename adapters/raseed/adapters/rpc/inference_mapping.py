"""raseed.inference.v1 messages ↔ core types."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.core.errors import RequestInvalid
from raseed.core.inference.answer import answer_id, whole_answer
from raseed.core.inference.model import ChatRequest, Delta, Message, Role, Sampling, Tool, ToolCall, Usage
from raseed.core.inference.run import Ended, Run
from raseed.core.inference.service import OfferedModel
from raseed.inference.v1 import inference_pb2 as pb

MESSAGES_MAX = 10_000
STOP_MAX = 4
STOP_BYTES_MAX = 256
TOOLS_MAX = 512
"""As on the REST surface: the same caps, whichever door a request comes through."""

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}


def to_core_chat(request: pb.CreateChatCompletionRequest | pb.StreamChatCompletionRequest) -> ChatRequest:
    """Raises RequestInvalid with the field at fault."""
    if not request.model:
        raise RequestInvalid("model is required.", param="model")
    if not 1 <= len(request.messages) <= MESSAGES_MAX:
        raise RequestInvalid(f"messages needs 1 to {MESSAGES_MAX} messages.", param="messages")
    if len(request.tools) > TOOLS_MAX:
        raise RequestInvalid(f"tools has at most {TOOLS_MAX} functions.", param="tools")
    return ChatRequest(
        model=request.model,
        messages=tuple(_to_core_message(i, message) for i, message in enumerate(request.messages)),
        sampling=_to_core_sampling(request),
        tools=tuple(
            Tool(
                name=tool.name,
                description=tool.description or None,
                parameters_json=tool.parameters_json or None,
            )
            for tool in request.tools
        ),
    )


def _to_core_message(index: int, message: pb.ChatMessage) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise RequestInvalid(
            f"messages[{index}].role must be one of {', '.join(_ROLES)}.", param=f"messages[{index}].role"
        )
    return Message(
        role=role,
        text=message.content,
        name=message.name or None,
        tool_calls=tuple(
            ToolCall(id=call.id, name=call.name, arguments_json=call.arguments_json)
            for call in message.tool_calls
        ),
        tool_call_id=message.tool_call_id or None,
    )


def _to_core_sampling(request: pb.CreateChatCompletionRequest | pb.StreamChatCompletionRequest) -> Sampling:
    max_tokens = request.max_tokens if request.HasField("max_tokens") else None
    temperature = request.temperature if request.HasField("temperature") else 1.0
    top_p = request.top_p if request.HasField("top_p") else 1.0
    if max_tokens is not None and max_tokens < 1:
        raise RequestInvalid("max_tokens must be at least 1.", param="max_tokens")
    if not 0 <= temperature <= 2:
        raise RequestInvalid("temperature must be from 0 to 2.", param="temperature")
    if not 0 < top_p <= 1:
        raise RequestInvalid("top_p must be above 0 and at most 1.", param="top_p")
    if len(request.stop) > STOP_MAX or any(not 0 < len(s.encode()) <= STOP_BYTES_MAX for s in request.stop):
        raise RequestInvalid(
            f"stop has at most {STOP_MAX} texts of 1 to {STOP_BYTES_MAX} bytes.", param="stop"
        )
    return Sampling(
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        seed=request.seed if request.HasField("seed") else None,
        stop=tuple(request.stop),
    )


def from_core_answer(run: Run, pieces: Sequence[Delta], ended: Ended) -> pb.CreateChatCompletionResponse:
    text, tool_calls = whole_answer(pieces)
    return pb.CreateChatCompletionResponse(
        id=answer_id(run.id),
        created_at_s=run.created_at_s,
        model=run.model,
        content=text,
        tool_calls=[
            pb.ToolCall(id=call.id, name=call.name, arguments_json=call.arguments_json) for call in tool_calls
        ],
        finish_reason=ended.finish_reason.value,
        usage=from_core_usage(ended.usage, ended.cost_microcredits),
    )


def from_core_pieces(run: Run, pieces: Sequence[Delta]) -> pb.StreamChatCompletionResponse:
    return pb.StreamChatCompletionResponse(
        id=answer_id(run.id),
        created_at_s=run.created_at_s,
        model=run.model,
        content_delta="".join(piece.text for piece in pieces),
        tool_call_deltas=[
            _from_core_call(piece.tool_call_index, piece)
            for piece in pieces
            if piece.tool_call_index is not None
        ],
    )


def from_core_end(run: Run, ended: Ended) -> pb.StreamChatCompletionResponse:
    return pb.StreamChatCompletionResponse(
        id=answer_id(run.id),
        created_at_s=run.created_at_s,
        model=run.model,
        finish_reason=ended.finish_reason.value,
        usage=from_core_usage(ended.usage, ended.cost_microcredits),
    )


def from_core_usage(usage: Usage, cost_microcredits: int) -> pb.Usage:
    return pb.Usage(
        prompt_token_count=usage.prompt_tokens,
        completion_token_count=usage.completion_tokens,
        total_token_count=usage.total_tokens,
        cached_token_count=usage.cached_tokens,
        reasoning_token_count=usage.reasoning_tokens,
        cost_microcredits=cost_microcredits,
    )


def from_core_model(offered: OfferedModel) -> pb.Model:
    return pb.Model(
        id=offered.card.id,
        created_at_s=offered.card.created_at_s,
        owned_by=offered.card.owned_by,
        context_length=offered.card.context_length,
        max_output_token_count=offered.card.max_output_tokens,
        tier=offered.price.tier,
        credit_multiplier_milli=offered.price.multiplier_milli,
    )


def _from_core_call(index: int, piece: Delta) -> pb.ToolCallDelta:
    opened = piece.tool_call
    return pb.ToolCallDelta(
        index=index,
        id=opened.id if opened else "",
        name=opened.name if opened else "",
        arguments_json_delta=(opened.arguments_json if opened else "") + piece.tool_arguments,
    )
