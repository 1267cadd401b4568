"""The paths of a canary: everything that takes a secret or a prompt, and everything that can go wrong there."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.e2e.canary_house import House, fresh
from tests.emulators.myfatoorah.signing import signature, v2_text
from tests.support.http import chat_body
from tests.support.providers import CODE, INVITATION
from tests.support.waiting import until

from raseed.accounts.v1 import accounts_pb2, accounts_pb2_grpc, auth_pb2, auth_pb2_grpc
from raseed.billing.v1 import redemption_pb2, redemption_pb2_grpc
from raseed.core.payments.code_text import new_code, read_code
from raseed.inference.v1 import inference_pb2, inference_pb2_grpc

TERMS = "2026-03"
PAGE = {"sec-fetch-site": "same-origin"}
REQUESTS_OF_FREE = 11
"""In a minute, with one too many."""
ADDRESS = "zaphod@raseed.example"
SESSION, CHALLENGE, DEVICE = "__Host-raseed_session", "__Host-raseed_challenge", "__Host-raseed_device"


@dataclass(frozen=True)
class Holder:
    """Of an account that signed in."""

    account: str
    key: str
    child: str
    """A key that the key made."""
    organisation: str
    """Owned by the account's holder alone."""


def sign_in(house: House) -> Holder:
    """With a browser and a program; and with all that fails on the way."""
    house.send("POST", "/api/auth/start", {"email": "nobody@raseed.example"}, **PAGE)
    house.send("POST", "/api/auth/start", {"phone": "50098765"}, **PAGE)
    house.api.wait_for("96550098765")
    house.plant("address", ADDRESS)
    with house.broken("sign_in_codes"):
        assert house.send("POST", "/api/auth/start", {"email": ADDRESS}, **PAGE).status == 500
    started = house.send("POST", "/api/auth/start", {"email": ADDRESS}, **PAGE)
    challenge = house.key("challenge cookie", started.cookies[CHALLENGE])
    cookie = f"{CHALLENGE}={challenge}"
    code = house.plant("code", house.mail.sent_to(ADDRESS, CODE), is_number=True)
    given = {"code": code, "terms_version": TERMS}
    house.send("POST", "/api/auth/verify", {**given, "code": "00000000"}, cookie=cookie, **PAGE)
    house.send("POST", "/api/auth/verify", {"code": code}, cookie=cookie, **PAGE)
    with house.broken("sessions"):
        broken = house.send("POST", "/api/auth/verify", given, cookie=cookie, **PAGE)
        assert broken.status == 500, broken
    entered = house.send("POST", "/api/auth/verify", given, cookie=cookie, **PAGE)
    assert entered.status == 200, entered
    browser = house.key("session cookie", entered.cookies[SESSION])
    house.key("device cookie", entered.cookies[DEVICE])
    csrf = house.plant("CSRF token", entered.json["csrf_token"])
    mine = {"cookie": f"{SESSION}={browser}", **PAGE}
    assert house.send("GET", "/api/auth/session", **mine).status == 200
    house.send("GET", "/api/auth/sessions", **mine)
    house.send("POST", "/api/auth/logout", {}, **mine)
    house.send("POST", "/api/auth/logout", {}, x_csrf_token=csrf, cookie=mine["cookie"])
    house.send("DELETE", f"/api/auth/sessions/{browser}", x_csrf_token=csrf, **mine)
    _program(house)
    account = entered.json["account"]["id"]
    house.cli("accounts", "tier", account, "enterprise", "--reason", "asks a lot")
    house.cli("credits", "grant", account, "100000", "--reason", "asks a lot")
    house.cli("limits", "set", account, "rpm=none", "--reason", "asks a lot")
    made = house.send(
        "POST",
        "/api/keys",
        {"name": "mine", "scopes": ["inference", "models:read", "keys:write", "keys:read", "usage:read"]},
        x_csrf_token=csrf,
        **mine,
    )
    key = house.key("session's key", made.json["key"])
    house.send("POST", "/api/keys", {"name": "x", "scopes": ["root"]}, x_csrf_token=csrf, **mine)
    child = house.send(
        "POST", "/v1/keys", {"name": "child", "scopes": ["inference"]}, authorization=f"Bearer {key}"
    )
    text = house.key("child key", child.json["key"])
    rotated = house.send(
        "POST", f"/api/keys/{child.json['id']}/rotate", {"grace_s": 600},
        heard="POST /api/keys/*/rotate", authorization=f"Bearer {key}",
    )  # fmt: skip
    house.key("rotated key", rotated.json["key"])
    with house.broken("api_keys"):
        house.send("POST", "/v1/keys", {"name": "x"}, authorization=f"Bearer {key}")
    house.send("GET", "/v1/keys", authorization=f"Bearer {key}")
    house.call(accounts_pb2_grpc.AccountsServiceStub, "ListApiKeys", accounts_pb2.ListApiKeysRequest(), key)
    organisation = _invite(house, {"x-csrf-token": csrf, **mine})
    exported = house.send("GET", "/api/account/export", x_csrf_token=csrf, **mine)
    assert exported.status == 200, exported
    wish = {"reason": "moved on", "erase": True}
    assert house.send("POST", "/api/account/closing", wish, x_csrf_token=csrf, **mine).status == 200
    assert house.send("POST", "/api/auth/logout", {}, x_csrf_token=csrf, **mine).status == 200
    return Holder(account, key, text, organisation)


