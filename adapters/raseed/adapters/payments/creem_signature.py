"""Is it Creem that speaks: signatures of its webhooks, and of browsers that come back from its pages; and its keys.

By Creem's pages (docs.creem.io): code/webhooks (`creem-signature`: lower-case hex of the HMAC-SHA256 of the raw body under
the webhook's secret; no time stamp in it) and features/checkout/checkout-api (the redirect, of which two versions are
documented; both are understood).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from raseed.core.payments.model import Mode

SIGNATURE_HEADER = "creem-signature"
SIGNATURE_CHARS = 64
SECRET_CHARS_MIN = 16
"""Creem makes these secrets, and longer ones: a shorter one was not copied whole, or was made up."""
RETURN_SIGNATURE = "signature"
KEY_PREFIX = "creem_"
TEST_KEY_PREFIX = "creem_test_"


def key_mode(api_key: str) -> Mode | None:
    """Of which shop a key is; None: it is none of Creem's."""
    if not api_key.startswith(KEY_PREFIX):
        return None
    return Mode.TEST if api_key.startswith(TEST_KEY_PREFIX) else Mode.LIVE


def is_guessable(secrets: Sequence[str]) -> bool:
    """Whether there is no secret, or one among them that somebody could guess: then nothing is proved by any of them."""
    return not secrets or any(len(secret.strip()) < SECRET_CHARS_MIN for secret in secrets)


def is_signed(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether these bytes were signed with one of the secrets.

    How long it takes depends on how many secrets there are, not on what is in them or in the signature.
    """
    if len(signature) != SIGNATURE_CHARS or not signature.isascii():
        return False
    matches = [
        hmac.compare_digest(hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(), signature)
        for secret in secrets
    ]
    return any(matches)


def is_return_signed(query: Mapping[str, str], api_key: str) -> bool:
    """Whether a browser brought back what Creem sent it away with. Proves no payment: see `Gateway.read_return`."""
    signature = query.get(RETURN_SIGNATURE, "")
    if len(signature) != SIGNATURE_CHARS or not signature.isascii() or not api_key:
        return False
    matches = [hmac.compare_digest(made, signature) for made in return_signatures(query, api_key)]
    return any(matches)


def return_signatures(query: Mapping[str, str], api_key: str) -> tuple[str, str]:
    """By the present page: HMAC of the sorted parameters. By the one before: a hash of them as they come, with the key."""
    signed = [(name, value) for name, value in query.items() if name != RETURN_SIGNATURE and _is_there(value)]
    ordered = "&".join(f"{name}={value}" for name, value in sorted(signed))
    salted = "|".join([*(f"{name}={value}" for name, value in signed), f"salt={api_key}"])
    return (
        hmac.new(api_key.encode(), ordered.encode(), hashlib.sha256).hexdigest(),
        hashlib.sha256(salted.encode()).hexdigest(),
    )


def _is_there(value: str) -> bool:
    """What has no value is not signed, however the browser spells that."""
    return value not in {"", "null", "undefined"}
