"""Body of POST /v1/embeddings → `EmbeddingRequest`."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from raseed.adapters.wire.body import read_body, served_keys
from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.openai.body import WORDS, check_model
from raseed.adapters.wire.openai.prompts import to_core_tokens
from raseed.adapters.wire.openai.sampling_fields import INT32_MAX
from raseed.core.inference.model import EmbeddingRequest, Prompt
from raseed.core.inference.work import INPUTS_MAX

_Input = str | list[str | int | list[int]]


class EmbeddingBody(msgspec.Struct, frozen=True, gc=False):
    """The fields that are read. `None` stands for absent and for null."""

    model: str
    input: _Input | None = None
    encoding_format: str | None = None
    dimensions: int | None = None


_KEYS = served_keys(EmbeddingBody.__struct_fields__)
_decoder = msgspec.json.Decoder(EmbeddingBody)


@dataclass(frozen=True, slots=True)
class DecodedEmbedding:
    request: EmbeddingRequest
    as_base64: bool
    """Whether the vectors are wanted as base64 of their bytes, not as numbers."""


def decode_embedding_request(body: bytes) -> DecodedEmbedding:
    """Raises RequestInvalid with OpenAI's `param` and `code`, RequestTooLarge."""
    wire = read_body(body, _decoder, _KEYS, WORDS, is_prompt=True)
    check_model(wire.model)
    if wire.dimensions is not None:
        invalid.check_range("dimensions", wire.dimensions, 1, INT32_MAX)
    if wire.encoding_format not in {None, "float", "base64"}:
        raise invalid.invalid_value(
            "encoding_format", got=wire.encoding_format or "", supported="'float', 'base64'"
        )
    request = EmbeddingRequest(model=wire.model, inputs=_inputs(wire.input), dimensions=wire.dimensions)
    return DecodedEmbedding(request, wire.encoding_format == "base64")


def _inputs(given: _Input | None) -> tuple[Prompt, ...]:
    if given is None:
        raise invalid.missing("input")
    if isinstance(given, str):
        return (_text("input", given),)
    if not given:
        raise invalid.empty_array("input")
    if isinstance(given[0], int):
        return (to_core_tokens("input", given),)
    if len(given) > INPUTS_MAX:
        raise invalid.array_too_long("input", limit=INPUTS_MAX, length=len(given))
    return tuple([_input(f"input.[{index}]", one) for index, one in enumerate(given)])


def _input(param: str, given: str | int | list[int]) -> Prompt:
    if isinstance(given, int):
        raise invalid.wrong_type(param, expected="one of a string or an array", got="an integer")
    return _text(param, given) if isinstance(given, str) else to_core_tokens(param, given)


def _text(param: str, text: str) -> str:
    if not text:
        raise invalid.empty_string(param)
    return text
