"""AdminService: corrections of a balance, and an account's usage as operators see it."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from tests.support.worker import MICROCREDITS, Client, Worker, error_of

from raseed.admin.v1 import admin_pb2 as pb
from raseed.admin.v1 import audit_pb2
from raseed.billing.v1 import usage_pb2
from raseed.core.billing.commands import PlaceHold
from raseed.core.billing.holds import Coverage
from raseed.core.billing.model import Measured, Meter, PriceSnapshot, Rate, RunRecord
from raseed.core.billing.service import Payer
from raseed.core.ids import AccountId, ApiKeyId, HoldId
from raseed.core.inference.model import UsageSource

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = PriceSnapshot(
    model="m",
    version="1",
    rates=(Rate(Meter.INPUT_TOKENS, MICROCREDITS), Rate(Meter.OUTPUT_TOKENS, MICROCREDITS)),
)
DONE = RunRecord(outcome="completed", finish_reason="stop", usage_source=UsageSource.ENGINE)


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_of(caught.value)


async def adjust(worker: Worker, client: Client, credit: int, **fields: Any) -> pb.AdjustCreditsResponse:
    request = pb.AdjustCreditsRequest(
        account=client.account, amount_microcredits=credit * MICROCREDITS, reason="correction", **fields
    )
    answer: pb.AdjustCreditsResponse = await worker.admin.AdjustCredits(request)
    return answer


async def grants_of(worker: Worker, client: Client) -> dict[str, int]:
    """What is left of each, in credits."""
    account = (await worker.admin.GetAccount(pb.GetAccountRequest(account=client.account))).account
    return {grant.id: grant.remaining_microcredits // MICROCREDITS for grant in account.grants}


async def audit_of(worker: Worker, client: Client, action: str) -> list[str]:
    request = audit_pb2.ListAuditRowsRequest(subject=client.account, action=action)
    return [row.detail for row in (await worker.operators.call("ListAuditRows", request)).rows]


async def hold(worker: Worker, client: Client, name: str, credit: int) -> None:
    command = PlaceHold(
        account_id=AccountId(client.account),
        hold_id=HoldId(f"{client.account}:{name}"),
        api_key_id=ApiKeyId(client.key_id),
        price=TOKEN,
        input_hash="",
        min_microcredits=credit * MICROCREDITS,
        want_microcredits=credit * MICROCREDITS,
        owner_instance="core-0",
        owner_epoch=1,
        lease_us=60_000_000,
    )
    await worker.platform.ledger.submit([command])


async def use(worker: Worker, client: Client, name: str, tokens: int) -> None:
    """A whole request of another day's worker, without a model."""
    payer = Payer(account_id=AccountId(client.account), api_key_id=ApiKeyId(client.key_id))
    hold_id = HoldId(f"{client.account}:{name}")
    coverage = Coverage(policy=worker.holds.policy, price=TOKEN, prompt_tokens=tokens, max_tokens=1)
    await worker.holds.open(payer, hold_id, TOKEN, coverage, "")
    measured = Measured(((Meter.INPUT_TOKENS, tokens),))
    await worker.holds.settle(payer, hold_id, measured, DONE)