def _program(house: House) -> None:
    """Another account's: the address of the first one must wait for its next code."""
    stub, address = auth_pb2_grpc.AuthServiceStub, "program@raseed.example"
    started = house.call(stub, "StartSignIn", auth_pb2.StartSignInRequest(email=address), "")
    challenge = house.key("challenge", started.challenge_id)
    code = house.plant("program's code", house.mail.sent_to(address, CODE), is_number=True)
    request = auth_pb2.VerifySignInRequest(challenge_id=challenge, code=code)
    house.call(stub, "VerifySignIn", request, "")
    request.terms_version = TERMS
    entered = house.call(stub, "VerifySignIn", request, "")
    token = house.key("session token", entered.session_token)
    house.call(stub, "ListSessions", auth_pb2.ListSessionsRequest(), token)


def _invite(house: House, mine: dict[str, str]) -> str:
    """Into a new organisation, with a mail that goes to another one than who tries to accept it."""
    made = house.send("POST", "/api/organisations", {"name": "Magrathea"}, **mine)
    acting, guest = {"raseed-account": made.json["id"], **mine}, "guest@raseed.example"
    invitations = "/api/organisations/current/invitations"
    asked = house.send("POST", invitations, {"email": guest, "role": "member"}, **acting)
    assert asked.status == 201, asked
    text = house.key("invitation", house.mail.sent_to(guest, INVITATION))
    assert house.send("POST", "/api/organisations/accept", {"code": text}, **mine).status == 422
    house.send("GET", invitations, **acting)
    return str(made.json["id"])


