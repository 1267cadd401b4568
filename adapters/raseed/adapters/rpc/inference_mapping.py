"""raseed.inference.v1 messages ↔ core types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from raseed.adapters.rpc.media_mapping import to_core_parts
from raseed.adapters.wire.openai.chat_messages import MESSAGES_MAX
from raseed.adapters.wire.openai.chat_tools import TOOLS_MAX, check_schema
from raseed.adapters.wire.openai.sampling_fields import (
    LOGIT_BIASES_MAX,
    STOP_BYTES_MAX,
    STOP_MAX,
    TOP_LOGPROBS_MAX,
)
from raseed.core.errors import RequestInvalid
from raseed.core.inference.answer import WholeChoice, answer_id, whole_choices
from raseed.core.inference.choices import CHOICES_MAX
from raseed.core.inference.model import (
    ChatRequest,
    Delta,
    JsonFormat,
    Message,
    Role,
    Sampling,
    TokenLogprob,
    Tool,
    ToolCall,
    ToolChoice,
    Usage,
)
from raseed.core.inference.run import Ended, Run
from raseed.core.inference.service import OfferedModel
from raseed.inference.v1 import inference_pb2 as pb

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}


Asking = (
    pb.CreateChatCompletionRequest
    | pb.StreamChatCompletionRequest
    | pb.CreateCompletionRequest
    | pb.StreamCompletionRequest
)
"""What asks for an answer: in all of them the fields that say how tokens are chosen have the same names."""


def to_core_chat(request: pb.CreateChatCompletionRequest | pb.StreamChatCompletionRequest) -> ChatRequest:
    """Raises RequestInvalid with the field at fault."""
    if not request.model:
        raise RequestInvalid("model is required.", param="model")
    if not 1 <= len(request.messages) <= MESSAGES_MAX:
        raise RequestInvalid(f"messages needs 1 to {MESSAGES_MAX} messages.", param="messages")
    if len(request.tools) > TOOLS_MAX:
        raise RequestInvalid(f"tools has at most {TOOLS_MAX} functions.", param="tools")
    choice, required = _to_core_choice(request)
    return ChatRequest(
        model=request.model,
        messages=tuple(_to_core_message(i, message) for i, message in enumerate(request.messages)),
        sampling=to_core_sampling(request),
        tools=() if request.tool_choice == "none" else tuple(map(to_core_tool, request.tools)),
        tool_choice=choice,
        required_tool=required,
        parallel_tool_calls=request.parallel_tool_calls if request.HasField("parallel_tool_calls") else True,
        json_format=to_core_format(request.json_format) if request.HasField("json_format") else None,
        n=to_core_n(request),
    )


def to_core_n(request: Asking) -> int:
    n = request.n if request.HasField("n") else 1
    if not 1 <= n <= CHOICES_MAX:
        raise RequestInvalid(f"n must be from 1 to {CHOICES_MAX}.", param="n")
    return n


def to_core_tool(tool: pb.Tool) -> Tool:
    return Tool(
        name=tool.name,
        description=tool.description or None,
        parameters_json=_to_core_schema("tools", tool.parameters_json),
    )


def _to_core_choice(
    request: pb.CreateChatCompletionRequest | pb.StreamChatCompletionRequest,
) -> tuple[ToolChoice, str | None]:
    name = request.required_tool_name or None
    if request.tool_choice != "required":
        if request.tool_choice not in {"", "auto", "none"}:
            raise RequestInvalid("tool_choice must be auto, none or required.", param="tool_choice")
        if name is not None:
            raise RequestInvalid("required_tool_name needs tool_choice required.", param="required_tool_name")
        return ToolChoice.AUTO, None
    if not request.tools:
        raise RequestInvalid("tool_choice required needs tools.", param="tool_choice")
    if name is not None and all(tool.name != name for tool in request.tools):
        raise RequestInvalid(
            "required_tool_name is not the name of one of the tools.", param="required_tool_name"
        )
    return ToolChoice.REQUIRED, name


def to_core_format(wire: pb.JsonFormat) -> JsonFormat:
    return JsonFormat(schema_json=_to_core_schema("json_format", wire.schema_json))


def _to_core_schema(param: str, text: str) -> str | None:
    schema = check_schema(param, text.encode())
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        if text:
            raise RequestInvalid(f"A JSON schema in {param} is not JSON.", param=param) from None
    return schema


def _to_core_message(index: int, message: pb.ChatMessage) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise RequestInvalid(
            f"messages[{index}].role must be one of {', '.join(_ROLES)}.", param=f"messages[{index}].role"
        )
    text, media = (
        to_core_parts(f"messages[{index}]", role, message) if message.parts else (message.content, ())
    )
    return Message(
        role=role,
        text=text,
        media=media,
        name=message.name or None,
        tool_calls=tuple(
            ToolCall(id=call.id, name=call.name, arguments_json=call.arguments_json)
            for call in message.tool_calls
        ),
        tool_call_id=message.tool_call_id or None,
    )


def to_core_sampling(request: Asking, *, least_tokens: int = 1) -> Sampling:
    max_tokens = request.max_tokens if request.HasField("max_tokens") else None
    temperature = request.temperature if request.HasField("temperature") else 1.0
    top_p = request.top_p if request.HasField("top_p") else 1.0
    if max_tokens is not None and max_tokens < least_tokens:
        raise RequestInvalid(f"max_tokens must be at least {least_tokens}.", param="max_tokens")
    if not 0 <= temperature <= 2:
        raise RequestInvalid("temperature must be from 0 to 2.", param="temperature")
    if not 0 < top_p <= 1:
        raise RequestInvalid("top_p must be above 0 and at most 1.", param="top_p")
    if len(request.stop) > STOP_MAX or any(not 0 < len(s.encode()) <= STOP_BYTES_MAX for s in request.stop):
        raise RequestInvalid(
            f"stop has at most {STOP_MAX} texts of 1 to {STOP_BYTES_MAX} bytes.", param="stop"
        )
    for name in ("presence_penalty", "frequency_penalty"):
        if not -2 <= getattr(request, name) <= 2:
            raise RequestInvalid(f"{name} must be from -2 to 2.", param=name)
    top_logprobs = request.top_logprobs if request.HasField("top_logprobs") else None
    if top_logprobs is not None and not 0 <= top_logprobs <= TOP_LOGPROBS_MAX:
        raise RequestInvalid(f"top_logprobs must be from 0 to {TOP_LOGPROBS_MAX}.", param="top_logprobs")
    bias = request.logit_bias
    if len(bias) > LOGIT_BIASES_MAX or any(
        token < 0 or not -100 <= value <= 100 for token, value in bias.items()
    ):
        raise RequestInvalid(
            f"logit_bias has at most {LOGIT_BIASES_MAX} tokens, each from -100 to 100.", param="logit_bias"
        )
    return Sampling(
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        seed=request.seed if request.HasField("seed") else None,
        stop=tuple(request.stop),
        presence_penalty=request.presence_penalty,
        frequency_penalty=request.frequency_penalty,
        logit_bias=tuple(sorted(bias.items())),
        top_logprobs=top_logprobs,
    )


def from_core_answer(run: Run, pieces: Sequence[Delta], ended: Ended) -> pb.CreateChatCompletionResponse:
    first, *others = map(_from_core_choice, whole_choices(pieces, run.choice_count, ended.finish_reason))
    return pb.CreateChatCompletionResponse(
        id=answer_id(run.id),
        created_at_s=run.created_at_s,
        model=run.model,
        content=first.content,
        reasoning=first.reasoning,
        tool_calls=first.tool_calls,
        finish_reason=first.finish_reason,
        usage=from_core_usage(ended.usage, ended.cost_microcredits),
        logprobs=first.logprobs,
        other_choices=others,
    )


def _from_core_choice(choice: WholeChoice) -> pb.ChatChoice:
    return pb.ChatChoice(
        content=choice.text,
        reasoning=choice.reasoning,
        tool_calls=[
            pb.ToolCall(id=call.id, name=call.name, arguments_json=call.arguments_json)
            for call in choice.tool_calls
        ],
        finish_reason=choice.finish_reason.value,
        logprobs=map(from_core_logprob, choice.logprobs),
    )


class ChatMessages:
    """The messages of one stream."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._open = list(range(run.choice_count))

    def pieces(self, pieces: Sequence[Delta]) -> Iterator[pb.StreamChatCompletionResponse]:
        """One message for neighbours of one choice."""
        for choice, group in groupby(pieces, key=attrgetter("choice")):
            yield self._message(choice, list(group))

    def end(self, ended: Ended) -> Iterator[pb.StreamChatCompletionResponse]:
        """The last message of each choice whose end no piece has told, with the usage in the last of all."""
        for choice in self._open[:-1]:
            yield self._message(choice, (), finish_reason=ended.finish_reason.value)
        last = self._message(self._open[-1], (), finish_reason=ended.finish_reason.value)
        last.usage.CopyFrom(from_core_usage(ended.usage, ended.cost_microcredits))
        yield last

    def _message(
        self, choice: int, pieces: Sequence[Delta], finish_reason: str | None = None
    ) -> pb.StreamChatCompletionResponse:
        for piece in pieces:
            if piece.finish_reason is not None:
                self._open.remove(choice)
                finish_reason = piece.finish_reason.value
        return pb.StreamChatCompletionResponse(
            id=answer_id(self._run.id),
            created_at_s=self._run.created_at_s,
            model=self._run.model,
            content_delta="".join(piece.text for piece in pieces),
            reasoning_delta="".join(piece.reasoning for piece in pieces),
            tool_call_deltas=[
                _from_core_call(piece.tool_call_index, piece)
                for piece in pieces
                if piece.tool_call_index is not None
            ],
            finish_reason=finish_reason,
            choice_index=choice,
            logprobs=[from_core_logprob(logprob) for piece in pieces for logprob in piece.logprobs],
        )


def from_core_logprob(logprob: TokenLogprob) -> pb.TokenLogprob:
    chosen, *top = (
        pb.Logprob(token=one.token, logprob=one.logprob) for one in (logprob.chosen, *logprob.top)
    )
    return pb.TokenLogprob(chosen=chosen, top=top)


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
        capabilities=sorted(offered.card.capabilities),
    )


def _from_core_call(index: int, piece: Delta) -> pb.ToolCallDelta:
    opened = piece.tool_call
    return pb.ToolCallDelta(
        index=index,
        id=opened.id if opened else "",
        name=opened.name if opened else "",
        arguments_json_delta=(opened.arguments_json if opened else "") + piece.tool_arguments,
    )
