"""What proves that Creem speaks, and what does not."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from raseed.adapters.payments.creem_signature import (
    SECRET_CHARS_MIN,
    is_guessable,
    is_return_signed,
    is_signed,
    return_signatures,
)

SECRET = "creem_test_secret"
BODY = (
    b'{"id":"evt_1","eventType":"checkout.completed","created_at":1728734325927,'
    b'"object":{"id":"ch_1","request_id":"pay_01TEST"}}'
)
SIGNATURE = "e8875085c08507aab3042060b936568c3629eebb4be41835680ab062633c6307"
API_KEY = "creem_test_key"
QUERY = {
    "checkout_id": "ch_1",
    "order_id": "ord_1",
    "customer_id": "cust_1",
    "product_id": "prod_1",
    "request_id": "pay_01TEST",
}
SALTED = "0cb8b53aebc31c9d280d553e55e06f10f924e71d1eb8a2fdb9f4f3092bbbd066"


def test_the_vector_of_a_webhook() -> None:
    """Made with another program than ours."""
    assert is_signed(BODY, SIGNATURE, [SECRET])


def test_every_bit_of_the_body_is_signed() -> None:
    """One that is turned is a forgery, wherever it is."""
    for position in range(len(BODY)):
        for bit in range(8):
            forged = bytearray(BODY)
            forged[position] ^= 1 << bit
            assert not is_signed(bytes(forged), SIGNATURE, [SECRET])


@pytest.mark.parametrize(
    "signature",
    ["", SIGNATURE[:-1], SIGNATURE + "0", SIGNATURE.upper(), "é" * 64, f"sha256={SIGNATURE}", "0" * 64],
)
def test_a_signature_is_64_small_digits(signature: str) -> None:
    """Nothing else is one, and nothing else raises."""
    assert not is_signed(BODY, signature, [SECRET])


def test_every_active_secret_is_good() -> None:
    """While the secret is changed, both are; afterwards the old one is not."""
    assert is_signed(BODY, SIGNATURE, ["another-secret-of-ours", SECRET])
    assert is_signed(BODY, SIGNATURE, [SECRET, "another-secret-of-ours"])
    assert not is_signed(BODY, SIGNATURE, ["another-secret-of-ours"])
    assert not is_signed(BODY, SIGNATURE, [])


def test_a_secret_that_could_be_guessed_proves_nothing() -> None:
    """None at all, an empty one, a short one beside a good one."""
    assert is_guessable([])
    assert is_guessable([""])
    assert is_guessable([SECRET, "x" * (SECRET_CHARS_MIN - 1)])
    assert is_guessable([" " * SECRET_CHARS_MIN])
    assert not is_guessable(["x" * SECRET_CHARS_MIN])


def test_the_vector_of_a_return_by_the_older_page() -> None:
    """A hash of the parameters as they come, salted with the API key."""
    assert return_signatures(QUERY, API_KEY)[1] == SALTED
    assert is_return_signed({**QUERY, "signature": SALTED}, API_KEY)


def test_a_return_by_the_present_page() -> None:
    """An HMAC of the sorted parameters; what has no value is left out."""
    text = "&".join(f"{name}={QUERY[name]}" for name in sorted(QUERY))
    signature = hmac.new(API_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert is_return_signed({**QUERY, "subscription_id": "null", "signature": signature}, API_KEY)
    assert is_return_signed({**QUERY, "subscription_id": "", "signature": signature}, API_KEY)


@pytest.mark.parametrize("name", sorted(QUERY))
@pytest.mark.parametrize("made_by", [0, 1])
def test_every_parameter_of_a_return_is_signed(name: str, made_by: int) -> None:
    """Changed, left out, or signed with another key."""
    signature = return_signatures(QUERY, API_KEY)[made_by]
    changed = {**QUERY, name: QUERY[name] + "0", "signature": signature}
    missing = {key: value for key, value in QUERY.items() if key != name} | {"signature": signature}
    assert not is_return_signed(changed, API_KEY)
    assert not is_return_signed(missing, API_KEY)
    assert not is_return_signed({**QUERY, "signature": signature}, "creem_another_key")
    assert not is_return_signed({**QUERY, "signature": signature}, "")
