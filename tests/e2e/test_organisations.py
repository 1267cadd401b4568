"""An organisation through Envoy: opened by an operator, joined by invitation, and acted for by a header."""

from __future__ import annotations

import json

from tests.support.http import Http
from tests.support.mailbox import code_sent, messages
from tests.support.stack import Stack
from tests.support.waiting import until

TERMS = "2026-03"


def signed_in(stack: Stack, phone: str) -> tuple[str, dict[str, str]]:
    """The account, and the header of its session."""
    http = Http(stack.port)
    started = http.send("POST", "/api/auth/start", {"phone": phone}).json
    given = {"challenge_id": started["challenge_id"], "code": code_sent(stack.files.outbox, phone)}
    entered = http.send("POST", "/api/auth/verify", {**given, "terms_version": TERMS}).json
    return entered["account"]["id"], {"authorization": f"Bearer {entered['session_token']}"}


def test_two_people_and_one_wallet(stack: Stack):
    http, phone = Http(stack.port), "+96550033445"
    owner_id, owner = signed_in(stack, "+96550033444")
    made = stack.cli("orgs", "create", "Gulf Shipping", "--owner", owner_id, "--json")
    organisation = json.loads(made.stdout)["id"]
    acting = {**owner, "raseed-account": organisation}
    assert http.send("GET", "/api/organisations/current", headers=acting).json["role"] == "owner"
    sent = http.send(
        "POST", "/api/organisations/current/invitations", {"phone": phone, "role": "member"}, acting
    )
    assert sent.status == 201, sent.body

    def codes() -> list[str]:
        found = messages(stack.files.outbox, phone)
        return [each["parameters"]["code"] for each in found if each["template"] == "invitation"]

    until(lambda: len(codes()) == 1, 5.0, "the invitation has been sent")
    person_id, person = signed_in(stack, phone)
    acting_too = {**person, "raseed-account": organisation}
    http.send("GET", "/api/organisations/current", headers=acting_too).error(404)
    joined = http.send("POST", "/api/organisations/accept", {"code": codes()[0]}, person)
    assert (joined.status, joined.json["id"], joined.json["role"]) == (200, organisation, "member")
    key = http.send("POST", "/api/keys", {"name": "mine"}, acting_too).json["key"]
    assert Http(stack.port, key).send("GET", "/v1/models").status == 200
    http.send("GET", "/api/organisations/current/members", headers=acting_too).error(403)

    removed = http.send("DELETE", f"/api/organisations/current/members/{person_id}", headers=acting)
    assert removed.status == 200, removed.body
    until(lambda: Http(stack.port, key).send("GET", "/v1/models").status == 401, 2.0, "the key is refused")
    http.send("GET", "/api/organisations/current", headers=acting_too).error(404)
    # The invitation's secret is in no log.
    logs = "".join(file.read_text(errors="replace") for file in stack.files.logs.glob("*.log"))
    assert codes()[0] not in logs
