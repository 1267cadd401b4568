"""PaymentWebhooksService: what payment providers tell. Kept as it came, if it is theirs; nothing follows from it here."""

from __future__ import annotations

from collections.abc import AsyncIterator

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.rest.webhook_bodies import Bodies, Context, Piece, answer
from raseed.core.billing.policy import PaymentProvider
from raseed.core.payments.receiving import EventReceiver
from raseed.rest.v1 import payment_webhooks_pb2 as pb
from raseed.rest.v1 import payment_webhooks_pb2_grpc

HEADER_CHARS_MAX = 512
"""Of one header that is kept. Signatures have 44 or 64 characters."""


class PaymentWebhooksServicer(payment_webhooks_pb2_grpc.PaymentWebhooksServiceServicer):
    def __init__(self, receiver: EventReceiver, bodies: Bodies) -> None:
        self._receiver = receiver
        self._bodies = bodies

    async def ReceiveMyfatoorahEvent(
        self, request_iterator: AsyncIterator[pb.ReceiveMyfatoorahEventRequest], context: Context
    ) -> None:
        await self._receive(PaymentProvider.MYFATOORAH, request_iterator, context)

    async def ReceiveCreemEvent(
        self, request_iterator: AsyncIterator[pb.ReceiveCreemEventRequest], context: Context
    ) -> None:
        await self._receive(PaymentProvider.CREEM, request_iterator, context)

    async def _receive(
        self, provider: PaymentProvider, pieces: AsyncIterator[Piece], context: Context
    ) -> None:
        headers = {
            name: value
            for name, value in current_call().metadata.items()
            if name.startswith(f"{provider}-") and len(value) <= HEADER_CHARS_MAX
        }
        if not headers:
            await self._receiver.refuse_unsigned(provider)
        await self._receiver.receive(provider, headers, await self._bodies.read(pieces))
        await answer(context, "")
