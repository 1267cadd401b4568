"""model.json: what a model's author says of it. Everything in it is checked against the files."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Positive = Annotated[int, Meta(ge=1)]
Token = Annotated[int, Meta(ge=0)]


class KeyValues(msgspec.Struct, frozen=True):
    """The memory that one token takes in each layer."""

    layers: Annotated[int, Meta(ge=1, le=1_024)]
    heads: Annotated[int, Meta(ge=1, le=1_024)]
    head_size: Annotated[int, Meta(ge=1, le=4_096)]
    dtype: Literal["float32"]


class Manifest(msgspec.Struct, frozen=True):
    name: str
    context_length: Annotated[int, Meta(ge=2, le=4_194_304)]
    vocab_size: Annotated[int, Meta(ge=2, le=4_194_304)]
    bos_token_id: Token
    eos_token_ids: Annotated[tuple[Token, ...], Meta(min_length=1, max_length=16)]
    kv: KeyValues
    sha256: dict[str, str]
    created_at_s: Positive = 1
    tool_call_format: str | None = None


def read_manifest(text: bytes) -> Manifest:
    """Raises msgspec.DecodeError, whose message names the field."""
    return msgspec.json.decode(text, type=Manifest)
