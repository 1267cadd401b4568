"""WebhooksService: what Meta reports. Who speaks is proved by a signature, so nothing is believed before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from raseed.adapters.messaging.meta_webhook import (
    SIGNATURE_HEADER,
    is_signed,
    is_subscription,
    read_reports,
)
from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.rest.webhook_bodies import Bodies, Context, answer
from raseed.adapters.telemetry.metrics import MESSAGE_REPORTS
from raseed.core.errors import NotFound, PermissionDenied, Unauthenticated
from raseed.core.messaging.service import NoticeService
from raseed.rest.v1 import webhooks_pb2 as pb
from raseed.rest.v1 import webhooks_pb2_grpc

CHALLENGE_CHARS_MAX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaWebhook:
    """What we share with Meta. Empty: there is no such webhook."""

    app_secret: str = field(default="", repr=False)
    verify_token: str = field(default="", repr=False)


class WebhooksServicer(webhooks_pb2_grpc.WebhooksServiceServicer):
    def __init__(self, notices: NoticeService, meta: MetaWebhook, bodies: Bodies) -> None:
        self._notices = notices
        self._meta = meta
        self._bodies = bodies

    async def VerifyWhatsappWebhook(self, request: pb.VerifyWhatsappWebhookRequest, context: Context) -> None:
        hub = request.hub
        if not self._meta.verify_token:
            raise NotFound("There is no such webhook.")
        if not is_subscription(hub.mode, hub.verify_token, self._meta.verify_token):
            raise PermissionDenied("The token is wrong.")
        # Sent back as text, and no more than a number would take: nobody makes us serve a page.
        await answer(context, hub.challenge[:CHALLENGE_CHARS_MAX])

    async def ReceiveWhatsappReports(
        self, request_iterator: AsyncIterator[pb.ReceiveWhatsappReportsRequest], context: Context
    ) -> None:
        if not self._meta.app_secret:
            raise NotFound("There is no such webhook.")
        signature = current_call().metadata.get(SIGNATURE_HEADER, "")
        if not signature:
            raise Unauthenticated("The signature is missing.")
        body = await self._bodies.read(request_iterator)
        if not is_signed(body, signature, self._meta.app_secret):
            raise Unauthenticated("The signature is wrong.")
        reports = read_reports(body)
        for report in reports:
            MESSAGE_REPORTS.labels(report.delivery).inc()
        await self._notices.record(reports)
        await answer(context, "")