async def test_up_and_down(worker, new_client):
    client = await new_client(100)
    [start] = await grants_of(worker, client)
    up = await adjust(worker, client, 20)
    assert up.balance_microcredits == 120 * MICROCREDITS
    [given] = up.changes
    assert given.amount_microcredits == 20 * MICROCREDITS
    down = await adjust(worker, client, -50)
    assert down.balance_microcredits == 70 * MICROCREDITS
    assert [(c.grant_id, c.amount_microcredits // MICROCREDITS) for c in down.changes] == [
        (given.grant_id, -20),
        (start, -30),
    ]
    assert await grants_of(worker, client) == {start: 70}
    [row] = await audit_of(worker, client, "credits.adjust")
    assert row == f"{given.grant_id} -20000000 {start} -30000000 correction"


async def test_the_same_request_id_corrects_once(worker, new_client):
    client = await new_client(100)
    for _ in range(2):
        await adjust(worker, client, -30, request_id="r")
    assert sum((await grants_of(worker, client)).values()) == 70
    assert len(await audit_of(worker, client, "credits.adjust")) == 1
    for _ in range(2):
        await adjust(worker, client, -1)
    assert len(await audit_of(worker, client, "credits.adjust")) == 3
    assert await refused(adjust(worker, client, -31, request_id="r")) == (
        "ALREADY_EXISTS",
        "REQUEST_REUSED_WITH_OTHER_INPUT",
    )


async def test_what_open_requests_hold_is_not_taken(worker, new_client):
    client = await new_client(100)
    [grant] = await grants_of(worker, client)
    await hold(worker, client, "open", 40)
    for amount in (-61, -101):
        assert await refused(adjust(worker, client, amount)) == (
            "FAILED_PRECONDITION",
            "TOO_LITTLE_TO_TAKE_BACK",
        )
    answer = await worker.admin.VoidGrant(
        pb.VoidGrantRequest(account=client.account, grant_id=grant, reason="fraud")
    )
    assert (answer.voided_microcredits, answer.held_microcredits) == (60 * MICROCREDITS, 40 * MICROCREDITS)
    assert answer.balance_microcredits == 0
    assert await audit_of(worker, client, "credits.void") == [f"{grant} -60000000 fraud"]


async def test_another_accounts_grant_is_not_found(worker, new_client):
    client, other = await new_client(), await new_client()
    [foreign] = await grants_of(worker, other)
    void = pb.VoidGrantRequest(account=client.account, grant_id=foreign, reason="x")
    assert await refused(worker.admin.VoidGrant(void)) == ("NOT_FOUND", "NOT_FOUND")
    assert await refused(adjust(worker, client, -1, grant_id=foreign)) == ("NOT_FOUND", "NOT_FOUND")
    assert await grants_of(worker, other) == {foreign: 1_000}


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("AdjustCredits", {"amount_microcredits": 0, "reason": "x"}),
        ("AdjustCredits", {"amount_microcredits": -1, "reason": ""}),
        ("AdjustCredits", {"amount_microcredits": -(10**16), "reason": "x"}),
        ("AdjustCredits", {"amount_microcredits": 1, "reason": "x", "grant_id": "grant_1"}),
        ("VoidGrant", {"grant_id": "", "reason": "x"}),
        ("VoidGrant", {"grant_id": "grant_1", "reason": "x" * 257}),
        ("GrantCredits", {"amount_microcredits": 1, "reason": "x", "source": "welcome"}),
        ("GrantCredits", {"amount_microcredits": 1, "reason": "x", "source": "gift"}),
        ("GrantCredits", {"amount_microcredits": 1, "reason": "x", "source": "topup"}),
        ("GrantCredits", {"amount_microcredits": 1, "reason": "x", "paid_minor": 5, "currency": "KWD"}),
        (
            "GrantCredits",
            {"amount_microcredits": 1, "reason": "x", "source": "topup", "paid_minor": 5, "currency": "BTC"},
        ),
        ("QueryUsage", {"from": "yesterday"}),
        ("QueryUsage", {"from": "2020-01-01", "to": "2026-01-01"}),
        ("CreateApiKey", {"scopes": ["everything"]}),
    ],
)
async def test_what_makes_no_sense_is_refused(worker, new_client, method, fields):
    client = await new_client()
    kind = getattr(pb, f"{method}Request")
    call = getattr(worker.admin, method)(kind(account=client.account, **fields))
    assert await refused(call) == ("INVALID_ARGUMENT", "REQUEST_INVALID")


async def test_usage_of_an_account(worker, new_client):
    client = await new_client()
    await use(worker, client, "one", 7)
    answer = await worker.admin.QueryUsage(
        pb.QueryUsageRequest(account=client.account, group_by=usage_pb2.USAGE_GROUP_BY_KEY)
    )
    [group] = answer.groups
    assert (group.name, group.request_count, group.prompt_token_count) == (client.key_id, 1, 7)
    assert group.cost_microcredits == 7 * MICROCREDITS
    assert answer.time_zone == "Asia/Kuwait"
