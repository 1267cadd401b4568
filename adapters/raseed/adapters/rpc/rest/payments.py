"""/api/billing/checkout, payments and payment-methods. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

import hashlib
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.idempotency import KEY_HEADER
from raseed.adapters.rpc.paging import decode_token
from raseed.adapters.rpc.payments import PAYMENTS_PAGE, next_token
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.wire import payments as wire
from raseed.adapters.wire.usage_query import decode_limit
from raseed.core.errors import RequestInvalid
from raseed.core.idempotency import checked_key
from raseed.core.ids import PaymentId
from raseed.core.payments.buying import Buying
from raseed.core.payments.reading import PaymentReader
from raseed.rest.v1 import payments_pb2 as pb
from raseed.rest.v1 import payments_pb2_grpc

JSON = "application/json"
NO_STORE = ("cache-control", "no-store")

Context = grpc.aio.ServicerContext[Any, Any]


class PaymentsRestServicer(payments_pb2_grpc.PaymentsRestServiceServicer):
    """Whose account it is, the credential says and nothing in a request."""

    def __init__(self, buying: Buying, payments: PaymentReader) -> None:
        self._buying = buying
        self._payments = payments

    async def ListPaymentMethods(self, request: pb.ListPaymentMethodsRequest, context: Context) -> None:
        item = wire.decode_item(request.item_kind, request.item_id, request.quantity)
        await write(context, wire.encode_methods(await self._buying.methods(item)))

    async def CreateCheckout(self, request: pb.CreateCheckoutRequest, context: Context) -> None:
        call = current_call()
        order = wire.decode_checkout(request.body.data)
        payment = await self._buying.order(
            call.caller,
            order.item,
            method=order.method,
            language=order.language,
            request_key=request_key(call),
        )
        await write(context, wire.encode_payment(payment), 201)

    async def ListPayments(self, request: pb.ListPaymentsRequest, context: Context) -> None:
        size = decode_limit(request.limit) or PAYMENTS_PAGE
        after = decode_token(request.cursor, "cursor")
        found = await self._payments.list(current_call().caller.account_id, after, size + 1)
        await write(context, wire.encode_payments(found[:size], next_token(found, size)))

    async def GetPayment(self, request: pb.GetPaymentRequest, context: Context) -> None:
        payment = await self._payments.find(current_call().caller.account_id, PaymentId(request.id))
        await write(context, wire.encode_payment(payment))


def request_key(call: Call) -> str:
    """Of the header `Idempotency-Key`, which may be longer than what the core takes. Raises RequestInvalid."""
    key = call.metadata.get(KEY_HEADER)
    if key is None:
        raise RequestInvalid(
            "Send the header Idempotency-Key, of your own choice, so that an order that is sent again is the same one.",
            param="Idempotency-Key",
        )
    return hashlib.sha256(checked_key(key).encode()).hexdigest()


async def write(context: Context, body: bytes, status: int = 200) -> None:
    """Of what belongs to the caller alone: nobody keeps it."""
    call = current_call()
    call.http_status = status
    created = (("x-http-status", str(status)),) if status != 200 else ()
    await context.send_initial_metadata((*response_headers(call), NO_STORE, *created))
    await context.write(HttpBody(content_type=JSON, data=body))
