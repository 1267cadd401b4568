"""WebhooksService: what other services report. Who speaks is proved by a signature, so nothing is believed before."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.messaging.meta_webhook import (
    SIGNATURE_HEADER,
    is_signed,
    is_subscription,
    read_reports,
)
from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.telemetry.metrics import MESSAGE_REPORTS
from raseed.core.accounts.networks import network_of
from raseed.core.errors import (
    DeadlineExceeded,
    NotFound,
    Overloaded,
    PermissionDenied,
    RequestTooLarge,
    Unauthenticated,
)
from raseed.core.messaging.service import NoticeService
from raseed.rest.v1 import webhooks_pb2 as pb
from raseed.rest.v1 import webhooks_pb2_grpc

BODY_BYTES_MAX = 256 * 1024
"""Of a report. Providers send some hundred bytes for each message."""
BODIES_MAX = 32
"""Bodies on their way at a time: whoever sends them has proved nothing yet, and may fill no more than 8 MiB."""
BODIES_FROM_NETWORK_MAX = 8
"""Of them from one IPv4 /24 or IPv6 /48: a quarter, so that no single network takes the places of those who can sign.
A provider's body holds its place for milliseconds, and is sent again when it was refused."""
BODY_TIMEOUT_S = 3.0
"""Longest time for a body to come, which is one or a few packets."""
CHALLENGE_CHARS_MAX = 256

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaWebhook:
    """What we share with Meta. Empty: there is no such webhook."""

    app_secret: str = field(default="", repr=False)
    verify_token: str = field(default="", repr=False)


class WebhooksServicer(webhooks_pb2_grpc.WebhooksServiceServicer):
    def __init__(self, notices: NoticeService, meta: MetaWebhook) -> None:
        self._notices = notices
        self._meta = meta
        self._bodies = Counter[str]()
        """On their way, by network."""

    async def VerifyWhatsappWebhook(self, request: pb.VerifyWhatsappWebhookRequest, context: Context) -> None:
        hub = request.hub
        if not self._meta.verify_token:
            raise NotFound("There is no such webhook.")
        if not is_subscription(hub.mode, hub.verify_token, self._meta.verify_token):
            raise PermissionDenied("The token is wrong.")
        # Sent back as text, and no more than a number would take: nobody makes us serve a page.
        await _answer(context, hub.challenge[:CHALLENGE_CHARS_MAX])

    async def ReceiveWhatsappReports(
        self, request_iterator: AsyncIterator[pb.ReceiveWhatsappReportsRequest], context: Context
    ) -> None:
        if not self._meta.app_secret:
            raise NotFound("There is no such webhook.")
        call = current_call()
        signature = call.metadata.get(SIGNATURE_HEADER, "")
        if not signature:
            raise Unauthenticated("The signature is missing.")
        with self._place(network_of(call.client_address or "")):
            body = await _whole(request_iterator)
        if not is_signed(body, signature, self._meta.app_secret):
            raise Unauthenticated("The signature is wrong.")
        reports = read_reports(body)
        for report in reports:
            MESSAGE_REPORTS.labels(report.delivery).inc()
        await self._notices.record(reports)
        await _answer(context, "")

    @contextmanager
    def _place(self, network: str) -> Iterator[None]:
        """For a body that is on its way. Raises Overloaded, at once."""
        if self._bodies.total() >= BODIES_MAX or self._bodies[network] >= BODIES_FROM_NETWORK_MAX:
            raise Overloaded("Too many reports at once. Please try again.", retry_after_s=1.0)
        self._bodies[network] += 1
        try:
            yield
        finally:
            self._bodies[network] -= 1
            if not self._bodies[network]:
                del self._bodies[network]


async def _whole(pieces: AsyncIterator[pb.ReceiveWhatsappReportsRequest]) -> bytes:
    """The body, byte for byte. Raises RequestTooLarge, DeadlineExceeded."""
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


async def _answer(context: Context, text: str) -> None:
    if headers := response_headers(current_call()):
        await context.send_initial_metadata(headers)
    await context.write(HttpBody(content_type="text/plain; charset=utf-8", data=text.encode()))
