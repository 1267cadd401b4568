"""The wire of Google's generateContent, streamed: answers of a part each, without an event that ends them.

    data: {candidates: [{content: {parts}, finishReason?}], usageMetadata}…

Usage is in every event and grows; thoughts are counted beside the answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from raseed.adapters.providers.gemini_request import check_request, encode_request
from raseed.adapters.providers.json_access import count, member, text
from raseed.adapters.providers.sse import SSE, Event, SseParser
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
from raseed.core.inference.model import ChatRequest, FinishReason, ToolCall

_REASONS = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "SAFETY": FinishReason.CONTENT_FILTER,
    "RECITATION": FinishReason.CONTENT_FILTER,
    "LANGUAGE": FinishReason.CONTENT_FILTER,
    "BLOCKLIST": FinishReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "SPII": FinishReason.CONTENT_FILTER,
    "IMAGE_SAFETY": FinishReason.CONTENT_FILTER,
}
_FAILURES = {
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
}
"""The model wrote something that its own API cannot read."""
_BLOCKED = b'{"error":{"code":"content_filter"}}'


class GeminiGenerate:
    """Implements `Wire`."""

    content_type = SSE
    parser = SseParser

    def check(self, request: ChatRequest) -> None:
        check_request(request)

    def encode(self, request: ChatRequest, upstream: Upstream, max_tokens: int) -> HttpRequest:
        return encode_request(request, upstream, max_tokens)

    def decoder(self, request: ChatRequest) -> Decoder:
        return GeminiDecoder()


class GeminiDecoder:
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
            status = count(member(said, "error", "code"))
            raise ErrorInStream(status if status and 400 <= status < 600 else 500, event.data)
        self._read_usage(said.get("usageMetadata"))
        candidates = said.get("candidates")
        if not isinstance(candidates, list) or not candidates:
            if text(member(said, "promptFeedback", "blockReason")):
                raise ErrorInStream(400, _BLOCKED)
            return ()
        return list(self._candidate(candidates[0]))

    def _candidate(self, candidate: Any) -> Iterator[Piece]:
        parts = member(candidate, "content", "parts")
        for part in parts if isinstance(parts, list) else ():
            call = member(part, "functionCall")
            if call is not None:
                yield self._call(call)
            elif said := text(member(part, "text")):
                yield Piece(reasoning=said) if member(part, "thought") is True else Piece(text=said)
        reason = text(member(candidate, "finishReason"))
        if reason in _FAILURES:
            raise ErrorInStream(500, b"")
        if reason and reason != "FINISH_REASON_UNSPECIFIED":
            self.finish_reason = _REASONS.get(reason, FinishReason.STOP)
            if self.finish_reason is FinishReason.STOP and self._calls:
                self.finish_reason = FinishReason.TOOL_CALLS

    def _call(self, call: Any) -> Piece:
        """Calls come whole."""
        name = text(member(call, "name"))
        if not name:
            raise NotUnderstood
        arguments = member(call, "args")
        written = msgspec.json.encode(arguments if isinstance(arguments, dict) else {}).decode()
        call_id = text(member(call, "id")) or f"call_{secrets.token_hex(12)}"
        self._calls += 1
        return Piece(
            tool_call_index=self._calls - 1, tool_call=ToolCall(id=call_id, name=name, arguments_json=written)
        )

    def _read_usage(self, usage: Any) -> None:
        prompt, answer, thoughts, cached, used_by_tools = (
            count(member(usage, name))
            for name in (
                "promptTokenCount",
                "candidatesTokenCount",
                "thoughtsTokenCount",
                "cachedContentTokenCount",
                "toolUsePromptTokenCount",
            )
        )
        known = self.usage
        self.usage = Reported(
            prompt_tokens=known.prompt_tokens if prompt is None else prompt + (used_by_tools or 0),
            completion_tokens=known.completion_tokens if answer is None else answer + (thoughts or 0),
            cached_tokens=known.cached_tokens if cached is None else cached,
            reasoning_tokens=known.reasoning_tokens if thoughts is None else thoughts,
        )
