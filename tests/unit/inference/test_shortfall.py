"""What becomes of an answer when credit ends within it: it stops, it is owed, or the house pays."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.support.desk import Desk, chat, read
from tests.support.hand_backend import PROMPT_TOKENS, finish, piece
from tests.unit.billing.builders import issue, place
from tests.unit.inference.conftest import CHUNK
from tests.unit.inference.test_credit import extensions, leave, leave_free, let_go

from raseed.adapters.scripted.backend import prompt_tokens_of
from raseed.core.billing.commands import ExtendHold, Refused
from raseed.core.billing.holds import HoldPolicy, OnShortfall
from raseed.core.billing.spend_caps import SpendCap, key_bucket
from raseed.core.errors import CreditExhausted
from raseed.core.ids import ApiKeyId
from raseed.core.inference.model import FinishReason

REQUEST = chat("#script tokens=60 pace_ms=1", max_tokens=60)
PROMPT = prompt_tokens_of(REQUEST)
PAID = 20
"""Tokens of the answer that there is credit for."""
LENGTH, STOP = FinishReason.LENGTH, FinishReason.STOP


def policy(on_shortfall: OnShortfall, limit: int) -> HoldPolicy:
    return HoldPolicy(
        chunk_tokens=CHUNK,
        on_shortfall=on_shortfall,
        debt_limit_microcredits=limit,
        absorb_limit_microcredits=limit,
    )


@pytest.mark.parametrize(
    ("on_shortfall", "limit", "tokens", "reason", "charged", "owed", "lost"),
    [
        (OnShortfall.STOP, 1_000, 20, LENGTH, 20, 0, 0),
        (OnShortfall.DEBT, 0, 20, LENGTH, 20, 0, 0),
        (OnShortfall.DEBT, 1, 21, LENGTH, 21, 1, 0),
        (OnShortfall.DEBT, 13, 33, LENGTH, 33, 13, 0),
        (OnShortfall.DEBT, 40, 60, STOP, 60, 40, 0),
        (OnShortfall.DEBT, 1_000, 60, STOP, 60, 40, 0),
        (OnShortfall.ABSORB, 0, 20, LENGTH, 20, 0, 0),
        (OnShortfall.ABSORB, 1, 21, LENGTH, 20, 0, 1),
        (OnShortfall.ABSORB, 13, 33, LENGTH, 20, 0, 13),
        (OnShortfall.ABSORB, 40, 60, STOP, 20, 0, 40),
        (OnShortfall.ABSORB, 1_000, 60, STOP, 20, 0, 40),
    ],
)
async def test_what_the_customer_gets_and_pays(
    ledger, books, on_shortfall, limit, tokens, reason, charged, owed, lost
):
    """To the unit. `charged` and `lost` beside the prompt."""
    desk = Desk(ledger, policy=policy(on_shortfall, limit))
    await leave(ledger, PROMPT + PAID)
    run = desk.ask(REQUEST)
    answer = await read(run)
    assert (answer.tokens, answer.ended.finish_reason) == (tokens, reason)
    event = books.event(run)
    assert answer.ended.cost_microcredits == event.cost_microcredits == PROMPT + charged
    assert event.shortfall_microcredits == lost
    assert (books.spendable, books.alice.debt_microcredits) == (0, owed)
    assert books.alice.held_microcredits == 0


@pytest.mark.parametrize("on_shortfall", OnShortfall)
async def test_no_policy_begins_an_answer_without_credit(hand, ledger, books, on_shortfall):
    desk = Desk(ledger, hand, policy=replace(policy(on_shortfall, 1_000), hold_wait_s=0.1))
    await leave(ledger, PROMPT_TOKENS)
    assert isinstance((await read(desk.ask(chat("hi", model="hand")))).error, CreditExhausted)
    assert hand.generations == []


async def test_an_account_in_debt_begins_nothing_until_it_has_repaid(ledger, books):
    desk = Desk(ledger, policy=policy(OnShortfall.DEBT, 1_000))
    await leave(ledger, PROMPT + PAID)
    await read(desk.ask(REQUEST))
    refused = (await read(desk.ask(REQUEST))).error
    assert isinstance(refused, CreditExhausted)
    assert refused.http_status == 402
    await ledger.inner.submit([issue("top-up", 40 + PROMPT + 60)])
    assert (await read(desk.ask(REQUEST))).tokens == 60
    assert (books.spendable, books.alice.debt_microcredits) == (0, 0)


async def test_answers_at_once_owe_the_limit_and_no_more(ledger, books):
    desk = Desk(ledger, policy=policy(OnShortfall.DEBT, 50))
    await leave(ledger, 4 * (PROMPT + 5))
    runs = [desk.ask(REQUEST) for _ in range(4)]
    await asyncio.gather(*map(read, runs))
    charged = [books.event(run).cost_microcredits for run in runs if books.has_event(run)]
    assert len(charged) >= 3
    assert sum(charged) == 4 * (PROMPT + 5) + 50
    assert books.alice.debt_microcredits == 50


async def test_a_top_up_within_the_answer_is_used_before_the_house_goes_on(hand, ledger, books):
    desk = Desk(ledger, hand, policy=policy(OnShortfall.ABSORB, 30))
    await leave(ledger, PROMPT_TOKENS + CHUNK)
    run = desk.ask(chat("hi", model="hand", max_tokens=100))
    await asyncio.sleep(1)
    hand.generation.say(piece(CHUNK + 20))
    await run.next()
    await ledger.inner.submit([issue("top-up", 50)])
    await asyncio.sleep(1)
    hand.generation.say(piece(CHUNK + 25), piece(CHUNK + 95))
    answer = await read(run)
    # Held: 58 beside the prompt, and then thirty more of the house's; the next piece would need 103.
    assert (answer.tokens, answer.ended.finish_reason) == (CHUNK + 25, LENGTH)
    event = books.event(run)
    assert (event.cost_microcredits, event.shortfall_microcredits) == (PROMPT_TOKENS + CHUNK + 25, 0)


async def test_the_house_pays_nothing_for_a_key_at_its_cap(ledger, books):
    """The cap is the customer's own wish. The account has credit."""
    desk = Desk(ledger, policy=policy(OnShortfall.ABSORB, 1_000))
    desk.api_key_id = ApiKeyId("key_capped")
    ledger.inner.set_cap(key_bucket(desk.api_key_id), SpendCap(PROMPT + PAID))
    run = desk.ask(REQUEST)
    answer = await read(run)
    assert (answer.tokens, answer.ended.finish_reason) == (PAID, LENGTH)
    assert books.event(run).shortfall_microcredits == 0


