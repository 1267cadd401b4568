"""/api/billing/receipts. Decode → core → encode; nothing is decided here."""

from __future__ import annotations

from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.adapters.rpc.receipts import RECEIPTS_PAGE_MAX
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.rpc.rest.answers import write_json
from raseed.adapters.wire.receipts import decode_document, encode_receipt, encode_receipts
from raseed.adapters.wire.usage_query import decode_limit
from raseed.core.ids import PaymentId
from raseed.core.payments.receipt_service import DocumentFormat, ReceiptService
from raseed.rest.v1 import receipts_pb2 as pb
from raseed.rest.v1 import receipts_pb2_grpc

RECEIPTS_PAGE = 20
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
"""Of a document as a page: its own style and nothing else, whatever a name in it may contain."""

Context = grpc.aio.ServicerContext[Any, Any]


class ReceiptsRestServicer(receipts_pb2_grpc.ReceiptsRestServiceServicer):
    """Whose account it is, the credential says and nothing in a request."""

    def __init__(self, receipts: ReceiptService) -> None:
        self._receipts = receipts

    async def ListReceipts(self, request: pb.ListReceiptsRequest, context: Context) -> None:
        call = current_call()
        if request.payment:
            of_payment = await self._receipts.of_payment(call.caller.account_id, PaymentId(request.payment))
            await write_json(context, call, encode_receipts(of_payment, ""))
            return
        size = page_size(decode_limit(request.limit) or RECEIPTS_PAGE, RECEIPTS_PAGE_MAX)
        after = decode_token(request.cursor, "cursor")
        found = await self._receipts.list(call.caller.account_id, after, size + 1)
        cursor = encode_token(found[size - 1].id) if len(found) > size else ""
        await write_json(context, call, encode_receipts(found[:size], cursor))

    async def GetReceipt(self, request: pb.GetReceiptRequest, context: Context) -> None:
        call = current_call()
        number, form = decode_document(request.document)
        if form is None:
            issued = await self._receipts.get(call.caller.account_id, number)
            await write_json(context, call, encode_receipt(issued.receipt))
            return
        rendered = await self._receipts.render(call.caller.account_id, number, form, request.lang)
        where = "attachment" if form is DocumentFormat.PDF else "inline"
        await context.send_initial_metadata(
            (
                *response_headers(call),
                ("content-disposition", f'{where}; filename="{number}.{form}"'),
                ("cache-control", "private, no-store"),
                ("content-security-policy", PAGE_POLICY),
                ("x-content-type-options", "nosniff"),
            )
        )
        await context.write(HttpBody(content_type=rendered.content_type, data=rendered.content))
