from __future__ import annotations

import json

import numpy as np
import pytest
from raseed_engine.protocol import (
    CancelRequest,
    EngineError,
    FinishReason,
    GenerateRequest,
    PromptLimits,
    cancel_event,
    finish_event,
    parse_request,
    progress_event,
)

LIMITS = PromptLimits(context_length=8, vocab_size=10)


def parse(fields: object, prompt=(1, 2)):
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return parse_request(body, np.array(prompt, np.int32), LIMITS)


def test_absent_and_null_fields_have_defaults():
    for fields in (
        {},
        dict.fromkeys(["id", "max_tokens", "temperature", "top_p", "top_k", "seed", "stop", "ignore_eos"]),
    ):
        asked = parse(fields)
        assert isinstance(asked, GenerateRequest)
        assert (asked.id, asked.max_tokens, asked.temperature, asked.top_p) == ("", None, 1.0, 1.0)
        assert (asked.top_k, asked.seed, asked.stop, asked.ignore_eos, asked.deadline_ms) == (
            0,
            None,
            (),
            False,
            None,
        )


def test_a_cancel_needs_no_prompt():
    assert parse({"cancel": "r1"}, prompt=()) == CancelRequest(id="r1")


@pytest.mark.parametrize(
    "fields",
    [
        b"{",
        b"[]",
        b"[" * 5_000,
        b" " * 140_000,
        {"temperature": -0.1},
        {"temperature": True},
        {"top_p": 1.01},
        {"top_k": 2000},
        {"max_tokens": 1.5},
        {"seed": "7"},
        {"ignore_eos": "yes"},
        {"deadline_ms": 0},
        {"stop": "text"},
        {"stop": ["x" * 257]},
        {"id": "x" * 129},
        {"presence_penalty": 2.1},
        {"frequency_penalty": "1"},
        {"logit_bias": [1]},
        {"logit_bias": {"1": 101}},
        {"logit_bias": {str(n): 1 for n in range(1025)}},
        {"top_logprobs": 21},
        {"json_schema": {}},
        {"lark": 5},
        b'{"temperature": NaN}',
    ],
)
def test_what_is_no_request_is_refused_for_good(fields):
    with pytest.raises(EngineError) as caught:
        parse(fields)
    assert (caught.value.code, caught.value.retryable) == ("bad_request", False)


@pytest.mark.parametrize(
    ("prompt", "code"),
    [((), "empty_prompt"), ((1,) * 8, "prompt_too_long"), ((10,), "bad_token_id"), ((-1,), "bad_token_id")],
)
def test_a_prompt_that_the_model_cannot_read_is_refused(prompt, code):
    with pytest.raises(EngineError) as caught:
        parse({}, prompt)
    assert caught.value.code == code


@pytest.mark.parametrize("token", ["10", "-1", "one", "²", "9" * 5_000])
def test_a_bias_is_for_a_token_of_the_model(token):
    with pytest.raises(EngineError) as caught:
        parse({"logit_bias": {token: 1}})
    assert caught.value.code == "bad_token_id"


def test_how_tokens_are_chosen():
    asked = parse(
        {
            "presence_penalty": -2,
            "frequency_penalty": 0.5,
            "logit_bias": {"9": -100, "0": None},
            "top_logprobs": 0,
            "json_schema": "{}",
        }
    )
    assert isinstance(asked, GenerateRequest)
    assert (asked.presence_penalty, asked.frequency_penalty) == (-2, 0.5)
    assert (asked.logit_bias, asked.top_logprobs) == ({9: -100, 0: 0}, 0)
    assert (asked.json_schema, asked.lark) == ("{}", None)


def test_events():
    assert json.loads(progress_event(3, [("\u00e2", -0.5, [("a", -1.0)])])) == {
        "completion_tokens": 3,
        "logprobs": [["\u00e2", -0.5, [["a", -1.0]]]],
    }
    assert json.loads(progress_event(3)) == {"completion_tokens": 3}
    assert json.loads(cancel_event("é", found=True)) == {"cancel": "é", "found": True}
    assert json.loads(
        finish_event(FinishReason.STOP, prompt_tokens=1, completion_tokens=2, stop_string='"')
    ) == {
        "finish_reason": "stop",
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "stop_string": '"',
    }
    error = EngineError("overloaded", "busy", retryable=True)
    assert json.loads(finish_event(FinishReason.ERROR, error=error))["error"] == {
        "code": "overloaded",
        "message": "busy",
        "retryable": True,
    }
