"""POST /v1/embeddings by the official SDK, and natively."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from math import hypot
from operator import mul

import grpc
import openai
import pytest
from openai import OpenAI
from tests.e2e.test_native_grpc import bearer, channel, inference, refused
from tests.e2e.test_openai_sdk import TINY, balance, sdk
from tests.support.customer import Customer
from tests.support.stack import Stack

from raseed.adapters.scripted.embedding import DIMENSIONS, vector_of
from raseed.adapters.wire.openai.embedding_response import numbers
from raseed.inference.v1 import inference_pb2 as pb

__all__ = ["channel", "inference"]

SCRIPTED = "scripted"
EMBED = "raseed-tiny-embed"


@pytest.fixture
def client(stack: Stack, customer: Customer) -> Iterator[OpenAI]:
    with sdk(stack, customer.key) as client:
        yield client


def test_whole_and_charged(client, customer):
    """The SDK asks for base64 by itself, and shows numbers."""
    before = balance(customer)
    answer = client.embeddings.create(model=SCRIPTED, input=["a red fox", "two hens"])
    assert (answer.object, answer.model) == ("list", SCRIPTED)
    assert [(entry.object, entry.index) for entry in answer.data] == [("embedding", 0), ("embedding", 1)]
    assert [entry.embedding for entry in answer.data] == [
        numbers(vector_of("a red fox")),
        numbers(vector_of("two hens")),
    ]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 4 + 3
    assert before - balance(customer) == 7


def test_formats_are_the_same_vector(client):
    asked = client.embeddings.create
    [whole] = asked(model=SCRIPTED, input="fox", encoding_format="float").data
    [coded] = asked(model=SCRIPTED, input="fox", encoding_format="base64").data
    assert whole.embedding == numbers(vector_of("fox"))
    assert coded.embedding == b64encode(vector_of("fox")).decode()


def test_fewer_dimensions(client):
    [entry] = client.embeddings.create(model=SCRIPTED, input="fox", dimensions=5).data
    assert len(entry.embedding) == 5
    assert hypot(*entry.embedding) == pytest.approx(1)


def test_tokens(client):
    answer = client.embeddings.create(model=SCRIPTED, input=[[1, 2, 3], [4]])
    assert answer.usage.prompt_tokens == 4
    assert answer.data[0].embedding == numbers(vector_of((1, 2, 3)))
    assert len(client.embeddings.create(model=SCRIPTED, input=[1, 2, 3]).data) == 1


def test_many_inputs(client):
    """The answer is more than one piece on the wire."""
    texts = [f"t{n}" for n in range(300)]
    answer = client.embeddings.create(model=SCRIPTED, input=texts, encoding_format="float")
    assert [entry.index for entry in answer.data] == list(range(300))
    assert answer.data[-1].embedding == numbers(vector_of(texts[-1]))


@pytest.mark.parametrize(
    ("asked", "param", "code"),
    [
        ({"input": []}, "input", "empty_array"),
        ({"input": "a", "dimensions": DIMENSIONS + 1}, "dimensions", "invalid_value"),
        ({"input": "a", "model": TINY}, "model", "unsupported_parameter"),
    ],
)
def test_refused(client, customer, asked, param, code):
    before = balance(customer)
    with pytest.raises(openai.BadRequestError) as refusal:
        client.embeddings.create(**{"model": SCRIPTED, **asked})
    assert (refusal.value.param, refusal.value.code) == (param, code)
    assert balance(customer) == before


def test_unknown_model(client):
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="nobody", input="a")


def test_again_under_a_key(client, customer):
    """The first answer again, charged once."""
    before = balance(customer)
    headers = {"Idempotency-Key": "embed-once"}
    ask = client.embeddings.with_raw_response.create
    first, second = (ask(model=SCRIPTED, input="a red fox", extra_headers=headers) for _ in range(2))
    assert first.content == second.content
    assert second.headers["idempotency-hit"] == "true"
    assert before - balance(customer) == 4


def test_natively(inference, customer):
    before = balance(customer)
    answer = inference.CreateEmbeddings(
        pb.CreateEmbeddingsRequest(
            model=SCRIPTED,
            inputs=[pb.Prompt(text="a red fox"), pb.Prompt(tokens=pb.TokenIds(ids=[1, 2]))],
            dimensions=3,
        ),
        metadata=bearer(customer.key),
    )
    assert [list(one.values) for one in answer.embeddings] == [
        numbers(vector_of("a red fox", 3)),
        numbers(vector_of((1, 2), 3)),
    ]
    assert answer.usage.prompt_token_count == answer.usage.total_token_count == 6
    assert answer.usage.cost_microcredits == 6_000_000
    assert before - balance(customer) == 6


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (pb.CreateEmbeddingsRequest(model=SCRIPTED), "inputs"),
        (pb.CreateEmbeddingsRequest(model=SCRIPTED, inputs=[pb.Prompt(text="")]), "inputs[0]"),
        (pb.CreateEmbeddingsRequest(inputs=[pb.Prompt(text="a")]), "model"),
        (
            pb.CreateEmbeddingsRequest(model=SCRIPTED, inputs=[pb.Prompt(text="a")], dimensions=0),
            "dimensions",
        ),
    ],
)
def test_refused_natively(inference, customer, request_, param):
    status, info = refused(lambda: inference.CreateEmbeddings(request_, metadata=bearer(customer.key)))
    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert info.metadata["param"] == param


def test_the_model_of_a_fresh_installation(client, customer):
    """Real vectors from Triton, charged at the model's own price; it says what it can, and does nothing else."""
    before = balance(customer)
    texts = ["Where can I pay my bill?", "settle the invoice with cash", "the cat sleeps"]
    answer = client.embeddings.create(model=EMBED, input=texts)
    bill, cash, cat = (entry.embedding for entry in answer.data)
    assert len(bill) == 256
    assert sum(map(mul, bill, cash)) > sum(map(mul, bill, cat)) + 0.3
    model = client.models.retrieve(EMBED)
    assert model.capabilities == ["dimensions", "embeddings"]
    assert before - balance(customer) == pytest.approx(answer.usage.prompt_tokens * model.credit_multiplier)
    [short] = client.embeddings.create(model=EMBED, input=texts[0], dimensions=16).data
    assert len(short.embedding) == 16
    with pytest.raises(openai.BadRequestError) as refusal:
        client.chat.completions.create(model=EMBED, messages=[{"role": "user", "content": "Hello"}])
    assert refusal.value.param == "messages"
