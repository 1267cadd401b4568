"""The wire of Anthropic's messages, streamed.

    message_start {usage of the prompt} · (content_block_start · content_block_delta* · content_block_stop)* ·
    message_delta {stop_reason, usage of the answer, cumulative} · message_stop

`ping` may stand anywhere, `error` ends it. The content blocks are relayed as they come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from raseed.adapters.providers.anthropic_request import check_request, encode_request
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
from raseed.core.inference.model import ChatRequest, ClientWire, FinishReason, Relayed, ToolCall

_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "pause_turn": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
}
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class AnthropicMessages:
    """Implements `Wire`."""

    content_type = SSE
    parser = SseParser

    def check(self, request: ChatRequest) -> None:
        check_request(request)

    def encode(self, request: ChatRequest, upstream: Upstream, max_tokens: int) -> HttpRequest:
        return encode_request(request, upstream, max_tokens)

    def decoder(self, request: ChatRequest) -> Decoder:
        return AnthropicDecoder()


class AnthropicDecoder:
    """Implements `Decoder`."""

    def __init__(self) -> None:
        self.finish_reason: FinishReason | None = None
        self.stop_sequence: str | None = None
        self.has_ended = False
        self.usage = Reported()
        self._calls: dict[int, int] = {}
        """Of each block that is a call, which of the calls it is."""

    def read(self, event: Event) -> Sequence[Piece]:
        said = json_of(event)
        kind = text(member(said, "type"))
        if not kind:
            raise NotUnderstood
        match kind:
            case "message_start":
                self._read_prompt(member(said, "message", "usage"))
            case "message_delta":
                self._read_end(said)
            case "message_stop":
                self.has_ended = True
                self.finish_reason = self.finish_reason or FinishReason.STOP
            case "error":
                raise ErrorInStream(_STATUSES.get(text(member(said, "error", "type")), 500), event.data)
            case "content_block_start" | "content_block_delta" | "content_block_stop":
                return list(self._block(kind, said, event.data))
            case _:
                pass  # a ping, or something newer
        return ()

    def _block(self, kind: str, said: Any, data: bytes) -> Iterator[Piece]:
        relayed = Relayed(ClientWire.ANTHROPIC_MESSAGES, (_in_one_line(data, said),))
        index = count(said.get("index"))
        if index is None:
            raise NotUnderstood
        block, delta = member(said, "content_block"), member(said, "delta")
        if kind == "content_block_start" and member(block, "type") == "tool_use":
            name, call_id = text(member(block, "name")), text(member(block, "id"))
            if not name or not call_id:
                raise NotUnderstood
            self._calls[index] = len(self._calls)
            opened = ToolCall(id=call_id, name=name, arguments_json="")
            yield Piece(tool_call_index=self._calls[index], tool_call=opened, relayed=relayed)
        elif kind == "content_block_delta" and (json_piece := text(member(delta, "partial_json"))):
            if index not in self._calls:
                raise NotUnderstood
            yield Piece(tool_call_index=self._calls[index], tool_arguments=json_piece, relayed=relayed)
        else:
            source = block if kind == "content_block_start" else delta
            yield Piece(
                text=text(member(source, "text")), reasoning=text(member(source, "thinking")), relayed=relayed
            )

    def _read_prompt(self, usage: Any) -> None:
        """How many tokens of the answer it says there are is true of its beginning alone."""
        parts = [
            count(member(usage, name))
            for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        ]
        if parts[0] is not None:
            self.usage = Reported(
                prompt_tokens=sum(part or 0 for part in parts),
                completion_tokens=self.usage.completion_tokens,
                cached_tokens=parts[2],
            )

    def _read_end(self, said: Any) -> None:
        usage = member(said, "usage")
        self._read_prompt(usage)
        completion = count(member(usage, "output_tokens"))
        if completion is not None:
            self.usage = Reported(
                prompt_tokens=self.usage.prompt_tokens,
                completion_tokens=completion,
                cached_tokens=self.usage.cached_tokens,
            )
        reason = text(member(said, "delta", "stop_reason"))
        if reason:
            self.finish_reason = _REASONS.get(reason, FinishReason.STOP)
            if reason == "stop_sequence":
                self.stop_sequence = text(member(said, "delta", "stop_sequence")) or None


def _in_one_line(data: bytes, said: Any) -> bytes:
    return msgspec.json.encode(said) if b"\n" in data or b"\r" in data else data
