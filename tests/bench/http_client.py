"""One keep-alive connection of the load generator: HTTP/1.1 spoken by hand, because a library would cost more than what
is measured."""

from __future__ import annotations

import asyncio
import re
from time import perf_counter
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from tests.bench.load import Load

END_OF_CHUNKS = b"\r\n0\r\n\r\n"
"""The last chunk. It cannot be part of an answer: JSON and server-sent events of JSON have no raw CR."""
EVENT = b"data: "
TOKEN = re.compile(rb'"content":"[^"]')
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)")
TAIL_BYTES = 16
"""Kept of what came before, because a piece of the network may end inside of what is looked for."""
IN_CHUNKS = 0
HEAD_TO_COME = -1
"""What is left of an answer whose length is not known, and of one that has not begun."""


class Connection(asyncio.Protocol):
    """Sends a request, waits for its answer, sends the next."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._head = self._tail = b""
        self._left = HEAD_TO_COME
        """Bytes of the body still to come, or one of the two below 1."""
        self._events = 0
        self._token_seen = False
        self._cancels = False
        """Whether this request is broken off."""
        self._sent_at = self._first_byte_at = 0.0
        self._event_at = 0.0
        """When the last piece with an event came; 0: none has."""
        self._wanted = False
        """Whether the connection is closed by us."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.disconnected(wanted=self._wanted)

    def data_received(self, data: bytes) -> None:
        load = self._load
        if self._left == HEAD_TO_COME:
            data = self._read_head(data)
            if not data:
                return
        seen = self._tail + data
        if not self._token_seen and TOKEN.search(seen):
            self._token_seen = True
            if load.begun:
                load.first_tokens.append(perf_counter() - self._sent_at)
        events = seen.count(EVENT) - self._tail.count(EVENT)
        if events:
            self._events += events
            now = perf_counter()
            if load.begun:
                load.outcome.events += events
                if self._event_at:
                    load.gaps.append(now - self._event_at)
            self._event_at = now
            if self._cancels and self._events >= load.plan.cancel_after_events:
                load.outcome.cancelled += load.begun
                self._close()
                return
        if load.begun:
            load.outcome.answer_bytes += len(data)
        if self._left != IN_CHUNKS:
            self._left -= len(data)
            is_whole = self._left <= 0
        else:
            is_whole = seen.endswith(END_OF_CHUNKS)
        if is_whole:
            self._answered()
        else:
            self._tail = seen[-TAIL_BYTES:]

    def _send(self) -> None:
        if not self._load.next_request():
            self._close()
            return
        self._head = self._tail = b""
        self._left = HEAD_TO_COME
        self._events = 0
        self._token_seen = False
        self._cancels = self._load.shall_cancel()
        self._event_at = 0.0
        self._sent_at = perf_counter()
        self._transport.write(self._load.request)

    def _read_head(self, data: bytes) -> bytes:
        """What follows the head, once that is whole."""
        if not self._head:
            self._first_byte_at = perf_counter()
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return b""
        head, rest = self._head[:end].lower(), self._head[end + 2 :]  # with CR LF before the first chunk
        if not head.startswith(b"http/1.1 200"):
            self._load.statuses[head[9:12].decode()] += 1
        found = LENGTH.search(head)
        self._left = int(found[1]) + 2 if found else IN_CHUNKS
        return rest

    def _answered(self) -> None:
        load = self._load
        if load.begun:
            load.outcome.completed += 1
            load.latencies.append(perf_counter() - self._sent_at)
            load.first_bytes.append(self._first_byte_at - self._sent_at)
        self._send()

    def _close(self) -> None:
        self._wanted = True
        self._transport.abort()
