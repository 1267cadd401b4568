"""The documented billing paths as the worker answers them, before Envoy makes HTTP of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from tests.support.worker import MICROCREDITS, Client, Worker, running_worker

from raseed.adapters.sql.ledger.usage_queries import SqlUsageStore
from raseed.admin.v1 import admin_pb2
from raseed.app.bootstrap import Platform
from raseed.core.billing.usage import CallPosition, Span, UsageCall, UsageService
from raseed.core.clock import SystemClock
from raseed.core.errors import CapacityError
from raseed.core.ids import AccountId, PersonId
from raseed.rest.v1 import rest_pb2 as pb
from raseed.rest.v1 import rest_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    chunks: list[HttpBody]

    @property
    def text(self) -> str:
        return b"".join(chunk.data for chunk in self.chunks).decode()

    @property
    def json(self) -> Any:
        assert self.chunks[0].content_type == "application/json"
        return json.loads(self.text)


async def get(worker: Worker, client: Client | None, method: str, **fields: Any) -> Answer:
    stub = rest_pb2_grpc.BillingRestServiceStub(worker.channel)
    request = getattr(pb, f"{method}Request")(**fields)
    call = getattr(stub, method)(request, metadata=client.metadata if client else None)
    headers = {key: value for key, value in await call.initial_metadata() if isinstance(value, str)}
    chunks = [chunk async for chunk in call]
    return Answer(int(headers.get("x-http-status", "200")), headers, chunks)


async def chat(worker: Worker, client: Client, text: str, **fields: Any) -> Answer:
    """A chat completion over REST."""
    body = {"model": "scripted", "messages": [{"role": "user", "content": text}], **fields}
    stub = rest_pb2_grpc.OpenAIServiceStub(worker.channel)
    request = pb.CreateChatCompletionRequest(body=HttpBody(data=json.dumps(body).encode()))
    call = stub.CreateChatCompletion(request, metadata=client.metadata)
    headers = {key: value for key, value in await call.initial_metadata() if isinstance(value, str)}
    return Answer(int(headers.get("x-http-status", "200")), headers, [chunk async for chunk in call])


async def test_packs_and_history(worker, new_client):
    client = await new_client()
    packs = (await get(worker, client, "ListTopupPacks")).json["packs"]
    assert [(pack["id"], pack["price"], pack["currency"]) for pack in packs] == [
        ("pack_5000", 2, "KWD"),
        ("pack_15000", 5, "KWD"),
        ("pack_50000", 15, "KWD"),
    ]
    for number in range(21):
        request = admin_pb2.GrantCreditsRequest(
            account=client.account,
            amount_microcredits=(number + 1) * MICROCREDITS,
            reason="bank transfer",
            source="topup",
            paid_minor=1_500,
            currency="KWD",
        )
        await worker.admin.GrantCredits(request)
    first = (await get(worker, client, "ListTopups")).json
    assert (first["current_page"], first["per_page"], first["total"]) == (1, 20, 21)
    assert [topup["credits"] for topup in first["data"]] == list(range(21, 1, -1))
    assert first["data"][0]["amount"] == 1.5
    second = (await get(worker, client, "ListTopups", page="2")).json
    assert [topup["credits"] for topup in second["data"]] == [1]
    assert (await get(worker, client, "ListTopups", page="3")).json["data"] == []


async def test_usage_as_json_and_csv(worker, new_client):
    client, other = await new_client(), await new_client()
    await chat(worker, client, "one two three")
    await chat(worker, other, "not yours")
    answer = (await get(worker, client, "QueryUsage", group_by="model")).json
    [row] = answer["data"]
    assert (row["model"], row["requests"], answer["next_cursor"]) == ("scripted", 1, None)
    assert row["credits"] == row["total_tokens"] > 0
    exported = await get(worker, client, "QueryUsage", group_by="model", format="csv")
    assert exported.chunks[0].content_type == "text/csv; charset=utf-8"
    assert exported.headers["content-disposition"] == 'attachment; filename="usage-by-model.csv"'
    head, line = exported.text.splitlines()
    assert head.startswith("model,requests,")
    assert line.split(",")[-1] == str(row["credits"])


async def test_calls_page_by_page_and_exported(worker, new_client):
    client = await new_client()
    for text in ("one", "two words", "three words now"):
        await chat(worker, client, text)
    first = (await get(worker, client, "ListCalls", limit="2")).json
    last = (await get(worker, client, "ListCalls", limit="2", cursor=first["next_cursor"])).json
    calls = first["data"] + last["data"]
    assert last["next_cursor"] is None
    assert [call["credits"] for call in calls] == sorted((call["credits"] for call in calls), reverse=True)
    lines = (await get(worker, client, "ListCalls", format="jsonl")).text.splitlines()
    assert [json.loads(line) for line in lines] == calls
    exported = await get(worker, client, "ListCalls", format="csv")
    assert len(exported.text.splitlines()) == 4


class BreaksOff(SqlUsageStore):
    """After so many pages, if it is told a number."""

    pages_left: int | None = None

    async def calls(
        self,
        account_id: AccountId,
        span: Span,
        after: CallPosition | None,
        limit: int,
        made_by: PersonId | None = None,
    ) -> Sequence[UsageCall]:
        if self.pages_left == 0:
            raise CapacityError("The database does not answer.")
        if self.pages_left is not None:
            self.pages_left -= 1
        return await super().calls(account_id, span, after, limit, made_by)


@dataclass
class Exporting:
    worker: Worker
    store: BreaksOff


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exporting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exporting]:
    """A worker that reads one call at a time."""
    made: list[BreaksOff] = []

    def usage_of(platform: Platform) -> UsageService:
        made.append(BreaksOff(platform.database))
        return UsageService(made[0], platform.usage.calendar, SystemClock(), 365, export_page=1)

    async with running_worker(tmp_path_factory.mktemp("exporting"), usage_of) as running:
        yield Exporting(running, made[0])


async def test_an_export_is_sent_while_it_is_read(exporting):
    client = await exporting.worker.client("three")
    for _ in range(3):
        await chat(exporting.worker, client, "one")
    exporting.store.pages_left = None
    exported = await get(exporting.worker, client, "ListCalls", format="csv")
    assert [chunk.data.count(b"\n") for chunk in exported.chunks] == [2, 1, 1]


async def test_an_export_that_breaks_off_says_so_in_its_last_line(exporting):
    client = await exporting.worker.client("broken")
    for _ in range(3):
        await chat(exporting.worker, client, "one")
    for format_, last in (
        ("csv", "#error,The database does not answer."),
        ("jsonl", '{"error":{"message":"The database does not answer.","type":"server_error"}}'),
    ):
        exporting.store.pages_left = 2
        exported = await get(exporting.worker, client, "ListCalls", format=format_)
        assert exported.status == 200
        assert exported.text.splitlines()[-1] == last
        exporting.store.pages_left = 0
        assert (await get(exporting.worker, client, "ListCalls", format=format_)).status == 503


async def test_clients_that_show_a_balance(worker, new_client):
    """What they show is the limit less the month's usage: it is the balance, before anything was used and after."""
    client, other = await new_client(), await new_client()

    async def shown() -> tuple[float, float]:
        limit = (await get(worker, client, "GetDashboardSubscription")).json["hard_limit_usd"]
        used = (await get(worker, client, "GetDashboardUsage")).json["total_usage"]
        balance = (await get(worker, client, "GetSubscription")).json["credits_balance"]
        assert limit - used / 100 == pytest.approx(balance)
        return limit, used

    granted, nothing = await shown()
    assert nothing == 0
    await chat(worker, other, "not yours")
    costs = [
        (await chat(worker, client, text)).json["usage"]["total_tokens"] for text in ("one", "two three")
    ]
    assert await shown() == (granted, 100 * sum(costs))


