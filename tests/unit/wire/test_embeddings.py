"""POST /v1/embeddings: what is read of a request, and the exact bytes of an answer."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse

from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.openai.embedding_request import decode_embedding_request
from raseed.adapters.wire.openai.embedding_response import PIECE_BYTES, encode_embeddings
from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import EmbeddingRequest, Usage

USAGE = Usage(prompt_tokens=5, completion_tokens=0)
VECTORS = [struct.pack("<2f", 0.5, -1.0), struct.pack("<2f", 0.0, 0.25)]


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", **fields}).encode()


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("hi", ("hi",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1], [2, 3]], ((1,), (2, 3))),
        (["a", [4]], ("a", (4,))),
    ],
)
def test_every_form_of_input(given, inputs):
    assert decode_embedding_request(body(input=given)).request.inputs == inputs


def test_everything_that_is_served():
    decoded = decode_embedding_request(
        body(input="a", dimensions=3, encoding_format="base64", user="u", extra=[{}])
    )
    assert decoded.request == EmbeddingRequest(model="m", inputs=("a",), dimensions=3)
    assert decoded.as_base64
    assert not decode_embedding_request(body(input="a", encoding_format="float")).as_base64
    nulls = decode_embedding_request(body(input="a", encoding_format=None, dimensions=None))
    assert (nulls.request.dimensions, nulls.as_base64) == (None, False)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({}, "input", "missing_required_parameter"),
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": ""}, "input", "empty_string"),
        ({"input": []}, "input", "empty_array"),
        ({"input": ["a", ""]}, "input.[1]", "empty_string"),
        ({"input": [[]]}, "input.[0]", "empty_array"),
        ({"input": ["a", 1]}, "input.[1]", "invalid_type"),
        ({"input": [1, "a"]}, "input", "invalid_type"),
        ({"input": [-1]}, "input", "integer_below_min_value"),
        ({"input": [2**31]}, "input", "integer_above_max_value"),
        ({"input": {"a": 1}}, "input", "invalid_type"),
        ({"input": ["a"] * 2049}, "input", "array_above_max_length"),
        ({"input": "a", "dimensions": 0}, "dimensions", "integer_below_min_value"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format", "invalid_value"),
        ({"input": "a", "model": ""}, "model", "missing_required_parameter"),
    ],
)
def test_refused(fields, param, code):
    with pytest.raises(RequestInvalid) as refused:
        decode_embedding_request(body(**fields))
    assert (refused.value.param, refused.value.code) == (param, code)


def test_numbers():
    [whole] = encode_embeddings(model="m", vectors=VECTORS, as_base64=False, usage=USAGE)
    assert whole == (
        b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1.0]},'
        b'{"object":"embedding","index":1,"embedding":[0.0,0.25]}],'
        b'"model":"m","usage":{"prompt_tokens":5,"total_tokens":5}}'
    )


def test_base64_and_charge():
    [whole] = encode_embeddings(
        model="m",
        vectors=VECTORS[:1],
        as_base64=True,
        usage=USAGE,
        charged=Charged(cost_microcredits=5, remaining_microcredits=10**6),
    )
    read = json.loads(whole)
    assert read["data"] == [{"object": "embedding", "index": 0, "embedding": "AAAAPwAAgL8="}]
    assert read["usage"] == {
        "prompt_tokens": 5,
        "total_tokens": 5,
        "credits": 0.000005,
        "credits_remaining": 1,
    }


def test_large_answers_come_in_pieces():
    """One request for megabytes of vectors must not keep the others waiting."""
    vectors = [struct.pack("<256f", *[1 / (n + 1)] * 256) for n in range(200)]
    pieces = list(encode_embeddings(model="m", vectors=vectors, as_base64=False, usage=USAGE))
    assert len(pieces) > 5
    assert max(map(len, pieces)) < PIECE_BYTES + 256 * 25
    whole = CreateEmbeddingResponse.model_validate_json(b"".join(pieces))
    assert [entry.index for entry in whole.data] == list(range(200))
    for entry, vector in zip(whole.data, vectors, strict=True):
        assert struct.pack("<256f", *entry.embedding) == vector
