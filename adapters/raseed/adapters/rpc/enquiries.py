"""Messages to the operators: EnquiriesService over gRPC, and the contact form over HTTP."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.accounts.v1 import enquiries_pb2 as pb
from raseed.accounts.v1 import enquiries_pb2_grpc
from raseed.adapters.rpc.auth import address_of
from raseed.adapters.rpc.call import current_call
from raseed.adapters.rpc.rest.answers import write_json
from raseed.adapters.wire.enquiries import ACCEPTED, decode_enquiry
from raseed.core.accounts.sessions import SessionAuthenticator
from raseed.core.messaging.enquiries import Enquiries
from raseed.rest.v1 import enquiries_pb2 as rest_pb
from raseed.rest.v1 import enquiries_pb2_grpc as rest_pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class EnquiriesServicer(enquiries_pb2_grpc.EnquiriesServiceServicer):
    def __init__(self, enquiries: Enquiries) -> None:
        self._enquiries = enquiries

    async def SendEnquiry(self, request: pb.SendEnquiryRequest, context: Context) -> pb.SendEnquiryResponse:
        await self._enquiries.send(
            reply_to=request.reply_to, text=request.text, address=address_of(current_call())
        )
        return pb.SendEnquiryResponse()


class EnquiriesRestServicer(rest_pb_grpc.EnquiriesRestServiceServicer):
    """Pages of others are refused: they would write in the name, and on the account, of whoever visits them."""

    def __init__(self, enquiries: Enquiries, sessions: SessionAuthenticator) -> None:
        self._enquiries = enquiries
        self._sessions = sessions

    async def SendEnquiry(self, request: rest_pb.SendEnquiryRequest, context: Context) -> None:
        call = current_call()
        self._sessions.check_page(call.metadata.get("origin", ""), call.metadata.get("sec-fetch-site", ""))
        asked = decode_enquiry(request.body.data)
        await self._enquiries.send(reply_to=asked.reply_to, text=asked.text, address=address_of(call))
        await write_json(context, call, ACCEPTED)
