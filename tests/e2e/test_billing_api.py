"""Balance, packs, history, usage, exports, estimates and metering, through Envoy."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from tests.support.customer import MICROCREDITS, Customer
from tests.support.http import Http, chat_body
from tests.support.stack import Stack
from tests.support.stubs import blocking

from raseed.admin.v1 import admin_pb2
from raseed.billing.v1 import billing_pb2, billing_pb2_grpc, usage_pb2
from raseed.metering.v1 import metering_pb2, metering_pb2_grpc

TIMEOUT_S = 30.0
PREFIXES = ("/api/billing", "/v1/billing", "/api/v1/billing")
USAGE_PATHS = ("/api/usage", "/v1/usage", "/api/v1/usage", *(f"{prefix}/usage" for prefix in PREFIXES))


@pytest.fixture
def channel(stack: Stack) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(stack.address) as channel:
        yield channel


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"),)


def cost(customer: Customer, text: str) -> int:
    """Credits of one scripted request."""
    answer = customer.http.chat(text)
    assert answer.status == 200
    total: int = answer.json["usage"]["total_tokens"]
    return total


def buy(customer: Customer, credit: int) -> str:
    request = admin_pb2.GrantCreditsRequest(
        account=customer.id,
        amount_microcredits=credit * MICROCREDITS,
        reason="bank transfer",
        source="topup",
        paid_minor=18_00,
        currency="USD",
    )
    grant: str = customer.admin("GrantCredits", request).grant_id
    return grant


def test_every_prefix_answers_alike(customer):
    buy(customer, 2_000)
    cost(customer, "one")
    for path in (
        "subscription",
        "topup-packs",
        "topup-history?page=1",
        "usage?group_by=model",
        "usage/calls",
    ):
        answers = [customer.http.send("GET", f"{prefix}/{path}") for prefix in PREFIXES]
        assert [answer.status for answer in answers] == [200] * 3
        assert len({answer.body for answer in answers}) == 1
        assert {answer.headers["content-type"] for answer in answers} == {"application/json"}
    assert len({customer.http.send("GET", f"{path}?group_by=key").body for path in USAGE_PATHS}) == 1


def test_packs_and_history_as_documented(customer):
    packs = customer.http.send("GET", "/api/billing/topup-packs").json["packs"]
    assert {"id", "credits", "price", "currency"} <= packs[0].keys()
    bought = buy(customer, 2_000)
    history = customer.http.send("GET", "/api/billing/topup-history?page=1").json
    assert (history["current_page"], history["per_page"], history["total"]) == (1, 20, 1)
    [topup] = history["data"]
    assert list(topup) == ["id", "credits", "amount", "currency", "status", "created_at"]
    assert (topup["id"], topup["credits"], topup["amount"]) == (bought, 2000, 18.0)
    assert customer.http.send("GET", "/api/billing/topup-history").json == history
    assert customer.http.send("GET", "/api/billing/topup-history?page=2").json["data"] == []


def test_usage_of_this_month(customer):
    spent = [cost(customer, text) for text in ("one", "two words", "three words now")]
    report = customer.http.send("GET", "/api/usage?group_by=model").json
    [row] = report["data"]
    assert (row["model"], row["requests"], row["credits"]) == ("scripted", 3, sum(spent))
    [key] = customer.http.send("GET", "/api/usage?group_by=key").json["data"]
    assert (key["key_id"], key["total_tokens"]) == (customer.key_id, sum(spent))
    [day] = customer.http.send("GET", "/api/usage").json["data"]
    assert day["credits"] == sum(spent)
    one_day = customer.http.send("GET", f"/api/usage?from={day['day']}&to={day['day']}").json
    assert one_day["data"] == [day]
    assert one_day["time_zone"] == "Asia/Kuwait"
    assert customer.http.send("GET", "/api/usage?from=2020-01-01&to=2020-01-31").json["data"] == []


def test_exports(customer):
    spent = [cost(customer, "word " * number) for number in range(1, 6)]
    answer = customer.http.send("GET", "/api/usage/calls?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    assert answer.headers["x-request-id"]
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [int(row["credits"]) for row in rows] == spent[::-1]
    lines = customer.http.send("GET", "/v1/usage/calls?format=jsonl").body.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [row["id"] for row in rows]
    by_day = customer.http.send("GET", "/api/usage?format=csv").body.decode()
    [day] = csv.DictReader(io.StringIO(by_day))
    assert int(day["credits"]) == sum(spent)


def test_calls_page_by_page(customer):
    spent = [cost(customer, "word " * number) for number in range(1, 6)]
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = customer.http.send("GET", f"/api/usage/calls?limit=2&cursor={cursor}").json
        found += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [call["credits"] for call in found] == spent[::-1]


def test_an_estimate(customer):
    body = chat_body("one two three", max_tokens=50)
    estimate = customer.http.send("POST", "/v1/billing/estimate", body).json
    assert estimate["credits"]["min"] <= cost(customer, "one two three") <= estimate["credits"]["max"]
    customer.http.send("POST", "/v1/billing/estimate", chat_body("x", model="nobody")).error(404)
    tiny = customer.http.send("POST", "/api/billing/estimate", chat_body("Hello", model="raseed-tiny")).json
    assert tiny["prompt_tokens"] + tiny["max_completion_tokens"] == 1024


def test_refusals(stack, customer):
    assert customer.http.send("GET", "/api/usage?from=yesterday").error(400)["param"] == "from"
    assert customer.http.send("GET", "/api/usage?group_by=week").error(400)["param"] == "group_by"
    assert customer.http.send("GET", "/api/billing/topup-history?page=0").error(400)["param"] == "page"
    anonymous = Http(stack.port)
    for path in ("/api/usage", "/v1/usage/calls", "/api/billing/topup-packs", "/api/billing/topup-history"):
        anonymous.send("GET", path).error(401)
        assert customer.http.send("POST", path, b"{}").status == 405
    poor = stack.customer(1)
    refused = poor.http.chat("far too many words for a single credit")
    refused.error(402)
    assert refused.headers["x-credits-available"] == "1"
    assert float(refused.headers["x-credits-required"]) > 1


def test_nothing_of_another(stack, customer):
    other = stack.customer()
    buy(other, 5)
    cost(other, "not yours")
    assert customer.http.send("GET", "/api/billing/topup-history").json["total"] == 0
    assert customer.http.send("GET", "/api/usage").json["data"] == []
    assert customer.http.send("GET", "/api/usage/calls").json["data"] == []
    assert customer.http.send("GET", f"/api/usage/calls?account={other.id}").json["data"] == []


def test_native_calls(channel, customer):
    spent = cost(customer, "one two three")
    billing = blocking(billing_pb2_grpc.BillingServiceStub, channel)
    metadata = bearer(customer.key)
    balance = billing.GetBalance(billing_pb2.GetBalanceRequest(), metadata=metadata, timeout=TIMEOUT_S)
    assert balance.balance_microcredits == (1_000 - spent) * MICROCREDITS
    usage = billing.QueryUsage(usage_pb2.QueryUsageRequest(), metadata=metadata, timeout=TIMEOUT_S)
    assert usage.groups[0].cost_microcredits == spent * MICROCREDITS
    exported = [
        call
        for part in billing.ExportUsage(usage_pb2.ExportUsageRequest(), metadata=metadata, timeout=TIMEOUT_S)
        for call in part.calls
    ]
    assert [call.cost_microcredits for call in exported] == [spent * MICROCREDITS]


def test_metering(stack, channel, customer):
    made = stack.admin(
        "CreateApiKey", admin_pb2.CreateApiKeyRequest(account=customer.id, scopes=["metering:write"])
    )
    metering = blocking(metering_pb2_grpc.MeteringServiceStub, channel)
    images = [metering_pb2.Quantity(meter="images", quantity=4)]
    request = metering_pb2.PlaceHoldRequest(
        request_id="r",
        model="painter",
        rates=[metering_pb2.Rate(meter="images", unit_price_microcredits=MICROCREDITS)],
        want=images,
    )
    metering.PlaceHold(request, metadata=bearer(made.key), timeout=TIMEOUT_S)
    settle = metering_pb2.SettleHoldRequest(request_id="r", used=images)
    settled = metering.SettleHold(settle, metadata=bearer(made.key), timeout=TIMEOUT_S)
    assert settled.cost_microcredits == 4 * MICROCREDITS
    assert customer.left() == 996
    with pytest.raises(grpc.RpcError) as caught:
        metering.PlaceHold(request, metadata=bearer(customer.key), timeout=TIMEOUT_S)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


def test_corrections_and_usage_at_the_command_line(stack, customer):
    spent = cost(customer, "one two")
    adjusted = stack.cli("credits", "adjust", customer.id, "-100", "--reason", "mistake", "--json")
    assert json.loads(adjusted.stdout)["balance"] == 900 - spent
    used = stack.cli("usage", customer.id, "--group-by", "key", "--json")
    [row] = json.loads(used.stdout)["usage"]
    assert (row["key"], row["requests"], row["credits"]) == (customer.key_id, 1, spent)
    verified = stack.cli("ledger", "verify")
    assert verified.returncode == 0, verified.stdout
