"""PaymentReturnService: the page that browsers come back to from a provider."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.wire.return_page import CONTENT_TYPE, HEADERS, away_page, payment_page, unknown_page
from raseed.core.billing.policy import PaymentProvider
from raseed.core.ids import PaymentId
from raseed.core.payments.returning import Returns
from raseed.core.texts import is_storable
from raseed.rest.v1 import payments_pb2 as pb
from raseed.rest.v1 import payments_pb2_grpc

PATH_HEADER = "x-envoy-original-path"
"""As the browser asked, with everything that the provider added: in its order, which some signatures go by."""
QUERY_FIELDS_MAX = 32
QUERY_CHARS_MAX = 4_096

Context = grpc.aio.ServicerContext[Any, Any]


class PaymentReturnServicer(payments_pb2_grpc.PaymentReturnServiceServicer):
    """For people: whatever happens, it is a page."""

    def __init__(self, returns: Returns) -> None:
        self._returns = returns

    async def ShowReturn(self, request: pb.ShowReturnRequest, context: Context) -> None:
        if request.provider not in tuple(PaymentProvider):
            await _write(context, unknown_page(), 404)
            return
        payment_id = PaymentId(request.payment) if request.payment else None
        query = _query(current_call().metadata.get(PATH_HEADER, ""))
        try:
            found = await self._returns.look(PaymentProvider(request.provider), payment_id, query)
        except DatabaseUnavailable:
            await _write(context, away_page(), 503)
            return
        if found is None:
            await _write(context, unknown_page(), 404)
            return
        payment = found.payment
        reference = payment.id if found.is_named else ""
        page = payment_page(payment.state, reference, payment.language, refreshes=found.is_watched)
        await _write(context, page, 200)


def _query(path: str) -> dict[str, str]:
    """Of what cannot be read, nothing: it is a hint.

    >>> _query("/billing/return/creem?checkout_id=ch_1&request_id=pay_1&x=%00")
    {'checkout_id': 'ch_1', 'request_id': 'pay_1'}
    """
    text = urlsplit(path).query
    if len(text) > QUERY_CHARS_MAX:
        return {}
    try:
        pairs = parse_qsl(text, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        return {}
    return {name: value for name, value in pairs if is_storable(name) and is_storable(value)}


async def _write(context: Context, page: bytes, status: int) -> None:
    call = current_call()
    call.http_status = status
    changed = (("x-http-status", str(status)),) if status != 200 else ()
    await context.send_initial_metadata((*response_headers(call), *HEADERS, *changed))
    await context.write(HttpBody(content_type=CONTENT_TYPE, data=page))
