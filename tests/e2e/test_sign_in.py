"""Signing in through Envoy: as a browser does it, and as a program does over gRPC. The codes come from the outbox file."""

from __future__ import annotations

from http.cookies import SimpleCookie

import grpc
import pytest
from tests.support.http import Answer, Http
from tests.support.mailbox import code_sent
from tests.support.stack import Stack
from tests.support.stubs import blocking

from raseed.accounts.v1 import auth_pb2, auth_pb2_grpc

TERMS = "2026-03"
SESSION = "__Host-raseed_session"


def send(http: Http, path: str, body: object, headers: dict[str, str]) -> tuple[Answer, str]:
    """The answer, and the cookies that a browser sends back after it."""
    with http.open("POST", path, body, headers) as reading:
        cookies = SimpleCookie()
        for line in reading._response.headers.get_all("set-cookie") or ():
            cookies.load(line)
        kept = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items() if morsel.value)
        return Answer(reading.status, reading.headers, reading.read()), kept


def test_a_browser_signs_up_and_signs_out(stack: Stack):
    http, phone = Http(stack.port), "+96550098765"
    page = {"sec-fetch-site": "same-origin"}
    started, challenge = send(http, "/api/auth/start", {"phone": "50098765"}, page)
    assert (started.status, started.json["channel"]) == (200, "whatsapp")
    assert started.headers["cache-control"] == "no-store"
    code = code_sent(stack.files.outbox, phone)
    given = {"code": code, "terms_version": TERMS}
    verified, session = send(http, "/api/auth/verify", given, {"cookie": challenge, **page})
    assert verified.status == 200, verified.body
    assert verified.json["account"]["phone"] == phone
    mine = {"cookie": session, **page}
    assert SESSION in mine["cookie"]
    # What the session may do, and what a cookie alone may not.
    assert http.send("GET", "/api/auth/session", headers=mine).status == 200
    assert http.send("POST", "/api/auth/logout", {}, mine).error(403)
    out = http.send("POST", "/api/auth/logout", {}, {**mine, "x-csrf-token": verified.json["csrf_token"]})
    assert out.status == 200
    http.send("GET", "/api/auth/session", headers=mine).error(401)
    # Neither the code nor a token is in a log.
    logs = "".join(file.read_text(errors="replace") for file in stack.files.logs.glob("*.log"))
    token = mine["cookie"].split("rsd_sess_")[1][:64]
    for secret in (token, started.json["challenge_id"], phone):
        assert secret not in logs
    assert f'"{code}"' not in logs


def test_errors_say_no_more_than_they_must(stack: Stack):
    http = Http(stack.port)
    http.send("POST", "/api/auth/start", {"phone": "12"}).error(400)
    http.send("POST", "/api/auth/start", {"phone": "50012345"}, {"sec-fetch-site": "cross-site"}).error(403)
    error = http.send(
        "POST", "/api/auth/verify", {"code": "123456", "challenge_id": "rsd_chal_" + "0" * 64}
    ).error(422)
    assert error["code"] == "code_rejected"
    http.send("POST", "/api/auth/logout", {}).error(401)
    http.send("GET", "/api/auth/start").error(405)


def test_a_program_signs_in_over_grpc_and_floods_are_refused(stack: Stack):
    phone = "+96550087654"
    with grpc.insecure_channel(stack.address) as channel:
        stub = blocking(auth_pb2_grpc.AuthServiceStub, channel)
        started = stub.StartSignIn(auth_pb2.StartSignInRequest(phone=phone), timeout=10)
        with pytest.raises(grpc.RpcError) as caught:
            stub.StartSignIn(auth_pb2.StartSignInRequest(phone=phone), timeout=10)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        code = code_sent(stack.files.outbox, phone)
        request = auth_pb2.VerifySignInRequest(
            challenge_id=started.challenge_id, code=code, terms_version=TERMS
        )
        entered = stub.VerifySignIn(request, timeout=10)
        metadata = (("authorization", f"Bearer {entered.session_token}"),)
        listed = stub.ListSessions(auth_pb2.ListSessionsRequest(), metadata=metadata, timeout=10)
        assert [session.id for session in listed.sessions] == [entered.session.id]
    # The session is a credential like a key, on every route.
    mine = {"authorization": f"Bearer {entered.session_token}"}
    http = Http(stack.port)
    balance = http.send("GET", "/api/billing/subscription", headers=mine).json
    assert balance["credits"]["balance"] == 1000
    again = http.send("POST", "/api/auth/start", {"phone": phone})
    assert again.error(429)["code"] == "too_many_codes"
    assert again.headers["retry-after"] == "60"
