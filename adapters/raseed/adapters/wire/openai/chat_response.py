"""One whole answer as a `chat.completion` object, and its parts that streams share."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from raseed.adapters.wire.charged import Charged, OptionalNumber, charge_keys
from raseed.core.inference.answer import WholeChoice
from raseed.core.inference.model import Logprob, TokenLogprob, Usage
from raseed.core.texts import whole_text

_encode = msgspec.json.Encoder().encode


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
    credits: OptionalNumber = msgspec.UNSET
    credits_remaining: OptionalNumber = msgspec.UNSET


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
    reasoning: str | msgspec.UnsetType
    reasoning_content: str | msgspec.UnsetType
    """The same: OpenAI has no name for it, and each reader looks for one of the two."""
    tool_calls: list[_ToolCall] | msgspec.UnsetType
    refusal: None
    annotations: tuple[()]


class _Logprob(msgspec.Struct, frozen=True, gc=False):
    token: str
    logprob: float
    bytes: tuple[int, ...]


class TokenLogprobObject(msgspec.Struct, frozen=True, gc=False):
    token: str
    logprob: float
    bytes: tuple[int, ...]
    top_logprobs: tuple[_Logprob, ...]


class LogprobsObject(msgspec.Struct, frozen=True, gc=False):
    content: tuple[TokenLogprobObject, ...]
    refusal: None = None


class _Choice(msgspec.Struct, frozen=True, gc=False):
    index: int
    message: _Message
    logprobs: LogprobsObject | None
    finish_reason: str


class _Completion(msgspec.Struct, frozen=True, gc=False):
    id: str
    object: str
    created: int
    model: str
    choices: list[_Choice]
    usage: UsageObject
    service_tier: str
    system_fingerprint: None


def encode_completion(
    *,
    completion_id: str,
    created_s: int,
    model: str,
    choices: Sequence[WholeChoice],
    usage: Usage,
    charged: Charged | None = None,
) -> bytes:
    """The body of a 200 answer."""
    completion = _Completion(
        id=completion_id,
        object="chat.completion",
        created=created_s,
        model=model,
        choices=[_choice(index, choice) for index, choice in enumerate(choices)],
        usage=usage_object(usage, charged),
        service_tier="default",
        system_fingerprint=None,
    )
    return _encode(completion)


def _choice(index: int, choice: WholeChoice) -> _Choice:
    """`content` is null if there are only tool calls, and "" if there is nothing."""
    calls = [
        _ToolCall(call.id, "function", _Function(call.name, whole_text(call.arguments_json)))
        for call in choice.tool_calls
    ]
    thought = whole_text(choice.reasoning) or msgspec.UNSET
    message = _Message(
        role="assistant",
        content=None if calls and not choice.text else whole_text(choice.text),
        reasoning=thought,
        reasoning_content=thought,
        tool_calls=calls or msgspec.UNSET,
        refusal=None,
        annotations=(),
    )
    logprobs = logprobs_object(choice.logprobs) if choice.logprobs else None
    return _Choice(index, message, logprobs, choice.finish_reason.value)


def logprobs_object(logprobs: Sequence[TokenLogprob]) -> LogprobsObject:
    """A token need not be whole characters: `bytes` says what it is, `token` what can be shown of it."""
    return LogprobsObject(
        tuple(
            TokenLogprobObject(
                *_shown(logprob.chosen), tuple(_Logprob(*_shown(other)) for other in logprob.top)
            )
            for logprob in logprobs
        )
    )


def _shown(logprob: Logprob) -> tuple[str, float, tuple[int, ...]]:
    return logprob.token.decode(errors="replace"), logprob.logprob, tuple(logprob.token)


def usage_object(usage: Usage, charged: Charged | None) -> UsageObject:
    """The `usage` object; without `charged` it has OpenAI's keys alone."""
    cost, remaining = charge_keys(charged)
    return UsageObject(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        prompt_tokens_details=_PromptDetails(cached_tokens=usage.cached_tokens),
        completion_tokens_details=_CompletionDetails(reasoning_tokens=usage.reasoning_tokens),
        credits=cost,
        credits_remaining=remaining,
    )