async def test_usage_of_a_span_of_days(worker, new_client):
    client = await new_client()
    await chat(worker, client, "one two three")
    whole = (await get(worker, client, "GetDashboardUsage")).json["total_usage"]
    now = datetime.now(UTC)
    # In any time zone, and whether or not midnight comes meanwhile.
    before, after = ((now + timedelta(days=days)).date().isoformat() for days in (-2, 2))
    for start, end, used in (
        (before, after, whole),
        ("2024-02-01", "2024-02-29", 0),
        ("2024-2-1", "2024-2-9", 0),
    ):
        dates = {"start_date": start, "end_date": end}
        assert (await get(worker, client, "GetDashboardUsage", **dates)).json["total_usage"] == used
    assert whole > 0


@pytest.mark.parametrize(
    ("dates", "param"),
    [
        ({"start_date": "1 March"}, "start_date"),
        ({"end_date": "2026-02-30"}, "end_date"),
        ({"start_date": "2026-03-02", "end_date": "2026-03-01"}, "start_date"),
        ({"start_date": "2020-01-01", "end_date": "2026-03-01"}, "start_date"),
    ],
)
async def test_dates_that_no_report_has_are_refused_in_their_own_names(worker, new_client, dates, param):
    answer = await get(worker, await new_client(), "GetDashboardUsage", **dates)
    assert (answer.status, answer.json["error"]["param"]) == (400, param)


