"""One whole answer as a `chat.completion` object, and its parts that streams share."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from raseed.adapters.wire.json_values import credits_json
from raseed.core.inference.model import FinishReason, ToolCall, Usage

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """What a request cost, for the extension keys `usage.credits` and `usage.credits_remaining`."""

    cost_microcredits: int
    remaining_microcredits: int | None = None


class _PromptDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int
    audio_tokens: int = 0


class _CompletionDetails(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: int
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0


class UsageObject(msgspec.Struct, frozen=True, gc=False):
    """Zeros where nothing was counted, never null: clients add them up."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: _PromptDetails
    completion_tokens_details: _CompletionDetails
    credits: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    credits_remaining: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Function(msgspec.Struct, frozen=True, gc=False):
    name: str
    arguments: str


class _ToolCall(msgspec.Struct, frozen=True, gc=False):
    id: str
    type: str
    function: _Function


class _Message(msgspec.Struct, frozen=True, gc=False):
    role: str
    content: str | None
    tool_calls: list[_ToolCall] | msgspec.UnsetType
    refusal: None
    annotations: tuple[()]


class _Choice(msgspec.Struct, frozen=True, gc=False):
    index: int
    message: _Message
    logprobs: None
    finish_reason: str


class _Completion(msgspec.Struct, frozen=True, gc=False):
    id: str
    object: str
    created: int
    model: str
    choices: tuple[_Choice]
    usage: UsageObject
    service_tier: str
    system_fingerprint: None


def encode_completion(
    *,
    completion_id: str,
    created_s: int,
    model: str,
    text: str,
    finish_reason: FinishReason,
    usage: Usage,
    tool_calls: tuple[ToolCall, ...] = (),
    charged: Charged | None = None,
) -> bytes:
    """The body of a 200 answer. `content` is null if there are only tool calls, and "" if there is nothing."""
    calls = [
        _ToolCall(call.id, "function", _Function(call.name, whole_text(call.arguments_json)))
        for call in tool_calls
    ]
    message = _Message(
        role="assistant",
        content=None if calls and not text else whole_text(text),
        tool_calls=calls or msgspec.UNSET,
        refusal=None,
        annotations=(),
    )
    completion = _Completion(
        id=completion_id,
        object="chat.completion",
        created=created_s,
        model=model,
        choices=(_Choice(index=0, message=message, logprobs=None, finish_reason=finish_reason.value),),
        usage=usage_object(usage, charged),
        service_tier="default",
        system_fingerprint=None,
    )
    return _encode(completion)


def usage_object(usage: Usage, charged: Charged | None) -> UsageObject:
    """The `usage` object; without `charged` it has OpenAI's keys alone."""
    cost: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    remaining: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    if charged is not None:
        cost = credits_json(charged.cost_microcredits)
        if charged.remaining_microcredits is not None:
            remaining = credits_json(charged.remaining_microcredits)
    return UsageObject(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        prompt_tokens_details=_PromptDetails(cached_tokens=usage.cached_tokens),
        completion_tokens_details=_CompletionDetails(reasoning_tokens=usage.reasoning_tokens),
        credits=cost,
        credits_remaining=remaining,
    )


def whole_text(text: str) -> str:
    """`text` without lone surrogates, which UTF-8 cannot hold: a broken engine must not break an answer."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
