"""Signing in as the worker serves it: AuthService over gRPC, and /api/auth before Envoy makes HTTP of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from itertools import count
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from tests.support.mailbox import code_sent
from tests.support.worker import Worker, error_of, running_worker

from raseed.accounts.v1 import accounts_pb2, accounts_pb2_grpc, auth_pb2, auth_pb2_grpc
from raseed.adapters.rpc.interceptors.auth import OPEN_MESSAGE_BYTES_MAX
from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.billing.v1 import billing_pb2, billing_pb2_grpc
from raseed.rest.v1 import auth_pb2 as rest_pb2
from raseed.rest.v1 import auth_pb2_grpc as rest_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

SESSION, CHALLENGE, DEVICE = (f"__Host-raseed_{name}" for name in ("session", "challenge", "device"))
NUMBERS = count(10)
TERMS = "2026-03"
PAGE = (("sec-fetch-site", "same-origin"),)
"""What a browser says of a request by a page of ours."""
Metadata = tuple[tuple[str, str], ...]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Worker]:
    wide: dict[str, Any] = {
        "RASEED_SIGN_IN_SENDS_FROM_ADDRESS_PER_10_MINUTES": "1000",
        "RASEED_SIGN_IN_SENDS_FROM_ADDRESS_PER_DAY": "1000",
        "RASEED_SIGN_IN_RESEND_AFTER_S": "0",
    }
    async with running_worker(tmp_path_factory.mktemp("worker"), **wide) as running:
        yield running


def new_phone() -> str:
    return f"+96550{next(NUMBERS)}1234"


async def sent(worker: Worker, phone: str, number: int = 1) -> str:
    return await asyncio.to_thread(code_sent, worker.home.outbox, phone, number)


def auth(worker: Worker) -> auth_pb2_grpc.AuthServiceStub:
    return auth_pb2_grpc.AuthServiceStub(worker.channel)


def bearer(token: str) -> Metadata:
    return (("authorization", f"Bearer {token}"),)


async def sign_in(worker: Worker, phone: str, number: int = 1) -> auth_pb2.VerifySignInResponse:
    stub = auth(worker)
    started = await stub.StartSignIn(auth_pb2.StartSignInRequest(phone=phone))
    answer: auth_pb2.VerifySignInResponse = await stub.VerifySignIn(
        auth_pb2.VerifySignInRequest(
            challenge_id=started.challenge_id,
            code=await sent(worker, phone, number),
            terms_version=TERMS,
        )
    )
    return answer


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookies(self) -> dict[str, str]:
        """Those that a browser keeps after this answer. They must be as strict as they can be."""
        kept = {}
        for name, value in self.headers:
            if name == "set-cookie":
                for key, morsel in SimpleCookie(value).items():
                    assert (morsel["path"], morsel["secure"], morsel["httponly"], morsel["samesite"]) == (
                        "/",
                        True,
                        True,
                        "Lax",
                    )
                    assert not morsel["domain"]
                    if int(morsel["max-age"]) > 0:
                        kept[key] = morsel.value
        return kept


async def rest(
    worker: Worker, method: str, body: object = None, metadata: Metadata = (), **fields: Any
) -> Answer:
    stub = rest_pb2_grpc.AuthRestServiceStub(worker.channel)
    if body is not None:
        fields["body"] = HttpBody(data=json.dumps(body).encode())
    call = getattr(stub, method)(getattr(rest_pb2, f"{method}Request")(**fields), metadata=metadata)
    headers = [(key, value) for key, value in await call.initial_metadata() if isinstance(value, str)]
    data = b"".join([chunk.data async for chunk in call])
    return Answer(int(dict(headers).get("x-http-status", "200")), headers, data)


def cookie(jar: dict[str, str]) -> Metadata:
    return (("cookie", "; ".join(f"{name}={value}" for name, value in jar.items())),)


async def browser_sign_in(worker: Worker, phone: str) -> tuple[dict[str, str], Any]:
    """The cookies that a browser has then, and the answer."""
    started = await rest(worker, "StartSignIn", {"phone": phone}, PAGE)
    given = {"code": await sent(worker, phone), "terms_version": TERMS}
    verified = await rest(worker, "VerifySignIn", given, (*cookie(started.cookies), *PAGE))
    assert verified.status == 200, verified.body
    return verified.cookies, verified.json


async def test_a_program_signs_up_and_uses_its_session_as_a_credential(worker):
    phone = new_phone()
    options = await auth(worker).GetSignInOptions(auth_pb2.GetSignInOptionsRequest())
    assert (list(options.identifiers), options.terms_version) == (["phone"], TERMS)
    entered = await sign_in(worker, phone)
    assert entered.is_new
    assert entered.session_token.startswith("rsd_sess_")

    metadata = bearer(entered.session_token)
    accounts = accounts_pb2_grpc.AccountsServiceStub(worker.channel)
    account = await accounts.GetAccount(accounts_pb2.GetAccountRequest(), metadata=metadata)
    assert (account.account.id, account.account.phone) == (entered.account_id, phone)
    billing = billing_pb2_grpc.BillingServiceStub(worker.channel)
    balance = await billing.GetBalance(billing_pb2.GetBalanceRequest(), metadata=metadata)
    assert balance.balance_microcredits == 1_000_000_000


async def test_sessions_are_listed_and_ended(worker):
    phone = new_phone()
    first = await sign_in(worker, phone)
    second = await sign_in(worker, phone, 2)
    stub, metadata = auth(worker), bearer(second.session_token)
    page = await stub.ListSessions(auth_pb2.ListSessionsRequest(page_size=1), metadata=metadata)
    assert [(each.id, each.is_current) for each in page.sessions] == [(second.session.id, True)]
    rest_of = await stub.ListSessions(
        auth_pb2.ListSessionsRequest(page_size=1, page_token=page.next_page_token), metadata=metadata
    )
    assert [(each.id, each.is_current) for each in rest_of.sessions] == [(first.session.id, False)]
    assert rest_of.next_page_token == ""

    answer = await stub.RevokeOtherSessions(auth_pb2.RevokeOtherSessionsRequest(), metadata=metadata)
    assert answer.revoked_count == 1
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.SignOut(auth_pb2.SignOutRequest(), metadata=bearer(first.session_token))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.RevokeSession(
            auth_pb2.RevokeSessionRequest(session_id=first.session.id), metadata=metadata
        )
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    await stub.SignOut(auth_pb2.SignOutRequest(), metadata=metadata)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListSessions(auth_pb2.ListSessionsRequest(), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_wrong_codes_and_strangers_are_refused_by_reason(worker):
    phone, stub = new_phone(), auth(worker)
    started = await stub.StartSignIn(auth_pb2.StartSignInRequest(phone=phone, language="ar"))
    code = await sent(worker, phone)
    for challenge_id, given, reason in (
        (started.challenge_id, "000000" if code != "000000" else "111111", "CODE_REJECTED"),
        ("rsd_chal_" + "0" * 64, code, "CODE_REJECTED"),
        (started.challenge_id, code, "TERMS_NOT_ACCEPTED"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.VerifySignIn(auth_pb2.VerifySignInRequest(challenge_id=challenge_id, code=given))
        assert error_of(caught.value)[1] == reason


async def test_another_number_takes_a_code_and_another_session(worker):
    phone, new = new_phone(), new_phone()
    entered = await sign_in(worker, phone)
    stub, metadata = auth(worker), bearer(entered.session_token)
    started = await stub.StartIdentifierChange(
        auth_pb2.StartIdentifierChangeRequest(phone=new), metadata=metadata
    )
    request = auth_pb2.VerifyIdentifierChangeRequest(
        challenge_id=started.challenge_id, code=await sent(worker, new)
    )
    changed = await stub.VerifyIdentifierChange(request, metadata=metadata)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListSessions(auth_pb2.ListSessionsRequest(), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    listed = await stub.ListSessions(auth_pb2.ListSessionsRequest(), metadata=bearer(changed.session_token))
    assert [each.id for each in listed.sessions] == [changed.session.id]


async def test_a_key_is_no_session(worker):
    client = await worker.client("with-a-key")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await auth(worker).ListSessions(auth_pb2.ListSessionsRequest(), metadata=client.metadata)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_browser_has_its_session_in_a_cookie_alone(worker):
    phone = new_phone()
    jar, body = await browser_sign_in(worker, phone)
    assert jar.keys() == {SESSION, DEVICE}
    assert body.keys() == {"account", "is_new", "has_accepted_terms", "session", "csrf_token"}
    assert (body["account"]["phone"], body["is_new"]) == (phone, True)
    shown = await rest(worker, "GetSession", metadata=cookie(jar))
    assert shown.json["csrf_token"] == body["csrf_token"]
    assert shown.json["has_accepted_terms"] is True
    assert ("cache-control", "no-store") in shown.headers
    listed = await rest(worker, "ListSessions", metadata=cookie(jar))
    assert [each["is_current"] for each in listed.json["data"]] == [True]
    assert listed.json["next_cursor"] is None


async def test_terms_are_accepted_by_whoever_is_in(worker):
    entered = await sign_in(worker, new_phone())
    assert entered.has_accepted_terms
    metadata = bearer(entered.session_token)
    stub = auth(worker)
    await stub.AcceptTerms(auth_pb2.AcceptTermsRequest(terms_version=TERMS), metadata=metadata)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.AcceptTerms(auth_pb2.AcceptTermsRequest(terms_version="1999"), metadata=metadata)
    assert error_of(caught.value) == ("FAILED_PRECONDITION", "TERMS_NOT_ACCEPTED")
    answer = await rest(worker, "AcceptTerms", {"terms_version": TERMS}, metadata)
    assert (answer.status, answer.json["has_accepted_terms"]) == (200, True)
    assert (await rest(worker, "AcceptTerms", {}, metadata)).status == 422


async def test_a_program_over_http_reads_the_token(worker):
    phone = new_phone()
    started = await rest(worker, "StartSignIn", {"phone": phone, "unknown": 1})
    assert (started.json["channel"], started.json["expires_in"]) == ("whatsapp", 300)
    given = {
        "challenge_id": started.json["challenge_id"],
        "code": await sent(worker, phone),
        "terms_version": TERMS,
    }
    verified = await rest(worker, "VerifySignIn", given)
    metadata = bearer(verified.json["session_token"])
    out = await rest(worker, "SignOut", {}, metadata)  # needs no CSRF token
    assert (out.status, out.json) == (200, {"revoked": 1})
    assert (await rest(worker, "GetSession", metadata=metadata)).status == 401


async def test_what_a_cookie_changes_needs_the_token_and_a_page_of_ours(worker):
    jar, body = await browser_sign_in(worker, new_phone())
    token = (("x-csrf-token", body["csrf_token"]),)
    refused: list[Metadata] = [
        cookie(jar),
        (*cookie(jar), *token),
        (*cookie(jar), *PAGE),
        (*cookie(jar), *PAGE, ("x-csrf-token", "0" * 64)),
        (*cookie(jar), *token, ("origin", "https://elsewhere.example")),
        (*cookie(jar), *token, ("sec-fetch-site", "cross-site")),
    ]
    for metadata in refused:
        answer = await rest(worker, "SignOut", {}, metadata)
        assert answer.status == 403, metadata
    assert (await rest(worker, "GetSession", metadata=cookie(jar))).status == 200
    out = await rest(worker, "SignOut", {}, (*cookie(jar), *token, *PAGE))
    assert out.status == 200
    assert out.cookies == {}
    assert any(value.startswith(f"{SESSION}=;") for name, value in out.headers if name == "set-cookie")
    assert (await rest(worker, "GetSession", metadata=cookie(jar))).status == 401


@pytest.mark.parametrize(
    "page", [(("sec-fetch-site", "cross-site"),), (("origin", "https://elsewhere.example"),)]
)
async def test_a_page_of_others_signs_nobody_in(worker, page):
    phone = new_phone()
    assert (await rest(worker, "StartSignIn", {"phone": phone}, page)).status == 403
    started = await rest(worker, "StartSignIn", {"phone": phone}, PAGE)
    given = {"code": await sent(worker, phone), "terms_version": TERMS}
    answer = await rest(worker, "VerifySignIn", given, (*cookie(started.cookies), *page))
    assert answer.status == 403
    assert answer.cookies == {}


async def test_signing_in_again_ends_the_browsers_session(worker):
    phone = new_phone()
    jar, _ = await browser_sign_in(worker, phone)
    started = await rest(worker, "StartSignIn", {"phone": phone}, (*cookie(jar), *PAGE))
    given = {"code": await sent(worker, phone, 2)}
    verified = await rest(worker, "VerifySignIn", given, (*cookie(jar | started.cookies), *PAGE))
    assert verified.cookies[SESSION] != jar[SESSION]
    assert (await rest(worker, "GetSession", metadata=cookie(jar))).status == 401
    assert (await rest(worker, "GetSession", metadata=cookie(verified.cookies))).status == 200


async def test_known_and_unknown_numbers_are_answered_alike(worker):
    known, unknown = new_phone(), new_phone()
    await sign_in(worker, known)
    answers = [await rest(worker, "StartSignIn", {"phone": phone}) for phone in (known, unknown)]
    shown = [
        (answer.status, {key: value for key, value in answer.json.items() if key != "challenge_id"})
        for answer in answers
    ]
    assert shown[0] == shown[1]
    first, second = ([name for name, _ in answer.headers] for answer in answers)
    assert first == second


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "phone"),
        ({"phone": 5}, "phone"),
        ({"phone": "+96550123456", "email": "a@example.com"}, "phone"),
        ({"email": "a@example.com"}, "email"),
        ({"phone": "+447400123456"}, "phone"),
        ({"phone": "+96550123456", "language": "fr"}, "language"),
    ],
)
async def test_what_is_wrong_with_a_request_is_named(worker, body, param):
    answer = await rest(worker, "StartSignIn", body)
    assert answer.status == 400
    assert answer.json["error"]["param"] == param


async def test_a_stranger_who_sends_much_is_refused_before_it_is_read(worker):
    """Also one who never met the edge, which looks at the length that a body says it has."""
    much = "x" * (OPEN_MESSAGE_BYTES_MAX + 1)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await auth(worker).StartSignIn(auth_pb2.StartSignInRequest(email=much))
    assert error_of(caught.value)[1] == "REQUEST_TOO_LARGE"
    answer = await rest(worker, "StartSignIn", {"phone": new_phone(), "more": much}, metadata=PAGE)
    assert answer.status == 413


async def test_a_database_that_is_away_is_told_as_such(worker):
    """It is for now, and nothing that the database says is told to strangers."""

    class Away:
        async def issue(self, *_: Any) -> None:
            raise DatabaseUnavailable("PostgreSQL cannot be reached: 10.0.0.7")

    desk = worker.platform.sign_in.use_cases.sign_in._desk
    store, desk._store = desk._store, Away()
    try:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await auth(worker).StartSignIn(auth_pb2.StartSignInRequest(phone=new_phone()))
        answer = await rest(worker, "StartSignIn", {"phone": new_phone()})
    finally:
        desk._store = store
    assert error_of(caught.value) == ("UNAVAILABLE", "UNAVAILABLE")
    assert "10.0.0.7" not in (caught.value.details() or "")
    assert answer.status == 503
    assert b"10.0.0.7" not in answer.body


async def test_no_secret_and_no_number_is_logged(worker, capfd):
    phone = new_phone()
    jar, body = await browser_sign_in(worker, phone)
    started = await rest(worker, "StartSignIn", {"phone": phone})
    code = await sent(worker, phone, 2)
    await rest(worker, "VerifySignIn", {"challenge_id": started.json["challenge_id"], "code": "0" * 7})
    await rest(worker, "GetSession", metadata=cookie(jar))
    logged = "".join(capfd.readouterr())
    assert "AuthRestService/VerifySignIn" in logged
    for secret in (
        phone,
        f" {code} ",
        f"'{code}'",
        f'"{code}"',
        *jar.values(),
        body["csrf_token"],
        started.json["challenge_id"],
    ):
        assert secret not in logged


async def test_a_profile_of_mail_accounts(tmp_path):
    """By e-mail, with an age to confirm, and without a welcome grant."""
    async with running_worker(tmp_path, RASEED_BILLING_PROFILE="kissapi") as mail:
        stub, address = auth(mail), "ada@example.com"
        options = await stub.GetSignInOptions(auth_pb2.GetSignInOptionsRequest())
        assert (list(options.identifiers), options.minimum_age) == (["email"], 18)
        started = await stub.StartSignIn(auth_pb2.StartSignInRequest(email="Ada@Example.com"))
        assert started.channel == "email"
        given = auth_pb2.VerifySignInRequest(
            challenge_id=started.challenge_id,
            code=await sent(mail, address),
            terms_version=options.terms_version,
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.VerifySignIn(given)
        assert error_of(caught.value)[1] == "TERMS_NOT_ACCEPTED"
        given.age_confirmed = True
        entered = await stub.VerifySignIn(given)
        billing = billing_pb2_grpc.BillingServiceStub(mail.channel)
        balance = await billing.GetBalance(
            billing_pb2.GetBalanceRequest(), metadata=bearer(entered.session_token)
        )
        assert balance.balance_microcredits == 0


async def test_a_code_without_its_challenge_is_a_wrong_request(worker):
    answer = await rest(worker, "VerifySignIn", {"code": "123456"})
    assert (answer.status, answer.json["error"]["param"]) == (400, "challenge_id")
