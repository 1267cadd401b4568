"""Plans over HTTP and gRPC: what is sold, a first period paid at the bank, cancelling, changing, trying."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import grpc
import pytest
from tests.integration.envoy.checks import openai_error
from tests.integration.envoy.street import Street

from raseed.billing.v1 import subscriptions_pb2 as pb
from raseed.billing.v1 import subscriptions_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = count(1)


async def ask(street: Street, by: dict[str, str], verb: str, path: str, status: int, **body: Any) -> Any:
    headers = by | {"idempotency-key": f"plan-{next(KEYS)}"}
    async with street.http.request(
        verb, f"/api/billing/{path}", json=body or None, headers=headers
    ) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def buy(street: Street, by: dict[str, str], plan: str) -> dict[str, Any]:
    """The plan as it is when its first period was paid, and the browser is back."""
    payment = await ask(street, by, "POST", "subscribe", 201, plan=plan)
    back = await street.decide(payment["url"], "pay")
    async with street.http.get(back) as response:
        assert response.status == 200
    shown = await ask(street, by, "GET", "plan", 200)
    return dict(shown["subscription"])


async def test_what_is_sold(street):
    by = await street.customer()
    sold = await ask(street, by, "GET", "plans", 200)
    assert [(plan["id"], plan["price"], plan["credits"], plan["tier"]) for plan in sold["plans"]] == [
        ("starter", 15.0, 5000, "starter"),
        ("basic", 25.0, 15000, "basic"),
        ("pro", 45.0, 50000, "pro"),
    ]
    assert sold["plans"][0]["name_ar"] == "المبتدئ"
    assert sold["extra_keys"] == {"price": 2.0, "currency": "KWD", "max": 10}
    for path in ("/v1/billing/plans", "/api/v1/billing/plans"):
        async with street.http.get(path, headers=by) as response:
            assert await response.json() == sold


async def test_a_plan_is_paid_and_its_end_is_shown(street):
    by = await street.customer()
    before = await street.balance(by)
    plan = await buy(street, by, "starter")
    assert (plan["plan"], plan["state"], plan["cancels_at_end"]) == ("starter", "active", False)
    assert await street.balance(by) == before + 5000
    async with street.http.get("/api/billing/subscription", headers=by) as response:
        shown = await response.json()
    assert (shown["tier"], shown["expires_at"]) == ("starter", plan["period_end"]), "without the grace"
    assert "subscription" in {grant["source"] for grant in shown["grants"]}
    async with street.http.post(
        "/api/billing/subscribe", json={"plan": "starter"}, headers=by | {"idempotency-key": "again"}
    ) as response:
        await openai_error(response, 409)


async def test_a_plan_is_cancelled_and_goes_on(street):
    by = await street.customer()
    await buy(street, by, "starter")
    cancelled = (await ask(street, by, "POST", "subscription/cancel", 200))["subscription"]
    assert (cancelled["state"], cancelled["cancels_at_end"]) == ("active", True)
    resumed = (await ask(street, by, "POST", "subscription/resume", 200))["subscription"]
    assert not resumed["cancels_at_end"]


async def test_a_plan_is_changed(street):
    by = await street.customer()
    await buy(street, by, "basic")
    later = await ask(street, by, "POST", "subscription/change", 200, plan="starter")
    assert (later["payment"], later["subscription"]["next_plan"]) == (None, "starter")
    stay = await ask(street, by, "POST", "subscription/change", 200, plan="basic")
    assert stay["subscription"]["next_plan"] is None
    now = await ask(street, by, "POST", "subscription/change", 200, plan="pro")
    assert now["payment"]["amount"] == 45.0
    async with street.http.get(await street.decide(now["payment"]["url"], "pay")) as response:
        assert response.status == 200
    assert (await ask(street, by, "GET", "plan", 200))["subscription"]["plan"] == "pro"


async def test_a_plan_is_tried_once(street):
    by = await street.customer()
    tried = (await ask(street, by, "POST", "trial", 201, plan="starter"))["subscription"]
    assert (tried["plan"], tried["state"]) == ("starter", "trialing")
    await ask(street, by, "POST", "trial", 409, plan="starter")


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "param"),
    [
        ("GET", "plan", {}, 404, None),
        ("POST", "subscription/cancel", {}, 404, None),
        ("POST", "subscription/resume", {}, 404, None),
        ("POST", "subscription/change", {"plan": "pro"}, 404, None),
        ("POST", "subscribe", {"plan": "gold"}, 400, "item"),
        ("POST", "subscribe", {"plan": "pro", "language": "fr"}, 400, "language"),
        ("POST", "subscribe", {"plan": "pro", "price": 1}, 400, None),
        ("POST", "trial", {"plan": "pro"}, 400, "plan"),
    ],
)
async def test_what_cannot_be_is_refused(street, verb, path, body, status, param):
    by = await street.customer()
    error = (await ask(street, by, verb, path, status, **body))["error"]
    if param is not None:
        assert error["param"] == param


async def test_the_same_over_grpc(street):
    by = await street.customer()
    metadata = tuple(by.items())
    stub = subscriptions_pb2_grpc.SubscriptionsServiceStub(street.channel)
    sold = await stub.ListPlans(pb.ListPlansRequest(page_size=2), metadata=metadata)
    assert [plan.id for plan in sold.plans] == ["starter", "basic"]
    assert sold.extra_keys.price_minor == 2_000
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetPlan(pb.GetPlanRequest(), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    request = pb.SubscribeRequest(request_id="r1", plan="pro")
    first, again = await asyncio.gather(*(stub.Subscribe(request, metadata=metadata) for _ in range(2)))
    assert first.payment.id == again.payment.id
    shown = await stub.GetPlan(pb.GetPlanRequest(), metadata=metadata)
    assert (shown.subscription.state, shown.open_payment.id) == ("pending", first.payment.id)
    assert not shown.subscription.HasField("period_end_us")
    cancelled = await stub.CancelPlan(pb.CancelPlanRequest(), metadata=metadata)
    assert cancelled.subscription.state == "canceled"
