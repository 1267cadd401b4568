"""The answer to POST /v1/embeddings, in pieces: all vectors of a large request are megabytes of JSON."""

from __future__ import annotations

from array import array
from base64 import b64encode
from collections.abc import Iterator, Sequence
from sys import byteorder

import msgspec

from raseed.adapters.wire.charged import Charged, OptionalNumber, charge_keys
from raseed.core.inference.model import Usage

PIECE_BYTES = 64 * 1024
"""Encoded in well under a millisecond; other requests have their turn in between."""

_encode = msgspec.json.Encoder().encode


class _Embedding(msgspec.Struct, frozen=True, gc=False):
    object: str
    index: int
    embedding: str | list[float]


class _Usage(msgspec.Struct, frozen=True, gc=False):
    prompt_tokens: int
    total_tokens: int
    credits: OptionalNumber = msgspec.UNSET
    credits_remaining: OptionalNumber = msgspec.UNSET


class EmbeddingList(msgspec.Struct, frozen=True, gc=False):
    object: str
    data: list[_Embedding]
    model: str
    usage: _Usage


def encode_embeddings(
    *,
    model: str,
    vectors: Sequence[bytes],
    as_base64: bool,
    usage: Usage,
    charged: Charged | None = None,
) -> Iterator[bytes]:
    """The body of a 200 answer: `vectors` in the order of the inputs, each as 32-bit floats, little-endian."""
    counted = _Usage(usage.prompt_tokens, usage.total_tokens, *charge_keys(charged))
    before, _, after = _encode(EmbeddingList("list", [], model, counted)).partition(b"[]")
    piece = bytearray(before + b"[")
    for index, vector in enumerate(vectors):
        written = b64encode(vector).decode() if as_base64 else numbers(vector)
        piece += b"," if index else b""
        piece += _encode(_Embedding("embedding", index, written))
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    piece += b"]" + after
    yield bytes(piece)


def numbers(vector: bytes) -> list[float]:
    """A vector as Python's floats.

    >>> numbers(bytes.fromhex("0000003f000080bf"))
    [0.5, -1.0]
    """
    floats = array("f", vector)
    if byteorder == "big":
        floats.byteswap()
    return floats.tolist()
