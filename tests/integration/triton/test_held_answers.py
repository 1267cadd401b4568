"""What a request holds its answer to, and asks to know of it, on the real engine with the real model."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from tests.integration.triton.server import TINY, RunningTriton
from tests.integration.triton.test_backend import chat, make_backend

from raseed.adapters.triton.backend import TritonModelBackend
from raseed.core.errors import RequestInvalid
from raseed.core.inference.answer import WholeChoice, whole_choices
from raseed.core.inference.choices import prepare_answers, start_answers
from raseed.core.inference.model import (
    Capability,
    ChatRequest,
    Delta,
    FinishReason,
    JsonFormat,
    Tool,
    ToolChoice,
)

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Kuwait", "Cairo"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["city", "days"],
    "additionalProperties": False,
}
WEATHER = Tool(
    name="weather",
    description="The weather of a city",
    parameters_json='{"type":"object","properties":{"city":{"type":"string","maxLength":12}},"required":["city"],'
    '"additionalProperties":false}',
)


@pytest_asyncio.fixture
async def backend(triton: RunningTriton) -> AsyncIterator[TritonModelBackend]:
    backend = make_backend(triton.address)
    yield backend
    await backend.close()


async def answer(backend: TritonModelBackend, request: ChatRequest) -> list[WholeChoice]:
    work = await prepare_answers(backend, request)
    generation = await start_answers(backend, work, run_id="run", timeout_s=20)
    pieces = []
    while isinstance(event := await generation.next(), Delta):
        pieces.append(event)
    await generation.close()
    assert event.finish_reason is not None
    return list(whole_choices(pieces, request.n, event.finish_reason))


def test_the_card_says_what_the_model_can(backend):
    [card] = [card for card in backend.models() if card.id == TINY]
    assert card.capabilities == frozenset(Capability) - {
        Capability.IMAGES,
        Capability.AUDIO,
        Capability.FILES,
        Capability.SUFFIX,
        Capability.EMBEDDINGS,
        Capability.DIMENSIONS,
    }


@pytest.mark.parametrize("temperature", [0.0, 1.5])
async def test_an_answer_keeps_to_its_schema(backend, temperature):
    request = replace(
        chat("Hello", temperature=temperature, seed=5), json_format=JsonFormat(schema_json=json.dumps(SCHEMA))
    )
    [choice] = await answer(backend, request)
    value = json.loads(choice.text)
    assert list(value) == ["city", "days"]
    assert value["city"] in {"Kuwait", "Cairo"}
    assert 1 <= value["days"] <= 9
    assert choice.finish_reason is FinishReason.STOP


@pytest.mark.parametrize(
    "schema", ['{"type":"nothing"}', '{"$ref":"#/none"}', '{"type":"string","pattern":"a"}']
)
async def test_a_schema_that_cannot_be_used_is_refused_and_the_engine_lives(backend, schema):
    with pytest.raises(RequestInvalid) as caught:
        await answer(backend, replace(chat("Hello"), json_format=JsonFormat(schema_json=schema)))
    assert caught.value.param == "response_format"
    [choice] = await answer(backend, chat("Hello"))
    assert choice.text


async def test_any_object(backend):
    [choice] = await answer(backend, replace(chat("Hello", max_tokens=200), json_format=JsonFormat()))
    assert choice.text.startswith("{")
    if choice.finish_reason is FinishReason.STOP:
        assert isinstance(json.loads(choice.text), dict)


async def test_a_tool_is_called(backend):
    tool = replace(WEATHER, name="get_weather")
    [choice] = await answer(backend, replace(chat("What is the weather in Kuwait City?"), tools=(tool,)))
    [call] = choice.tool_calls
    assert call.name == "get_weather"
    assert json.loads(call.arguments_json)
    assert choice.finish_reason is FinishReason.TOOL_CALLS
    assert "<tool_call>" not in choice.text


@pytest.mark.parametrize("parallel", [False, True])
async def test_a_tool_must_be_called(backend, parallel):
    other = Tool(
        name="clock", parameters_json='{"type":"object","properties":{},"additionalProperties":false}'
    )
    request = replace(
        chat("Hello", max_tokens=300),
        tools=(WEATHER, other),
        tool_choice=ToolChoice.REQUIRED,
        parallel_tool_calls=parallel,
    )
    [choice] = await answer(backend, request)
    assert [call.name for call in choice.tool_calls] in (["weather"], ["clock"])
    [named] = await answer(backend, replace(request, required_tool="clock"))
    assert [(call.name, call.arguments_json) for call in named.tool_calls] == [("clock", "{}")]
    assert (named.text, named.finish_reason) == ("", FinishReason.TOOL_CALLS)


async def test_log_probabilities(backend):
    [choice] = await answer(backend, chat("Hello", top_logprobs=3))
    assert b"".join(one.chosen.token for one in choice.logprobs).decode() == choice.text
    for one in choice.logprobs:
        assert one.top[0] == one.chosen, "greedy takes the likeliest"
        assert [other.logprob for other in one.top] == sorted(
            (other.logprob for other in one.top), reverse=True
        )
        assert sum(math.exp(other.logprob) for other in one.top) <= 1 + 1e-6


async def test_bias_and_penalties_change_the_answer(backend):
    async def text(**sampling: Any) -> str:
        [choice] = await answer(backend, chat("Count from 1 to 20", max_tokens=40, **sampling))
        return choice.text

    plain = await text()
    comma = backend._models[TINY].encoder._tokenizer.token_to_id(",")
    assert "," in plain
    assert "," not in await text(logit_bias=((comma, -100.0),))
    assert await text(frequency_penalty=2.0) != plain
    with pytest.raises(RequestInvalid) as caught:
        await text(logit_bias=((880, 1.0),))
    assert caught.value.param == "logit_bias"


async def test_choices_differ_and_repeat_with_a_seed(backend):
    request = replace(chat("Tell me a story", temperature=1.2, seed=3, max_tokens=30), n=3)
    texts = [choice.text for choice in await answer(backend, request)]
    assert len(set(texts)) > 1
    assert [choice.text for choice in await answer(backend, request)] == texts
