"""Runs and the limits of their account: what is taken when, what is corrected, and what a refusal costs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from unittest.mock import ANY

import pytest
from tests.support.desk import Desk, chat, gone, read
from tests.support.hand_backend import PROMPT_TOKENS, finish, piece
from tests.unit.billing.builders import ALICE
from tests.unit.inference.conftest import CHUNK, nothing_left

from raseed.adapters.limits.memory import MemoryLimitStore
from raseed.adapters.scripted.backend import prompt_tokens_of
from raseed.core.accounts.key_bounds import KeyLimits
from raseed.core.accounts.model import Caller, OwnLimit, Tier
from raseed.core.clock import SECOND
from raseed.core.errors import (
    BackendLost,
    BackendUnavailable,
    Conflict,
    ModelNotAllowed,
    RateLimited,
    RequestAboveLimit,
    RequestInvalid,
    TokensLimited,
)
from raseed.core.ids import ApiKeyId, RunId, SessionId
from raseed.core.inference.run import Stage
from raseed.core.limits.gcra import per_minute
from raseed.core.limits.model import TierLimits, Window
from raseed.core.limits.quotas import PAGE_CALLS
from raseed.core.limits.service import LimitService

HAND = chat("hi", model="hand", max_tokens=100)
TPM = per_minute(600)


@pytest.fixture
async def made(ledger, books, policy, limits, hand):
    """Desks with limits of their own; the hand model is served too."""
    desks: list[Desk] = []

    def make(**tier: object) -> Desk:
        desk = Desk(ledger, backend=hand, policy=policy, limits=limits, tier=TierLimits(**tier))  # type: ignore[arg-type]
        desks.append(desk)
        return desk

    yield make
    for desk in desks:
        await nothing_left(desk)


def taken(desk: Desk, limit: str, interval_us: float) -> float:
    """Units of a limit that have not flowed back."""
    return desk.rates.fill_us(f"{{{ALICE}}}{limit}") / interval_us


async def test_requests_of_a_minute(desk, ledger):
    strict = Desk(ledger, policy=desk.policy, limits=desk.limits, tier=TierLimits(rpm=3))
    answers = [await read(strict.ask(chat("#script tokens=1"))) for _ in range(4)]
    assert [answer.pieces != [] for answer in answers] == [True] * 3 + [False]
    error = answers[3].error
    assert type(error) is RateLimited
    assert error.message == (
        f"Rate limit reached for scripted in organization {ALICE} on requests per min (RPM): "
        "Limit 3, Used 3, Requested 1. Please try again in 20s."
    )
    assert error.retry_after_s == pytest.approx(20)
    assert len(ledger.seen) == 6, "the fourth was neither held nor charged"
    await asyncio.sleep(20)
    assert (await read(strict.ask(chat("#script tokens=1")))).tokens == 1


async def test_one_that_is_refused_for_their_number_is_not_even_counted(made, hand):
    desk = made(rpm=1)
    first = desk.ask(HAND)
    await asyncio.sleep(0.001)
    hand.generations[0].say(finish(1))
    await read(first)
    hand.prepare_gate.clear()  # whoever prepared now would wait for ever
    assert isinstance((await read(desk.ask(HAND), timeout_s=1)).error, RateLimited)


async def test_tokens_are_taken_as_expected_and_corrected_by_what_was_used(made, hand):
    desk = made(tpm=600)
    run = desk.ask(HAND)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert taken(desk, "tpm", TPM.interval_us) == pytest.approx(PROMPT_TOKENS + CHUNK)
    await asyncio.sleep(0.001)
    hand.generations[0].say(piece(1), finish(2))
    await read(run)
    await gone(run)
    assert taken(desk, "tpm", TPM.interval_us) == pytest.approx(PROMPT_TOKENS + 2, abs=0.1)


async def test_a_longer_answer_than_expected_is_taken_too(made, hand):
    desk = made(tpm=600)
    run = desk.ask(HAND)
    await asyncio.sleep(0.001)
    hand.generations[0].say(piece(1), finish(60))
    await read(run)
    await gone(run)
    assert taken(desk, "tpm", TPM.interval_us) == pytest.approx(PROMPT_TOKENS + 60, abs=0.1)


async def test_an_answer_that_failed_before_output_takes_no_tokens(made, hand):
    desk = made(tpm=600, rpm=60)
    run = desk.ask(HAND)
    await asyncio.sleep(0.001)
    hand.generations[0].say(BackendUnavailable("gone"))
    assert isinstance((await read(run)).error, BackendUnavailable)
    await gone(run)
    assert taken(desk, "tpm", TPM.interval_us) == 0
    assert taken(desk, "rpm", SECOND) == pytest.approx(1, abs=0.1)


async def test_one_that_was_left_is_taken_for_what_was_generated(made, hand):
    desk = made(tpm=600)
    run = desk.ask(HAND)
    await asyncio.sleep(0.001)
    hand.generations[0].say(piece(5))
    await asyncio.sleep(0.001)
    run.abandon()
    await gone(run)
    assert taken(desk, "tpm", TPM.interval_us) == pytest.approx(PROMPT_TOKENS + 5, abs=0.1)


async def test_one_whose_engine_is_lost_is_taken_for_what_was_generated(made, hand):
    desk = made(tpm=600)
    run = desk.ask(HAND)
    await asyncio.sleep(0.001)
    hand.generations[0].say(piece(5), BackendLost("gone"))
    assert isinstance((await read(run)).error, BackendLost)
    await gone(run)
    assert taken(desk, "tpm", TPM.interval_us) == pytest.approx(PROMPT_TOKENS + 5, abs=0.1)


async def test_tokens_of_a_minute(made, hand):
    desk = made(tpm=20)
    first = desk.ask(HAND)
    await asyncio.sleep(0.001)
    error = (await read(desk.ask(HAND))).error
    assert type(error) is TokensLimited
    assert "on tokens per min (TPM): Limit 20, Used 11, Requested 11. Please try again in" in error.message
    hand.generations[0].say(finish(1))
    await read(first)
    await gone(first)
    again = desk.ask(HAND)  # the first needed less than was expected
    await asyncio.sleep(0.001)
    hand.generations[1].say(finish(1))
    assert (await read(again)).ended.usage.completion_tokens == 1


async def test_a_request_above_the_limit_is_told_that_waiting_does_not_help(made):
    error = (await read(made(tpm=10).ask(HAND))).error
    assert type(error) is RequestAboveLimit
    assert error.message.startswith("Request too large: rate limit reached for hand in organization")
    assert "Limit 10, Requested 11. The input or output tokens must be reduced" in error.message
    assert not error.is_transient


async def test_requests_that_are_refused_for_their_tokens_are_counted_as_requests(made, hand):
    """Their prompts were: nobody has prompts counted without end."""
    desk = made(tpm=10, rpm=3)
    errors = [(await read(desk.ask(HAND))).error for _ in range(4)]
    assert [type(error) for error in errors] == [RequestAboveLimit] * 3 + [RateLimited]
    assert taken(desk, "rpm", 20 * SECOND) == pytest.approx(3, abs=0.1)
    assert taken(desk, "tpm", TPM.interval_us) == 0


async def test_prompts_are_counted_for_as_many_requests_at_a_time_as_there_may_be(made, hand):
    desk = made(concurrency=2)
    hand.prepare_gate.clear()
    runs = [desk.ask(HAND) for _ in range(3)]
    assert isinstance((await read(runs[2], timeout_s=1)).error, RateLimited)
    for run in runs[:2]:
        run.abandon()
        await gone(run)
    assert desk.rates.holders() == {}


async def test_requests_at_a_time(made, hand):
    desk = made(concurrency=2, rpm=100)
    runs = [desk.ask(HAND) for _ in range(3)]
    await asyncio.sleep(0.001)
    error = (await read(runs[2])).error
    assert type(error) is RateLimited
    assert "on concurrent requests: Limit 2, Used 2, Requested 1. Please try again in 1s." in error.message
    hand.generations[0].say(finish(1))
    await read(runs[0])
    await gone(runs[0])
    another = desk.ask(HAND)
    await asyncio.sleep(0.001)
    assert another.stage is Stage.GENERATING
    for generation in hand.generations[1:]:
        generation.say(finish(1))
    await asyncio.gather(read(runs[1]), read(another))
    assert taken(desk, "rpm", 0.6 * SECOND) == pytest.approx(3, abs=0.1), "who found no seat sent no request"


async def test_a_repeat_of_an_answered_request_is_a_request_and_takes_no_tokens(desk, ledger):
    counted = Desk(
        ledger, policy=desk.policy, limits=desk.limits, tier=TierLimits(rpm=60, tpm=600, concurrency=9)
    )
    request = chat("#script tokens=2")
    first = counted.ask(request, request_id="one")
    await read(first)
    await gone(first)
    used = prompt_tokens_of(request) + 2
    for again in (request, request, chat("#script tokens=3")):
        repeat = counted.ask(again, request_id="one")
        assert isinstance((await read(repeat)).error, Conflict)
        await gone(repeat)
    assert taken(counted, "rpm", SECOND) == pytest.approx(4, abs=0.1)
    assert taken(counted, "tpm", TPM.interval_us) == pytest.approx(used, abs=0.1)
    await nothing_left(counted)


async def test_a_tier_has_a_longest_answer(made, hand):
    desk = made(max_output_tokens=50)
    with pytest.raises(RequestInvalid) as caught:
        desk.ask(HAND)
    assert caught.value.param == "max_tokens"
    assert caught.value.message.startswith(
        "max_tokens is too large: 100. Your account's tier supports at most 50"
    )
    run = desk.ask(chat("hi", model="hand"))
    await asyncio.sleep(0.001)
    assert hand.generations[0].max_tokens == 50
    hand.generations[0].say(finish(1))
    await read(run)


async def test_a_tier_has_its_models(made):
    desk = made(models=frozenset({"other"}))
    with pytest.raises(ModelNotAllowed) as caught:
        desk.ask(HAND)
    assert (caught.value.param, caught.value.available_models) == ("model", ())
    caller = Caller(account_id=ALICE, api_key_id=None, tier=Tier.PRO)
    assert desk.inference.models(caller) == []
    with pytest.raises(ModelNotAllowed):
        desk.inference.model(caller, "hand")


def test_an_account_may_have_limits_of_its_own():
    service = LimitService(None, dict.fromkeys(Tier, TierLimits(rpm=10, tpm=100, keys=2)))
    caller = Caller(account_id=ALICE, api_key_id=None, tier=Tier.PRO)
    assert service.of(caller).tier == TierLimits(rpm=10, tpm=100, keys=2)
    own = replace(caller, own_limits=((OwnLimit.RPM, None), (OwnLimit.CONCURRENCY, 5)))
    assert service.of(own).tier == TierLimits(rpm=None, tpm=100, keys=2, concurrency=5)
    assert service.of(caller).tier.rpm == 10, "what changed is seen at once"


async def test_a_key_may_have_limits_of_its_own_below_the_accounts(books):
    store = MemoryLimitStore()
    service = LimitService(store, dict.fromkeys(Tier, TierLimits(rpm=3, concurrency=9)))
    strict = Caller(
        account_id=ALICE,
        api_key_id=ApiKeyId("key_1"),
        tier=Tier.PRO,
        limits=KeyLimits(requests_per_minute=1, tokens_per_minute=100, concurrency=1),
    )
    other = replace(strict, api_key_id=ApiKeyId("key_2"), limits=KeyLimits())
    admission = await service.admit_run(strict, "m", RunId("one"))
    await admission.take_tokens(10)
    with pytest.raises(RateLimited, match=r"requests per min \(RPM\) of this API key: Limit 1, Used 1"):
        await service.admit_run(strict, "m", RunId("two"))
    with pytest.raises(RequestAboveLimit, match=r"tokens per min \(TPM\) of this API key: Limit 100"):
        await admission.take_tokens(500)
    await (await service.admit_run(other, "m", RunId("three"))).take_tokens(500)
    assert service.standing(strict, of_runs=True).requests == Window(limit=1, remaining=0, reset_us=ANY)
    assert service.standing(other, of_runs=True).requests == Window(limit=3, remaining=1, reset_us=ANY)
    assert service.standing(other, of_runs=True).tokens is None
    admission.end(10)
    assert list(store.holders().values()) == [{"three"}]


def test_a_key_may_be_for_some_models_only():
    service = LimitService(None, dict.fromkeys(Tier, TierLimits(models=frozenset({"a", "b"}))))
    caller = Caller(account_id=ALICE, tier=Tier.PRO, allowed_models=frozenset({"b", "c"}))
    assert [model for model in "abc" if service.may_use(caller, model)] == ["b"]
    with pytest.raises(ModelNotAllowed, match="This API key may not use the model"):
        service.check_model(caller, "a", "abc")
    with pytest.raises(ModelNotAllowed, match="not accessible for your tier"):
        service.check_model(caller, "c", "abc")


async def test_of_a_minutes_and_a_days_requests_those_are_told_of_which_least_is_left():
    service = LimitService(MemoryLimitStore(), dict.fromkeys(Tier, TierLimits(rpm=10, rpd=12)))
    caller = Caller(account_id=ALICE, tier=Tier.PRO)
    now = service.standing(caller, of_runs=True).requests
    assert now == Window(limit=10, remaining=10, reset_us=0)
    for number in range(8):
        (await service.admit_run(caller, "m", RunId(f"run {number}"))).end(0)
    assert service.standing(caller, of_runs=True).requests == Window(limit=10, remaining=2, reset_us=ANY)
    daily = LimitService(MemoryLimitStore(), dict.fromkeys(Tier, TierLimits(rpm=10, rpd=9)))
    for number in range(9):
        (await daily.admit_run(caller, "m", RunId(f"run {number}"))).end(0)
    assert daily.standing(caller, of_runs=True).requests == Window(limit=9, remaining=0, reset_us=ANY)
    with pytest.raises(
        RateLimited, match=r"requests per day \(RPD\): Limit 9, Used 9, Requested 1. .* in 2h(40|39)m"
    ):
        await daily.admit_run(caller, "m", RunId("one more"))


async def test_pages_that_people_look_at_have_calls_of_their_own():
    service = LimitService(MemoryLimitStore(), dict.fromkeys(Tier, TierLimits(rpm=2)))
    program = Caller(account_id=ALICE, tier=Tier.PRO, api_key_id=ApiKeyId("key_1"))
    person = Caller(account_id=ALICE, tier=Tier.PRO, session_id=SessionId("ses_1"))
    for _ in range(2):
        await service.admit_call(program)
    with pytest.raises(RateLimited):
        await service.admit_call(program)
    for _ in range(PAGE_CALLS):
        await service.admit_call(person)
    with pytest.raises(RateLimited):
        await service.admit_call(person)
    limit = service.standing(person, of_runs=True).requests
    assert limit is not None
    assert limit.limit == 2, "what asks a model is limited as the tier says, whoever asks"
