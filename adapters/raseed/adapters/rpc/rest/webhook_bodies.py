"""Bodies of webhooks: who sends them has proved nothing yet, so they are counted, and few are on their way at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.response_headers import response_headers
from raseed.core.accounts.networks import network_of
from raseed.core.errors import DeadlineExceeded, Overloaded, RequestTooLarge

BODY_BYTES_MAX = 256 * 1024
"""Of a report. Providers send some hundred bytes for each message, and a few thousand for a payment."""
BODIES_MAX = 32
"""Bodies on their way at a time, of all webhooks: they may fill no more than 8 MiB."""
BODIES_FROM_NETWORK_MAX = 8
"""Of them from one IPv4 /24 or IPv6 /48: a quarter, so that no single network takes the places of those who can sign.
A provider's body holds its place for milliseconds, and is sent again when it was refused."""
BODY_TIMEOUT_S = 3.0
"""Longest time for a body to come, which is one or a few packets."""

Context = grpc.aio.ServicerContext[Any, Any]


class Piece(Protocol):
    """A message of a client-streaming HttpBody."""

    @property
    def body(self) -> HttpBody: ...


class Bodies:
    """Those that are on their way to one worker."""

    def __init__(self) -> None:
        self._by_network = Counter[str]()

    async def read(self, pieces: AsyncIterator[Piece]) -> bytes:
        """The body, byte for byte. Raises Overloaded at once, RequestTooLarge, DeadlineExceeded."""
        with self._place(network_of(current_call().client_address or "")):
            return await _whole(pieces)

    @contextmanager
    def _place(self, network: str) -> Iterator[None]:
        if self._by_network.total() >= BODIES_MAX or self._by_network[network] >= BODIES_FROM_NETWORK_MAX:
            raise Overloaded("Too many reports at once. Please try again.", retry_after_s=1.0)
        self._by_network[network] += 1
        try:
            yield
        finally:
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]


async def _whole(pieces: AsyncIterator[Piece]) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for piece in pieces:
                body += piece.body.data
                if len(body) > BODY_BYTES_MAX:
                    raise RequestTooLarge(f"A report has at most {BODY_BYTES_MAX} bytes.")
    except TimeoutError as error:
        raise DeadlineExceeded("The body did not come in time.") from error
    return bytes(body)


async def answer(context: Context, text: str) -> None:
    if headers := response_headers(current_call()):
        await context.send_initial_metadata(headers)
    await context.write(HttpBody(content_type="text/plain; charset=utf-8", data=text.encode()))
