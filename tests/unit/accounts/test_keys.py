"""API keys: form, checksum, digest."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raseed.adapters.messaging.smtp import MailServer
from raseed.adapters.messaging.whatsapp_meta import MetaAccount
from raseed.adapters.rpc.access import Credential
from raseed.adapters.rpc.interceptors.auth import Presented
from raseed.core.accounts.key_service import Made
from raseed.core.accounts.keys import Peppers, new_key, parse_key
from raseed.core.accounts.ports import PresentedSession


def test_a_new_key_has_the_published_form() -> None:
    key = new_key()
    brand, mode, public_id, rest = key.text.split("_")
    assert (brand, mode, len(public_id), len(rest)) == ("rsd", "live", 12, 43 + 6)
    parsed = parse_key(key.text)
    assert parsed is not None
    assert (parsed.public_id, parsed.secret) == (key.public_id, key.secret)
    assert key.text.endswith(key.last4)


def test_keys_differ() -> None:
    keys = {new_key().text for _ in range(1000)}
    assert len(keys) == 1000


@given(position=st.integers(0, 66), replacement=st.sampled_from("0Az_é "))
def test_one_wrong_character_is_noticed(position: int, replacement: str) -> None:
    text = new_key().text
    changed = text[:position] + replacement + text[position + 1 :]
    assert changed == text or parse_key(changed) is None


@pytest.mark.parametrize(
    "text",
    ["", "sk-123", "rsd_live_x_y", "rsd_" * 1000, "rsd_prod_" + new_key().text[9:]],
    ids=["nothing", "another brand", "too short", "too long", "another mode"],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    assert parse_key(text) is None


def test_a_digest_belongs_to_one_secret_and_one_pepper() -> None:
    peppers = Peppers({1: b"a" * 32, 2: b"b" * 32})
    assert peppers.current == 2
    digest = peppers.digest("secret", 1)
    assert peppers.matches("secret", 1, digest)
    assert not peppers.matches("Secret", 1, digest)
    assert not peppers.matches("secret", 2, digest)
    assert not peppers.matches("secret", 3, digest)


def test_nothing_that_holds_a_secret_shows_it() -> None:
    key = new_key()
    shown = [
        key,
        parse_key(key.text),
        Peppers({1: key.secret.encode()}),
        Made(cast("Any", None), key.text),
        Presented(Credential.API_KEY, key.text),
        PresentedSession(token=key.secret, is_cookie=True, csrf_token=key.secret),
        MailServer(host="h", port=25, security="tls", username="u", password=key.secret, sender="s"),
        MetaAccount(url="u", api_version="v", phone_number_id="1", token=key.secret),
    ]
    assert not [type(each) for each in shown if key.secret in repr(each)]
