"""Accounts that may owe, and a house that absorbs: what customers and operators see, from the profile to the record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.rpc.conftest import NUMBERS
from tests.integration.rpc.test_billing import ask, refused
from tests.integration.rpc.test_billing_rest import get
from tests.integration.rpc.test_metering import SCOPE, Metering
from tests.support.worker import MICROCREDITS, Client, Worker, running_worker

from raseed.admin.v1 import admin_pb2, audit_pb2
from raseed.billing.v1 import billing_pb2 as pb
from raseed.billing.v1 import billing_pb2_grpc, usage_pb2

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = "#script tokens=40"
"""A credit for each token, and for each of the prompt."""
PROMPT = 6
LIMIT, ABSORBED = 20, 15


@asynccontextmanager
async def worker_with(folder: Path, billing: str) -> AsyncIterator[Worker]:
    shipped = resources.files("raseed.adapters.policy") / "profiles" / "resayil-simple.toml"
    profile = folder / "profile.toml"
    profile.write_text(shipped.read_text("utf-8").replace("[billing]\n", f"[billing]\n{billing}\n"), "utf-8")
    async with running_worker(
        folder, RASEED_BILLING_PROFILE=str(profile), RASEED_BILLING_CHUNK_TOKENS="8"
    ) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Worker]:
    """Whose profile lets accounts owe."""
    folder = tmp_path_factory.mktemp("debt")
    async with worker_with(folder, f'on_shortfall = "debt"\ndebt_limit = {LIMIT}') as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def absorbing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Worker]:
    folder = tmp_path_factory.mktemp("absorb")
    async with worker_with(folder, f'on_shortfall = "absorb"\nabsorb_limit = {ABSORBED}') as running:
        yield running


async def balance(worker: Worker, client: Client) -> pb.GetBalanceResponse:
    stub = billing_pb2_grpc.BillingServiceStub(worker.channel)
    found: pb.GetBalanceResponse = await stub.GetBalance(pb.GetBalanceRequest(), metadata=client.metadata)
    return found


async def owed(worker: Worker, client: Client) -> tuple[int, int, int]:
    """Balance, debt and its limit, in credits."""
    found = await balance(worker, client)
    amounts = found.balance_microcredits, found.debt_microcredits, found.debt_limit_microcredits
    return amounts[0] // MICROCREDITS, amounts[1] // MICROCREDITS, amounts[2] // MICROCREDITS


async def set_limit(
    worker: Worker, client: Client, credit: int | None, reason: str = "agreed"
) -> admin_pb2.AdminAccount:
    request = admin_pb2.SetDebtLimitRequest(
        account=client.account,
        limit_microcredits=None if credit is None else credit * MICROCREDITS,
        reason=reason,
    )
    return (await worker.admin.SetDebtLimit(request)).account


async def test_an_answer_outlasts_its_credit_and_is_owed(worker, new_client):
    client = await new_client(PROMPT + 30)
    used = await ask(worker, client, ANSWER)
    assert (used.completion_token_count, used.cost_microcredits) == (40, (PROMPT + 40) * MICROCREDITS)
    assert await owed(worker, client) == (0, 10, LIMIT)

    assert await refused(ask(worker, client, ANSWER)) == ("RESOURCE_EXHAUSTED", "INSUFFICIENT_CREDITS")
    for _ in range(2):
        await worker.admin.GrantCredits(
            admin_pb2.GrantCreditsRequest(
                account=client.account,
                amount_microcredits=(PROMPT + 60) * MICROCREDITS,
                reason="paid",
                request_id=f"paid by {client.account}",
            )
        )
    assert await owed(worker, client) == (PROMPT + 50, 0, LIMIT)
    assert (await ask(worker, client, ANSWER)).completion_token_count == 40


async def test_an_answer_ends_at_the_debt_limit(worker, new_client):
    client = await new_client(PROMPT + 5)
    assert (await ask(worker, client, ANSWER)).completion_token_count == 5 + LIMIT
    assert await owed(worker, client) == (0, LIMIT, LIMIT)


async def test_an_operator_gives_an_account_a_limit_of_its_own(worker, new_client):
    client = await new_client(PROMPT + 5)
    changed = await set_limit(worker, client, 3, reason="new customer")
    assert changed.debt_limit_microcredits == changed.own_debt_limit_microcredits == 3 * MICROCREDITS
    await set_limit(worker, client, 3, reason="new customer")
    assert (await ask(worker, client, ANSWER)).completion_token_count == 8
    assert await owed(worker, client) == (0, 3, 3)

    changed = await set_limit(worker, client, None)
    assert not changed.HasField("own_debt_limit_microcredits")
    assert changed.debt_microcredits == 3 * MICROCREDITS
    assert changed.debt_limit_microcredits == LIMIT * MICROCREDITS
    rows = (await worker.operators.call("ListAuditRows", audit_pb2.ListAuditRowsRequest(page_size=5))).rows
    details = [(row.action, row.detail) for row in rows if row.subject == client.account]
    assert ("account.debt_limit", f"limit={3 * MICROCREDITS} new customer") in details
    assert ("account.debt_limit", "limit=profile agreed") in details


async def test_limits_that_are_none(worker, new_client):
    client = await new_client(PROMPT + 5)
    assert await refused(set_limit(worker, client, -1)) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
    assert await refused(set_limit(worker, client, 10**10)) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
    assert await refused(set_limit(worker, client, 1, reason="")) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
    nobody = Client("nobody@example.com", "", ())
    assert (await refused(set_limit(worker, nobody, 1)))[0] == "NOT_FOUND"


async def test_the_subscription_says_what_is_owed(worker, new_client):
    client = await new_client(PROMPT + 30)
    await ask(worker, client, ANSWER)
    shown = (await get(worker, client, "GetSubscription")).json
    assert (shown["credits"]["balance"], shown["debt"], shown["debt_limit"]) == (0, 10, LIMIT)
    stub = billing_pb2_grpc.BillingServiceStub(worker.channel)
    same = await stub.GetSubscription(pb.GetSubscriptionRequest(), metadata=client.metadata)
    assert same.debt_microcredits == 10 * MICROCREDITS
    assert same.debt_limit_microcredits == LIMIT * MICROCREDITS


@pytest.mark.parametrize(("credit", "tokens", "lost"), [(30, 40, 10), (10, 25, ABSORBED), (40, 40, 0)])
async def test_the_house_pays_what_credit_does_not_within_its_limit(absorbing, credit, tokens, lost):
    client = await absorbing.client(f"absorbed-{next(NUMBERS)}", PROMPT + credit)
    used = await ask(absorbing, client, ANSWER)
    assert used.completion_token_count == tokens
    assert used.cost_microcredits == (PROMPT + min(credit, 40)) * MICROCREDITS
    assert await owed(absorbing, client) == (0, 0, 0)
    stub = billing_pb2_grpc.BillingServiceStub(absorbing.channel)
    [call] = (await stub.ListCalls(usage_pb2.ListCallsRequest(), metadata=client.metadata)).calls
    assert call.cost_microcredits == used.cost_microcredits
    assert call.absorbed_microcredits == lost * MICROCREDITS
    [row] = (await get(absorbing, client, "ListCalls")).json["data"]
    assert (row["credits"], row.get("absorbed", 0)) == (PROMPT + min(credit, 40), lost)


async def test_metered_work_may_outlast_its_credit_too_but_not_begin_without(worker, new_client):
    client = await new_client(10, SCOPE)
    metering = Metering(worker, client)
    assert await refused(metering.place("too much", least=11, want=11)) == (
        "RESOURCE_EXHAUSTED",
        "INSUFFICIENT_CREDITS",
    )
    await metering.place(want=10)
    beyond = metering.extend(cover=11 + LIMIT)
    assert await refused(beyond) == ("RESOURCE_EXHAUSTED", "INSUFFICIENT_CREDITS")
    grown = await metering.extend(cover=10 + LIMIT, used=12)
    assert grown.amount_microcredits == (10 + LIMIT) * MICROCREDITS
    await metering.settle(used=14)
    assert await owed(worker, client) == (0, 4, LIMIT)
