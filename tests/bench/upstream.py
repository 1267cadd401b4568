"""A provider that costs next to nothing: the same answer to every request, whole or streamed, as OpenAI's API gives it.

`python -m tests.bench.upstream PORT TOKENS`
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import cast

import uvloop
from tests.emulators.model_providers.openai import DONE, stream_of, usage, usage_chunk

MODEL = "upstream"
PROMPT_TOKENS = 10


def whole(tokens: int) -> bytes:
    message = {"role": "assistant", "content": "word " * tokens, "refusal": None}
    said = {
        "id": "chatcmpl-upstream",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": usage(PROMPT_TOKENS, tokens),
    }
    body = json.dumps(said).encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )


def streamed(tokens: int) -> bytes:
    """All chunks at once, each in a chunk of HTTP."""
    events = [*stream_of(["word "] * tokens), usage_chunk(PROMPT_TOKENS, tokens), DONE]
    body = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events if isinstance(event, bytes))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + body + b"0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """Reads requests with a Content-Length, and nothing else of them than whether they ask for a stream."""

    def __init__(self, whole: bytes, streamed: bytes) -> None:
        self._whole = whole
        self._streamed = streamed
        self._data = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's own is of no such class

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self._data) < end + 4 + length:
                return
            body = self._data[end + 4 : end + 4 + length]
            self._data = self._data[end + 4 + length :]
            self._transport.write(self._streamed if b'"stream":true' in body else self._whole)


async def serve(port: int, tokens: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    answers = whole(tokens), streamed(tokens)
    server = await loop.create_server(lambda: Upstream(*answers), "127.0.0.1", port)
    async with server:
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