def talk(house: House, holder: Holder, models: tuple[str, ...]) -> None:
    """Every way to ask a model."""
    prompt = house.plant("prompt", f'my "secret" كلمة السر {fresh()}\n\\{fresh()}')
    system = house.plant("system prompt", fresh())
    keyed = house.plant("idempotency key", fresh())
    user = house.plant("end user", fresh())
    bearer = {"authorization": f"Bearer {holder.key}"}

    def ask(path: str, status: int = 200, **fields: Any) -> None:
        headers = bearer | fields.pop("headers", {})
        heard = "of a model" if status == 200 else ""
        answer = house.send("POST", path, fields, heard=heard, **headers)
        assert answer.status == status, (path, answer)

    said = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
    mine = [{"role": "user", "content": prompt}]
    chat, messages = "/v1/chat/completions", "/v1/messages"
    for model in models:
        for stream in (False, True):
            ask(chat, model=model, messages=said, max_tokens=12, stream=stream, user=user)
            ask(messages, model=model, messages=mine, system=system, max_tokens=12, stream=stream)
            ask("/v1/completions", model=model, prompt=prompt, max_tokens=12, stream=stream)
        ask("/v1/messages/count_tokens", model=model, messages=mine)
        _native(house, holder.child, prompt, model)
    _be_stored(ask, prompt, system, keyed)
    ask(chat, model="scripted", messages=mine, max_tokens=12, headers={"idempotency_key": keyed})
    ask(chat, model="scripted", messages=mine, max_tokens=12, headers={"idempotency_key": keyed})
    ask(chat, 422, model="scripted", messages=said, headers={"idempotency_key": keyed})
    ask(chat, 400, model="scripted", messages=said, temperature=system)
    ask(chat, 400, model="scripted", messages=[{"role": "narrator", "content": prompt}])
    ask(chat, 400, model="scripted", messages=mine, stop=[prompt] * 9)
    ask(chat, 404, model="none", messages=said)
    with house.broken("content_items"):
        ask(chat, 500, model="scripted", messages=mine, headers={"idempotency_key": fresh()})
    with house.broken("holds"):
        ask(chat, 500, model="scripted", messages=mine)
    for at in (0, 3):
        failing = {"role": "user", "content": f"#script fail_at={at}"}
        ask(chat, 503, model="scripted", messages=[*said, failing])
    house.send("POST", chat, json.dumps({"messages": prompt}).encode()[:-1], **bearer)
    house.send("POST", chat, json.dumps(said).encode() * 30_000, **bearer)
    house.send("POST", f"/v1/nothing?prompt={system}", said, **bearer)


def _be_stored(ask: Callable[..., None], prompt: str, system: str, keyed: str) -> None:
    """Responses, which are kept, whatever becomes of them. They repeat what was asked."""
    path = "/v1/responses"
    said = {"model": "scripted", "input": prompt, "instructions": prompt, "metadata": {"of": prompt}}
    for fields in ({}, {"stream": True}, {"background": True}, {"background": True, "stream": True}):
        ask(path, **said, **fields)
    ask(path, **said, headers={"idempotency_key": f"{keyed}-whole"})
    ask(path, **said, background=True, headers={"idempotency_key": f"{keyed}-background"})
    ask(path, 400, **said, conversation=system)
    ask(path, 404, **said, previous_response_id=f"resp_{fresh()}")
    failing = [{"role": "user", "content": prompt}, {"role": "user", "content": "#script fail_at=3"}]
    for fields in ({"stream": True}, {"background": True}, {"background": True, "stream": True}):
        ask(path, model="scripted", input=failing, **fields)


def _native(house: House, key: str, prompt: str, model: str) -> None:
    stub = inference_pb2_grpc.InferenceServiceStub
    said = [inference_pb2.ChatMessage(role="user", content=prompt)]
    create = inference_pb2.CreateChatCompletionRequest(model=model, messages=said, max_tokens=12)
    stream = inference_pb2.StreamChatCompletionRequest(model=model, messages=said, max_tokens=12)
    assert house.call(stub, "CreateChatCompletion", create, key, heard="of a model") is not None
    assert house.call(stub, "StreamChatCompletion", stream, key, heard="of a model") is not None
    create.temperature = 99
    assert house.call(stub, "CreateChatCompletion", create, key) is None
    create.model = "none"
    assert house.call(stub, "CreateChatCompletion", create, key) is None


def be_refused(house: House, holder: Holder) -> None:
    """Credentials that are wrong, of the wrong kind, in the wrong place, or whose account may no more."""
    chat = chat_body("hello", max_tokens=5)

    def refused(status: int, **headers: str) -> None:
        answer = house.send("POST", "/v1/chat/completions", chat, **headers)
        assert answer.status == status, answer

    wrong = house.key("wrong key", f"rsd_live_{fresh()[:12]}_{fresh()}")
    refused(401, authorization=f"Bearer {wrong}")
    refused(401, authorization=f"Basic {house.plant('password', fresh())}")
    refused(401, authorization=f"Bearer {house.plant('key of another service', 'sk-' + fresh())}")
    refused(400, authorization=f"Bearer {wrong}", x_api_key=holder.key)
    refused(401, cookie=f"{SESSION}=rsd_sess_{house.plant('wrong session', fresh())}")
    in_address = house.plant("key in an address", fresh())
    house.send("GET", f"/v1/models?api_key={in_address}")
    house.call(
        accounts_pb2_grpc.AccountsServiceStub,
        "GetAccount",
        accounts_pb2.GetAccountRequest(),
        wrong,
    )
    poor = house.cli(
        "accounts", "create", "--email", "poor@raseed.example", "--tier", "free", "--no-welcome", "--json"
    )
    account = poor.value["id"]
    made = house.cli("keys", "create", account, "--json")
    key = house.key("key of an operator's", made.value["key"])
    refused(402, authorization=f"Bearer {key}")
    statuses = [
        house.send("POST", "/v1/chat/completions", chat, authorization=f"Bearer {key}").status
        for _ in range(REQUESTS_OF_FREE)
    ]
    assert statuses[-1] == 429, statuses


