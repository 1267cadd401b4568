"""`ChatRequest` → body of POST /v1beta/models/MODEL:streamGenerateContent at Google.

System messages, wherever they stand, are its one instruction; results of tools are parts of the next user turn, under the name of
the tool; neighbouring turns of one role are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from raseed.adapters.providers.errors import unsupported, unsupported_value
from raseed.adapters.providers.json_access import json_object
from raseed.adapters.providers.messages import DATA_URL, SYSTEM_BREAK, chosen, parts, system_texts, turns
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
    ToolChoice,
)
from raseed.core.texts import whole_text

_NO_SIGNATURE = "skip_thought_signature_validator"
"""In place of the signature of a call that was made elsewhere, or whose signature its client could not keep: without one,
models from Gemini 3 on refuse a history with calls (ai.google.dev/gemini-api/docs/thought-signatures)."""
_NAMES = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_encode = msgspec.json.Encoder().encode


def check_request(request: ChatRequest) -> None:
    """Raises RequestInvalid for what the wire has no word for."""
    if request.tools and not request.parallel_tool_calls:
        raise unsupported("parallel_tool_calls")
    for index, message in enumerate(request.messages):
        for media in message.media:
            if media.kind is not MediaKind.AUDIO and not DATA_URL.match(media.url or ""):
                raise unsupported_value(
                    f"messages.[{index}].content", "An image or a file must be a base64 data: URL."
                )


def encode_request(request: ChatRequest, upstream: Upstream, max_tokens: int) -> HttpRequest:
    body: dict[str, Any] = dict(upstream.extra_body)
    names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    body["contents"] = [
        {
            "role": "model" if is_answer else "user",
            "parts": [part for message in said for part in _parts(message, names)],
        }
        for is_answer, said in turns(request.messages)
    ]
    if system := system_texts(request.messages):
        body["systemInstruction"] = {"parts": [{"text": SYSTEM_BREAK.join(system)}]}
    given = body.get("generationConfig")
    body["generationConfig"] = {
        **(given if isinstance(given, dict) else {}),
        "maxOutputTokens": max_tokens,
        **dict(_sampling(request.sampling)),
        **_format(request.json_format),
    }
    if request.tools:
        body["tools"] = [{"functionDeclarations": [_tool(tool) for tool in request.tools]}]
        if request.tool_choice is ToolChoice.REQUIRED:
            choice: dict[str, Any] = {"mode": "ANY"}
            if request.required_tool is not None:
                choice["allowedFunctionNames"] = [request.required_tool]
            body["toolConfig"] = {"functionCallingConfig": choice}
    model = quote(upstream.model, safe="")
    return HttpRequest(f"/v1beta/models/{model}:streamGenerateContent?alt=sse", _encode(body))


def _sampling(sampling: Sampling) -> Iterator[tuple[str, Any]]:
    yield from chosen(sampling, _NAMES)
    if sampling.seed is not None:
        yield "seed", sampling.seed
    if sampling.stop:
        yield "stopSequences", list(sampling.stop)


def _format(answer: JsonFormat | None) -> dict[str, Any]:
    if answer is None:
        return {}
    written: dict[str, Any] = {"responseMimeType": "application/json"}
    if answer.schema_json is not None:
        written["responseJsonSchema"] = msgspec.Raw(answer.schema_json.encode())
    return written


def _parts(message: Message, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """`names`: of the tools, by the id of each call."""
    if message.role is Role.TOOL:
        text = whole_text(message.text)
        name = names.get(message.tool_call_id or "", "")
        yield {"functionResponse": {"name": name, "response": json_object(text) or {"result": text}}}
        return
    for part in parts(message):
        yield {"text": part} if isinstance(part, str) else {"inlineData": _media(part)}
    for index, call in enumerate(message.tool_calls):
        arguments = call.arguments_json if json_object(call.arguments_json) is not None else "{}"
        called: dict[str, Any] = {
            "functionCall": {"name": call.name, "args": msgspec.Raw(arguments.encode())}
        }
        if index == 0:
            called["thoughtSignature"] = _NO_SIGNATURE
        yield called


def _media(media: Media) -> dict[str, Any]:
    if media.kind is MediaKind.AUDIO:
        return {"mimeType": f"audio/{media.format}", "data": media.data_base64}
    url = media.url or ""
    match = DATA_URL.match(url)
    assert match is not None, "was checked"
    return {"mimeType": match["type"], "data": url[match.end() :]}


def _tool(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.parameters_json is not None:
        written["parametersJsonSchema"] = msgspec.Raw(tool.parameters_json.encode())
    return written
