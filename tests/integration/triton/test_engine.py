"""The engine inside a real Triton, through its tensor interface."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from tests.integration.triton.asking import Asker, count, ids_of, read, read_all
from tests.integration.triton.server import SLOW, SLOW_SLOTS, SLOW_STEP_MS, RunningTriton

CONTEXT_S = 1024 * SLOW_STEP_MS / 1000
"""How long the slow model takes over its whole context, as it does when nobody stops it."""


async def test_a_greeting_is_answered_and_the_count_includes_the_end_token(ask: Asker):
    answer = await ask("Hello")
    assert answer.text.startswith("Hello")
    assert answer.end["finish_reason"] == "stop"
    assert answer.end["prompt_tokens"] == len(ids_of("Hello"))
    assert answer.end["completion_tokens"] == len(answer.token_ids) + 1


async def test_max_tokens_ends_with_length(ask: Asker):
    answer = await ask("Tell me a story", max_tokens=7)
    assert answer.end == {
        "finish_reason": "length",
        "prompt_tokens": len(ids_of("Tell me a story")),
        "completion_tokens": 7,
    }
    assert len(answer.token_ids) == 7


async def test_ignore_eos_runs_to_the_end_of_the_context(ask: Asker):
    answer = await ask("Hello", ignore_eos=True)
    assert answer.end["finish_reason"] == "length"
    assert answer.end["prompt_tokens"] + answer.end["completion_tokens"] == 1024


async def test_streams_progress_together(ask: Asker):
    """When the first is done, the others are well on their way, also those that were late to begin."""
    seen = [0] * SLOW_SLOTS

    async def follow(which: int) -> list[int]:
        async with ask.stream("Hello", model=SLOW, ignore_eos=True, max_tokens=60) as stream:
            while True:
                response = await read(stream)
                seen[which] = count(response)
                if response.is_final:
                    return list(seen)

    first, *_ = await asyncio.wait(
        [asyncio.ensure_future(follow(n)) for n in range(SLOW_SLOTS)], return_when="FIRST_COMPLETED"
    )
    others = next(iter(first)).result()
    assert min(others) >= 20, others


async def test_a_long_prompt_does_not_stall_the_others(ask: Asker):
    arrivals: list[float] = []
    async with ask.stream("Hello", model=SLOW, ignore_eos=True, max_tokens=60) as running:

        async def follow() -> None:
            while not (await read(running)).is_final:
                arrivals.append(time.monotonic())

        following = asyncio.ensure_future(follow())
        await asyncio.sleep(3 * SLOW_STEP_MS / 1000)
        began = time.monotonic()
        await ask((ids_of("Hello") * 200)[:900], model=SLOW, max_tokens=1)
        ended = time.monotonic()
        following.cancel()
    # 900 tokens are eight chunks, and the running stream makes one step after each.
    assert 5 <= sum(began < at < ended for at in arrivals) <= 10


async def test_cancel_ends_within_two_steps_with_the_exact_count(ask: Asker):
    async with ask.stream("Hello", model=SLOW, id="c-1", ignore_eos=True) as stream:
        delivered = 0
        while delivered < 5:
            response = await read(stream)
            delivered += len(response.token_ids)
        await stream.send(SLOW, token_ids=(), request_json=b'{"cancel": "c-1"}')
        answer = await read_all(stream)
        await stream.finish()
    assert answer.end["finish_reason"] == "cancelled"
    made = answer.end["completion_tokens"]
    assert made == delivered + len(answer.token_ids)
    # One step may have been running when the last response was read, two more until the cancel acts.
    assert made <= delivered + 3


async def test_a_cancel_is_answered_also_when_there_is_nothing_to_cancel(ask: Asker):
    async with ask.stream((), cancel="nobody") as stream:
        response = await read(stream)
    assert response.is_final
    assert json.loads(response.event) == {"cancel": "nobody", "found": False}


async def test_a_hundred_cancels_leave_the_engine_whole(ask: Asker):
    async def cancel_one(n: int) -> str:
        async with ask.stream("Hello", model=SLOW, id=f"many-{n}", ignore_eos=True) as stream:
            if n % 3:
                assert not (await read(stream)).is_final
            if n % 5 == 0:
                return "left"  # closes the stream without a word
            await stream.send(SLOW, token_ids=(), request_json=json.dumps({"cancel": f"many-{n}"}).encode())
            end: str = (await read_all(stream)).end["finish_reason"]
            await stream.finish()
            return end

    ends = []
    for first in range(0, 100, 20):
        ends += await asyncio.gather(*(cancel_one(n) for n in range(first, first + 20)))
    assert ends.count("left") == 20
    assert set(ends) == {"left", "cancelled"}
    answers = await asyncio.gather(*(ask("Hello", model=SLOW) for _ in range(8)))
    assert {answer.end["finish_reason"] for answer in answers} == {"stop"}


async def test_a_client_that_leaves_frees_its_slot(ask: Asker):
    for _ in range(SLOW_SLOTS):
        async with ask.stream("Hello", model=SLOW, ignore_eos=True) as stream:
            await read(stream)
    began = time.monotonic()
    await ask("Hello", model=SLOW, max_tokens=1)
    assert time.monotonic() - began < CONTEXT_S / 2


async def test_a_deadline_ends_with_an_error_and_the_count(ask: Asker):
    answer = await ask("Hello", model=SLOW, ignore_eos=True, deadline_ms=200)
    assert answer.end["finish_reason"] == "error"
    assert answer.end["error"]["code"] == "deadline_exceeded"
    assert 0 < answer.end["completion_tokens"] <= 200 / SLOW_STEP_MS + 1
    assert answer.end["completion_tokens"] == len(answer.token_ids)


async def test_above_slots_and_inbox_a_request_is_refused_as_retryable(ask: Asker):
    answers = await asyncio.gather(*(ask("Hello", model=SLOW, max_tokens=8) for _ in range(60)))
    refused = [answer.end for answer in answers if answer.end["finish_reason"] == "error"]
    assert refused
    assert {(end["error"]["code"], end["error"]["retryable"]) for end in refused} == {("overloaded", True)}
    assert len(answers) - len(refused) >= SLOW_SLOTS


@pytest.mark.parametrize("stop", ["can I help", "an I he", "!", "Hello"])
async def test_a_stop_string_is_cut_wherever_tokens_begin(ask: Asker, stop: str):
    whole = (await ask("Hello, how are you?", max_tokens=60)).text
    stop = stop if stop in whole else whole[3:12]
    answer = await ask("Hello, how are you?", stop=["never seen", stop])
    assert answer.text == whole[: whole.index(stop)]
    assert answer.end["finish_reason"] == "stop"
    assert answer.end["stop_string"] == stop


async def test_the_same_seed_gives_the_same_text_alone_and_in_a_crowd(ask: Asker):
    async def tell(seed: int) -> str:
        answer = await ask("Tell me a story", seed=seed, temperature=1.5, max_tokens=60)
        return answer.text

    alone = await tell(7)
    crowd = await asyncio.gather(*(tell(seed) for seed in range(16)))
    assert crowd[7] == alone
    assert len(set(crowd)) > 8


async def test_narrow_sampling_is_greedy(ask: Asker):
    greedy = (await ask("Tell me a story", max_tokens=50)).text
    narrows: list[dict[str, Any]] = [{"top_k": 1}, {"top_p": 0.001}, {"temperature": 0.00001}]
    for narrow in narrows:
        parameters: dict[str, Any] = {"temperature": 2.0, "seed": 1, **narrow}
        answer = await ask("Tell me a story", max_tokens=50, **parameters)
        assert answer.text == greedy, narrow


async def test_heat_makes_a_difference(ask: Asker):
    texts = {(await ask("Tell me a story", seed=n, temperature=1.5, max_tokens=30)).text for n in range(5)}
    assert len(texts) > 1


async def test_arabic_arrives_whole_in_every_piece(ask: Asker):
    answer = await ask("من أنت؟")
    assert "رصيد" in answer.text
    assert all("\ufffd" not in response.text for response in answer.responses)


async def test_a_character_cut_by_max_tokens_becomes_a_replacement(ask: Asker):
    whole = (await ask("من أنت؟")).text
    cut = [(await ask("من أنت؟", max_tokens=n)).text for n in range(1, 8)]
    assert all(whole.startswith(text.rstrip("\ufffd")) for text in cut)


@pytest.mark.parametrize(
    ("prompt", "parameters", "code", "says"),
    [
        ([5] * 1024, {}, "prompt_too_long", ["1024 tokens", "context of 1024"]),
        ([5] * 3000, {}, "prompt_too_long", ["3000 tokens", "context of 1024"]),
        ([], {}, "empty_prompt", []),
        ([0, 880], {}, "bad_token_id", ["880"]),
        ([0, -1], {}, "bad_token_id", ["-1"]),
        ([0], {"temperature": "hot"}, "bad_request", ["temperature"]),
        ([0], {"top_p": 1.5}, "bad_request", ["top_p"]),
        ([0], {"max_tokens": 0}, "bad_request", ["max_tokens"]),
        ([0], {"stop": [""]}, "bad_request", ["stop"]),
        ([0], {"stop": ["x"] * 17}, "bad_request", ["stop"]),
    ],
)
async def test_a_bad_request_gets_a_clean_error(ask: Asker, prompt, parameters, code, says):
    answer = await ask(prompt, **parameters)
    error = answer.end["error"]
    assert (answer.end["finish_reason"], error["code"], error["retryable"]) == ("error", code, False)
    assert all(text in error["message"] for text in says)


async def test_text_that_is_no_json_gets_a_clean_error(ask: Asker):
    async with ask.stream("Hello", model=SLOW, max_tokens=1) as stream:
        await stream.send(SLOW, token_ids=[5], request_json=b"{")
        ends = [json.loads((await read(stream)).event) for _ in range(2)]
    assert {end["finish_reason"] for end in ends} == {"error", "length"}


async def test_unknown_fields_and_huge_seeds_are_fine(ask: Asker):
    answer = await ask("Hello", seed=-(1 << 70), temperature=1, logit_bias={"5": 1}, whatever=None)
    assert answer.end["finish_reason"] in {"stop", "length"}


async def test_an_id_in_use_is_refused(ask: Asker):
    async with ask.stream("Hello", model=SLOW, id="twice", ignore_eos=True) as stream:
        await read(stream)
        answer = await ask("Hello", model=SLOW, id="twice")
    assert answer.end["error"]["code"] == "id_in_use"


async def test_no_telemetry_is_left_in_an_empty_home(ask: Asker, triton: RunningTriton):
    await ask("Hello")
    assert list(triton.home.iterdir()) == []
