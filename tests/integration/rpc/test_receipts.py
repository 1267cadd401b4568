"""Receipts as holders get them, over gRPC and over HTTP, and as operators see them; nobody sees another account's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import pytest
from tests.integration.rpc.test_admin_credits import refused
from tests.support.receipts_issued import issued
from tests.support.worker import Client, Worker, error_of

from raseed.admin.v1 import receipts_pb2 as admin_pb
from raseed.billing.v1 import receipts_pb2 as pb
from raseed.billing.v1 import receipts_pb2_grpc
from raseed.core.payments.receipts import Receipt
from raseed.rest.v1 import receipts_pb2 as rest_pb
from raseed.rest.v1 import receipts_pb2_grpc as rest_pb_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def give(worker: Worker, client: Client, **values: Any) -> Receipt:
    platform = worker.platform
    return (await issued(platform.database, platform.receipts.terms, client.account, **values))[0]


async def ask(worker: Worker, client: Client | None, method: str, **fields: Any) -> Any:
    stub = receipts_pb2_grpc.ReceiptsServiceStub(worker.channel)
    request = getattr(pb, f"{method}Request")(**fields)
    return await getattr(stub, method)(request, metadata=client.metadata if client else None)


async def get(
    worker: Worker, client: Client | None, method: str, **fields: Any
) -> tuple[int, dict[str, str], str, bytes]:
    """Status, headers, content type and body."""
    stub = rest_pb_grpc.ReceiptsRestServiceStub(worker.channel)
    request = getattr(rest_pb, f"{method}Request")(**fields)
    call = getattr(stub, method)(request, metadata=client.metadata if client else None)
    headers = {key: str(value) for key, value in await call.initial_metadata()}
    parts = [part async for part in call]
    body = b"".join(part.data for part in parts)
    return int(headers.get("x-http-status", "200")), headers, parts[0].content_type, body


async def test_holders_list_and_read_their_own(worker: Worker, new_client):
    client = await new_client()
    receipts = [await give(worker, client) for _ in range(3)]
    first = await ask(worker, client, "ListReceipts", page_size=2)
    rest = await ask(worker, client, "ListReceipts", page_size=2, page_token=first.next_page_token)
    numbers = [each.number for each in (*first.receipts, *rest.receipts)]
    assert numbers == [each.number for each in reversed(receipts)]
    assert rest.next_page_token == ""
    found = (await ask(worker, client, "GetReceipt", number=numbers[0])).receipt
    assert (found.amount_minor, found.currency, found.currency_digits) == (2_000, "KWD", 3)
    assert (found.kind, found.mode, found.item) == ("receipt", "live", "Credit pack: 5,000 credits")


async def test_json_has_the_amount_with_all_its_decimals(worker: Worker, new_client):
    client = await new_client()
    receipt = await give(worker, client)
    status, _, _, body = await get(worker, client, "GetReceipt", document=receipt.number)
    assert (status, b'"amount":2.000,' in body) == (200, True)
    found = json.loads(body)
    assert (found["number"], found["credits"], found["period"]) == (receipt.number, 5_000, None)
    assert found["item"]["ar"] == receipt.item_text_ar
    listed = json.loads((await get(worker, client, "ListReceipts", limit="1"))[3])
    assert listed == {"data": [found], "next_cursor": None}


async def test_pages_over_http_end(worker: Worker, new_client):
    client = await new_client()
    wanted = [(await give(worker, client)).number for _ in range(3)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = json.loads((await get(worker, client, "ListReceipts", limit="2", cursor=cursor))[3])
        seen += [each["number"] for each in page["data"]]
        cursor = page["next_cursor"]
    assert seen == wanted[::-1]


@pytest.mark.parametrize(("lang", "words"), [("", "إيصال"), ("ar", "إيصال"), ("en", "Receipt")])
async def test_a_document_comes_as_a_page_and_as_a_pdf(worker: Worker, new_client, lang: str, words: str):
    client = await new_client()
    receipt = await give(worker, client)
    status, headers, kind, page = await get(
        worker, client, "GetReceipt", document=f"{receipt.number}.html", lang=lang
    )
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert f"<h1>{words}</h1>" in page.decode()
    assert headers["content-security-policy"].startswith("default-src 'none'")
    status, headers, kind, pdf = await get(
        worker, client, "GetReceipt", document=f"{receipt.number}.pdf", lang=lang
    )
    assert (status, kind, pdf[:5]) == (200, "application/pdf", b"%PDF-")
    assert headers["content-disposition"] == f'attachment; filename="{receipt.number}.pdf"'
    rendered = await ask(
        worker,
        client,
        "RenderReceipt",
        number=receipt.number,
        format=pb.RECEIPT_FORMAT_PDF,
        language=lang,
    )
    assert (rendered.content_type, rendered.content) == (kind, pdf)


async def test_nobody_sees_another_account_s(worker: Worker, new_client):
    alice, bob = await new_client(), await new_client()
    number = (await give(worker, alice)).number
    for method, fields in (
        ("GetReceipt", {}),
        ("RenderReceipt", {"format": pb.RECEIPT_FORMAT_PDF}),
        ("RenderReceipt", {"format": pb.RECEIPT_FORMAT_HTML}),
    ):
        theirs = await error(ask(worker, bob, method, number=number, **fields))
        nobodys = await error(ask(worker, bob, method, number="R-1999-000001", **fields))
        assert theirs == nobodys == ("NOT_FOUND", "There is no such receipt.")
    for suffix in ("", ".html", ".pdf"):
        assert (await get(worker, bob, "GetReceipt", document=number + suffix))[0] == 404
    assert (await ask(worker, bob, "ListReceipts")).receipts == []
    token = (await ask(worker, alice, "ListReceipts")).next_page_token
    assert token == ""


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"document": "{number}.pdf", "lang": "fr"}, 400),
        ({"document": "{number}.docx"}, 404),
        ({"document": "{number}.pdf.pdf"}, 404),
        ({"document": ".pdf"}, 404),
        ({"document": "R" * 5_000}, 404),
        ({"document": "'; DROP TABLE receipts; --.html"}, 404),
    ],
)
async def test_what_is_no_document_is_refused(
    worker: Worker, new_client, fields: dict[str, str], status: int
):
    client = await new_client()
    number = (await give(worker, client)).number
    asked = {name: value.replace("{number}", number) for name, value in fields.items()}
    assert (await get(worker, client, "GetReceipt", **asked))[0] == status


async def test_the_documents_of_one_payment(worker: Worker, new_client):
    alice, bob = await new_client(), await new_client()
    receipt, _ = await give(worker, alice), await give(worker, alice)
    found = (await ask(worker, alice, "ListReceipts", payment=receipt.payment_id)).receipts
    assert [each.number for each in found] == [receipt.number]
    listed = json.loads((await get(worker, alice, "ListReceipts", payment=receipt.payment_id))[3])
    assert [each["number"] for each in listed["data"]] == [receipt.number]
    assert listed["next_cursor"] is None
    assert not (await ask(worker, bob, "ListReceipts", payment=receipt.payment_id)).receipts
    assert json.loads((await get(worker, bob, "ListReceipts", payment=receipt.payment_id))[3])["data"] == []


async def test_a_format_that_is_not_named_is_refused(worker: Worker, new_client):
    client = await new_client()
    number = (await give(worker, client)).number
    for form in (pb.RECEIPT_FORMAT_UNSPECIFIED, 7):
        code, _ = await error(ask(worker, client, "RenderReceipt", number=number, format=form))
        assert code == "INVALID_ARGUMENT"


async def test_operators_see_any_document_and_who_bought(worker: Worker, new_client):
    client = await new_client()
    receipt = await give(worker, client)
    shown = await worker.operators.call("ShowReceipt", admin_pb.ShowReceiptRequest(number=receipt.number))
    assert (shown.account, shown.receipt.number) == (client.account, receipt.number)
    assert shown.buyer.email.endswith("@example.com")
    request = admin_pb.RenderReceiptRequest(
        number=receipt.number, format=pb.RECEIPT_FORMAT_HTML, language="en"
    )
    page = (await worker.operators.call("RenderReceipt", request)).content.decode()
    assert shown.buyer.email in page
    unknown = admin_pb.ShowReceiptRequest(number="R-1999-000001")
    assert await refused(worker.operators.call("ShowReceipt", unknown)) == ("NOT_FOUND", "NOT_FOUND")


async def test_many_pdfs_at_once_leave_the_worker_answering(worker: Worker, new_client):
    client = await new_client()
    number = (await give(worker, client)).number

    async def pdf() -> str:
        try:
            await ask(worker, client, "RenderReceipt", number=number, format=pb.RECEIPT_FORMAT_PDF)
        except grpc.aio.AioRpcError as caught:
            return error_of(caught)[1]
        return ""

    outcomes = await asyncio.gather(*(pdf() for _ in range(60)))
    assert set(outcomes) == {"", "OVERLOADED"}
    assert outcomes.count("") >= 32
    assert await pdf() == ""


async def error(asked: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked
    return error_of(caught.value)[0], str(caught.value.details())
