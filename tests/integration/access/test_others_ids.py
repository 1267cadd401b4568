"""What belongs to somebody else is not there: one attempt for every RPC that takes an id of something."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import descriptor_pool, message_factory
from tests.integration.access.doors import PUBLIC, Metadata, answer, bearer
from tests.integration.rpc.test_auth import sign_in
from tests.support.worker import Worker, running_worker

from raseed.accounts.v1 import accounts_pb2, accounts_pb2_grpc
from raseed.adapters.rpc.access import ACCESS, OPEN
from raseed.adapters.rpc.paging import encode_token
from raseed.core.accounts.key_rules import KeySpec
from raseed.core.accounts.key_service import By
from raseed.core.accounts.model import Caller, OwnLimit, Tier
from raseed.core.accounts.scopes import Role, Scope
from raseed.core.ids import AccountId, ApiKeyId, PersonId
from raseed.metering.v1 import metering_pb2
from raseed.rest.v1 import responses_pb2, responses_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOLD = "bobs-request"
IDS: dict[str, dict[str, Any]] = {
    # method: what else it needs to be understood
    "raseed.accounts.v1.AccountsService/GetApiKey": {},
    "raseed.accounts.v1.AccountsService/UpdateApiKey": {
        "settings": {"name": "x"},
        "update_mask": {"paths": ["name"]},
    },
    "raseed.accounts.v1.AccountsService/RotateApiKey": {},
    "raseed.accounts.v1.AccountsService/RevokeApiKey": {},
    "raseed.accounts.v1.AuthService/RevokeSession": {},
    "raseed.accounts.v1.OrganisationsService/RevokeInvitation": {},
    "raseed.accounts.v1.OrganisationsService/ChangeMemberRole": {"role": "member"},
    "raseed.accounts.v1.OrganisationsService/SetMemberSpendCap": {},
    "raseed.accounts.v1.OrganisationsService/RemoveMember": {},
    "raseed.billing.v1.PaymentsService/GetPayment": {},
    "raseed.metering.v1.MeteringService/ExtendHold": {},
    "raseed.metering.v1.MeteringService/SettleHold": {},
    "raseed.metering.v1.MeteringService/ReleaseHold": {},
    "raseed.rest.v1.AuthRestService/RevokeSession": {},
    "raseed.rest.v1.KeysRestService/GetKey": {},
    "raseed.rest.v1.KeysRestService/UpdateKey": {"body": {"data": b'{"name":"x"}'}},
    "raseed.rest.v1.KeysRestService/RevokeKey": {},
    "raseed.rest.v1.KeysRestService/RotateKey": {},
    "raseed.rest.v1.OrganisationsRestService/RevokeInvitation": {},
    "raseed.rest.v1.OrganisationsRestService/ChangeMemberRole": {"body": {"data": b'{"role":"member"}'}},
    "raseed.rest.v1.OrganisationsRestService/RemoveMember": {},
    "raseed.rest.v1.PaymentsRestService/GetPayment": {},
    "raseed.inference.v1.ResponsesService/GetResponse": {},
    "raseed.inference.v1.ResponsesService/FollowResponse": {},
    "raseed.inference.v1.ResponsesService/DeleteResponse": {},
    "raseed.inference.v1.ResponsesService/CancelResponse": {},
    "raseed.inference.v1.ResponsesService/ListInputItems": {},
    "raseed.rest.v1.ResponsesRestService/GetResponse": {},
    "raseed.rest.v1.ResponsesRestService/DeleteResponse": {},
    "raseed.rest.v1.ResponsesRestService/CancelResponse": {},
    "raseed.rest.v1.ResponsesRestService/ListInputItems": {},
}
NAMES = {
    # what a caller calls his own request: in another account it is the name of something else, or of nothing
    ("raseed.accounts.v1.AccountsService/CreateApiKey", "request_id"),
    ("raseed.accounts.v1.AccountsService/RotateApiKey", "request_id"),
    ("raseed.inference.v1.InferenceService/CreateChatCompletion", "request_id"),
    ("raseed.inference.v1.InferenceService/StreamChatCompletion", "request_id"),
    ("raseed.inference.v1.InferenceService/CreateCompletion", "request_id"),
    ("raseed.inference.v1.InferenceService/CreateEmbeddings", "request_id"),
    ("raseed.inference.v1.InferenceService/AnswerJson", "request_id"),
    ("raseed.inference.v1.InferenceService/StreamJson", "request_id"),
    ("raseed.inference.v1.InferenceService/StreamCompletion", "request_id"),
    ("raseed.inference.v1.ResponsesService/CreateResponse", "request_id"),
    ("raseed.inference.v1.ResponsesService/StreamResponse", "request_id"),
    ("raseed.billing.v1.PaymentsService/CreateCheckout", "request_id"),
    ("raseed.billing.v1.SubscriptionsService/Subscribe", "request_id"),
    ("raseed.billing.v1.SubscriptionsService/ChangePlan", "request_id"),
    ("raseed.metering.v1.MeteringService/PlaceHold", "request_id"),
    # what is for sale to everybody
    ("raseed.rest.v1.PaymentsRestService/ListPaymentMethods", "item_id"),
    # a secret that says who may have it
    ("raseed.accounts.v1.AuthService/VerifySignIn", "challenge_id"),
    ("raseed.accounts.v1.AuthService/VerifyIdentifierChange", "challenge_id"),
}


def kind_of(method: str) -> type[Any]:
    name = PUBLIC[method].input_type.removeprefix(".")
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))


def id_fields() -> set[tuple[str, str]]:
    return {
        (method, field.name)
        for method in PUBLIC
        for field in kind_of(method).DESCRIPTOR.fields
        if field.name == "id" or field.name.endswith(("_id", "_ids"))
    }


@dataclass(frozen=True)
class Two:
    worker: Worker
    session: Metadata
    key: Metadata
    """Both Alice's."""
    acting: Metadata
    """Alice's session, for her organisation."""
    alices_key: str
    bobs: dict[str, str]
    """Ids of what is Bob's, by the name of the field that they go into."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Two]:
    async with running_worker(tmp_path_factory.mktemp("two")) as worker:
        alice, bob = [await sign_in(worker, f"+9655012345{digit}") for digit in (1, 2)]
        keys = []
        for entered in (alice, bob):
            account_id = AccountId(entered.account_id)
            unlimited = ((OwnLimit.KEYS, None), (OwnLimit.RPM, None))
            await worker.platform.accounts.set_own_limits(account_id, unlimited, reason="test", actor="test")
            spec = KeySpec(scopes=frozenset(Scope))
            keys.append(await worker.platform.keys.create(By(actor="test"), account_id, spec))
        place = metering_pb2.PlaceHoldRequest(
            request_id=HOLD,
            model="m",
            rates=[metering_pb2.Rate(meter="images", unit_price_microcredits=1)],
            want=[metering_pb2.Quantity(meter="images", quantity=1)],
        )
        method = "raseed.metering.v1.MeteringService/PlaceHold"
        placed = await answer(worker.channel, method, bearer(keys[1].text), place.SerializeToString())
        assert placed == 200
        organisations = worker.platform.organisations
        hers, his = [
            await organisations.admin.create("Gulf", entered.account_id, "", actor="test")
            for entered in (alice, bob)
        ]
        owner = Caller(account_id=his.id, tier=Tier.FREE, person_id=PersonId(bob.account_id), role=Role.OWNER)
        invitation = await organisations.service.invite(owner, phone="+96550123459", email="", role="member")
        yield Two(
            worker,
            bearer(alice.session_token),
            bearer(keys[0].text),
            (*bearer(alice.session_token), ("raseed-account", hers.id)),
            keys[0].key.id,
            {
                "id": keys[1].key.id,
                "session_id": bob.session.id,
                "request_id": HOLD,
                "person_id": bob.account_id,
                "invitation_id": invitation.id,
                "response_id": await stored_response(worker, bearer(keys[1].text)),
            },
        )


async def stored_response(worker: Worker, credential: Metadata) -> str:
    stub = responses_pb2_grpc.ResponsesRestServiceStub(worker.channel)
    body = HttpBody(data=json.dumps({"model": "m", "input": "hi"}).encode())
    answers = stub.CreateResponse(responses_pb2.CreateResponseRequest(body=body), metadata=credential)
    [whole] = [answer async for answer in answers]
    return str(json.loads(whole.data)["id"])


async def test_every_field_that_takes_an_id_is_declared(two: Two):
    taken = {(method, field) for method, field in id_fields() if field in two.bobs and method in IDS}
    assert {method for method, _ in taken} == IDS.keys()
    assert id_fields() - taken == NAMES - taken


async def test_what_is_another_accounts_is_not_found(two: Two):
    for method, others in IDS.items():
        kind = kind_of(method)
        [field] = [
            name
            for name in two.bobs
            if name in kind.DESCRIPTOR.fields_by_name and (method, name) not in NAMES
        ]
        request = kind(**{field: two.bobs[field]}, **others).SerializeToString()
        session = two.acting if "Organisations" in method else two.session
        for credential in (two.key, session):
            status = await answer(two.worker.channel, method, credential, request)
            if status != 403:  # the other kind of credential is for it
                assert status == 404, method
        assert 404 in [await answer(two.worker.channel, method, it, request) for it in (two.key, session)], (
            method
        )
    bobs = await two.worker.platform.keys.find(None, ApiKeyId(two.bobs["id"]))
    assert (bobs.name, bobs.past, bobs.revoked_at) == ("", None, None)


async def test_a_page_that_begins_at_anothers_is_ones_own(two: Two):
    stub = accounts_pb2_grpc.AccountsServiceStub(two.worker.channel)
    request = accounts_pb2.ListApiKeysRequest(page_token=encode_token(two.bobs["id"]))
    page = await stub.ListApiKeys(request, metadata=two.session)
    assert [key.id for key in page.api_keys] == [two.alices_key]  # which is older than Bob's


async def test_every_public_method_is_served_and_asks_who_comes(two: Two):
    """Of the real server, with the real methods behind its doors."""
    for method in PUBLIC:
        status = await answer(two.worker.channel, method, ())
        assert (status == 401) == (ACCESS[method] != OPEN), (method, status)
