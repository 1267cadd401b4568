"""Ollama's own chat, streamed: a JSON object on each line, the last one with its figures.

{message: {content}, done: false}…  {done: true, done_reason, prompt_eval_count, eval_count}
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from raseed.adapters.providers.errors import unsupported, unsupported_value
from raseed.adapters.providers.json_access import count, json_object, member, text
from raseed.adapters.providers.json_lines import JSON_LINES, JsonLinesParser
from raseed.adapters.providers.messages import chosen
from raseed.adapters.providers.sse import Event
from raseed.adapters.providers.wire import (
    Decoder,
    ErrorInStream,
    HttpRequest,
    NotUnderstood,
    Piece,
    Reported,
    Upstream,
    json_of,
)
from raseed.core.inference.model import (
    ChatRequest,
    FinishReason,
    JsonFormat,
    Message,
    Sampling,
    Tool,
    ToolCall,
)
from raseed.core.texts import whole_text

PATH = "/api/chat"
_IMAGE = re.compile(r"data:image/[a-z+]+;base64,")
_NAMES = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty")
_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}
_encode = msgspec.json.Encoder().encode


class OllamaChat:
    """Implements `Wire`."""

    content_type = JSON_LINES
    parser = JsonLinesParser

    def check(self, request: ChatRequest) -> None:
        if request.tools and not request.parallel_tool_calls:
            raise unsupported("parallel_tool_calls")
        for index, message in enumerate(request.messages):
            if any(not _IMAGE.match(media.url or "") for media in message.media):
                raise unsupported_value(f"messages.[{index}].content", "An image must be a base64 data: URL.")

    def encode(self, request: ChatRequest, upstream: Upstream, max_tokens: int) -> HttpRequest:
        body: dict[str, Any] = dict(upstream.extra_body)
        given = body.get("options")
        names: dict[str, str] = {}
        body |= {
            "model": upstream.model,
            "messages": [_message(message, names) for message in request.messages],
            "stream": True,
            "options": {
                **(given if isinstance(given, dict) else {}),
                "num_predict": max_tokens,
                **dict(_options(request.sampling)),
            },
        }
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if request.json_format is not None:
            body["format"] = _format(request.json_format)
        return HttpRequest(PATH, _encode(body))

    def decoder(self, request: ChatRequest) -> Decoder:
        return OllamaDecoder()


class OllamaDecoder:
    """Implements `Decoder`."""

    def __init__(self) -> None:
        self.finish_reason: FinishReason | None = None
        self.stop_sequence: str | None = None
        self.has_ended = False
        self.usage = Reported()
        self._calls = 0

    def read(self, event: Event) -> Sequence[Piece]:
        said = json_of(event)
        if not isinstance(said, dict):
            raise NotUnderstood
        if said.get("error"):
            raise ErrorInStream(500, event.data)
        pieces = list(self._message(said.get("message")))
        prompt, completion = count(said.get("prompt_eval_count")), count(said.get("eval_count"))
        self.usage = Reported(
            prompt_tokens=self.usage.prompt_tokens if prompt is None else prompt,
            completion_tokens=self.usage.completion_tokens if completion is None else completion,
        )
        if said.get("done") is True:
            # Figures may follow in a line of their own, so that only the end of the bytes is the end.
            reason = _REASONS.get(text(said.get("done_reason")), FinishReason.STOP)
            has_called = reason is FinishReason.STOP and self._calls
            self.finish_reason = FinishReason.TOOL_CALLS if has_called else reason
        return pieces

    def _message(self, message: Any) -> Iterator[Piece]:
        shown, thought = text(member(message, "content")), text(member(message, "thinking"))
        if shown or thought:
            yield Piece(text=shown, reasoning=thought)
        calls = member(message, "tool_calls")
        for call in calls if isinstance(calls, list) else ():
            name, arguments = text(member(call, "function", "name")), member(call, "function", "arguments")
            if not name:
                raise NotUnderstood
            written = msgspec.json.encode(arguments if isinstance(arguments, dict) else {}).decode()
            call_id = text(member(call, "id")) or f"call_{secrets.token_hex(12)}"
            self._calls += 1
            yield Piece(
                tool_call_index=self._calls - 1,
                tool_call=ToolCall(id=call_id, name=name, arguments_json=written),
            )


def _message(message: Message, names: dict[str, str]) -> dict[str, Any]:
    """`names`: of the tools, by the id of each call so far; it is added to."""
    written: dict[str, Any] = {"role": message.role.value, "content": whole_text(message.text)}
    if message.media:
        written["images"] = [(media.url or "").partition(",")[2] for media in message.media]
    if message.tool_calls:
        names |= {call.id: call.name for call in message.tool_calls}
        written["tool_calls"] = [
            {"function": {"name": call.name, "arguments": json_object(call.arguments_json) or {}}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        written["tool_name"] = names.get(message.tool_call_id, "")
    return written


def _options(sampling: Sampling) -> Iterator[tuple[str, Any]]:
    """A field with OpenAI's default value is left out here too: a model file may say another."""
    yield from chosen(sampling, {name: name for name in _NAMES})
    if sampling.seed is not None:
        yield "seed", sampling.seed
    if sampling.stop:
        yield "stop", list(sampling.stop)


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "description": tool.description or ""}
    schema = tool.parameters_json or '{"type":"object"}'
    return {"type": "function", "function": {**function, "parameters": msgspec.Raw(schema.encode())}}


def _format(answer: JsonFormat) -> Any:
    return "json" if answer.schema_json is None else msgspec.Raw(answer.schema_json.encode())
