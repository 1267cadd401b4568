"""BillingService, each method as a program calls it."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from tests.support.worker import MICROCREDITS, Client, Worker, error_of

from raseed.admin.v1 import admin_pb2
from raseed.billing.v1 import billing_pb2 as pb
from raseed.billing.v1 import billing_pb2_grpc, usage_pb2
from raseed.inference.v1 import inference_pb2, inference_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")


def billing(worker: Worker) -> billing_pb2_grpc.BillingServiceStub:
    return billing_pb2_grpc.BillingServiceStub(worker.channel)


def chat(text: str, *, model: str = "scripted", **fields: Any) -> inference_pb2.CreateChatCompletionRequest:
    message = inference_pb2.ChatMessage(role="user", content=text)
    return inference_pb2.CreateChatCompletionRequest(model=model, messages=[message], **fields)


async def ask(worker: Worker, client: Client, text: str, **fields: Any) -> inference_pb2.Usage:
    """One request; what it used."""
    stub = inference_pb2_grpc.InferenceServiceStub(worker.channel)
    return (await stub.CreateChatCompletion(chat(text, **fields), metadata=client.metadata)).usage


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_of(caught.value)


async def test_the_balance_shows_every_grant_and_what_expires_next(worker, new_client):
    client = await new_client(100)
    await worker.platform.admin.give_welcome(client.account, "test")
    used = await ask(worker, client, "one two three")
    balance = await billing(worker).GetBalance(pb.GetBalanceRequest(), metadata=client.metadata)
    assert balance.balance_microcredits == 1_100 * MICROCREDITS - used.cost_microcredits
    assert (balance.held_microcredits, balance.debt_microcredits) == (0, 0)
    welcome, adjustment = balance.grants
    assert (welcome.source, adjustment.source) == ("welcome", "adjustment")
    assert welcome.remaining_microcredits == 1_000 * MICROCREDITS - used.cost_microcredits
    assert welcome.created_at_us == welcome.effective_at_us > 0
    assert (welcome.status, welcome.held_microcredits) == ("active", 0)
    assert balance.expires_next.at_us == welcome.expires_at_us
    assert balance.expires_next.amount_microcredits == welcome.remaining_microcredits


async def test_nothing_expires(worker, new_client):
    client = await new_client()
    balance = await billing(worker).GetBalance(pb.GetBalanceRequest(), metadata=client.metadata)
    assert not balance.HasField("expires_next")


async def test_grants_of_every_state_page_by_page(worker, new_client):
    client = await new_client(1)
    for number in range(3):
        await worker.admin.GrantCredits(
            admin_pb2.GrantCreditsRequest(
                account=client.account, amount_microcredits=10 + number, reason="test"
            )
        )
    first = await billing(worker).ListGrants(pb.ListGrantsRequest(page_size=3), metadata=client.metadata)
    await worker.admin.VoidGrant(
        admin_pb2.VoidGrantRequest(account=client.account, grant_id=first.grants[0].id, reason="test")
    )
    found: list[pb.Grant] = []
    token = ""
    while True:
        page = await billing(worker).ListGrants(
            pb.ListGrantsRequest(page_size=2, page_token=token), metadata=client.metadata
        )
        found += page.grants
        token = page.next_page_token
        if not token:
            break
    assert [grant.amount_microcredits for grant in found] == [12, 11, 10, MICROCREDITS]
    assert [grant.status for grant in found] == ["voided", "active", "active", "active"]


async def test_packs_are_those_of_the_profile(worker, new_client):
    client = await new_client()
    found: list[pb.TopupPack] = []
    page = pb.ListTopupPacksResponse()
    for _ in range(3):
        page = await billing(worker).ListTopupPacks(
            pb.ListTopupPacksRequest(page_size=1, page_token=page.next_page_token),
            metadata=client.metadata,
        )
        found += page.packs
    assert page.next_page_token == ""
    assert [(pack.id, pack.amount_microcredits // MICROCREDITS, pack.price_minor) for pack in found] == [
        ("pack_5000", 5_000, 2_000),
        ("pack_15000", 15_000, 5_000),
        ("pack_50000", 50_000, 15_000),
    ]
    assert not page.HasField("open_topup")


async def buy(worker: Worker, client: Client, credit: int) -> str:
    request = admin_pb2.GrantCreditsRequest(
        account=client.account,
        amount_microcredits=credit * MICROCREDITS,
        reason="bank transfer",
        source="topup",
        paid_minor=2_000,
        currency="KWD",
    )
    return (await worker.admin.GrantCredits(request)).grant_id


async def test_topups_newest_first(worker, new_client):
    client, other = await new_client(), await new_client()
    bought = [await buy(worker, client, number) for number in (1, 2, 3)]
    await buy(worker, other, 9)
    first = await billing(worker).ListTopups(pb.ListTopupsRequest(page_size=2), metadata=client.metadata)
    last = await billing(worker).ListTopups(
        pb.ListTopupsRequest(page_size=2, page_token=first.next_page_token), metadata=client.metadata
    )
    assert [topup.id for topup in (*first.topups, *last.topups)] == bought[::-1]
    assert (first.total_count, last.next_page_token) == (3, "")
    [oldest] = last.topups
    assert (oldest.amount_microcredits, oldest.paid_minor) == (MICROCREDITS, 2_000)
    assert (oldest.currency, oldest.status) == ("KWD", "completed")


async def test_usage_is_added_up_by_day_model_key_and_member(worker, new_client):
    client = await new_client()
    second = await worker.key(client.account, name="second")
    used = [await ask(worker, client, "one two"), await ask(worker, client, "one", model="other")]
    with_second = Client(client.account, second.id, (("authorization", f"Bearer {second.key}"),))
    used.append(await ask(worker, with_second, "one two three four"))

    async def groups(by: usage_pb2.UsageGroupBy) -> list[usage_pb2.UsageGroup]:
        request = usage_pb2.QueryUsageRequest(group_by=by)
        answer = await billing(worker).QueryUsage(request, metadata=client.metadata)
        assert answer.time_zone == "Asia/Kuwait"
        assert answer.from_us < answer.to_us
        return list(answer.groups)

    [today] = await groups(usage_pb2.USAGE_GROUP_BY_UNSPECIFIED)
    assert [today] == await groups(usage_pb2.USAGE_GROUP_BY_DAY)
    assert len(today.name) == len("2026-03-01")
    assert today.request_count == 3
    assert today.cost_microcredits == sum(usage.cost_microcredits for usage in used)
    assert today.prompt_token_count == sum(usage.prompt_token_count for usage in used)
    assert today.completion_token_count == sum(usage.completion_token_count for usage in used)
    assert today.total_token_count == today.prompt_token_count + today.completion_token_count
    assert {g.name: g.request_count for g in await groups(usage_pb2.USAGE_GROUP_BY_MODEL)} == {
        "scripted": 2,
        "other": 1,
    }
    by_key = {g.name: g for g in await groups(usage_pb2.USAGE_GROUP_BY_KEY)}
    assert by_key.keys() == {client.key_id, second.id}
    assert by_key[second.id].label == "second"
    assert by_key[second.id].cost_microcredits == used[2].cost_microcredits
    [member] = await groups(usage_pb2.USAGE_GROUP_BY_MEMBER)
    assert (member.name, member.cost_microcredits) == (client.account, today.cost_microcredits)


async def test_usage_page_by_page(worker, new_client):
    client = await new_client()
    for model in ("c", "a", "b"):
        await ask(worker, client, "one", model=model)
    found, token = [], ""
    for _ in range(3):
        page = await billing(worker).QueryUsage(
            usage_pb2.QueryUsageRequest(
                group_by=usage_pb2.USAGE_GROUP_BY_MODEL, page_size=1, page_token=token
            ),
            metadata=client.metadata,
        )
        found += [group.name for group in page.groups]
        token = page.next_page_token
    assert (found, token) == (["a", "b", "c"], "")


async def test_calls_newest_first_and_exported_whole(worker, new_client):
    client, other = await new_client(), await new_client()
    used = [await ask(worker, client, "word " * count, model="m") for count in (1, 2, 3, 4, 5)]
    await ask(worker, other, "not yours")
    found: list[usage_pb2.UsageCall] = []
    token = ""
    while True:
        page = await billing(worker).ListCalls(
            usage_pb2.ListCallsRequest(page_size=2, page_token=token), metadata=client.metadata
        )
        found += page.calls
        token = page.next_page_token
        if not token:
            break
    assert [call.cost_microcredits for call in found] == [u.cost_microcredits for u in used[::-1]]
    newest = found[0]
    assert newest.id.startswith("run_")
    assert (newest.model, newest.outcome, newest.finish_reason) == ("m", "completed", "stop")
    assert newest.api_key_id == client.key_id
    assert newest.prompt_token_count == used[-1].prompt_token_count
    assert newest.completion_token_count == used[-1].completion_token_count
    assert {line.meter: line.cost_microcredits for line in newest.lines} == {
        "input_tokens": used[-1].prompt_token_count * MICROCREDITS,
        "output_tokens": used[-1].completion_token_count * MICROCREDITS,
    }
    exported: list[usage_pb2.UsageCall] = []
    async for part in billing(worker).ExportUsage(usage_pb2.ExportUsageRequest(), metadata=client.metadata):
        exported += part.calls
    assert exported == found


async def test_a_span_leaves_out_what_is_not_in_it(worker, new_client):
    client = await new_client()
    await ask(worker, client, "one")
    page = await billing(worker).ListCalls(usage_pb2.ListCallsRequest(), metadata=client.metadata)
    at = page.calls[0].at_us
    for begin, end, count in ((at, at + 1, 1), (at + 1, at + 2, 0), (at - 1, at, 0)):
        found = await billing(worker).ListCalls(
            usage_pb2.ListCallsRequest(from_us=begin, to_us=end), metadata=client.metadata
        )
        assert len(found.calls) == count
    report = await billing(worker).QueryUsage(
        usage_pb2.QueryUsageRequest(from_us=0, to_us=3_600_000_000), metadata=client.metadata
    )
    assert not report.groups


async def test_an_estimate_is_what_the_request_then_costs(worker, new_client):
    client = await new_client()
    request = chat("one two three", max_tokens=5)
    estimate = await billing(worker).EstimatePrice(
        pb.EstimatePriceRequest(request=request), metadata=client.metadata
    )
    used = await ask(worker, client, "one two three", max_tokens=5)
    assert estimate.prompt_token_count == used.prompt_token_count
    assert estimate.max_completion_token_count == 5
    assert estimate.max_cost_microcredits == (used.prompt_token_count + 5) * MICROCREDITS
    assert estimate.min_cost_microcredits == (used.prompt_token_count + 1) * MICROCREDITS
    assert estimate.min_cost_microcredits <= used.cost_microcredits <= estimate.max_cost_microcredits
    assert estimate.price_version
    balance = await billing(worker).GetBalance(pb.GetBalanceRequest(), metadata=client.metadata)
    assert balance.balance_microcredits == 1_000 * MICROCREDITS - used.cost_microcredits


METHODS = {
    "GetBalance": pb.GetBalanceRequest(),
    "ListGrants": pb.ListGrantsRequest(),
    "ListTopupPacks": pb.ListTopupPacksRequest(),
    "ListTopups": pb.ListTopupsRequest(),
    "QueryUsage": usage_pb2.QueryUsageRequest(),
    "ListCalls": usage_pb2.ListCallsRequest(),
    "EstimatePrice": pb.EstimatePriceRequest(request=chat("one")),
}


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_needs_a_key(worker, method):
    assert await refused(getattr(billing(worker), method)(METHODS[method])) == (
        "UNAUTHENTICATED",
        "UNAUTHENTICATED",
    )


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("ListGrants", pb.ListGrantsRequest(page_token="?")),
        ("ListTopups", pb.ListTopupsRequest(page_token="ä")),
        ("ListCalls", usage_pb2.ListCallsRequest(page_token="bm9wZQ==")),
        ("ListCalls", usage_pb2.ListCallsRequest(from_us=2, to_us=1)),
        ("ListCalls", usage_pb2.ListCallsRequest(to_us=2**62)),
        ("QueryUsage", usage_pb2.QueryUsageRequest(page_token="bm9wZQ==")),
        ("QueryUsage", usage_pb2.QueryUsageRequest(from_us=-1)),
        ("QueryUsage", usage_pb2.QueryUsageRequest(from_us=0, to_us=86_400_000_000 * 400)),
        ("QueryUsage", usage_pb2.QueryUsageRequest(group_by=99)),  # type: ignore[arg-type]
        ("EstimatePrice", pb.EstimatePriceRequest()),
    ],
)
async def test_what_makes_no_sense_is_refused(worker, new_client, method, request_):
    client = await new_client()
    call = getattr(billing(worker), method)(request_, metadata=client.metadata)
    assert await refused(call) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
