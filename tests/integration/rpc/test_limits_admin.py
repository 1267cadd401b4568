"""Limits of single accounts, as operators set them."""

from __future__ import annotations

import grpc
import pytest
from tests.support.worker import Worker, error_of

from raseed.admin.v1 import admin_pb2, limits_pb2

pytestmark = pytest.mark.asyncio(loop_scope="module")


def limit(name: str, value: int | None = None) -> limits_pb2.AccountLimit:
    return limits_pb2.AccountLimit(name=name, value=value)


async def set_limits(worker: Worker, account: str, *limits: limits_pb2.AccountLimit) -> dict[str, int | None]:
    """What is in force; the account's own come first."""
    request = limits_pb2.SetAccountLimitsRequest(account=account, limits=limits, reason="big customer")
    return shown((await worker.operators.call("SetAccountLimits", request)).limits)


def shown(limits: limits_pb2.AccountLimits) -> dict[str, int | None]:
    ordered = sorted(limits.limits, key=lambda limit: not limit.is_own)
    return {limit.name: limit.value if limit.HasField("value") else None for limit in ordered}


async def test_limits_are_set_shown_and_taken_back(worker, new_client):
    account = (await new_client()).account
    changed = await set_limits(worker, account, limit("rpm", 600), limit("tpm"))
    assert list(changed.items())[:2] == [("rpm", 600), ("tpm", None)]
    assert changed["concurrency"] == 10, "as its tier has it"
    request = limits_pb2.GetAccountLimitsRequest(account=account)
    answer = (await worker.operators.call("GetAccountLimits", request)).limits
    assert (answer.account_id, answer.tier, shown(answer)) == (account, "free", changed)
    assert (await set_limits(worker, account))["rpm"] == 10


async def test_what_changed_is_in_the_audit_log(worker, new_client):
    account = (await new_client()).account
    await set_limits(worker, account, limit("rpm", 600), limit("tpm"))
    found = await worker.platform.database.read(
        lambda connection: [
            row.detail
            for row in connection.exec_driver_sql(
                "SELECT detail FROM audit_log JOIN audit_details USING (seq) WHERE action = 'account.limits' "
                "ORDER BY seq DESC LIMIT 1"
            )
        ]
    )
    assert found == ["rpm=600 tpm=none big customer"]


@pytest.mark.parametrize(
    ("limits", "reason", "why"),
    [
        ([limit("rps", 5)], "R", "Unknown limit 'rps'; known: rpm, rpd"),
        ([limit("rpm", 0)], "R", "A limit is 1 to"),
        ([limit("rpm", -1)], "R", "A limit is 1 to"),
        ([limit("priority")], "R", "A limit is 1 to"),
        ([limit("rpm", 5), limit("rpm", 6)], "R", "rpm is given twice"),
        ([limit("rpm", 5)], "", "A reason of"),
    ],
)
async def test_a_limit_that_is_none_is_refused(worker, new_client, limits, reason, why):
    account = (await new_client()).account
    request = limits_pb2.SetAccountLimitsRequest(account=account, limits=limits, reason=reason)
    with pytest.raises(grpc.aio.AioRpcError, match=why) as caught:
        await worker.operators.call("SetAccountLimits", request)
    assert error_of(caught.value)[0] == "INVALID_ARGUMENT"


async def test_the_first_account_is_not_limited_by_its_tier(worker, tmp_path):
    from raseed.app.first_start import OWNER, ensure_owner
    from raseed.app.layout import Home

    home = Home(tmp_path)
    home.prepare()
    await ensure_owner(worker.platform, home)
    request = limits_pb2.GetAccountLimitsRequest(account=OWNER)
    in_force = shown((await worker.operators.call("GetAccountLimits", request)).limits)
    assert (in_force["rpm"], in_force["tpm"], in_force["concurrency"]) == (None, None, 256)
    account = (await worker.admin.GetAccount(admin_pb2.GetAccountRequest(account=OWNER))).account
    assert account.tier == "enterprise"
