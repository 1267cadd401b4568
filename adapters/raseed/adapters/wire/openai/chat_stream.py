"""Server-sent events of a streamed answer, byte for byte as api.openai.com orders them.

    role · (reasoning | content | tool call)* · finish · [usage] · [DONE]

Each event is `data: <JSON>` and a blank line, with no other field: Python's SDK fails on `id:` and `retry:`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.openai.chat_response import logprobs_object, usage_object
from raseed.core.inference.model import ClientWire, Delta, FinishReason, ToolCall, Usage
from raseed.core.texts import whole_text

StreamUsage = Literal["requested", "always"]
"""Whether a stream ends with a usage chunk only when its request asked for one, or in every case."""

CONTENT_TYPE = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
"""A comment that every client skips; keeps an idle connection open."""

_encode = msgspec.json.Encoder().encode


class ChatStreamEncoder:
    """Encodes the chunks of one answer. All of them have the same id, time and model.

    Call `role` once, then `delta` for each piece, `finish` once, `usage` once, and write `DONE`. A stream that fails
    ends with `errors.encode_stream_error` instead of the last three.
    """

    __slots__ = (
        "_after_choices",
        "_before_choices",
        "_content_prefixes",
        "_delta_suffix",
        "_open",
        "_with_usage",
    )

    def __init__(
        self,
        *,
        completion_id: str,
        created_s: int,
        model: str,
        include_usage: bool,
        stream_usage: StreamUsage = "requested",
        n: int = 1,
    ) -> None:
        head = {
            "id": completion_id,
            "object": "chat.completion.chunk",
            "created": created_s,
            "model": model,
            "service_tier": "default",
            "system_fingerprint": None,
        }
        self._with_usage = include_usage or stream_usage == "always"
        self._before_choices = b"data: " + _encode(head)[:-1] + b',"choices":['
        self._after_choices = b'],"usage":null}\n\n' if self._with_usage else b"]}\n\n"
        # A content chunk differs from the next one in its text alone, so the rest is encoded once for each stream.
        self._content_prefixes = [
            self._before_choices + b'{"index":%d,"delta":{"content":' % index for index in range(n)
        ]
        self._delta_suffix = b'},"logprobs":null,"finish_reason":null}' + self._after_choices
        self._open = list(range(n))

    def role(self) -> bytes:
        """The first chunk of each choice, in order: clients number choices by what they see first."""
        return b"".join(
            [self._delta(index, b'"role":"assistant","content":"","refusal":null') for index in self._open]
        )

    def delta(self, delta: Delta) -> bytes:
        """The chunks of one piece of the answer, b"" if there is nothing in it to show."""
        if delta.relayed is not None and delta.relayed.wire is ClientWire.OPENAI_CHAT:
            return b"".join(
                [self._before_choices + part + self._after_choices for part in delta.relayed.parts]
            )
        chunks = self.reasoning(delta.reasoning, delta.choice) if delta.reasoning else b""
        if delta.logprobs:
            chunks += self._content_with_logprobs(delta)
        elif delta.text:
            chunks += self.content(delta.text, delta.choice)
        if delta.tool_call_index is not None:
            chunks += self._tool_calls(delta.tool_call_index, delta)
        if delta.finish_reason is not None:
            self._open.remove(delta.choice)
            chunks += self._finish(delta.choice, delta.finish_reason)
        return chunks

    def content(self, text: str, choice: int = 0) -> bytes:
        try:
            return self._content_prefixes[choice] + _encode(text) + self._delta_suffix
        except UnicodeEncodeError:
            return self._content_prefixes[choice] + _encode(whole_text(text)) + self._delta_suffix

    def reasoning(self, text: str, choice: int = 0) -> bytes:
        """What the model thought, under both names that readers look for: OpenAI has none for it."""
        thought = _encode(whole_text(text))
        return self._delta(choice, b'"reasoning":%b,"reasoning_content":%b' % (thought, thought))

    def tool_call(self, index: int, call: ToolCall, choice: int = 0) -> bytes:
        """Opens call number `index`. Id and name are in this chunk alone: clients append what they see again."""
        function = {"name": call.name, "arguments": ""}
        opened = {"index": index, "id": call.id, "type": "function", "function": function}
        return self._delta(choice, b'"tool_calls":[' + _encode(opened) + b"]")

    def tool_arguments(self, index: int, text: str, choice: int = 0) -> bytes:
        """Extends the arguments of an opened call."""
        piece = {"index": index, "function": {"arguments": whole_text(text)}}
        return self._delta(choice, b'"tool_calls":[' + _encode(piece) + b"]")

    def finish(self, reason: FinishReason) -> bytes:
        """The last chunk of each choice whose end no piece has told; its delta is empty."""
        return b"".join([self._finish(index, reason) for index in self._open])

    def usage(self, usage: Usage, charged: Charged | None = None) -> bytes:
        """The usage chunk, b"" if it was not asked for."""
        if not self._with_usage:
            return b""
        return self._before_choices + b'],"usage":' + _encode(usage_object(usage, charged)) + b"}\n\n"

    def _tool_calls(self, index: int, delta: Delta) -> bytes:
        opened, arguments = b"", delta.tool_arguments
        if delta.tool_call is not None:
            opened = self.tool_call(index, delta.tool_call, delta.choice)
            arguments = delta.tool_call.arguments_json + arguments
        return opened + self.tool_arguments(index, arguments, delta.choice) if arguments else opened

    def _content_with_logprobs(self, delta: Delta) -> bytes:
        return b"".join(
            (
                self._content_prefixes[delta.choice],
                _encode(whole_text(delta.text)),
                b'},"logprobs":',
                _encode(logprobs_object(delta.logprobs)),
                b',"finish_reason":null}',
                self._after_choices,
            )
        )

    def _finish(self, index: int, reason: FinishReason) -> bytes:
        choice = b'{"index":%d,"delta":{},"logprobs":null,"finish_reason":%s}' % (
            index,
            _encode(reason.value),
        )
        return self._before_choices + choice + self._after_choices

    def _delta(self, index: int, members: bytes) -> bytes:
        return self._before_choices + b'{"index":%d,"delta":{' % index + members + self._delta_suffix
