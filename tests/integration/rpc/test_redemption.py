"""Redemption codes over gRPC and HTTP, from the operator who makes them to the customer who has their credit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from tests.support.worker import MICROCREDITS, Client, Worker, error_of

from raseed.admin.v1 import codes_pb2 as admin_pb
from raseed.admin.v1 import codes_pb2_grpc as admin_pb_grpc
from raseed.billing.v1 import billing_pb2, billing_pb2_grpc, redemption_pb2_grpc
from raseed.billing.v1 import redemption_pb2 as pb
from raseed.core.accounts.scopes import Scope
from raseed.core.payments.code_text import new_code
from raseed.rest.v1 import redemption_pb2 as rest_pb
from raseed.rest.v1 import redemption_pb2_grpc as rest_pb_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def codes(worker: Worker) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(worker.admin_address) as channel:
        yield admin_pb_grpc.CodeAdminServiceStub(channel)


async def make(codes: Any, **fields: Any) -> tuple[admin_pb.CodeBatch, list[str]]:
    request = admin_pb.CreateCodeBatchRequest(**{"credit_microcredits": 250 * MICROCREDITS, **fields})
    made = await codes.CreateCodeBatch(request)
    return made.batch, list(made.codes)


async def redeem(worker: Worker, client: Client, code: str) -> pb.RedeemCodeResponse:
    stub = redemption_pb2_grpc.RedemptionServiceStub(worker.channel)
    answer: pb.RedeemCodeResponse = await stub.RedeemCode(
        pb.RedeemCodeRequest(code=code), metadata=client.metadata
    )
    return answer


async def post(worker: Worker, client: Client | None, body: Any) -> tuple[int, Any]:
    request = rest_pb.RedeemCodeRequest(body=HttpBody(data=json.dumps(body).encode()))
    call = rest_pb_grpc.RedemptionRestServiceStub(worker.channel).RedeemCode(
        request, metadata=client.metadata if client else None
    )
    headers = dict(await call.initial_metadata())
    return int(headers.get("x-http-status", 200)), json.loads(b"".join([part.data async for part in call]))


async def test_a_code_from_making_to_spending(worker, codes, new_client):
    """Its credit is in the balance, and in no list of purchases."""
    batch, [code] = await make(codes, credit_days=30, note="for the fair")
    assert (batch.code_count, batch.uses_per_code, batch.created_by) == (1, 1, "local-socket")
    client = await new_client(credit=10, scopes=(Scope.BILLING_WRITE,))
    first = await redeem(worker, client, code)
    again = await redeem(worker, client, code.lower())
    assert (first.was_redeemed, again.was_redeemed) == (False, True)
    assert (first.grant_id, first.redeemed_at_us) == (again.grant_id, again.redeemed_at_us)
    assert first.credit_microcredits == 250 * MICROCREDITS
    assert first.balance_microcredits == again.balance_microcredits == 260 * MICROCREDITS
    assert first.expires_at_us - first.redeemed_at_us == 30 * 86_400 * 1_000_000
    billing = billing_pb2_grpc.BillingServiceStub(worker.channel)
    topups = await billing.ListTopups(billing_pb2.ListTopupsRequest(), metadata=client.metadata)
    assert list(topups.topups) == []
    [listed] = (await codes.ListCodes(admin_pb.ListCodesRequest(codes=batch.id))).codes
    assert (listed.use_count, list(listed.accounts)) == (1, [client.account])


async def test_a_code_over_http(worker, codes, new_client):
    _, [code, other] = await make(codes, code_count=2)
    client = await new_client(credit=0, scopes=(Scope.BILLING_WRITE,))
    status, answer = await post(worker, client, {"code": f" {code} ", "unknown": 1})
    assert status == 200
    assert {name: answer[name] for name in ("credits", "balance", "expires_at", "was_redeemed")} == {
        "credits": 250,
        "balance": 250,
        "expires_at": None,
        "was_redeemed": False,
    }
    assert answer["redeemed_at"].endswith("Z")
    assert (await post(worker, client, {"code": code}))[1]["was_redeemed"]
    status, answer = await post(worker, await new_client(scopes=(Scope.BILLING_WRITE,)), {"code": code})
    assert (status, answer["error"]["code"]) == (422, "redemption_rejected")
    status, answer = await post(worker, client, {"code": other[:-1]})
    assert (status, answer["error"]["param"]) == (400, "code")
    assert other[:-1] not in str(answer)
    assert (await post(worker, None, {"code": other}))[0] == 401


async def test_why_a_code_is_not_taken(worker, codes, new_client):
    """Each reason has a name for programs; a key without the scope redeems nothing."""
    batch, [revoked] = await make(codes)
    await codes.RevokeCodes(admin_pb.RevokeCodesRequest(codes=batch.id))
    client = await new_client(scopes=(Scope.BILLING_WRITE,))
    for code, reason in (
        (revoked, "REDEMPTION_REJECTED"),
        (new_code("RSD").text, "REDEMPTION_REJECTED"),
        ("", "REQUEST_INVALID"),
        ("x" * 1000, "REQUEST_INVALID"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await redeem(worker, client, code)
        assert error_of(caught.value) == ("INVALID_ARGUMENT", reason)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await redeem(worker, await new_client(), revoked)
    assert error_of(caught.value) == ("PERMISSION_DENIED", "SCOPE_MISSING")


async def test_who_guesses_is_stopped(worker, new_client):
    client = await new_client(scopes=(Scope.BILLING_WRITE,))
    outcomes = []
    for _ in range(6):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await redeem(worker, client, new_code("RSD").text)
        outcomes.append(error_of(caught.value)[0])
    assert outcomes[-1] == "RESOURCE_EXHAUSTED"
    assert outcomes.count("INVALID_ARGUMENT") <= 5


async def test_pages_of_batches_and_codes(worker, codes):
    """Every batch and every code once, whatever the size of a page."""
    batch, texts = await make(codes, code_count=5)
    seen: list[str] = []
    token = ""
    while True:
        page = await codes.ListCodes(admin_pb.ListCodesRequest(codes=batch.id, page_size=2, page_token=token))
        seen += [code.id for code in page.codes]
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen)) == len(texts)
    first = await codes.ListCodeBatches(admin_pb.ListCodeBatchesRequest(page_size=1))
    assert [each.id for each in first.batches] == [batch.id]
    rest = await codes.ListCodeBatches(admin_pb.ListCodeBatchesRequest(page_token=first.next_page_token))
    assert batch.id not in {each.id for each in rest.batches}
