"""Organisations as the worker serves them: OrganisationsService over gRPC, /api/organisations, and acting by a header."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from tests.integration.rpc.test_auth import TERMS, Metadata, bearer
from tests.support.mailbox import code_sent, messages
from tests.support.waiting import until
from tests.support.worker import MICROCREDITS, Worker, error_of, running_worker

from raseed.accounts.v1 import (
    accounts_pb2,
    accounts_pb2_grpc,
    auth_pb2,
    auth_pb2_grpc,
    organisations_pb2_grpc,
)
from raseed.accounts.v1 import organisations_pb2 as pb
from raseed.admin.v1 import account_admin_pb2, admin_pb2
from raseed.billing.v1 import usage_pb2
from raseed.billing.v1.billing_pb2_grpc import BillingServiceStub
from raseed.inference.v1 import inference_pb2
from raseed.inference.v1.inference_pb2_grpc import InferenceServiceStub
from raseed.rest.v1 import organisations_pb2 as rest_pb2
from raseed.rest.v1 import rest_pb2 as billing_rest_pb2
from raseed.rest.v1.organisations_pb2_grpc import OrganisationsRestServiceStub
from raseed.rest.v1.rest_pb2_grpc import BillingRestServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBERS = count(10)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Worker]:
    wide: dict[str, Any] = {
        "RASEED_SIGN_IN_SENDS_FROM_ADDRESS_PER_10_MINUTES": "1000",
        "RASEED_SIGN_IN_SENDS_FROM_ADDRESS_PER_DAY": "1000",
        "RASEED_SIGN_IN_RESEND_AFTER_S": "0",
    }
    async with running_worker(tmp_path_factory.mktemp("worker"), **wide) as running:
        yield running


@dataclass
class Person:
    worker: Worker
    phone: str
    id: str
    token: str
    organisation: str = ""

    @property
    def acting(self) -> Metadata:
        return (*bearer(self.token), ("raseed-account", self.organisation))

    async def call(self, method: str, *, own: bool = False, **fields: Any) -> Any:
        stub = organisations_pb2_grpc.OrganisationsServiceStub(self.worker.channel)
        metadata = bearer(self.token) if own else self.acting
        return await getattr(stub, method)(getattr(pb, f"{method}Request")(**fields), metadata=metadata)

    async def rest(
        self, method: str, body: object = None, *, own: bool = False, **fields: Any
    ) -> tuple[int, Any]:
        """Status and JSON."""
        if body is not None:
            fields["body"] = HttpBody(data=json.dumps(body).encode())
        request = getattr(rest_pb2, f"{method}Request")(**fields)
        metadata = bearer(self.token) if own else self.acting
        call = getattr(OrganisationsRestServiceStub(self.worker.channel), method)(request, metadata=metadata)
        headers = dict(await call.initial_metadata())
        parts = [part.data async for part in call]
        return int(headers.get("x-http-status", 200)), json.loads(b"".join(parts))

    async def new_key(self, **fields: Any) -> accounts_pb2.CreateApiKeyResponse:
        stub = accounts_pb2_grpc.AccountsServiceStub(self.worker.channel)
        made: accounts_pb2.CreateApiKeyResponse = await stub.CreateApiKey(
            accounts_pb2.CreateApiKeyRequest(settings=accounts_pb2.ApiKeySettings(**fields)),
            metadata=self.acting,
        )
        return made

    async def keys(self) -> set[str]:
        stub = accounts_pb2_grpc.AccountsServiceStub(self.worker.channel)
        page = await stub.ListApiKeys(accounts_pb2.ListApiKeysRequest(), metadata=self.acting)
        return {key.id for key in page.api_keys if not key.HasField("revoked_at_us")}

    async def usage(self, group_by: usage_pb2.UsageGroupBy) -> dict[str, int]:
        stub = BillingServiceStub(self.worker.channel)
        request = usage_pb2.QueryUsageRequest(group_by=group_by)
        report = await stub.QueryUsage(request, metadata=self.acting)
        return {group.name: group.request_count for group in report.groups}

    async def shown_usage(self) -> float:
        """As clients that show a balance are told it."""
        stub = BillingRestServiceStub(self.worker.channel)
        call = stub.GetDashboardUsage(billing_rest_pb2.GetDashboardUsageRequest(), metadata=self.acting)
        total: float = json.loads(b"".join([part.data async for part in call]))["total_usage"]
        return total

    async def joins(self, organisation: Person) -> Person:
        code = await invitation(self.worker, self.phone)
        await self.call("AcceptInvitation", own=True, code=code)
        self.organisation = organisation.organisation
        return self


async def enter(worker: Worker, phone: str, number: int = 1) -> Person:
    stub = auth_pb2_grpc.AuthServiceStub(worker.channel)
    started = await stub.StartSignIn(auth_pb2.StartSignInRequest(phone=phone))
    code = await asyncio.to_thread(code_sent, worker.home.outbox, phone, number)
    request = auth_pb2.VerifySignInRequest(challenge_id=started.challenge_id, code=code, terms_version=TERMS)
    entered = await stub.VerifySignIn(request)
    return Person(worker, phone, entered.account_id, entered.session_token)


async def person(worker: Worker) -> Person:
    return await enter(worker, f"+96550{next(NUMBERS)}4321")


async def founded(worker: Worker) -> Person:
    """The owner of a new organisation."""
    stranger = await person(worker)
    tier = account_admin_pb2.SetAccountTierRequest(account=stranger.id, tier="enterprise", reason="test")
    await worker.operators.call("SetAccountTier", tier)
    owner = await enter(worker, stranger.phone, 2)
    made = await owner.call("CreateOrganisation", own=True, name="Gulf Shipping")
    owner.organisation = made.organisation.id
    return owner


async def member(owner: Person, role: str) -> Person:
    other = await person(owner.worker)
    await owner.call("InviteMember", phone=other.phone, role=role)
    return await other.joins(owner)


async def invitation(worker: Worker, phone: str) -> str:
    def codes() -> list[str]:
        found = messages(worker.home.outbox, phone)
        return [each["parameters"]["code"] for each in found if each["template"] == "invitation"]

    await asyncio.to_thread(until, lambda: bool(codes()), 5.0, "an invitation has been sent")
    return codes()[-1]


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_of(caught.value)


async def test_only_a_tier_that_may_opens_an_organisation(worker):
    stranger = await person(worker)
    assert (await refused(stranger.call("CreateOrganisation", own=True, name="Mine")))[
        1
    ] == "PERMISSION_DENIED"


async def test_an_organisation_from_its_opening_to_the_leave_of_a_member(worker):
    owner = await founded(worker)
    admin = await member(owner, "admin")
    got = await admin.call("GetOrganisation")
    assert (got.organisation.name, got.organisation.tier, got.role) == (
        "Gulf Shipping",
        "enterprise",
        "admin",
    )
    listed = (await owner.call("ListMembers")).members
    assert {(each.person_id, each.role, each.phone) for each in listed} == {
        (owner.id, "owner", owner.phone),
        (admin.id, "admin", admin.phone),
    }
    [mine] = (await admin.call("ListMyOrganisations", own=True)).memberships
    assert (mine.organisation.id, mine.role) == (owner.organisation, "admin")
    changed = await owner.call("ChangeMemberRole", person_id=admin.id, role="billing")
    assert changed.member.role == "billing"
    assert (await refused(admin.call("ListMembers")))[1] == "SCOPE_MISSING"
    await admin.call("LeaveOrganisation")
    assert (await refused(admin.call("GetOrganisation")))[0] == "NOT_FOUND"
    assert (await refused(owner.call("LeaveOrganisation")))[1] == "CONFLICT"


async def test_the_same_over_rest(worker):
    owner, other = await founded(worker), await person(worker)
    status, sent = await owner.rest("InviteMember", {"phone": other.phone, "role": "member"})
    assert (status, sent["phone"], sent["email"], sent["role"]) == (201, other.phone, None, "member")
    _, open_ = await owner.rest("ListInvitations")
    assert [each["id"] for each in open_["data"]] == [sent["id"]]
    code = await invitation(worker, other.phone)
    status, joined = await other.rest("AcceptInvitation", {"code": code}, own=True)
    assert (status, joined["id"], joined["role"]) == (200, owner.organisation, "member")
    other.organisation = owner.organisation
    _, members = await owner.rest("ListMembers", limit="1")
    assert len(members["data"]) == 1
    _, rest = await owner.rest("ListMembers", cursor=members["next_cursor"])
    assert {each["person_id"] for each in (*members["data"], *rest["data"])} == {owner.id, other.id}
    _, raised = await owner.rest("ChangeMemberRole", {"role": "admin"}, person_id=other.id)
    assert raised["role"] == "admin"
    _, current = await other.rest("GetOrganisation")
    assert (current["name"], current["role"]) == ("Gulf Shipping", "admin")
    status, second = await owner.rest("InviteMember", {"phone": "+96550009999", "role": "billing"})
    assert await owner.rest("RevokeInvitation", id=second["id"]) == (200, {})
    assert await owner.rest("RemoveMember", person_id=other.id, keep_keys="true") == (200, {})
    _, mine = await owner.rest("ListMyOrganisations", own=True)
    assert [each["role"] for each in mine["data"]] == ["owner"]
    for body, expected in (
        ({"role": "member"}, 400),
        ({"phone": owner.phone, "role": "member"}, 400),
        ({"phone": "+96550009999", "role": "king"}, 400),
        ({}, 400),
    ):
        assert (await owner.rest("InviteMember", body))[0] == expected
    assert (await owner.rest("RemoveMember", person_id=other.id))[0] == 404
    assert (await owner.rest("RemoveMember", person_id=other.id, keep_keys="yes"))[0] == 400
    assert (await other.rest("AcceptInvitation", {"code": code}, own=True))[0] == 422
    assert (await other.rest("GetOrganisation"))[0] == 404
    assert (await other.rest("GetOrganisation", own=True))[0] == 400


async def test_keys_have_no_business_with_members(worker):
    owner = await founded(worker)
    made = await owner.new_key(scopes=["members:read", "members:write", "account:read"])
    stub = organisations_pb2_grpc.OrganisationsServiceStub(worker.channel)
    for metadata in (bearer(made.key), (*bearer(made.key), ("raseed-account", owner.organisation))):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListMembers(pb.ListMembersRequest(), metadata=metadata)
        assert error_of(caught.value)[1] == "PERMISSION_DENIED"


async def test_a_key_acts_for_its_own_account_alone(worker):
    owner, other = await founded(worker), await founded(worker)
    made = await owner.new_key(scopes=["account:read"])
    stub = accounts_pb2_grpc.AccountsServiceStub(worker.channel)
    same = (*bearer(made.key), ("raseed-account", owner.organisation))
    got = await stub.GetAccount(accounts_pb2.GetAccountRequest(), metadata=same)
    assert (got.account.id, got.account.kind) == (owner.organisation, "organisation")
    another = (*bearer(made.key), ("raseed-account", other.organisation))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetAccount(accounts_pb2.GetAccountRequest(), metadata=another)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_member_has_keys_of_his_own_and_sees_no_others(worker):
    owner = await founded(worker)
    admin, plain = await member(owner, "admin"), await member(owner, "member")
    of_admin, of_plain = await admin.new_key(name="a"), await plain.new_key(name="p")
    assert (of_admin.api_key.created_by, of_plain.api_key.created_by) == (admin.id, plain.id)
    assert sorted(of_plain.api_key.scopes) == ["inference", "models:read"]
    assert await owner.keys() == {of_admin.api_key.id, of_plain.api_key.id}
    assert await plain.keys() == {of_plain.api_key.id}
    stub = accounts_pb2_grpc.AccountsServiceStub(worker.channel)
    for call in (
        stub.GetApiKey(accounts_pb2.GetApiKeyRequest(id=of_admin.api_key.id), metadata=plain.acting),
        stub.RevokeApiKey(accounts_pb2.RevokeApiKeyRequest(id=of_admin.api_key.id), metadata=plain.acting),
        stub.RotateApiKey(accounts_pb2.RotateApiKeyRequest(id=of_admin.api_key.id), metadata=plain.acting),
    ):
        assert (await refused(call))[0] == "NOT_FOUND"
    assert (await refused(plain.new_key(scopes=["usage:read"])))[1] == "PERMISSION_DENIED"
    rotate = accounts_pb2.RotateApiKeyRequest(id=of_plain.api_key.id)
    assert (await stub.RotateApiKey(rotate, metadata=plain.acting)).api_key.id == of_plain.api_key.id
    # Of a theft he ends what is his.
    report = accounts_pb2.ReportUnauthorisedUseRequest()
    ended = await stub.ReportUnauthorisedUse(report, metadata=plain.acting)
    assert [each.api_key.id for each in ended.api_keys] == [of_plain.api_key.id]
    assert await owner.keys() == {of_admin.api_key.id}
    await owner.call("RemoveMember", person_id=admin.id)
    assert await owner.keys() == set()


async def test_an_admin_is_not_told_the_secret_of_a_key_that_may_do_more_than_he(worker):
    owner = await founded(worker)
    admin = await member(owner, "admin")
    wide = await owner.new_key(scopes=["inference", "account:write"])
    stub = accounts_pb2_grpc.AccountsServiceStub(worker.channel)
    replaced = accounts_pb2.ReportUnauthorisedUseRequest(replace_keys=True)
    assert (await refused(stub.ReportUnauthorisedUse(replaced, metadata=admin.acting)))[
        0
    ] == "PERMISSION_DENIED"
    assert await owner.keys() == {wide.api_key.id}
    ended = await stub.ReportUnauthorisedUse(
        accounts_pb2.ReportUnauthorisedUseRequest(), metadata=admin.acting
    )
    assert [(each.api_key.id, each.key) for each in ended.api_keys] == [(wide.api_key.id, "")]
    assert await owner.keys() == set()


async def test_usage_by_member_and_a_member_sees_his_own(worker):
    owner = await founded(worker)
    grant = admin_pb2.GrantCreditsRequest(
        account=owner.organisation, amount_microcredits=1_000 * MICROCREDITS, reason="test"
    )
    await worker.operators.call("GrantCredits", grant)
    plain = await member(owner, "member")
    of_owner, of_plain = await owner.new_key(), await plain.new_key()
    for key, times in ((of_owner, 2), (of_plain, 3)):
        for _ in range(times):
            await generate(worker, bearer(key.key))
    await generate(worker, plain.acting)  # with his session, and so with no key
    assert await owner.usage(usage_pb2.USAGE_GROUP_BY_MEMBER) == {owner.id: 2, plain.id: 4}
    assert await plain.usage(usage_pb2.USAGE_GROUP_BY_MEMBER) == {plain.id: 4}
    assert await plain.usage(usage_pb2.USAGE_GROUP_BY_KEY) == {of_plain.api_key.id: 3, "": 1}
    assert sum((await plain.usage(usage_pb2.USAGE_GROUP_BY_DAY)).values()) == 4
    assert sum((await owner.usage(usage_pb2.USAGE_GROUP_BY_DAY)).values()) == 6
    assert await plain.shown_usage() * 6 == await owner.shown_usage() * 4 > 0  # all of them cost the same
    assert (await refused(plain.usage(usage_pb2.USAGE_GROUP_BY_MODEL)))[1] == "PERMISSION_DENIED"
    stub = BillingServiceStub(worker.channel)
    calls = await stub.ListCalls(usage_pb2.ListCallsRequest(), metadata=plain.acting)
    assert {call.api_key_id for call in calls.calls} == {of_plain.api_key.id, ""}
    export = stub.ExportUsage(usage_pb2.ExportUsageRequest(), metadata=plain.acting)
    exported = [call.api_key_id async for part in export for call in part.calls]
    assert exported == ["", *[of_plain.api_key.id] * 3]


async def test_a_member_reaches_his_spend_cap_with_session_and_key(worker):
    owner = await founded(worker)
    grant = admin_pb2.GrantCreditsRequest(
        account=owner.organisation, amount_microcredits=1_000 * MICROCREDITS, reason="test"
    )
    await worker.operators.call("GrantCredits", grant)
    plain = await member(owner, "member")
    made = await plain.new_key()
    setting = accounts_pb2.SpendCapSetting(limit_microcredits=500 * MICROCREDITS, window="week")
    capped = await owner.call("SetMemberSpendCap", person_id=plain.id, spend_cap=setting)
    assert (capped.member.spend_cap.window, capped.member.spend_cap.charged_microcredits) == ("week", 0)
    await generate(worker, plain.acting)
    spent = (await plain.call("GetOrganisation")).spend_cap.charged_microcredits
    assert spent > 0
    limit = spent / MICROCREDITS
    change = {"spend_cap": {"limit": limit, "window": "week"}}
    status, lowered = await owner.rest("ChangeMemberRole", change, person_id=plain.id)
    assert (status, lowered["spend_cap"]) == (
        200,
        {"limit": limit, "window": "week", "charged": limit, "held": 0},
    )
    _, current = await plain.rest("GetOrganisation")
    assert current["spend_cap"] == lowered["spend_cap"]
    for metadata in (plain.acting, bearer(made.key)):
        code, reason = await refused(generate(worker, metadata))
        assert (code, reason) == ("RESOURCE_EXHAUSTED", "SPEND_CAP_REACHED")
    await generate(worker, owner.acting)
    himself = owner.call("SetMemberSpendCap", person_id=owner.id, spend_cap=setting)
    assert (await refused(himself))[1] == "PERMISSION_DENIED"
    lifting = plain.call("SetMemberSpendCap", person_id=plain.id)
    assert (await refused(lifting))[1] == "SCOPE_MISSING"
    wrong: list[dict[str, Any]] = [{}, {"role": "admin", "spend_cap": None}, {"spend_cap": {"limit": -1}}]
    for body in wrong:
        assert (await owner.rest("ChangeMemberRole", body, person_id=plain.id))[0] == 400
    _, lifted = await owner.rest("ChangeMemberRole", {"spend_cap": None}, person_id=plain.id)
    assert lifted["spend_cap"] is None
    await generate(worker, plain.acting)


async def generate(worker: Worker, metadata: Metadata) -> None:
    request = inference_pb2.CreateChatCompletionRequest(
        model="scripted",
        messages=[inference_pb2.ChatMessage(role="user", content="Hello")],
        max_tokens=4,
    )
    await InferenceServiceStub(worker.channel).CreateChatCompletion(request, metadata=metadata)
