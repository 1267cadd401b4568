"""The contact form: for everybody, over gRPC and HTTP."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from tests.support.worker import Worker, running_worker

from raseed.accounts.v1 import enquiries_pb2 as pb
from raseed.accounts.v1 import enquiries_pb2_grpc
from raseed.rest.v1 import enquiries_pb2 as rest_pb
from raseed.rest.v1 import enquiries_pb2_grpc as rest_pb_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAID = {"reply_to": "+96550123456", "text": "How do I pay by KNET?"}


async def post(worker: Worker, body: Any, *metadata: tuple[str, str]) -> tuple[int, Any]:
    request = rest_pb.SendEnquiryRequest(body=HttpBody(data=json.dumps(body).encode()))
    call = rest_pb_grpc.EnquiriesRestServiceStub(worker.channel).SendEnquiry(request, metadata=metadata)
    headers = dict(await call.initial_metadata())
    return int(headers.get("x-http-status", 200)), json.loads(b"".join([part.data async for part in call]))


async def test_anybody_writes_to_the_operators(tmp_path):
    async with running_worker(tmp_path, RASEED_MESSAGING_OPERATORS='["ops@example.com"]') as worker:
        assert await post(worker, SAID) == (200, {"accepted": True})
        stub = enquiries_pb2_grpc.EnquiriesServiceStub(worker.channel)
        await stub.SendEnquiry(pb.SendEnquiryRequest(**SAID))
        [due] = await worker.platform.outbox.claim(10, 1_000_000)
        assert (due.kind, dict(due.parameters)) == ("enquiry", SAID)
        status, answer = await post(worker, SAID, ("sec-fetch-site", "cross-site"))
        assert (status, answer["error"]["type"]) == (403, "permission_error")
        status, answer = await post(worker, {"text": "x"})
        assert (status, answer["error"]["param"]) == (400, "reply_to")


async def test_without_operators_there_is_no_form(worker: Worker):
    stub = enquiries_pb2_grpc.EnquiriesServiceStub(worker.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.SendEnquiry(pb.SendEnquiryRequest(**SAID))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