async def test_an_estimate(worker, new_client):
    client = await new_client()
    body = {
        "model": "scripted",
        "messages": [{"role": "user", "content": "one two three"}],
        "max_tokens": 5,
    }
    estimate = await get(worker, client, "EstimatePrice", body=HttpBody(data=json.dumps(body).encode()))
    cost = estimate.json["credits"]
    used = (await chat(worker, client, "one two three", max_tokens=5)).json["usage"]
    assert cost["min"] == used["prompt_tokens"] + 1
    assert cost["max"] == used["prompt_tokens"] + 5
    assert estimate.json["prompt_tokens"] == used["prompt_tokens"]


@pytest.mark.parametrize(
    ("method", "fields", "param"),
    [
        ("ListTopups", {"page": "0"}, "page"),
        ("QueryUsage", {"from": "yesterday"}, "from"),
        ("QueryUsage", {"from": "2026-03-02", "to": "2026-03-01"}, "from"),
        ("QueryUsage", {"from": "2020-01-01", "to": "2026-01-01"}, "from"),
        ("QueryUsage", {"group_by": "week"}, "group_by"),
        ("QueryUsage", {"format": "xml"}, "format"),
        ("QueryUsage", {"format": "csv", "from": "2020-01-01", "to": "2026-01-01"}, "from"),
        ("QueryUsage", {"cursor": "bm9wZQ=="}, "cursor"),
        ("ListCalls", {"limit": "1000"}, "limit"),
        ("ListCalls", {"cursor": "?"}, "cursor"),
        ("ListCalls", {"cursor": "bm9wZQ=="}, "cursor"),
        ("ListCalls", {"format": "csv", "to": "1960-01-01"}, "to"),
    ],
)
async def test_a_wrong_query_is_400_and_names_the_parameter(worker, new_client, method, fields, param):
    answer = await get(worker, await new_client(), method, **fields)
    assert answer.status == 400
    assert answer.json["error"]["param"] == param
    assert answer.json["errors"].keys() == {param}


@pytest.mark.parametrize(
    "method", ["ListTopupPacks", "ListTopups", "QueryUsage", "ListCalls", "EstimatePrice"]
)
async def test_every_path_needs_a_key(worker, method):
    assert (await get(worker, None, method)).status == 401


async def test_a_402_says_how_much_is_missing(worker, new_client):
    client = await new_client(1)
    answer = await chat(worker, client, "far too many words for a single credit")
    assert answer.status == 402
    assert answer.headers["x-credits-available"] == "1"
    assert float(answer.headers["x-credits-required"]) > 1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def frank_worker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Worker]:
    """Whose usage objects say the price."""
    folder = tmp_path_factory.mktemp("frank")
    async with running_worker(
        folder, RASEED_WIRE_USAGE_CREDITS="true", RASEED_BILLING_PROFILE="kissapi"
    ) as running:
        yield running


async def test_usage_says_the_price_where_that_is_set(frank_worker, worker, new_client):
    client = await frank_worker.client("frank", 1_000)
    usage = (await chat(frank_worker, client, "one two")).json["usage"]
    assert usage["credits"] == usage["total_tokens"]
    assert usage["credits_remaining"] == 1_000 - usage["credits"]
    streamed = await chat(
        frank_worker, client, "one two", stream=True, stream_options={"include_usage": True}
    )
    [last] = [json.loads(line[6:]) for line in streamed.text.splitlines() if '"usage":{' in line]
    assert last["usage"]["credits"] == usage["credits"]
    assert last["usage"]["credits_remaining"] == 1_000 - 2 * usage["credits"]
    plain = (await chat(worker, await new_client(), "one two")).json["usage"]
    assert "credits" not in plain


async def test_the_unit_is_the_profiles(frank_worker):
    client = await frank_worker.client("unit", 5)
    subscription = (await get(frank_worker, client, "GetSubscription")).json
    assert subscription["credits"]["currency"] == "USD"
    packs = (await get(frank_worker, client, "ListTopupPacks")).json
    assert packs["open_topup"]["currency"] == "USD"
