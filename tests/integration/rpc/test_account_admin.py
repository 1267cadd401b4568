"""AccountAdminService: what an operator decides about an account is what its holder meets."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from tests.integration.rpc.test_admin_credits import refused
from tests.support.worker import MICROCREDITS, Client, Worker, error_of

from raseed.admin.v1 import account_admin_pb2 as pb
from raseed.admin.v1 import admin_pb2
from raseed.billing.v1 import billing_pb2, billing_pb2_grpc
from raseed.core.admin.standing_jobs import forfeit_job, tier_job
from raseed.core.clock import DAY, SystemClock
from raseed.core.jobs import run_round

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def tier_of(worker: Worker, client: Client) -> str:
    """As the holder sees it; or why he does not."""
    stub = billing_pb2_grpc.BillingServiceStub(worker.channel)
    try:
        answer = await stub.GetSubscription(billing_pb2.GetSubscriptionRequest(), metadata=client.metadata)
    except grpc.aio.AioRpcError as error:
        return error_of(error)[1]
    return answer.tier


async def ask(worker: Worker, method: str, request: Any) -> admin_pb2.AdminAccount:
    account: admin_pb2.AdminAccount = (await worker.operators.call(method, request)).account
    return account


async def test_a_suspended_account_is_refused_and_a_reinstated_one_is_not(worker: Worker, new_client):
    client = await new_client()
    assert await tier_of(worker, client) == "free"
    request = pb.SuspendAccountRequest(account=client.account, reason="spam")
    suspended = await ask(worker, "SuspendAccount", request)
    assert (suspended.status, suspended.status_reason) == ("suspended", "spam")
    assert suspended.HasField("status_since_us")
    assert await ask(worker, "SuspendAccount", request) == suspended
    assert await tier_of(worker, client) == "ACCOUNT_SUSPENDED"
    found = await worker.operators.call(
        "ListAccounts", admin_pb2.ListAccountsRequest(status="suspended", query=client.account)
    )
    assert [account.id for account in found.accounts] == [client.account]

    back = pb.ReinstateAccountRequest(account=client.account, reason="paid")
    assert (await ask(worker, "ReinstateAccount", back)).status == "active"
    assert await tier_of(worker, client) == "free"


async def test_a_closed_account_is_closed_for_good_and_its_credit_follows_the_profile(worker, new_client):
    client, other = await new_client(), await new_client()
    closed = await ask(
        worker, "CloseAccount", pb.CloseAccountRequest(account=client.account, reason="asked for")
    )
    assert closed.status == "closed"
    keep = pb.CloseAccountRequest(account=other.account, reason="by mistake", forfeit=False)
    await ask(worker, "CloseAccount", keep)
    assert await tier_of(worker, client) == "UNAUTHENTICATED"
    for method, request in (
        ("SuspendAccount", pb.SuspendAccountRequest(account=client.account, reason="x")),
        ("ReinstateAccount", pb.ReinstateAccountRequest(account=client.account, reason="x")),
        ("SetAccountTier", pb.SetAccountTierRequest(account=client.account, tier="pro", reason="x")),
    ):
        assert await refused(worker.operators.call(method, request)) == ("ABORTED", "CONFLICT")
    assert worker.platform.policy.at_closing == "forfeit"
    await run_round(forfeit_job(worker.platform.standing, worker.platform.ledger))
    lost, kept = [
        await ask(worker, "GetAccount", admin_pb2.GetAccountRequest(account=each.account))
        for each in (client, other)
    ]
    assert (lost.balance_microcredits, lost.forfeited_microcredits) == (0, 1_000 * MICROCREDITS)
    assert (kept.balance_microcredits, kept.HasField("forfeited_microcredits")) == (
        1_000 * MICROCREDITS,
        False,
    )


async def test_a_tier_is_in_force_at_once_and_ends(worker: Worker, new_client):
    client = await new_client()
    assert await tier_of(worker, client) == "free"
    end = SystemClock().now() + DAY
    request = pb.SetAccountTierRequest(account=client.account, tier="pro", expires_at_us=end, reason="gift")
    assert (await ask(worker, "SetAccountTier", request)).tier_expires_at_us == end
    assert await tier_of(worker, client) == "pro"

    class Tomorrow:
        def now(self) -> Any:
            return end

    platform = worker.platform
    await run_round(tier_job(platform.standing, Tomorrow(), platform.policy.default_tier))
    platform.authenticator.forget_account(client.account)
    assert await tier_of(worker, client) == platform.policy.default_tier
    for wrong in ({"tier": "gold"}, {"tier": "pro", "reason": ""}, {"tier": "pro", "expires_at_us": 1}):
        request = pb.SetAccountTierRequest(**{"account": client.account, "reason": "x", **wrong})
        assert (await refused(worker.operators.call("SetAccountTier", request)))[1] == "REQUEST_INVALID"


async def test_a_second_account_and_notes(worker: Worker, new_client):
    first, second = await new_client(), await new_client()
    request = pb.ApproveSecondAccountRequest(account=second.account, second_of=first.account, reason="family")
    assert (await ask(worker, "ApproveSecondAccount", request)).second_of == first.account
    request.second_of = second.account
    assert (await refused(worker.operators.call("ApproveSecondAccount", request)))[1] == "REQUEST_INVALID"
    for number in range(3):
        note = pb.AddAccountNoteRequest(account=first.account, text=f"note {number}")
        await worker.operators.call("AddAccountNote", note)
    listed = pb.ListAccountNotesRequest(account=first.account, page_size=2)
    page = await worker.operators.call("ListAccountNotes", listed)
    assert len(page.notes) == 2
    listed.page_token = page.next_page_token
    rest = await worker.operators.call("ListAccountNotes", listed)
    assert {note.text for note in (*page.notes, *rest.notes)} == {"note 0", "note 1", "note 2"}
    assert {note.actor for note in page.notes} == {"local-socket"}
    empty = pb.AddAccountNoteRequest(account=first.account, text=" ")
    assert (await refused(worker.operators.call("AddAccountNote", empty)))[1] == "REQUEST_INVALID"


@pytest.mark.parametrize("wrong", [{"query": "ab"}, {"status": "gone"}, {"tier": "gold"}])
async def test_a_search_that_is_none_is_refused(worker: Worker, wrong):
    request = admin_pb2.ListAccountsRequest(**wrong)
    assert (await refused(worker.operators.call("ListAccounts", request)))[1] == "REQUEST_INVALID"


async def test_a_change_without_a_reason_or_an_account_is_refused(worker: Worker, new_client):
    client = await new_client()
    for kind, method in (
        (pb.SuspendAccountRequest, "SuspendAccount"),
        (pb.ReinstateAccountRequest, "ReinstateAccount"),
        (pb.CloseAccountRequest, "CloseAccount"),
    ):
        request: Any = kind(account=client.account)
        assert (await refused(worker.operators.call(method, request)))[1] == "REQUEST_INVALID"
        request = kind(account="nobody", reason="x")
        assert (await refused(worker.operators.call(method, request)))[1] == "NOT_FOUND"
