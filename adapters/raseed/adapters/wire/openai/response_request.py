"""Body of POST /v1/responses → `ResponseRequest`.

Fields that are not ours are skipped. Tools that a server would have to run (web search, code, MCP …) are left out of
what the model is shown and of what the answer repeats: clients send all that they know, and work without. What changes
the answer otherwise and is not served is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from raseed.adapters.wire.body import MEDIA_BODY_BYTES_MAX, check_text_size, read_body, served_keys
from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.openai.body import check_model
from raseed.adapters.wire.openai.response_items import to_core_items
from raseed.adapters.wire.openai.response_schema import ResponseBody
from raseed.adapters.wire.openai.response_tools import to_core_choosing, to_core_format, to_core_tools
from raseed.adapters.wire.openai.response_words import WORDS
from raseed.adapters.wire.openai.sampling_fields import INT32_MAX, TOP_LOGPROBS_MAX
from raseed.core.inference.model import Sampling
from raseed.core.responses.model import ResponseId, ResponseRequest, Terms

MAX_OUTPUT_TOKENS_MIN = 16
"""OpenAI's own: less is not worth a response."""
ID_BYTES_MAX = 64
METADATA_PAIRS_MAX = 16
METADATA_KEY_BYTES_MAX = 64
METADATA_VALUE_BYTES_MAX = 512
LABEL_BYTES_MAX = 512
"""Of `user` and the like."""
LOGPROBS = "message.output_text.logprobs"

_KEYS = served_keys(
    (
        *("model", "input", "instructions", "previous_response_id", "max_output_tokens", "max_tool_calls"),
        *("temperature", "top_p", "top_logprobs", "tools", "tool_choice", "parallel_tool_calls", "text"),
        *("reasoning", "include", "store", "background", "stream", "truncation", "metadata"),
    )
)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_SUMMARIES = ("auto", "concise", "detailed")
_VERBOSITIES = ("low", "medium", "high")
_decoder = msgspec.json.Decoder(ResponseBody)


@dataclass(frozen=True, slots=True)
class DecodedResponse:
    request: ResponseRequest
    stream: bool


def decode_response_request(body: bytes) -> DecodedResponse:
    """Raises RequestInvalid with OpenAI's `param` and `code`, and RequestTooLarge for a body or a prompt above its limit."""
    wire = read_body(body, _decoder, _KEYS, WORDS, is_prompt=True, bytes_max=MEDIA_BODY_BYTES_MAX)
    _refuse_unserved(wire)
    if wire.model is None:
        raise invalid.missing("model")
    check_model(wire.model)
    if wire.stream_options is not None and wire.stream is not True:
        raise invalid.only_with("stream_options", "stream")
    if wire.input is None and wire.previous_response_id is None:
        raise invalid.missing("input")
    new = () if wire.input is None else to_core_items(wire.input)
    check_text_size(body, new)
    request = ResponseRequest(terms=_terms(wire.model, wire), input=new)
    return DecodedResponse(request, wire.stream is True)


def _terms(model: str, wire: ResponseBody) -> Terms:
    reasoning, text = wire.reasoning, wire.text
    for name in ("service_tier", "user", "safety_identifier", "prompt_cache_key"):
        invalid.check_length(name, getattr(wire, name) or "", LABEL_BYTES_MAX)
    if wire.max_tool_calls is not None:
        invalid.check_range("max_tool_calls", wire.max_tool_calls, 1, INT32_MAX)
    tools = to_core_tools(wire.tools)
    summary = None if reasoning is None else reasoning.summary or reasoning.generate_summary
    return Terms(
        model=model,
        instructions=wire.instructions,
        previous_response_id=_response_id("previous_response_id", wire.previous_response_id),
        sampling=_sampling(wire),
        tools=tools,
        choosing=to_core_choosing(wire.tool_choice, tools),
        parallel_tool_calls=wire.parallel_tool_calls is not False,
        text=to_core_format(None if text is None else text.format),
        truncates=_one_of("truncation", wire.truncation, ("auto", "disabled")) == "auto",
        store=wire.store is not False,
        background=_background(wire),
        max_tool_calls=wire.max_tool_calls,
        verbosity=_one_of("text.verbosity", None if text is None else text.verbosity, _VERBOSITIES),
        reasoning_effort=_one_of(
            "reasoning.effort", None if reasoning is None else reasoning.effort, _EFFORTS
        ),
        reasoning_summary=_one_of("reasoning.summary", summary, _SUMMARIES),
        metadata=_metadata(wire.metadata or {}),
        user=wire.user,
        safety_identifier=wire.safety_identifier,
        prompt_cache_key=wire.prompt_cache_key,
    )


def _sampling(wire: ResponseBody) -> Sampling:
    if wire.max_output_tokens is not None:
        invalid.check_range("max_output_tokens", wire.max_output_tokens, MAX_OUTPUT_TOKENS_MIN, INT32_MAX)
    if wire.temperature is not None:
        invalid.check_range("temperature", wire.temperature, 0, 2)
    if wire.top_p is not None:
        invalid.check_range("top_p", wire.top_p, 0, 1, above_low=True)
    if wire.top_logprobs is not None:
        invalid.check_range("top_logprobs", wire.top_logprobs, 0, TOP_LOGPROBS_MAX)
    wants_logprobs = bool(wire.top_logprobs) or LOGPROBS in (wire.include or ())
    default = Sampling()
    return Sampling(
        max_tokens=wire.max_output_tokens,
        temperature=default.temperature if wire.temperature is None else wire.temperature,
        top_p=default.top_p if wire.top_p is None else wire.top_p,
        top_logprobs=(wire.top_logprobs or 0) if wants_logprobs else None,
    )


def _background(wire: ResponseBody) -> bool:
    if wire.background is True and wire.store is False:
        raise invalid.unsupported_value("store", "A response in the background must be stored")
    return wire.background is True


def _response_id(param: str, given: str | None) -> ResponseId | None:
    if given is None:
        return None
    if not given:
        raise invalid.empty_string(param)
    invalid.check_length(param, given, ID_BYTES_MAX)
    if not given.isascii() or not given.isprintable():
        raise invalid.pattern_mismatch(param, "^resp_[a-zA-Z0-9]+$")
    return ResponseId(given)


def _one_of(param: str, value: str | None, supported: tuple[str, ...]) -> str | None:
    if value is not None and value not in supported:
        raise invalid.invalid_value(param, got=value, supported=", ".join(f"'{one}'" for one in supported))
    return value


def _metadata(given: dict[str, str]) -> tuple[tuple[str, str], ...]:
    if len(given) > METADATA_PAIRS_MAX:
        raise invalid.array_too_long("metadata", limit=METADATA_PAIRS_MAX, length=len(given))
    for key, value in given.items():
        invalid.check_length("metadata", key, METADATA_KEY_BYTES_MAX)
        invalid.check_length(f"metadata.{invalid.echo(key)}", value, METADATA_VALUE_BYTES_MAX)
    return tuple(given.items())


def _refuse_unserved(wire: ResponseBody) -> None:
    if wire.conversation is not None:
        raise invalid.unsupported_parameter(
            "conversation", "Conversations are not kept here: use 'previous_response_id', or send all items"
        )
    if wire.prompt is not None:
        raise invalid.unsupported_parameter("prompt", "Prompt templates are not kept here: send 'input'")
    if wire.context_management:
        raise invalid.unsupported_parameter("context_management", "It is not supported with this model")