async def test_the_house_pays_nothing_for_two_answers_of_a_key_that_share_its_cap(ledger, books):
    """What the other one keeps of the cap comes free again: that is no lack of credit."""
    desk = Desk(ledger, policy=policy(OnShortfall.ABSORB, 1_000))
    desk.api_key_id = ApiKeyId("key_capped")
    ledger.inner.set_cap(key_bucket(desk.api_key_id), SpendCap(2 * (PROMPT + PAID)))
    runs = [desk.ask(REQUEST) for _ in range(2)]
    await asyncio.gather(*map(read, runs))
    assert [books.event(run).shortfall_microcredits for run in runs] == [0, 0]
    assert sum(books.event(run).cost_microcredits for run in runs) == 2 * (PROMPT + PAID)


@pytest.mark.parametrize("parked", [100, PAID])
async def test_the_house_pays_nothing_while_another_request_keeps_credit(ledger, books, parked):
    """Else whoever parks his credit in a hold of his own is answered for nothing, as often as he likes."""
    desk = Desk(ledger, policy=policy(OnShortfall.ABSORB, 1_000))
    await leave(ledger, parked + PROMPT + 1)
    await ledger.inner.submit([place("other", parked)])
    run = desk.ask(REQUEST)
    answer = await read(run)
    await let_go(ledger)
    assert (answer.tokens, answer.ended.finish_reason) == (1, LENGTH)
    assert books.event(run).shortfall_microcredits == 0
    assert books.spendable == parked


