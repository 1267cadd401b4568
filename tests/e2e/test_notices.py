"""Notices of a running platform: what happens to an account reaches its mailbox."""

from __future__ import annotations

from tests.support.mailbox import messages
from tests.support.stack import Stack
from tests.support.waiting import until

from raseed.admin.v1 import admin_pb2 as pb

SEALED_READ_AND_SENT_S = 15.0


def test_a_key_and_a_welcome_are_told_in_the_profiles_language(stack: Stack):
    address = "notices@example.com"
    account = stack.admin("CreateAccount", pb.CreateAccountRequest(email=address)).account.id
    stack.admin("CreateApiKey", pb.CreateApiKeyRequest(account=account, name="laptop"))

    def told() -> dict[str, str]:
        return {each["template"]: each["text"] for each in messages(stack.files.outbox, address)}

    until(lambda: {"key_created", "welcome"} <= told().keys(), SEALED_READ_AND_SENT_S, "both are told")
    assert "«\u2066laptop\u2069»" in told()["key_created"]
    assert "1,000 نقطة" in told()["welcome"]
