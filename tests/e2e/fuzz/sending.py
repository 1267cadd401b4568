"""Sends a request byte for byte, reads what comes until the server closes, and judges it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

ANSWER_TIMEOUT_S = 60.0
"""Far above what any of these takes on a slow machine: who waits so long waits for ever."""
CUT_AFTER_S = 0.02
LEAKS = (b"Traceback", b"127.0.0.1", b"grpc", b"envoy", b"upstream", b"sqlite", b"msgspec", b".py")
"""Words of the inside. Echoes of what was sent are shorter than any of them that we send."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class _Collector(asyncio.Protocol):
    """Keeps what comes, also what came just before the connection broke: a stream reader would throw that away."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


async def exchange(port: int, data: bytes, *, is_cut: bool) -> Answer | None:
    """The answer; None for one that had no time to come. Raises TimeoutError for one that never comes."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        transport, collector = await loop.create_connection(_Collector, "127.0.0.1", port)
        try:
            transport.write(data)
            if is_cut:
                await asyncio.sleep(CUT_AFTER_S)
                return None
            await collector.closed
        finally:
            transport.abort()
    return _parsed(bytes(collector.received))


def _parsed(data: bytes) -> Answer | None:
    head, _, body = data.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100 "):  # only that the body may come
        head, _, body = body.partition(b"\r\n\r\n")
    if not head:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    return Answer(int(first.split(" ")[1]), headers, body)


def _unchunked(body: bytes) -> bytes:
    whole = bytearray()
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        whole += rest[:length]
        body = rest[length + 2 :]
    return bytes(whole)


def complaint(answer: Answer, method: str) -> str | None:
    """What is wrong with an answer to a request that may be wrong itself. None: nothing."""
    if answer.status >= 500:
        return f"{answer.status}: {answer.body[:300]!r}"
    if "x-request-id" not in answer.headers and "request-id" not in answer.headers:
        return "no request id"
    kind = answer.headers.get("content-type", "")
    if answer.status < 400 or method == "HEAD" or kind.startswith(("application/grpc", "text/html")):
        return None
    if kind != "application/json":
        return f"{answer.status} is {kind!r}"
    try:
        error = json.loads(answer.body)["error"]
    except (ValueError, KeyError, TypeError):
        return f"{answer.status} is no error object: {answer.body[:300]!r}"
    if not isinstance(error.get("message"), str) or not isinstance(error.get("type"), str):
        return f"{answer.status} is no error object: {answer.body[:300]!r}"
    leaked = [word for word in LEAKS if word in answer.body]
    return f"leaks {leaked}: {answer.body[:300]!r}" if leaked else None
