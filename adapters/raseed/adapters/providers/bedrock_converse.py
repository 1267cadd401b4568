"""The wire of AWS Bedrock's Converse, streamed in AWS's event stream encoding.

    messageStart · (contentBlockStart? · contentBlockDelta* · contentBlockStop)* · messageStop {stopReason} ·
    metadata {usage}

An exception in place of any of them ends it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from raseed.adapters.providers.aws_event_stream import EVENT_STREAM, EXCEPTION, EventStreamParser
from raseed.adapters.providers.bedrock_request import check_request, encode_request
from raseed.adapters.providers.json_access import count, member, text
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
from raseed.core.inference.model import ChatRequest, FinishReason, ToolCall

_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "content_filtered": FinishReason.CONTENT_FILTER,
}
_FAILURES = {"malformed_model_output", "malformed_tool_use"}
_STATUSES = {
    "validationException": 400,
    "accessDeniedException": 403,
    "resourceNotFoundException": 404,
    "throttlingException": 429,
    "serviceUnavailableException": 503,
}


class BedrockConverse:
    """Implements `Wire`."""

    content_type = EVENT_STREAM
    parser = EventStreamParser

    def check(self, request: ChatRequest) -> None:
        check_request(request)

    def encode(self, request: ChatRequest, upstream: Upstream, max_tokens: int) -> HttpRequest:
        return encode_request(request, upstream, max_tokens)

    def decoder(self, request: ChatRequest) -> Decoder:
        return BedrockDecoder()


class BedrockDecoder:
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
        if event.name.startswith(EXCEPTION):
            raise ErrorInStream(_STATUSES.get(event.name.removeprefix(EXCEPTION), 500), event.data)
        match event.name:
            case "contentBlockStart" | "contentBlockDelta":
                return list(self._block(said))
            case "messageStop":
                reason = text(member(said, "stopReason"))
                if reason in _FAILURES:
                    raise ErrorInStream(500, b"")
                self.finish_reason = _REASONS.get(reason, FinishReason.STOP)
            case "metadata":
                self._read_usage(member(said, "usage"))
            case _:
                pass
        return ()

    def _block(self, said: Any) -> Iterator[Piece]:
        index = count(member(said, "contentBlockIndex"))
        if index is None:
            raise NotUnderstood
        opened = member(said, "start", "toolUse")
        if opened is not None:
            name, call_id = text(member(opened, "name")), text(member(opened, "toolUseId"))
            if not name or not call_id:
                raise NotUnderstood
            self._calls[index] = len(self._calls)
            call = ToolCall(id=call_id, name=name, arguments_json="")
            yield Piece(tool_call_index=self._calls[index], tool_call=call)
        delta = member(said, "delta")
        if arguments := text(member(delta, "toolUse", "input")):
            if index not in self._calls:
                raise NotUnderstood
            yield Piece(tool_call_index=self._calls[index], tool_arguments=arguments)
        shown, thought = text(member(delta, "text")), text(member(delta, "reasoningContent", "text"))
        if shown or thought:
            yield Piece(text=shown, reasoning=thought)

    def _read_usage(self, usage: Any) -> None:
        """Tokens that were read from a cache, or written to one, are counted beside the prompt's others."""
        prompt, completion, cached, written = (
            count(member(usage, name))
            for name in ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
        )
        known = self.usage
        self.usage = Reported(
            prompt_tokens=known.prompt_tokens if prompt is None else prompt + (cached or 0) + (written or 0),
            completion_tokens=known.completion_tokens if completion is None else completion,
            cached_tokens=known.cached_tokens if cached is None else cached,
        )
