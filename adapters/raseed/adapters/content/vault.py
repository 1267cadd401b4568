"""Encryption of content: a data key for each account, wrapped by one master key. AES-256-GCM."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

KEY_BYTES = 32
_NONCE_BYTES = 12
_WRAPPING = b"raseed content key "


@dataclass(frozen=True, slots=True)
class DataKey:
    """`id` is its place in time: another one is made after an account was erased."""

    id: str
    secret: bytes = field(repr=False)


class Vault:
    """Wraps data keys, seals and opens items. What was changed or moved does not open: raises InvalidTag."""

    def __init__(self, masters: Mapping[int, bytes]) -> None:
        """By version; new data keys are wrapped by the highest."""
        if not masters or any(len(master) != KEY_BYTES for master in masters.values()):
            raise ValueError(f"a master key has {KEY_BYTES} bytes")
        self._masters = dict(masters)

    def new_secret(self) -> bytes:
        return os.urandom(KEY_BYTES)

    def wrap(self, account_id: str, key: DataKey) -> bytes:
        version = max(self._masters)
        sealed = _seal(self._masters[version], key.secret, _address(_WRAPPING, account_id, key.id))
        return version.to_bytes(2, "big") + sealed

    def unwrap(self, account_id: str, key_id: str, wrapped: bytes) -> DataKey:
        """Raises KeyError if the master key is not here, InvalidTag if it is another."""
        master = self._masters[int.from_bytes(wrapped[:2], "big")]
        return DataKey(key_id, _open(master, wrapped[2:], _address(_WRAPPING, account_id, key_id)))

    def seal(self, key: DataKey, data: bytes, *address: str) -> bytes:
        return _seal(key.secret, data, _address(b"", *address))

    def open(self, key: DataKey, sealed: bytes, *address: str) -> bytes:
        return _open(key.secret, sealed, _address(b"", *address))


def _address(prefix: bytes, *parts: str) -> bytes:
    """Unambiguous: each part with its length."""
    encoded = [part.encode() for part in parts]
    return prefix + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


# The cipher is imported where it is used: most workers store no content in their first second, and it would be a part
# of every start.
def _seal(secret: bytes, data: bytes, address: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(secret).encrypt(nonce, data, address)


def _open(secret: bytes, sealed: bytes, address: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(secret).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], address)
