"""ReceiptsService over gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.billing.v1 import receipts_pb2 as pb
from raseed.billing.v1 import receipts_pb2_grpc
from raseed.core.errors import RequestInvalid
from raseed.core.ids import PaymentId
from raseed.core.payments.receipt_service import DocumentFormat, ReceiptService
from raseed.core.payments.receipts import Receipt

RECEIPTS_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]

_FORMATS: Mapping[int, DocumentFormat] = {
    pb.RECEIPT_FORMAT_HTML: DocumentFormat.HTML,
    pb.RECEIPT_FORMAT_PDF: DocumentFormat.PDF,
}


class ReceiptsServicer(receipts_pb2_grpc.ReceiptsServiceServicer):
    def __init__(self, receipts: ReceiptService) -> None:
        self._receipts = receipts

    async def ListReceipts(
        self, request: pb.ListReceiptsRequest, context: Context
    ) -> pb.ListReceiptsResponse:
        account_id = current_call().caller.account_id
        if request.payment:
            of_payment = await self._receipts.of_payment(account_id, PaymentId(request.payment))
            return pb.ListReceiptsResponse(receipts=map(from_core_receipt, of_payment))
        size = page_size(request.page_size, RECEIPTS_PAGE_MAX)
        found = await self._receipts.list(account_id, decode_token(request.page_token), size + 1)
        return pb.ListReceiptsResponse(
            receipts=map(from_core_receipt, found[:size]),
            next_page_token=encode_token(found[size - 1].id) if len(found) > size else "",
        )

    async def GetReceipt(self, request: pb.GetReceiptRequest, context: Context) -> pb.GetReceiptResponse:
        issued = await self._receipts.get(current_call().caller.account_id, request.number)
        return pb.GetReceiptResponse(receipt=from_core_receipt(issued.receipt))

    async def RenderReceipt(
        self, request: pb.RenderReceiptRequest, context: Context
    ) -> pb.RenderReceiptResponse:
        form = to_core_format(request.format)
        rendered = await self._receipts.render(
            current_call().caller.account_id, request.number, form, request.language
        )
        return pb.RenderReceiptResponse(content_type=rendered.content_type, content=rendered.content)


def to_core_format(form: int) -> DocumentFormat:
    """Raises RequestInvalid."""
    if form not in _FORMATS:
        raise RequestInvalid("The format must be HTML or PDF.", param="format")
    return _FORMATS[form]


def from_core_receipt(receipt: Receipt) -> pb.Receipt:
    merchant = receipt.merchant
    return pb.Receipt(
        number=receipt.number,
        kind=receipt.kind.value,
        mode=receipt.mode.value,
        issued_at_us=receipt.issued_at,
        issued_on=receipt.issued_on,
        payment_id=receipt.payment_id,
        refund_id=receipt.refund_id or "",
        is_dispute=receipt.is_dispute,
        refers_to=receipt.refers_to,
        item=receipt.item_text,
        item_ar=receipt.item_text_ar,
        amount_minor=receipt.amount_minor,
        currency=receipt.currency,
        currency_digits=receipt.currency_digits,
        credit_microcredits=receipt.credit_microcredits,
        provider=receipt.provider.value,
        method=receipt.method,
        provider_payment_id=receipt.provider_payment_id,
        period_begin=receipt.period_begin,
        period_end=receipt.period_end,
        merchant=merchant.name if merchant else "",
        merchant_orders_url=merchant.orders_url if merchant else "",
    )
