"""Bodies of POST /v1/messages and /v1/messages/count_tokens → `ChatRequest`.

Fields that are not ours are skipped, so that newer clients work. Fields that Anthropic defines, that change the price
or the answer, and that no model here serves, are refused and not dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from raseed.adapters.wire.anthropic import invalid
from raseed.adapters.wire.anthropic.errors import THREAD_UNSUPPORTED
from raseed.adapters.wire.anthropic.message_schema import MessagesBody
from raseed.adapters.wire.anthropic.message_tools import to_core_format, to_core_tools
from raseed.adapters.wire.anthropic.message_turns import to_core_messages
from raseed.adapters.wire.body import (
    MEDIA_BODY_BYTES_MAX,
    MODEL_BYTES_MAX,
    Words,
    check_text_size,
    read_body,
    served_keys,
)
from raseed.adapters.wire.openai.sampling_fields import INT32_MAX
from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import ChatRequest, Sampling

STOP_MAX = 16
"""Most stop sequences: what every engine here can look for at once."""
STOP_BYTES_MAX = 256

_KEYS = served_keys(
    (
        *("model", "messages", "max_tokens", "system", "stop_sequences", "temperature", "top_p", "top_k"),
        *("stream", "tools", "tool_choice", "thinking", "output_config"),
    )
)
_WORDS = Words(not_json=invalid.not_json, not_in_schema=invalid.from_validation)
_decoder = msgspec.json.Decoder(MessagesBody)


@dataclass(frozen=True, slots=True)
class DecodedMessage:
    request: ChatRequest
    stream: bool
    shows_thinking: bool
    """Whether the caller wants to read what the model thinks on the way."""


def decode_message_request(body: bytes) -> DecodedMessage:
    """Raises RequestInvalid, its message and `param` in Anthropic's style, RequestTooLarge for a body or a prompt above its
    limit.
    """
    wire = _read(body)
    if wire.max_tokens is None:
        raise invalid.missing("max_tokens")
    return DecodedMessage(_request(wire, body), wire.stream is True, _shows_thinking(wire))


def decode_count_request(body: bytes) -> ChatRequest:
    """The same, of a body that asks for no answer: without `max_tokens`."""
    return _request(_read(body), body)


def _read(body: bytes) -> MessagesBody:
    return read_body(body, _decoder, _KEYS, _WORDS, is_prompt=True, bytes_max=MEDIA_BODY_BYTES_MAX)


def _request(wire: MessagesBody, body: bytes) -> ChatRequest:
    _refuse_unserved(wire)
    if not wire.model:
        raise invalid.at("model", "String should have at least 1 character")
    invalid.check_length("model", wire.model, MODEL_BYTES_MAX)
    messages = to_core_messages(wire)
    check_text_size(body, messages)
    use = to_core_tools(wire)
    return ChatRequest(
        model=wire.model,
        messages=messages,
        sampling=_sampling(wire),
        tools=use.tools,
        tool_choice=use.choice,
        required_tool=use.required,
        parallel_tool_calls=use.parallel,
        json_format=to_core_format(wire),
    )


def _sampling(wire: MessagesBody) -> Sampling:
    default = Sampling()
    if wire.max_tokens is not None:
        invalid.check_range("max_tokens", wire.max_tokens, 1, INT32_MAX)
    if wire.temperature is not None:
        invalid.check_range("temperature", wire.temperature, 0, 1)
    if wire.top_p is not None:
        invalid.check_range("top_p", wire.top_p, 0, 1)
        if not wire.top_p:
            raise invalid.at("top_p", "Input should be greater than 0")
    if wire.top_k is not None:
        invalid.check_range("top_k", wire.top_k, 0, INT32_MAX)
    stop = tuple(wire.stop_sequences or ())
    invalid.check_count("stop_sequences", len(stop), STOP_MAX)
    for index, text in enumerate(stop):
        if not text.strip():
            raise invalid.at(f"stop_sequences.{index}", "each stop sequence must contain non-whitespace")
        invalid.check_length(f"stop_sequences.{index}", text, STOP_BYTES_MAX)
    return Sampling(
        max_tokens=wire.max_tokens,
        temperature=default.temperature if wire.temperature is None else wire.temperature,
        top_p=default.top_p if wire.top_p is None else wire.top_p,
        top_k=wire.top_k or 0,
        stop=stop,
    )


def _shows_thinking(wire: MessagesBody) -> bool:
    """Who did not ask for thinking counts on blocks of text and calls alone, as Anthropic answers then."""
    thinking = wire.thinking
    return thinking is not None and thinking.type == "adaptive" and thinking.display != "omitted"


def _refuse_unserved(wire: MessagesBody) -> None:
    # Of `adaptive` a model makes what it can: one that does not think aloud answers at once.
    if wire.thinking is not None and wire.thinking.type not in {"disabled", "adaptive"}:
        if wire.thinking.type == "enabled":
            raise invalid.at("thinking.type", "This model does not support extended thinking")
        supported = "'enabled', 'adaptive' or 'disabled'"
        raise invalid.one_of("thinking.type", got=wire.thinking.type, supported=supported)
    if wire.container is not None:
        raise invalid.at("container", "It is not supported by this model")
    if wire.mcp_servers:
        raise invalid.at("mcp_servers", "It is not supported by this model")
    if wire.thread is not None:
        # Never dropped: the messages that are left would be answered as if they were the whole conversation.
        raise RequestInvalid(
            "thread: Conversations are not kept here; send all messages",
            param="thread",
            code=THREAD_UNSUPPORTED,
        )
