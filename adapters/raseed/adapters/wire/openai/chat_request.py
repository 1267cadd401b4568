"""Body of POST /v1/chat/completions → `ChatRequest`.

Fields that are not ours are skipped, so that clients with extensions work. Fields that OpenAI defines, that change the
price or the answer, and that no model here serves, are refused and not dropped.
"""

from __future__ import annotations

import msgspec

from raseed.adapters.wire.body import MEDIA_BODY_BYTES_MAX, check_text_size, read_body, served_keys
from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.openai.body import WORDS, Decoded, check_model, wants_usage
from raseed.adapters.wire.openai.chat_messages import to_core_messages
from raseed.adapters.wire.openai.chat_schema import ChatBody
from raseed.adapters.wire.openai.chat_tools import to_core_format, to_core_tools
from raseed.adapters.wire.openai.sampling_fields import (
    INT32_MAX,
    TOP_LOGPROBS_MAX,
    to_core_n,
    to_core_sampling,
)
from raseed.core.inference.model import ChatRequest, Sampling

_KEYS = served_keys(
    (
        *("model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop"),
        *("stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "n", "response_format"),
        *("logprobs", "top_logprobs", "logit_bias", "presence_penalty", "frequency_penalty"),
    )
)
_decoder = msgspec.json.Decoder(ChatBody)


def decode_chat_request(body: bytes) -> Decoded:
    """Raises RequestInvalid with OpenAI's `param` and `code`, and RequestTooLarge for a body or a prompt above its limit."""
    wire = read_body(body, _decoder, _KEYS, WORDS, is_prompt=True, bytes_max=MEDIA_BODY_BYTES_MAX)
    _refuse_unserved(wire)
    check_model(wire.model)
    messages = to_core_messages(wire.messages)
    check_text_size(body, messages)
    use = to_core_tools(wire)
    request = ChatRequest(
        model=wire.model,
        messages=messages,
        sampling=_sampling(wire),
        tools=use.tools,
        tool_choice=use.choice,
        required_tool=use.required,
        parallel_tool_calls=wire.parallel_tool_calls is not False,
        json_format=to_core_format(wire.response_format),
        n=to_core_n(wire.n),
    )
    return Decoded(request, wire.stream is True, wants_usage(wire.stream, wire.stream_options))


def _sampling(wire: ChatBody) -> Sampling:
    max_tokens = wire.max_tokens
    if wire.max_completion_tokens is not None:
        max_tokens = wire.max_completion_tokens
        invalid.check_range("max_completion_tokens", max_tokens, 1, INT32_MAX)
    top_logprobs = wire.top_logprobs
    if wire.logprobs is not True:
        if top_logprobs:
            raise invalid.only_with("top_logprobs", "logprobs")
        top_logprobs = None
    elif top_logprobs is None:
        top_logprobs = 0
    else:
        invalid.check_range("top_logprobs", top_logprobs, 0, TOP_LOGPROBS_MAX)
    return to_core_sampling(wire, max_tokens=max_tokens, top_logprobs=top_logprobs)


def _refuse_unserved(wire: ChatBody) -> None:
    if wire.functions:
        raise invalid.unsupported_parameter("functions", "It is deprecated: use 'tools' instead")
    if wire.modalities is not None and any(kind != "text" for kind in wire.modalities):
        raise invalid.unsupported_value("modalities", "Only 'text' is supported with this model")
    if wire.web_search_options is not None:
        raise invalid.unsupported_parameter("web_search_options", "It is not supported with this model")
