"""ReceiptAdminService over gRPC, for operators."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.receipts import from_core_receipt, to_core_format
from raseed.admin.v1 import receipts_pb2 as pb
from raseed.admin.v1 import receipts_pb2_grpc
from raseed.core.payments.receipt_service import ReceiptService

Context = grpc.aio.ServicerContext[Any, Any]


class ReceiptAdminServicer(receipts_pb2_grpc.ReceiptAdminServiceServicer):
    def __init__(self, receipts: ReceiptService) -> None:
        self._receipts = receipts

    async def ShowReceipt(self, request: pb.ShowReceiptRequest, context: Context) -> pb.ShowReceiptResponse:
        issued = await self._receipts.get(None, request.number)
        buyer = issued.buyer
        return pb.ShowReceiptResponse(
            receipt=from_core_receipt(issued.receipt),
            account=issued.receipt.account_id,
            buyer=pb.ReceiptBuyer(name=buyer.name, email=buyer.email, phone=buyer.phone_e164)
            if buyer is not None
            else None,
        )

    async def RenderReceipt(
        self, request: pb.RenderReceiptRequest, context: Context
    ) -> pb.RenderReceiptResponse:
        rendered = await self._receipts.render(
            None, request.number, to_core_format(request.format), request.language
        )
        return pb.RenderReceiptResponse(content_type=rendered.content_type, content=rendered.content)
