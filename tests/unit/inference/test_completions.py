"""What only continued prompts have: the best of several answers, a suffix, and no answer at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.desk import read

from raseed.core.billing.model import Meter
from raseed.core.errors import RequestInvalid
from raseed.core.inference.answer import WholeChoice, likeliest, whole_choices
from raseed.core.inference.capabilities import check_capabilities
from raseed.core.inference.model import (
    Capability,
    ChatRequest,
    FinishReason,
    Logprob,
    Sampling,
    TokenLogprob,
)

PROMPT = ChatRequest(model="scripted", prompts=("one two",), sampling=Sampling(max_tokens=0))
CONTINUES = frozenset({Capability.COMPLETIONS})


def choice(text: str, *logprobs: float) -> WholeChoice:
    tokens = tuple(TokenLogprob(Logprob(b"x", logprob)) for logprob in logprobs)
    return WholeChoice(text=text, tool_calls=(), logprobs=tokens, finish_reason=FinishReason.STOP)


def test_the_likeliest_per_token_of_each_prompt():
    first = [choice("a", -3.0), choice("b", -1.0, -1.0, -1.0), choice("c", -2.0)]
    second = [choice("d"), choice("e", -9.0), choice("f", -1.0, -9.0)]
    best = likeliest([*first, *second], n=3, best=2)
    assert [one.text for one in best] == ["b", "c", "f", "e"]
    assert [one.text for one in likeliest(second, n=3, best=3)] == ["f", "e", "d"]


@pytest.mark.parametrize("echo", [False, True])
async def test_no_answer_at_all(desk, books, echo):
    """The prompt is counted, charged and, if asked for, given back."""
    run = desk.ask(replace(PROMPT, echo=echo, n=2), stream=False)
    answer = await read(run)
    choices = whole_choices(answer.pieces, 2, answer.ended.finish_reason)
    assert [one.text for one in choices] == ["one two" if echo else ""] * 2
    assert answer.ended.finish_reason is FinishReason.LENGTH
    assert answer.ended.usage.completion_tokens == 0
    [line] = books.event(run).lines
    assert (line.meter, line.quantity) == (Meter.INPUT_TOKENS, answer.ended.usage.prompt_tokens)


async def test_what_stands_behind_is_part_of_the_prompt(desk, books):
    plain, filled = desk.ask(PROMPT), desk.ask(replace(PROMPT, suffix="behind"))
    counts = [(await read(run)).ended.usage.prompt_tokens for run in (plain, filled)]
    assert counts[1] == counts[0] + 2


@pytest.mark.parametrize(
    ("request_", "param"),
    [(replace(PROMPT, suffix="x"), "suffix"), (replace(PROMPT, n=2, best=1), "best_of")],
)
def test_refused_by_models_that_cannot(request_, param):
    check_capabilities(request_, CONTINUES | {Capability.SUFFIX, Capability.LOGPROBS})
    with pytest.raises(RequestInvalid) as refused:
        check_capabilities(request_, CONTINUES)
    assert refused.value.param == param
