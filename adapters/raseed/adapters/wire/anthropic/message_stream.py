"""Server-sent events of a streamed answer, in the order of api.anthropic.com.

    message_start · (content_block_start · content_block_delta* · content_block_stop)* · message_delta · message_stop

`ping` may stand anywhere between. Each event is `event: <type>`, `data: <JSON>` with the same type, and a blank line.
Blocks follow one another: at most one is open, and their indexes count from 0.
"""

from __future__ import annotations

from enum import Enum, auto

import msgspec

from raseed.adapters.wire.anthropic.message_response import (
    ID_PREFIX,
    SIGNATURE,
    MessageObject,
    how_it_ended,
    usage_object,
)
from raseed.adapters.wire.charged import Charged
from raseed.core.errors import BackendLost
from raseed.core.ids import RunId
from raseed.core.inference.answer import answer_id
from raseed.core.inference.model import ClientWire, Delta, FinishReason, ToolCall, Usage
from raseed.core.texts import whole_text

CONTENT_TYPE = "text/event-stream; charset=utf-8"
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
"""Keeps an idle connection open; every client skips it."""
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class _BlockEvent(msgspec.Struct, frozen=True, gc=False):
    type: str
    index: int


class _Prose(Enum):
    """What a block holds that is not a tool call."""

    TEXT = auto()
    THINKING = auto()


_START = {
    _Prose.TEXT: b'{"type":"text","text":""}',
    _Prose.THINKING: b'{"type":"thinking","thinking":"","signature":""}',
}
_PIECE = {
    _Prose.TEXT: b'{"type":"text_delta","text":',
    _Prose.THINKING: b'{"type":"thinking_delta","thinking":',
}
_SIGNED = b',"delta":{"type":"signature_delta","signature":%b}' % msgspec.json.encode(SIGNATURE)
_encode = msgspec.json.Encoder().encode
_decode_block_event = msgspec.json.Decoder(_BlockEvent).decode


class MessageStreamEncoder:
    """Encodes the events of one answer.

    Call `start` once, then `delta` for each piece, and `finish` once. A stream that fails ends with
    `errors.encode_stream_error` instead of the last one.
    """

    __slots__ = ("_block", "_calls", "_index", "_is_open", "_prefix", "_shows_thinking")

    def __init__(self, *, shows_thinking: bool = False) -> None:
        """`shows_thinking`: whether the request asked for what the model thinks on the way."""
        self._shows_thinking = shows_thinking
        self._index = -1
        """Of the last block that was opened."""
        self._is_open = False
        self._block: _Prose | int | None = None
        """What is in the open block; a number is that of its tool call."""
        self._calls: set[int] = set()
        self._prefix = b""

    def start(self, *, run_id: RunId, model: str, prompt_tokens: int) -> bytes:
        """The first event. Its usage has the real size of the prompt: some clients look at no other."""
        message = MessageObject(
            id=answer_id(run_id, ID_PREFIX),
            type="message",
            role="assistant",
            model=model,
            content=[],
            stop_reason=None,
            stop_sequence=None,
            usage=usage_object(
                Usage(prompt_tokens=prompt_tokens, completion_tokens=0), None, service_tier="standard"
            ),
        )
        return _event("message_start", b'"message":' + _encode(message))

    def delta(self, delta: Delta) -> bytes:
        """The events of one piece of the answer, b"" if there is nothing in it to show.

        Raises BackendLost for more of a call whose block has ended: no block can be opened again.
        """
        if delta.relayed is not None and delta.relayed.wire is ClientWire.ANTHROPIC_MESSAGES:
            return b"".join(map(self._relay, delta.relayed.parts))
        events = b""
        if delta.reasoning and self._shows_thinking:
            events = self._prose(_Prose.THINKING, delta.reasoning)
        if delta.text:
            events += self._prose(_Prose.TEXT, delta.text)
        index = delta.tool_call_index
        if index is None:
            return events
        arguments = delta.tool_arguments
        if delta.tool_call is not None:
            if index in self._calls:
                raise _out_of_order()
            self._calls.add(index)
            events += self._open_call(index, delta.tool_call)
            arguments = delta.tool_call.arguments_json + arguments
        if not arguments:
            return events
        if not self._is_open or self._block != index:
            raise _out_of_order()
        piece = b'{"type":"input_json_delta","partial_json":' + _encode(whole_text(arguments)) + b"}"
        return events + self._block_event("content_block_delta", b',"delta":' + piece)

    def finish(
        self, reason: FinishReason, stop_sequence: str | None, usage: Usage, charged: Charged | None = None
    ) -> bytes:
        """The last events. The usage in them is that of the whole answer."""
        ending, found = how_it_ended(reason, stop_sequence)
        delta = _encode({"stop_reason": ending, "stop_sequence": found})
        body = b'"delta":' + delta + b',"usage":' + _encode(usage_object(usage, charged))
        return self._close() + _event("message_delta", body) + _STOP

    def _relay(self, data: bytes) -> bytes:
        """An event of a content block as its provider wrote it. The answer may end before its block does."""
        said = _decode_block_event(data)
        if said.type == "content_block_start":
            self._index, self._is_open, self._block = said.index, True, None
        elif said.type == "content_block_stop":
            self._is_open = False
        return b"event: %b\ndata: %b\n\n" % (said.type.encode(), data)

    def _prose(self, kind: _Prose, text: str) -> bytes:
        events = b""
        if not self._is_open or self._block is not kind:
            events = self._open(kind, _START[kind])
            # An event differs from the next one in its text alone, so the rest is encoded once for each block.
            self._prefix = (
                b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":'
                % self._index
                + _PIECE[kind]
            )
        try:
            return events + self._prefix + _encode(text) + b"}}\n\n"
        except UnicodeEncodeError:
            return events + self._prefix + _encode(whole_text(text)) + b"}}\n\n"

    def _open_call(self, index: int, call: ToolCall) -> bytes:
        return self._open(index, _encode({"type": "tool_use", "id": call.id, "name": call.name, "input": {}}))

    def _open(self, holds: _Prose | int, block: bytes) -> bytes:
        closed = self._close()
        self._index += 1
        self._is_open, self._block = True, holds
        return closed + self._block_event("content_block_start", b',"content_block":' + block)

    def _close(self) -> bytes:
        if not self._is_open:
            return b""
        self._is_open = False
        signed = b""
        if self._block is _Prose.THINKING:
            signed = self._block_event("content_block_delta", _SIGNED)
        return signed + self._block_event("content_block_stop", b"")

    def _block_event(self, name: str, members: bytes) -> bytes:
        return _event(name, b'"index":%d' % self._index + members)


def _event(name: str, members: bytes) -> bytes:
    return b'event: %b\ndata: {"type":"%b",%b}\n\n' % (name.encode(), name.encode(), members)


def _out_of_order() -> BackendLost:
    return BackendLost("The model's tool calls came in an order that this API cannot tell.")
