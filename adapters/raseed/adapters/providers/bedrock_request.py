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
from raseed.adapters.providers.messages import DATA_URL, chosen, parts, system_texts, turns
from raseed.adapters.providers.wire import HttpRequest, Upstream
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
from raseed.core.texts import whole_text

_ID = re.compile(r"[^a-zA-Z0-9_-]")
_ID_CHARS_MAX = 64
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
            match = DATA_URL.match(media.url or "")
            if match is None or match["type"] not in _FORMATS:
                raise unsupported_value(
                    f"messages.[{index}].content", "It must be a base64 data: URL of a known type."
                )


def encode_request(request: ChatRequest, upstream: Upstream, max_tokens: int) -> HttpRequest:
    body: dict[str, Any] = dict(upstream.extra_body)
    body["messages"] = [
        {
            "role": "assistant" if is_answer else "user",
            "content": [block for message in said for block in _blocks(message)],
        }
        for is_answer, said in turns(request.messages)
    ]
    if system := system_texts(request.messages):
        body["system"] = [{"text": text} for text in system]
    body["inferenceConfig"] = {"maxTokens": max_tokens, **dict(_sampling(request.sampling))}
    if request.tools:
        body["toolConfig"] = {"tools": [_tool(tool) for tool in request.tools]}
        if request.tool_choice is ToolChoice.REQUIRED:
            named = request.required_tool
            body["toolConfig"]["toolChoice"] = {"tool": {"name": named}} if named else {"any": {}}
    return HttpRequest(f"/model/{quote(upstream.model, safe='')}/converse-stream", _encode(body))


def _sampling(sampling: Sampling) -> Iterator[tuple[str, Any]]:
    yield from chosen(sampling, {"temperature": "temperature", "top_p": "topP"})
    if sampling.stop:
        yield "stopSequences", list(sampling.stop)


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    if message.role is Role.TOOL:
        content = [{"text": whole_text(message.text)}]
        yield {"toolResult": {"toolUseId": _id(message.tool_call_id or ""), "content": content}}
        return
    for part in parts(message):
        yield {"text": part} if isinstance(part, str) else _media(part)
    for call in message.tool_calls:
        written = call.arguments_json if json_object(call.arguments_json) is not None else "{}"
        arguments = msgspec.Raw(written.encode())
        yield {"toolUse": {"toolUseId": _id(call.id), "name": call.name, "input": arguments}}


def _media(media: Media) -> dict[str, Any]:
    url = media.url or ""
    match = DATA_URL.match(url)
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
