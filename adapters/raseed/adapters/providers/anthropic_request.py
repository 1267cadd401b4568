"""`ChatRequest` → body of POST /v1/messages at Anthropic.

System messages, wherever they stand, are its one `system`; results of tools are blocks of the next user turn; neighbouring
turns of one role are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from raseed.adapters.providers.errors import unsupported, unsupported_value
from raseed.adapters.providers.json_access import json_object
from raseed.adapters.providers.messages import DATA_URL, SYSTEM_BREAK, chosen, parts, system_texts, turns
from raseed.adapters.providers.wire import HttpRequest, Upstream
from raseed.core.inference.model import (
    ChatRequest,
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

PATH = "/v1/messages"
_ID = re.compile(r"[^a-zA-Z0-9_-]")
_encode = msgspec.json.Encoder().encode


def check_request(request: ChatRequest) -> None:
    """Raises RequestInvalid for what the wire has no word for."""
    sampling = request.sampling
    if sampling.seed is not None:
        raise unsupported("seed")
    if sampling.temperature > 1:
        raise unsupported_value("temperature", "It must be at most 1 with this model.")
    for index, message in enumerate(request.messages):
        for media in message.media:
            if media.kind is MediaKind.FILE and not DATA_URL.match(media.url or ""):
                raise unsupported_value(f"messages.[{index}].content", "A file must be a base64 data: URL.")


def encode_request(request: ChatRequest, upstream: Upstream, max_tokens: int) -> HttpRequest:
    body: dict[str, Any] = dict(upstream.extra_body)
    body |= {
        "model": upstream.model,
        "max_tokens": max_tokens,
        "messages": [
            {
                "role": "assistant" if is_answer else "user",
                "content": [block for message in said for block in _blocks(message)],
            }
            for is_answer, said in turns(request.messages)
        ],
        "stream": True,
    }
    if system := system_texts(request.messages):
        body["system"] = SYSTEM_BREAK.join(system)
    body |= dict(_sampling(request.sampling))
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if choice := _choice(request):
            body["tool_choice"] = choice
    if request.json_format is not None and request.json_format.schema_json is not None:
        schema = msgspec.Raw(request.json_format.schema_json.encode())
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return HttpRequest(PATH, _encode(body))


def _sampling(sampling: Sampling) -> Iterator[tuple[str, Any]]:
    yield from chosen(sampling, {name: name for name in ("temperature", "top_p", "top_k")})
    if sampling.stop:
        yield "stop_sequences", list(sampling.stop)


def _choice(request: ChatRequest) -> dict[str, Any] | None:
    choice: dict[str, Any] = {"type": "auto"}
    if request.tool_choice is ToolChoice.REQUIRED:
        choice = {"type": "any"}
        if request.required_tool is not None:
            choice = {"type": "tool", "name": request.required_tool}
    if not request.parallel_tool_calls:
        choice["disable_parallel_tool_use"] = True
    return choice if choice != {"type": "auto"} else None


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    if message.role is Role.TOOL:
        text = whole_text(message.text)
        yield {"type": "tool_result", "tool_use_id": _id(message.tool_call_id or ""), "content": text}
        return
    for part in parts(message):
        yield {"type": "text", "text": part} if isinstance(part, str) else _media(part)
    for call in message.tool_calls:
        yield {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": _arguments(call)}


def _media(media: Media) -> dict[str, Any]:
    url = media.url or ""
    kind = "image" if media.kind is MediaKind.IMAGE else "document"
    if match := DATA_URL.match(url):
        source = {"type": "base64", "media_type": match["type"], "data": url[match.end() :]}
    else:
        source = {"type": "url", "url": url}
    block: dict[str, Any] = {"type": kind, "source": source}
    if kind == "document" and media.file_name:
        block["title"] = media.file_name
    return block


def _tool(tool: Tool) -> dict[str, Any]:
    schema = tool.parameters_json or '{"type":"object"}'
    written: dict[str, Any] = {"name": tool.name, "input_schema": msgspec.Raw(schema.encode())}
    if tool.description is not None:
        written["description"] = tool.description
    return written


def _arguments(call: ToolCall) -> msgspec.Raw:
    """An object; what a model once wrote that is none is shown as it would have been without arguments."""
    is_object = json_object(call.arguments_json) is not None
    return msgspec.Raw(call.arguments_json.encode() if is_object else b"{}")


def _id(given: str) -> str:
    """Its ids have letters, digits, `_` and `-`."""
    return _ID.sub("_", given)
