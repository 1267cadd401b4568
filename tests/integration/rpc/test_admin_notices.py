"""NoticesService and CatalogueService: what is told to everybody, what failed, and what the profile says."""

from __future__ import annotations

import pytest
from tests.integration.rpc.test_admin_credits import refused
from tests.support.worker import Worker

from raseed.admin.v1 import audit_pb2, catalogue_pb2
from raseed.admin.v1 import notices_pb2 as pb
from raseed.core.accounts.model import Tier
from raseed.core.clock import SECOND
from raseed.core.ids import AccountId
from raseed.core.messaging.notices import Notice, NoticeKind

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_terms_are_announced_once_for_each_version(worker: Worker):
    request = pb.SendNoticeRequest(kind="terms_changed", version="2026-05", begins_on="2026-05-01")
    first = (await worker.operators.call("SendNotice", request)).broadcast
    assert (await worker.operators.call("SendNotice", request)).broadcast == first
    listed = await worker.operators.call("ListBroadcasts", pb.ListBroadcastsRequest())
    assert [each.id for each in listed.broadcasts] == [first.id]


async def test_prices_are_announced_by_the_profiles_own_lists(worker: Worker):
    prices = worker.platform.policy.prices.lists[0]
    request = pb.SendNoticeRequest(kind="price_changed", version=prices.version)
    sent = (await worker.operators.call("SendNotice", request)).broadcast
    assert sent.begins_on == "1970-01-01"
    for wrong in (
        pb.SendNoticeRequest(kind="price_changed", version="none"),
        pb.SendNoticeRequest(kind="price_changed", version=prices.version, begins_on="2026-05-01"),
        pb.SendNoticeRequest(kind="terms_changed", version="3", begins_on="soon"),
        pb.SendNoticeRequest(kind="terms_changed", version="", begins_on="2026-05-01"),
        pb.SendNoticeRequest(kind="welcome", version="3", begins_on="2026-05-01"),
    ):
        assert (await refused(worker.operators.call("SendNotice", wrong)))[1] == "REQUEST_INVALID"


async def test_a_notice_that_failed_is_seen_and_tried_again(worker: Worker, new_client):
    client = await new_client()
    outbox = worker.platform.outbox
    notice = Notice(
        kind=NoticeKind.CREDITS_EXHAUSTED, account_id=AccountId(client.account), cause=client.account
    )
    assert await outbox.add(notice)
    for due in await outbox.claim(100, SECOND):
        await outbox.mark_failed(due, "no such number")
    listed = await worker.operators.call("ListFailedNotices", pb.ListFailedNoticesRequest())
    [failed] = [
        each for each in listed.notices if each.account == client.account and each.kind == notice.kind
    ]
    assert (failed.error, failed.attempt_count, failed.cause) == ("no such number", 1, client.account)
    await worker.operators.call("RetryNotice", pb.RetryNoticeRequest(id=failed.id))
    again = worker.operators.call("RetryNotice", pb.RetryNoticeRequest(id=failed.id))
    assert await refused(again) == ("NOT_FOUND", "NOT_FOUND")
    rows = await worker.operators.call(
        "ListAuditRows", audit_pb2.ListAuditRowsRequest(action="notice.retry", subject=failed.id)
    )
    assert len(rows.rows) == 1


async def test_the_catalogue_is_the_profiles(worker: Worker):
    policy = worker.platform.policy
    listed = await worker.operators.call("ListPrices", catalogue_pb2.ListPricesRequest())
    assert [prices.version for prices in listed.price_lists] == [each.version for each in policy.prices.lists]
    assert [prices.in_force for prices in listed.price_lists].count(True) == 1
    assert listed.notice_days == policy.notice_days
    [first, *_] = listed.price_lists
    assert {model.model for model in first.models} == set(policy.prices.lists[0].models)

    tiers = (await worker.operators.call("ListTiers", catalogue_pb2.ListTiersRequest())).tiers
    assert [tier.tier for tier in tiers] == list(Tier)
    assert [tier.tier for tier in tiers if tier.is_default] == [policy.default_tier]
    free = policy.tiers[Tier.FREE]
    assert (tiers[0].requests_per_minute or None) == free.rpm
    assert tiers[0].HasField("key_count_max") == (free.keys is not None)
