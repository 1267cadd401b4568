"""What programs with generated stubs can ask of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from tests.e2e.test_native_grpc import TIMEOUT_S, TINY, bearer, chat, refused, stream_chat
from tests.support.customer import MICROCREDITS
from tests.support.stack import Stack
from tests.support.stubs import blocking

from raseed.inference.v1 import inference_pb2 as pb
from raseed.inference.v1 import inference_pb2_grpc

SCHEMA = (
    '{"type":"object","properties":{"days":{"type":"integer","minimum":1,"maximum":9}},'
    '"required":["days"],"additionalProperties":false}'
)


@pytest.fixture
def inference(stack: Stack) -> Iterator[Any]:
    with grpc.insecure_channel(stack.address) as channel:
        yield blocking(inference_pb2_grpc.InferenceServiceStub, channel)


@pytest.mark.parametrize("model", [TINY, "scripted"])
def test_several_choices(inference, customer, model):
    """The native calls have what the REST surface has: choices, formats, log probabilities."""
    asked: Any = {
        "n": 2,
        "top_logprobs": 1,
        "max_tokens": 300,
        "json_format": pb.JsonFormat(schema_json=SCHEMA),
    }
    metadata = bearer(customer.key)
    answer = inference.CreateChatCompletion(chat(model=model, **asked), metadata=metadata, timeout=TIMEOUT_S)
    [other] = answer.other_choices
    for choice in (answer, other):
        assert json.loads(choice.content)["days"] >= 1
        assert choice.finish_reason == "stop"
        assert b"".join(logprob.chosen.token for logprob in choice.logprobs).decode() == choice.content
    *pieces, last = inference.StreamChatCompletion(
        stream_chat(model=model, **asked), metadata=metadata, timeout=TIMEOUT_S
    )
    for index in range(2):
        text = "".join(piece.content_delta for piece in (*pieces, last) if piece.choice_index == index)
        assert json.loads(text)["days"] >= 1
        ends = [
            piece
            for piece in (*pieces, last)
            if piece.choice_index == index and piece.HasField("finish_reason")
        ]
        assert [end.finish_reason for end in ends] == ["stop"]
    assert not any(piece.HasField("usage") for piece in pieces)
    spent = answer.usage.cost_microcredits + last.usage.cost_microcredits
    assert customer.left() == 1_000 - spent / MICROCREDITS


def test_thoughts(inference, customer):
    """In fields of their own, of each answer."""
    script: Any = {"content": "#script tokens=5 reason=3", "model": "scripted", "n": 2}
    call: Any = {"metadata": bearer(customer.key), "timeout": TIMEOUT_S}
    answer = inference.CreateChatCompletion(chat(**script), **call)
    [other] = answer.other_choices
    pieces = list(inference.StreamChatCompletion(stream_chat(**script), **call))
    for index, choice in enumerate((answer, other)):
        assert (choice.reasoning, choice.content) == ("hm hm hm ", "delta alpha ")
        own = [piece for piece in pieces if piece.choice_index == index]
        assert "".join(piece.reasoning_delta for piece in own) == "hm hm hm "
        assert "".join(piece.content_delta for piece in own) == "delta alpha "
    assert answer.usage.reasoning_token_count == pieces[-1].usage.reasoning_token_count == 6


def test_a_tool_must_be_called(inference, customer):
    tools = [pb.Tool(name="clock", parameters_json='{"type":"object","additionalProperties":false}')]
    answer = inference.CreateChatCompletion(
        chat(tools=tools, tool_choice="required", required_tool_name="clock"),
        metadata=bearer(customer.key),
        timeout=TIMEOUT_S,
    )
    assert [(call.name, call.arguments_json) for call in answer.tool_calls] == [("clock", "{}")]
    assert answer.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 9}, "n"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"required_tool_name": "f"}, "required_tool_name"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"presence_penalty": float("nan")}, "presence_penalty"),
        ({"logit_bias": {1: 101}}, "logit_bias"),
        ({"json_format": pb.JsonFormat(schema_json="{")}, "json_format"),
        ({"json_format": pb.JsonFormat(schema_json="[]")}, "json_format"),
    ],
)
def test_bad_fields_are_named(inference, customer, fields, param):
    def call() -> object:
        return inference.CreateChatCompletion(
            chat(**fields), metadata=bearer(customer.key), timeout=TIMEOUT_S
        )

    code, info = refused(call)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert info.metadata["param"] == param


@pytest.mark.parametrize("model", [TINY, "scripted"])
def test_completions(inference, customer, model):
    """Prompts of text and of tokens, whole and piece by piece."""
    asked: Any = {
        "model": model,
        "prompts": [pb.Prompt(text="Once upon"), pb.Prompt(tokens=pb.TokenIds(ids=[5, 6, 7]))],
        "max_tokens": 4,
        "temperature": 0,
        "echo": True,
    }
    metadata = bearer(customer.key)
    whole = inference.CreateCompletion(
        pb.CreateCompletionRequest(**asked), metadata=metadata, timeout=TIMEOUT_S
    )
    assert whole.id.startswith("cmpl-")
    assert whole.choices[0].text.startswith("Once upon")
    assert all(choice.finish_reason for choice in whole.choices)
    pieces = list(
        inference.StreamCompletion(pb.StreamCompletionRequest(**asked), metadata=metadata, timeout=TIMEOUT_S)
    )
    for index, choice in enumerate(whole.choices):
        mine = [piece for piece in pieces if piece.choice_index == index]
        assert "".join(piece.text_delta for piece in mine) == choice.text
        assert [piece.finish_reason for piece in mine if piece.finish_reason] == [choice.finish_reason]
    assert [piece.HasField("usage") for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    spent = whole.usage.cost_microcredits + pieces[-1].usage.cost_microcredits
    assert customer.left() == 1_000 - spent / MICROCREDITS


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "prompts"),
        ({"prompts": [pb.Prompt()]}, "prompts[0]"),
        ({"prompts": [pb.Prompt(tokens=pb.TokenIds())]}, "prompts[0]"),
        ({"prompts": [pb.Prompt(text="a")] * 5, "n": 8}, "prompts"),
        ({"prompts": [pb.Prompt(text="a")], "echo": True, "top_logprobs": 1}, "top_logprobs"),
        ({"prompts": [pb.Prompt(tokens=pb.TokenIds(ids=[-1]))]}, "prompt"),
    ],
)
def test_bad_prompts_are_named(inference, customer, fields, param):
    def call() -> object:
        request = pb.CreateCompletionRequest(model=TINY, **fields)
        return inference.CreateCompletion(request, metadata=bearer(customer.key), timeout=TIMEOUT_S)

    code, info = refused(call)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert info.metadata["param"] == param


def test_the_best_of_several_completions(inference, customer):
    """One comes back, all are charged; the suffix and an answer of no tokens are there too."""
    request = pb.CreateCompletionRequest(
        model="scripted", prompts=[pb.Prompt(text="one two three")], best_of=3, suffix="behind"
    )
    metadata = bearer(customer.key)
    answer = inference.CreateCompletion(request, metadata=metadata, timeout=TIMEOUT_S)
    [choice] = answer.choices
    assert (choice.text, list(choice.logprobs)) == ("one two three", [])
    assert answer.usage.completion_token_count == 9
    request.max_tokens = 0
    request.ClearField("best_of")
    nothing = inference.CreateCompletion(request, metadata=metadata, timeout=TIMEOUT_S)
    assert [choice.text for choice in nothing.choices] == [""]
    assert nothing.usage.prompt_token_count == answer.usage.prompt_token_count
    request.best_of = 9
    status, info = refused(lambda: inference.CreateCompletion(request, metadata=metadata, timeout=TIMEOUT_S))
    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert info.metadata["param"] == "best_of"
