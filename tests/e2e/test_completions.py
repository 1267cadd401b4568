"""POST /v1/completions by the official SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from tests.e2e.test_openai_sdk import TINY, balance, sdk
from tests.support.customer import Customer
from tests.support.stack import Stack

MODELS = pytest.mark.parametrize("model", [TINY, "scripted"])


@pytest.fixture
def client(stack: Stack, customer: Customer) -> Iterator[OpenAI]:
    with sdk(stack, customer.key) as client:
        yield client


@MODELS
def test_unary(client, customer, model):
    """A whole answer has OpenAI's shape, and is charged as it says."""
    before = balance(customer)
    answer = client.completions.create(model=model, prompt="Once upon a time", max_tokens=5, temperature=0)
    assert answer.id.startswith("cmpl-")
    assert answer.object == "text_completion"
    [choice] = answer.choices
    assert choice.text
    assert choice.finish_reason in {"stop", "length"}
    assert before - balance(customer) == answer.usage.total_tokens


@MODELS
def test_streamed(client, model):
    """The pieces are the whole; one finish for each choice, then the usage."""
    asked: dict[str, Any] = {
        "model": model,
        "prompt": ["Once upon", "a time"],
        "temperature": 0,
        "echo": True,
    }
    whole = client.completions.create(**asked)
    *chunks, last = client.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    for choice in whole.choices:
        mine = [one for chunk in chunks for one in chunk.choices if one.index == choice.index]
        assert "".join(one.text for one in mine) == choice.text
        assert [one.finish_reason for one in mine if one.finish_reason] == [choice.finish_reason]
        assert choice.text.startswith(asked["prompt"][choice.index])
    assert last.choices == []
    assert last.usage == whole.usage


@MODELS
def test_prompts_times_answers(client, customer, model):
    before = balance(customer)
    answer = client.completions.create(model=model, prompt=[[5, 6], [7, 8, 9]], n=2, max_tokens=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert answer.usage.prompt_tokens == 5
    assert before - balance(customer) == answer.usage.total_tokens


@MODELS
def test_log_probabilities(client, model):
    answer = client.completions.create(model=model, prompt="Hello", logprobs=2, max_tokens=4, temperature=0)
    [choice] = answer.choices
    assert choice.logprobs.text_offset[0] == 0
    assert len(choice.logprobs.tokens) == len(choice.logprobs.token_logprobs)
    assert all(len(top) == 2 for top in choice.logprobs.top_logprobs)


def test_tokens_that_the_model_has_not(client, customer):
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model=TINY, prompt=[880])
    assert caught.value.param == "prompt"
    assert customer.left() == 1_000


@MODELS
def test_no_credit(stack, model):
    with sdk(stack, stack.customer(0).key) as poor, pytest.raises(openai.APIStatusError) as caught:
        poor.completions.create(model=model, prompt="Hello", stream=True)
    assert caught.value.status_code == 402


@MODELS
def test_the_best_of_several(client, customer, model):
    """One comes back, all are charged."""
    before = balance(customer)
    answer = client.completions.create(model=model, prompt="Once upon", best_of=3, max_tokens=4, seed=1)
    [choice] = answer.choices
    assert (choice.index, choice.logprobs) == (0, None)
    assert answer.usage.completion_tokens > 4
    assert before - balance(customer) == answer.usage.total_tokens


@MODELS
def test_no_answer_at_all(client, customer, model):
    """Evaluations ask for the prompt alone."""
    before = balance(customer)
    answer = client.completions.create(model=model, prompt="Once upon", echo=True, max_tokens=0)
    assert [(one.text, one.finish_reason) for one in answer.choices] == [("Once upon", "length")]
    assert answer.usage.completion_tokens == 0
    assert before - balance(customer) == answer.usage.prompt_tokens


def test_a_suffix_for_models_that_fill_in(client):
    plain = client.completions.create(model="scripted", prompt="one", max_tokens=4)
    filled = client.completions.create(model="scripted", prompt="one", suffix="behind", max_tokens=4)
    assert filled.usage.prompt_tokens == plain.usage.prompt_tokens + 2
    with pytest.raises(openai.BadRequestError) as refusal:
        client.completions.create(model=TINY, prompt="one", suffix="behind", max_tokens=4)
    assert (refusal.value.param, refusal.value.code) == ("suffix", "unsupported_parameter")