async def test_credit_that_comes_free_is_used_before_the_house_goes_on(hand, ledger, books):
    """The house pays for what was short at the time of asking, and asks again."""
    desk = Desk(ledger, hand, policy=policy(OnShortfall.ABSORB, 1_000))
    await leave(ledger, PROMPT_TOKENS + CHUNK)
    run = desk.ask(chat("hi", model="hand", max_tokens=700))
    await asyncio.sleep(1)
    hand.generation.say(piece(300))
    await run.next()
    await ledger.inner.submit([issue("top-up", 5_000)])
    for tokens in range(301, 701, 4):
        await asyncio.sleep(1)
        hand.generation.say(piece(tokens))
        await run.next()
    hand.generation.say(finish(700))
    answer = await read(run)
    event = books.event(run)
    assert answer.ended.finish_reason is STOP
    assert (event.cost_microcredits, event.shortfall_microcredits) == (PROMPT_TOKENS + 700, 0)


@pytest.mark.parametrize("on_shortfall", OnShortfall)
async def test_another_request_takes_of_the_credit_between_two_attempts(
    hand, ledger, books, on_shortfall, monkeypatch
):
    """Seven are left, of which another takes three after this one has asked for eight: four it still gets."""
    desk = Desk(ledger, hand, policy=policy(on_shortfall, 0))
    await leave(ledger, PROMPT_TOKENS + CHUNK + 7)
    run = desk.ask(chat("hi", model="hand", max_tokens=100))
    await asyncio.sleep(1)
    submit = ledger.inner.submit

    async def with_another_behind_the_first(commands):
        results = await submit(commands)
        if isinstance(commands[0], ExtendHold) and isinstance(results[0], Refused):
            monkeypatch.setattr(ledger.inner, "submit", submit)
            await submit([place("other", 3)])
        return results

    monkeypatch.setattr(ledger.inner, "submit", with_another_behind_the_first)
    hand.generation.say(*(piece(tokens) for tokens in range(1, 31)))
    answer = await read(run)
    await let_go(ledger)
    assert (answer.tokens, answer.ended.finish_reason) == (CHUNK + 4, LENGTH)


async def test_what_was_refused_ahead_of_need_is_asked_for_again_when_it_is_needed(hand, ledger, books):
    desk = Desk(ledger, hand, policy=policy(OnShortfall.STOP, 0))
    await leave_free(ledger, PROMPT_TOKENS + CHUNK)
    run = desk.ask(chat("hi", model="hand", max_tokens=16))
    await asyncio.sleep(1)
    gate = ledger.block(ExtendHold)
    hand.generation.say(piece(CHUNK - 2))  # asks ahead
    await run.next()
    submit = ledger.inner.submit

    async def then_let_go(commands):
        results = await submit(commands)
        ledger.inner.submit = submit
        await let_go(ledger)
        return results

    ledger.inner.submit = then_let_go
    hand.generation.say(piece(CHUNK + 3), finish(CHUNK + 3))  # needs it while that is on its way
    await asyncio.sleep(1)
    gate.set()
    answer = await read(run)
    assert (answer.tokens, answer.ended.finish_reason) == (CHUNK + 3, STOP)


@pytest.mark.parametrize("on_shortfall", [OnShortfall.DEBT, OnShortfall.ABSORB])
async def test_the_ledger_is_not_asked_at_every_token(ledger, books, on_shortfall):
    desk = Desk(ledger, policy=replace(policy(on_shortfall, 1_000), chunk_tokens=256))
    request = chat("#script tokens=250 pace_ms=0.1", max_tokens=1_000)
    await leave(ledger, prompt_tokens_of(request) + 200)
    assert (await read(desk.ask(request))).ended.finish_reason is STOP
    assert len(extensions(ledger)) <= 4
    assert sum(isinstance(seen.result, Refused) for seen in ledger.seen) <= 3
