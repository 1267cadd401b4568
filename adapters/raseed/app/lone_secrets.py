"""Secrets that have one file each in RASEED_HOME/secrets: of sign-in, and of stored content."""

from __future__ import annotations

import secrets
from pathlib import Path

from raseed.adapters.content.vault import KEY_BYTES
from raseed.app.layout import Home, make_private
from raseed.app.peppers import PEPPER_BYTES
from raseed.core.accounts.keys import Peppers

SIGN_IN_PEPPER_VERSION = 1
CONTENT_KEY_VERSION = 1


def read_sign_in_peppers(home: Home) -> Peppers:
    """The secrets of codes, and of what is kept of numbers and addresses; the first start makes one. Losing them lets
    everybody be welcomed once more.
    """
    path = home.secrets / f"sign-in-pepper-{SIGN_IN_PEPPER_VERSION}"
    return Peppers({SIGN_IN_PEPPER_VERSION: _secret(path, PEPPER_BYTES)})


def read_content_keys(home: Home) -> dict[int, bytes]:
    """The master keys of stored content, by version; the first start makes one. Losing them loses the content."""
    return {CONTENT_KEY_VERSION: _secret(home.secrets / f"content-key-{CONTENT_KEY_VERSION}", KEY_BYTES)}


def _secret(path: Path, size_bytes: int) -> bytes:
    if not path.exists():
        make_private(path, secrets.token_hex(size_bytes))
    return bytes.fromhex(path.read_text(encoding="utf-8"))
