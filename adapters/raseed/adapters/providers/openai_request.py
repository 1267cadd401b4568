"""`ChatRequest` → body of POST …/chat/completions, in the dialect of whoever serves it.

The fields are OpenAI's; a field that has OpenAI's default value is left out, because others' models refuse fields and never
their absence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from raseed.adapters.providers.messages import chosen, parts
from raseed.adapters.providers.wire import HttpRequest, Upstream
from raseed.core.inference.model import (
    ChatRequest,
    JsonFormat,
    Media,
    MediaKind,
    Message,
    Role,
    Sampling,
    Tool,
    ToolCall,
    ToolChoice,
)
from raseed.core.texts import whole_text

_NAMES = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where providers that speak OpenAI's wire differ in what they take."""

    path: str = "/chat/completions"
    max_tokens: str = "max_tokens"
    """OpenAI calls it `max_completion_tokens` now, and its newer models refuse the older name."""
    seed: str = "seed"
    required: str = "required"
    """The `tool_choice` that demands any call."""
    takes_stream_options: bool = True
    """Whether usage is asked for by `stream_options`; others report it in every stream."""
    takes_parallel_tool_calls: bool = True
    takes_top_k: bool = True


OPENAI = Dialect(max_tokens="max_completion_tokens", takes_top_k=False)


def encode_request(
    request: ChatRequest, upstream: Upstream, max_tokens: int, dialect: Dialect
) -> HttpRequest:
    body: dict[str, Any] = dict(upstream.extra_body)
    body |= {
        "model": upstream.model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        dialect.max_tokens: max_tokens,
    }
    if dialect.takes_stream_options:
        body["stream_options"] = {"include_usage": True}
    body |= dict(_sampling(request.sampling, dialect))
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        body |= dict(_choice(request, dialect))
    if request.json_format is not None:
        body["response_format"] = _format(request.json_format)
    return HttpRequest(dialect.path, _encode(body))


def _sampling(sampling: Sampling, dialect: Dialect) -> Iterator[tuple[str, Any]]:
    yield from chosen(sampling, {name: name for name in _NAMES})
    if sampling.seed is not None:
        yield dialect.seed, sampling.seed
    if sampling.stop:
        yield "stop", list(sampling.stop)
    if sampling.logit_bias:
        yield "logit_bias", {str(token): bias for token, bias in sampling.logit_bias}
    if sampling.top_logprobs is not None:
        yield "logprobs", True
        if sampling.top_logprobs:
            yield "top_logprobs", sampling.top_logprobs


def _choice(request: ChatRequest, dialect: Dialect) -> Iterator[tuple[str, Any]]:
    if request.tool_choice is ToolChoice.REQUIRED:
        if request.required_tool is None:
            yield "tool_choice", dialect.required
        else:
            yield "tool_choice", {"type": "function", "function": {"name": request.required_tool}}
    if not request.parallel_tool_calls:
        yield "parallel_tool_calls", False


def _message(message: Message) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message.role.value}
    text = whole_text(message.text)
    if message.role is Role.ASSISTANT and message.tool_calls:
        written["content"] = text or None
        written["tool_calls"] = [_call(call) for call in message.tool_calls]
    elif message.media:
        written["content"] = [
            {"type": "text", "text": part} if isinstance(part, str) else _media(part)
            for part in parts(message)
        ]
    else:
        written["content"] = text
    if message.name:
        written["name"] = message.name
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    return written


def _call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": whole_text(call.arguments_json) or "{}"},
    }


def _media(media: Media) -> dict[str, Any]:
    match media.kind:
        case MediaKind.IMAGE:
            image = {"url": media.url} | ({"detail": media.detail} if media.detail else {})
            return {"type": "image_url", "image_url": image}
        case MediaKind.AUDIO:
            return {"type": "input_audio", "input_audio": {"data": media.data_base64, "format": media.format}}
        case MediaKind.FILE:
            file = {"file_data": media.url} | ({"filename": media.file_name} if media.file_name else {})
            return {"type": "file", "file": file}


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters_json is not None:
        function["parameters"] = msgspec.Raw(tool.parameters_json.encode())
    return {"type": "function", "function": function}


def _format(answer: JsonFormat) -> dict[str, Any]:
    if answer.schema_json is None:
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": msgspec.Raw(answer.schema_json.encode())},
    }
