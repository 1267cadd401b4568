"""PaymentsService over gRPC, and what it has in common with its REST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.paging import decode_token, encode_token, page_of, page_size
from raseed.adapters.wire.payments import Order, order_of, page_url
from raseed.billing.v1 import payments_pb2 as pb
from raseed.billing.v1 import payments_pb2_grpc
from raseed.core.ids import PaymentId
from raseed.core.payments.buying import Buying
from raseed.core.payments.model import Payment
from raseed.core.payments.reading import PaymentReader

METHODS_PAGE_MAX = 100
PAYMENTS_PAGE = 20
PAYMENTS_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class PaymentsServicer(payments_pb2_grpc.PaymentsServiceServicer):
    """Whose account it is, the credential says and nothing in a request."""

    def __init__(self, buying: Buying, payments: PaymentReader) -> None:
        self._buying = buying
        self._payments = payments

    async def ListPaymentMethods(
        self, request: pb.ListPaymentMethodsRequest, context: Context
    ) -> pb.ListPaymentMethodsResponse:
        methods = await self._buying.methods(_order(request.item).item)
        page, token = page_of(
            methods, request.page_size, METHODS_PAGE_MAX, request.page_token, lambda it: it.code
        )
        shown = [pb.PaymentMethod(code=it.code, name_en=it.name_en, name_ar=it.name_ar) for it in page]
        return pb.ListPaymentMethodsResponse(methods=shown, next_page_token=token)

    async def CreateCheckout(
        self, request: pb.CreateCheckoutRequest, context: Context
    ) -> pb.CreateCheckoutResponse:
        order = _order(request.item, request.method, request.language)
        payment = await self._buying.order(
            current_call().caller,
            order.item,
            method=order.method,
            language=order.language,
            request_key=request.request_id,
        )
        return pb.CreateCheckoutResponse(payment=from_core_payment(payment))

    async def GetPayment(self, request: pb.GetPaymentRequest, context: Context) -> pb.GetPaymentResponse:
        payment = await self._payments.find(current_call().caller.account_id, PaymentId(request.id))
        return pb.GetPaymentResponse(payment=from_core_payment(payment))

    async def ListPayments(
        self, request: pb.ListPaymentsRequest, context: Context
    ) -> pb.ListPaymentsResponse:
        size = page_size(request.page_size or PAYMENTS_PAGE, PAYMENTS_PAGE_MAX)
        found = await self._payments.list(
            current_call().caller.account_id, decode_token(request.page_token), size + 1
        )
        return pb.ListPaymentsResponse(
            payments=map(from_core_payment, found[:size]), next_page_token=next_token(found, size)
        )


def next_token(found: Sequence[Payment], size: int) -> str:
    """For a page of `size`, of which one more was read."""
    return encode_token(found[size - 1].id) if len(found) > size else ""


def from_core_payment(payment: Payment) -> pb.Payment:
    item = payment.item
    return pb.Payment(
        id=payment.id,
        state=payment.state.value,
        item=pb.PaymentItem(kind=item.kind.value, id=item.id, quantity=item.quantity),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        credit_microcredits=payment.credit_microcredits,
        method=payment.method,
        mode=payment.mode.value,
        url=page_url(payment) or None,
        expires_at_us=payment.expires_at,
        created_at_us=payment.created_at,
        paid_at_us=payment.paid_at,
        credited_at_us=payment.credited_at,
        refunded_minor=payment.refunded_minor,
        disputed_minor=payment.disputed_minor,
    )


def _order(item: pb.PaymentItem, method: str = "", language: str = "") -> Order:
    return order_of(
        kind=item.kind, id_=item.id, quantity=item.quantity or 1, method=method, language=language
    )