def write_to_operators(house: House) -> None:
    said = {"reply_to": "somebody@elsewhere.example", "text": house.plant("enquiry", fresh())}
    assert house.send("POST", "/api/contact", said).status == 200
    until(lambda: any(said["text"] in text for _, text in house.mail.mails), 10.0, "operators have it")
    with house.broken("outbox"):
        assert house.send("POST", "/api/contact", said | {"text": said["text"] + "!"}).status == 500


def report(house: House) -> None:
    """Meta's webhook, whose secrets are its."""
    secret, token = house.canaries["Meta's app secret"].text, house.canaries["Meta's verify token"].text
    path, body = "/webhooks/whatsapp", b'{"entry": []}'
    for given in (token, token + "x"):
        house.send(
            "GET", f"{path}?hub.mode=subscribe&hub.verify_token={given}&hub.challenge=1", heard="of a webhook"
        )
    for signed in (body, body + b" "):
        digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        house.send("POST", path, body, heard="of a webhook", x_hub_signature_256=f"sha256={digest}")


def payment_events(house: House) -> None:
    """Webhooks of payment providers: signed, not signed, and signed for another."""
    myfatoorah, creem = (house.canaries[f"{name}'s webhook secret"].text for name in ("MyFatoorah", "Creem"))
    event = {
        "Event": {"Code": 1, "Name": "PAYMENT_STATUS_CHANGED", "Reference": "WH-1"},
        "Data": {"Invoice": {"Id": "1", "Status": "PAID", "ExternalIdentifier": "pay_1"}},
    }
    for secret in (myfatoorah, creem):
        given = signature(v2_text(event), secret)
        for path in ("/webhooks/myfatoorah", "/webhooks/creem"):
            house.send("POST", path, event, heard="of a webhook", myfatoorah_signature=given)
        body = b'{"id":"evt_1","eventType":"checkout.completed","object":{"id":"ch_1","request_id":"pay_1"}}'
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        house.send("POST", "/webhooks/creem", body, heard="of a webhook", creem_signature=digest)


def redeem_codes(house: House) -> None:
    """Made, mistyped, guessed, redeemed once and again, looked for and revoked; and while nothing can be written."""
    [text] = house.cli("codes", "create", "--credits", "250", "--prefix", "FAIR", "--json").value["codes"]
    code = house.plant("redemption code", text)
    hashed = house.plant("redemption code, as it is hashed", read_code(code) or "")
    guess = house.plant("redemption code that nobody has", new_code("FAIR").text)
    made = house.cli("accounts", "create", "--email", "fair@raseed.example", "--no-welcome", "--json").value
    shown = house.cli("keys", "create", made["id"], "--scope", "billing:write", "--json").value
    key = house.key("key of who redeems", shown["key"])

    def redeem(status: int, typed: str) -> None:
        answer = house.send("POST", "/api/billing/redeem", {"code": typed}, authorization=f"Bearer {key}")
        assert answer.status == status, answer

    redeem(400, code[:-1])
    redeem(422, guess)
    with house.broken("redemptions"):
        redeem(500, code)
    redeem(200, code)
    redeem(200, hashed.lower())
    request = redemption_pb2.RedeemCodeRequest(code=code)
    assert house.call(redemption_pb2_grpc.RedemptionServiceStub, "RedeemCode", request, key) is not None
    for command in (("list",), ("list", code), ("list", guess), ("revoke", code)):
        house.cli("codes", *command)
