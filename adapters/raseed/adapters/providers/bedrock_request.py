"""`ChatRequest` → body of POST /model/MODEL/converse-stream at AWS Bedrock.

System messages, wherever they stand, are its `system`; results of tools are blocks of the next user turn; neighbouring turns of
one role are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec

from raseed.adapters.providers.errors import unsupported, unsupported_value
from raseed.adapters.providers.json_access import json_object
from raseed.adapters.providers.wire import HttpRequest, Upstream
from raseed.adapters.wire.json_values import whole_text
from raseed.core.inference.model import (
    ChatRequest,
    Media,
    MediaKind,
    Message,
    Role,
    Sampling,
    Tool,
    ToolChoice,
)

_ID = re.compile(r"[^a-zA-Z0-9_-]")
_ID_CHARS_MAX = 64
_DATA_URL = re.compile(r"data:(?P<type>[a-z]+/[a-z0-9.+-]+);base64,")
_FORMATS = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
}
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9 ()\[\]-]+")
_encode = msgspec.json.Encoder().encode


def check_request(request: ChatRequest) -> None:
    """Raises RequestInvalid for what the wire has no word for."""
    sampling = request.sampling
    if sampling.seed is not None:
        raise unsupported("seed")
    if sampling.top_k:
        raise unsupported("top_k")
    if sampling.temperature > 1:
        raise unsupported_value("temperature", "It must be at most 1 with this model.")
    if request.tools and not request.parallel_tool_calls:
        raise unsupported("parallel_tool_calls")
    for index, message in enumerate(request.messages):
        for media in message.media:
            match = _DATA_URL.match(media.url or "")
            if match is None or match["type"] not in _FORMATS:
                raise unsupported_value(
                    f"messages.[{index}].content", "It must be a base64 data: URL of a known type."
                )


def encode_request(request: ChatRequest, upstream: Upstream, max_tokens: int) -> HttpRequest:
    body: dict[str, Any] = dict(upstream.extra_body)
    body["messages"] = _turns(request.messages)
    system = [{"text": whole_text(m.text)} for m in request.messages if m.role is Role.SYSTEM and m.text]
    if system:
        body["system"] = system
    body["inferenceConfig"] = {"maxTokens": max_tokens, **dict(_sampling(request.sampling))}
    if request.tools:
        body["toolConfig"] = {"tools": [_tool(tool) for tool in request.tools]}
        if request.tool_choice is ToolChoice.REQUIRED:
            named = request.required_tool
            body["toolConfig"]["toolChoice"] = {"tool": {"name": named}} if named else {"any": {}}
    return HttpRequest(f"/model/{quote(upstream.model, safe='')}/converse-stream", _encode(body))


def _sampling(sampling: Sampling) -> Iterator[tuple[str, Any]]:
    default = Sampling()
    if sampling.temperature != default.temperature:
        yield "temperature", sampling.temperature
    if sampling.top_p != default.top_p:
        yield "topP", sampling.top_p
    if sampling.stop:
        yield "stopSequences", list(sampling.stop)


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role is Role.SYSTEM:
            continue
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        if not turns or turns[-1]["role"] != role:
            turns.append({"role": role, "content": []})
        turns[-1]["content"] += _blocks(message)
    return turns


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    text = whole_text(message.text)
    if message.role is Role.TOOL:
        yield {"toolResult": {"toolUseId": _id(message.tool_call_id or ""), "content": [{"text": text}]}}
        return
    at = 0
    for media in message.media:
        if media.text_before > at:
            yield {"text": text[at : media.text_before]}
            at = media.text_before
        yield _media(media)
    if at < len(text):
        yield {"text": text[at:]}
    for call in message.tool_calls:
        written = call.arguments_json if json_object(call.arguments_json) is not None else "{}"
        arguments = msgspec.Raw(written.encode())
        yield {"toolUse": {"toolUseId": _id(call.id), "name": call.name, "input": arguments}}


def _media(media: Media) -> dict[str, Any]:
    url = media.url or ""
    match = _DATA_URL.match(url)
    assert match is not None, "was checked"
    block: dict[str, Any] = {
        "format": _FORMATS[match["type"]],
        "source": {"bytes": url[match.end() :]},
    }
    if media.kind is MediaKind.IMAGE:
        return {"image": block}
    return {"document": {"name": _NOT_IN_NAMES.sub("-", media.file_name or "document"), **block}}


def _tool(tool: Tool) -> dict[str, Any]:
    schema = tool.parameters_json or '{"type":"object"}'
    written: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": msgspec.Raw(schema.encode())}}
    if tool.description:
        written["description"] = tool.description
    return {"toolSpec": written}


def _id(given: str) -> str:
    """Its ids have at most 64 letters, digits, `_` and `-`."""
    return _ID.sub("_", given)[-_ID_CHARS_MAX:]
