"""POST /v1/completions: what is read of a request, and the exact bytes of an answer."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from openai.types import Completion

from raseed.adapters.wire.openai.chat_stream import DONE
from raseed.adapters.wire.openai.completion_request import decode_completion_request
from raseed.adapters.wire.openai.completion_response import (
    CompletionStreamEncoder,
    encode_text_completion,
)
from raseed.core.errors import RequestInvalid
from raseed.core.inference.answer import WholeChoice
from raseed.core.inference.model import (
    ChatRequest,
    Delta,
    FinishReason,
    Logprob,
    Sampling,
    TokenLogprob,
    Usage,
)

USAGE = Usage(prompt_tokens=5, completion_tokens=3)
EURO = (
    TokenLogprob(Logprob(b"\xe2\x82", -0.25), (Logprob(b"\xe2\x82", -0.25), Logprob(b"a", -2.0))),
    TokenLogprob(Logprob(b"\xac", -0.5), (Logprob(b"\xac", -0.5),)),
    TokenLogprob(Logprob(b"!", -1.0), (Logprob(b"!", -1.0),)),
)


def decode(**fields: Any) -> ChatRequest:
    return decode_completion_request(json.dumps({"model": "m", **fields}).encode()).request


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("hi", ("hi",)),
        (None, ("",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1], [2, 3]], ((1,), (2, 3))),
    ],
)
def test_every_form_of_a_prompt(prompt, prompts):
    assert decode(prompt=prompt).prompts == prompts


def test_everything_that_is_served():
    assert decode(prompt="p") == ChatRequest(model="m", prompts=("p",), sampling=Sampling(max_tokens=16))
    asked = decode(
        prompt="p",
        max_tokens=7,
        temperature=0.5,
        top_p=0.5,
        seed=3,
        stop="x",
        n=2,
        best_of=2,
        echo=True,
        suffix=None,
        presence_penalty=1,
        frequency_penalty=-1,
        logit_bias={"5": 1},
        user="me",
    )
    assert asked == ChatRequest(
        model="m",
        prompts=("p",),
        echo=True,
        n=2,
        sampling=Sampling(
            max_tokens=7,
            temperature=0.5,
            top_p=0.5,
            seed=3,
            stop=("x",),
            presence_penalty=1,
            frequency_penalty=-1,
            logit_bias=((5, 1),),
        ),
    )
    assert decode(prompt=["a", "b"], n=3).choice_count == 6
    assert decode(prompt="p", logprobs=5).sampling.top_logprobs == 5
    assert decode(prompt="p", suffix="q").suffix == "q"
    assert decode(prompt="p", max_tokens=0).sampling.max_tokens == 0


def test_the_best_of_several():
    """More are generated than returned; how likely they are decides, and is shown only to who asks for it."""
    chosen = decode_completion_request(b'{"model": "m", "prompt": "p", "n": 2, "best_of": 5}')
    assert (chosen.request.n, chosen.request.best, chosen.shows_logprobs) == (5, 2, False)
    assert chosen.request.sampling.top_logprobs == 0
    shown = decode_completion_request(b'{"model": "m", "prompt": "p", "best_of": 5, "logprobs": 3}')
    assert (shown.request.best, shown.shows_logprobs, shown.request.sampling.top_logprobs) == (1, True, 3)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt.[0]"),
        ({"prompt": [[1], "a", 5]}, "prompt.[2]"),
        ({"prompt": [1, "a"]}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": [2**31]}, "prompt"),
        ({"prompt": [1.5]}, "prompt.[0]"),
        ({"prompt": {}}, "prompt"),
        ({"prompt": ["a"] * 33}, "prompt"),
        ({"prompt": ["a"] * 5, "n": 8}, "prompt"),
        ({"prompt": "a", "n": 3, "best_of": 2}, "best_of"),
        ({"prompt": "a", "best_of": 9}, "best_of"),
        ({"prompt": "a", "best_of": 2, "stream": True}, "best_of"),
        ({"prompt": ["a"] * 5, "best_of": 8}, "prompt"),
        ({"prompt": "a", "logprobs": 6}, "logprobs"),
        ({"prompt": "a", "logprobs": 1, "echo": True}, "logprobs"),
        ({"prompt": "a", "max_tokens": -1}, "max_tokens"),
        ({"prompt": "a", "n": 9}, "n"),
        ({"prompt": "a", "stream_options": {}}, "stream_options"),
        ({"prompt": "a", "model": ""}, "model"),
    ],
)
def test_a_bad_field_is_named(fields, param):
    with pytest.raises(RequestInvalid) as caught:
        decode(**fields)
    assert caught.value.param == param


def test_a_million_tokens_are_read():
    """Only the size of the body bounds an array of integers."""
    assert len(decode(prompt=[7] * 1_000_000).prompts[0]) == 1_000_000


def whole() -> bytes:
    return encode_text_completion(
        completion_id="cmpl-01",
        created_s=1_760_000_000,
        model="m",
        choices=[
            WholeChoice(text="€!", tool_calls=(), logprobs=EURO, finish_reason=FinishReason.LENGTH),
            WholeChoice(text="", tool_calls=(), logprobs=(), finish_reason=FinishReason.STOP),
        ],
        usage=USAGE,
    )


def stream() -> bytes:
    sse = CompletionStreamEncoder(
        completion_id="cmpl-01", created_s=1_760_000_000, model="m", include_usage=True, n=2
    )
    deltas = [
        Delta(completion_tokens=1, choice=1, text="b", finish_reason=FinishReason.STOP),
        Delta(completion_tokens=2, choice=0, logprobs=EURO[:1]),
        Delta(completion_tokens=3, choice=0, text="€!", logprobs=EURO[1:]),
    ]
    return b"".join(
        [sse.role(), *map(sse.delta, deltas), sse.finish(FinishReason.LENGTH), sse.usage(USAGE), DONE]
    )


def test_shape(golden):
    golden("text_completion.json", whole())
    golden("text_completion.sse", stream())
    parsed = Completion.model_validate_json(whole())
    assert parsed.choices[0].logprobs is not None
    assert parsed.choices[0].logprobs.text_offset == [0, 0, 1]


def test_a_streams_offsets_are_those_of_the_whole():
    events = [msgspec.json.decode(line[6:]) for line in stream().split(b"\n\n")[:-2]]
    offsets = [
        at
        for event in events
        for choice in event["choices"]
        if choice["logprobs"]
        for at in choice["logprobs"]["text_offset"]
    ]
    assert offsets == [0, 0, 1]
    assert {event["object"] for event in events} == {"text_completion"}
