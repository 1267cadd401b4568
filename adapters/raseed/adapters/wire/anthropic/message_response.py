"""One whole answer as a `message` object, and its parts that streams share."""

from __future__ import annotations

import msgspec

from raseed.adapters.wire.charged import Charged, OptionalNumber, charge_keys
from raseed.core.ids import RunId
from raseed.core.inference.answer import answer_id
from raseed.core.inference.model import FinishReason, ToolCall, Usage
from raseed.core.texts import whole_text

_encode = msgspec.json.Encoder().encode

_STOP_REASONS = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.CONTENT_FILTER: "refusal",
}
ID_PREFIX = "msg_"
INVALID_JSON = "INVALID_JSON"
"""The key under which arguments that are no JSON object are shown: Anthropic's convention for such a call."""
SIGNATURE = ""
"""Of a thought. Readers want one; there is nothing to sign, since thoughts that are sent back are not looked at."""


class _OutputDetails(msgspec.Struct, frozen=True, gc=False):
    thinking_tokens: int


class UsageObject(msgspec.Struct, frozen=True, gc=False):
    """`input_tokens` counts what was not read from a cache. Zeros where nothing was counted: clients add them up."""

    input_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    output_tokens: int
    output_tokens_details: _OutputDetails | msgspec.UnsetType = msgspec.UNSET
    """Of the output; only where the model thought."""
    service_tier: str | msgspec.UnsetType = msgspec.UNSET
    credits: OptionalNumber = msgspec.UNSET
    credits_remaining: OptionalNumber = msgspec.UNSET


class _Text(msgspec.Struct, frozen=True, gc=False, tag="text"):
    text: str


class _Thinking(msgspec.Struct, frozen=True, gc=False, tag="thinking"):
    thinking: str
    signature: str


class _ToolUse(msgspec.Struct, frozen=True, gc=False, tag="tool_use"):
    id: str
    name: str
    input: msgspec.Raw


class MessageObject(msgspec.Struct, frozen=True, gc=False):
    id: str
    type: str
    role: str
    model: str
    content: list[_Thinking | _Text | _ToolUse]
    stop_reason: str | None
    stop_sequence: str | None
    usage: UsageObject


def encode_message(
    *,
    run_id: RunId,
    model: str,
    text: str,
    thinking: str = "",
    tool_calls: tuple[ToolCall, ...],
    finish_reason: FinishReason,
    stop_sequence: str | None,
    usage: Usage,
    charged: Charged | None = None,
) -> bytes:
    """The body of a 200 answer. `content` is empty if the model said nothing, as Anthropic's is."""
    ending, found = how_it_ended(finish_reason, stop_sequence)
    content: list[_Thinking | _Text | _ToolUse] = []
    if thinking:
        content.append(_Thinking(whole_text(thinking), SIGNATURE))
    if text:
        content.append(_Text(whole_text(text)))
    content += [_ToolUse(call.id, call.name, _input(call.arguments_json)) for call in tool_calls]
    message = MessageObject(
        id=answer_id(run_id, ID_PREFIX),
        type="message",
        role="assistant",
        model=model,
        content=content,
        stop_reason=ending,
        stop_sequence=found,
        usage=usage_object(usage, charged, service_tier="standard"),
    )
    return _encode(message)


def encode_count(input_tokens: int) -> bytes:
    return _encode({"input_tokens": input_tokens})


def how_it_ended(reason: FinishReason, stop_sequence: str | None) -> tuple[str, str | None]:
    """`stop_reason` and `stop_sequence`."""
    if reason is FinishReason.STOP and stop_sequence is not None:
        return "stop_sequence", stop_sequence
    return _STOP_REASONS[reason], None


def usage_object(
    usage: Usage, charged: Charged | None, *, service_tier: str | msgspec.UnsetType = msgspec.UNSET
) -> UsageObject:
    """Without `charged` it has Anthropic's keys alone."""
    cost, remaining = charge_keys(charged)
    return UsageObject(
        input_tokens=usage.prompt_tokens - usage.cached_tokens,
        cache_creation_input_tokens=0,
        cache_read_input_tokens=usage.cached_tokens,
        output_tokens=usage.completion_tokens,
        output_tokens_details=_OutputDetails(usage.reasoning_tokens)
        if usage.reasoning_tokens
        else msgspec.UNSET,
        service_tier=service_tier,
        credits=cost,
        credits_remaining=remaining,
    )


def _input(arguments_json: str) -> msgspec.Raw:
    """A call's arguments as a JSON object, with the model's own bytes wherever they are one."""
    text = whole_text(arguments_json).strip()
    if not text:
        return msgspec.Raw(b"{}")
    raw = text.encode()
    try:
        parsed = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        parsed = None
    return msgspec.Raw(raw if isinstance(parsed, dict) else _encode({INVALID_JSON: text}))
