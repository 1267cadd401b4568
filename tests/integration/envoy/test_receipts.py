"""Documents through Envoy, by the paths that customers type."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio
from pypdf import PdfReader
from tests.integration.envoy.edge import run_edge
from tests.support.receipts_issued import issued
from tests.support.worker import running_worker

from raseed.core.payments.receipts import Receipt

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Shop:
    http: aiohttp.ClientSession
    """The buyer's."""
    receipt: Receipt


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    async with running_worker(folder, RASEED_SELLER_NAME="Gulf <Trading>") as worker:
        port = int(worker.address.rpartition(":")[2])
        buyer = await worker.client("buyer")
        platform = worker.platform
        receipt = (await issued(platform.database, platform.receipts.terms, buyer.account))[0]
        async with (
            run_edge(folder, [port]) as edge,
            aiohttp.ClientSession(f"http://{edge.address}", headers=dict(buyer.metadata)) as http,
        ):
            yield Shop(http, receipt)


@pytest.mark.parametrize("prefix", ["/api/billing", "/v1/billing", "/api/v1/billing"])
async def test_each_form_has_its_type(shop: Shop, prefix: str):
    number = shop.receipt.number
    for suffix, kind in (
        ("", "application/json"),
        (".html", "text/html"),
        (".pdf", "application/pdf"),
    ):
        async with shop.http.get(f"{prefix}/receipts/{number}{suffix}") as answer:
            assert (answer.status, answer.content_type) == (200, kind)
            assert number in answer.headers.get("content-disposition", number)
    async with shop.http.get(f"{prefix}/receipts") as answer:
        assert [each["number"] for each in (await answer.json())["data"]] == [number]


async def test_a_pdf_arrives_whole_and_in_the_language_that_was_asked_for(shop: Shop):
    async with shop.http.get(f"/api/billing/receipts/{shop.receipt.number}.pdf?lang=en") as answer:
        assert answer.headers["content-disposition"] == f'attachment; filename="{shop.receipt.number}.pdf"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        text = PdfReader(io.BytesIO(await answer.read())).pages[0].extract_text()
    assert "Receipt" in text
    assert "Gulf <Trading>" in text
    assert "2.000 KWD" in text


async def test_who_shows_no_key_and_what_there_is_not_are_refused_in_json(shop: Shop):
    path = f"/api/billing/receipts/{shop.receipt.number}.pdf"
    async with shop.http.get(path, headers={"authorization": ""}) as answer:
        assert (answer.status, answer.content_type) == (401, "application/json")
    async with shop.http.get("/api/billing/receipts/R-1999-000001.pdf") as answer:
        assert (answer.status, answer.content_type) == (404, "application/json")
        assert (await answer.json())["error"]["message"] == "There is no such receipt."
