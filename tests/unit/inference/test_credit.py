"""Credit ahead of generation: extensions, their failure, and that nobody gets less than was paid for."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.desk import Desk, chat, gone, read
from tests.support.faulty_ledger import When
from tests.support.hand_backend import PROMPT_TOKENS, finish, piece
from tests.unit.billing.builders import issue, place, release, settle
from tests.unit.inference.conftest import CHUNK

from raseed.adapters.scripted.backend import prompt_tokens_of
from raseed.core.billing.commands import ExtendHold, Held, PlaceHold, Refused
from raseed.core.billing.holds import HoldPolicy, Reserve
from raseed.core.billing.spend_caps import SpendCap, key_bucket
from raseed.core.errors import CreditExhausted, SpendCapReached
from raseed.core.ids import ApiKeyId
from raseed.core.inference.model import FinishReason


def extensions(ledger) -> list[ExtendHold]:
    return [command for command in ledger.attempts if isinstance(command, ExtendHold)]


async def leave(ledger, spendable: int) -> None:
    """Alice has so much; the rest is spent."""
    await ledger.inner.submit([place("spent", 10_000 - spendable), settle("spent", 10_000 - spendable)])


async def leave_free(ledger, spendable: int) -> None:
    """Alice can spend so much; the rest is held by another request of hers."""
    await ledger.inner.submit([place("other", 10_000 - spendable)])


async def let_go(ledger) -> None:
    [freed] = await ledger.inner.submit([release("other")])
    assert not isinstance(freed, Refused)


async def test_a_short_answer_never_extends(desk, ledger):
    await read(desk.ask(chat("#script tokens=4", max_tokens=CHUNK)))
    assert extensions(ledger) == []


async def test_the_first_hold_is_the_prompt_and_one_chunk(desk, ledger, books):
    request = chat("#script tokens=1", max_tokens=1_000)
    run = desk.ask(request)
    await read(run)
    assert books.event(run).hold.amount_microcredits == prompt_tokens_of(request) + CHUNK


async def test_a_long_answer_is_held_chunk_by_chunk_and_ahead_of_need(hand_desk, hand, ledger, books):
    """The hold is extended when half a chunk is left, so that no piece ever waits for it."""
    run = hand_desk.ask(chat("hi", model="hand", max_tokens=30))
    await asyncio.sleep(1)
    amounts = []
    for tokens in range(1, 31):
        hand.generation.say(piece(tokens))
        [delta] = await run.next()
        assert delta.completion_tokens == tokens
        await asyncio.sleep(1)
        [hold] = ledger.inner.state.holds.values()
        amounts.append(hold.amount_microcredits - PROMPT_TOKENS)
        assert hold.amount_microcredits >= PROMPT_TOKENS + tokens
    assert amounts == [8] * 3 + [16] * 8 + [24] * 8 + [30] * 11
    assert len(extensions(ledger)) == 3
    hand.generation.say(finish(30))
    assert (await read(run)).ended.cost_microcredits == PROMPT_TOKENS + 30


async def test_a_piece_of_many_tokens_waits_for_as_many_chunks_as_it_needs(hand_desk, hand, books):
    run = hand_desk.ask(chat("hi", model="hand", max_tokens=100))
    await asyncio.sleep(1)
    hand.generation.say(piece(70), finish(70))
    assert (await read(run)).ended.cost_microcredits == PROMPT_TOKENS + 70


async def test_an_engine_that_writes_more_than_it_was_asked_for(hand_desk, hand, books):
    run = hand_desk.ask(chat("hi", model="hand", max_tokens=5))
    await asyncio.sleep(1)
    hand.generation.say(*map(piece, range(1, 8)))
    answer = await read(run)
    assert (answer.tokens, answer.ended.finish_reason) == (5, FinishReason.LENGTH)
    assert books.event(run).cost_microcredits == PROMPT_TOKENS + 5


async def test_credit_that_ends_within_the_answer_ends_the_answer(desk, ledger, books):
    """At the last token that is paid for: to the unit, also below a whole chunk."""
    request = chat("#script tokens=500 pace_ms=1", max_tokens=1_000)
    await leave(ledger, prompt_tokens_of(request) + 3 * CHUNK + 5)
    run = desk.ask(request)
    answer = await read(run)
    assert (answer.tokens, answer.ended.finish_reason) == (3 * CHUNK + 5, FinishReason.LENGTH)
    assert answer.ended.usage.completion_tokens == 3 * CHUNK + 5
    event = books.event(run)
    assert event.cost_microcredits == event.hold.amount_microcredits == prompt_tokens_of(request) + 29
    assert (event.run.outcome, event.run.finish_reason) == ("completed", "length")
    assert books.spendable == 0


async def test_a_hold_below_one_chunk_is_worth_what_it_is(desk, ledger, books):
    request = chat("#script tokens=500", max_tokens=1_000)
    await leave(ledger, prompt_tokens_of(request) + 3)
    run = desk.ask(request)
    answer = await read(run)
    assert (answer.tokens, answer.ended.finish_reason) == (3, FinishReason.LENGTH)
    assert books.event(run).cost_microcredits == prompt_tokens_of(request) + 3


async def test_a_spend_cap_that_is_reached_within_the_answer_ends_the_answer(desk, ledger, books):
    """As lack of credit does: at the last token that the cap allows, to the unit. The account has more."""
    request = chat("#script tokens=500 pace_ms=1", max_tokens=1_000)
    desk.api_key_id = ApiKeyId("key_capped")
    ledger.inner.set_cap(key_bucket(desk.api_key_id), SpendCap(prompt_tokens_of(request) + 3 * CHUNK + 5))
    before = books.spendable
    run = desk.ask(request)
    answer = await read(run)
    assert (answer.tokens, answer.ended.finish_reason) == (3 * CHUNK + 5, FinishReason.LENGTH)
    assert books.event(run).cost_microcredits == prompt_tokens_of(request) + 3 * CHUNK + 5

    refused = (await read(desk.ask(request))).error
    assert isinstance(refused, SpendCapReached)
    assert (refused.metadata["available_microcredits"], refused.http_status) == ("0", 402)
    assert books.spendable == before - books.event(run).cost_microcredits


@pytest.mark.parametrize("max_tokens", [None, 100_000], ids=["no max_tokens", "a huge one"])
async def test_a_request_for_a_huge_answer_does_not_block_the_next_one(
    hand_desk, hand, ledger, books, max_tokens
):
    """It holds what it is about to write, not all that it may write: the next one is admitted at once, not after it."""
    await leave(ledger, 3 * (PROMPT_TOKENS + CHUNK))
    huge = hand_desk.ask(chat("hi", model="hand", max_tokens=max_tokens))
    await asyncio.sleep(1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    second = hand_desk.ask(chat("hi", model="hand", max_tokens=CHUNK))
    for _ in range(100):
        await asyncio.sleep(0)
    assert (len(hand.generations), loop.time()) == (2, began)
    hand.generations[1].say(piece(CHUNK), finish(CHUNK))
    assert (await read(second)).ended.cost_microcredits == PROMPT_TOKENS + CHUNK

    hand.generations[0].say(piece(1), finish(1))
    assert (await read(huge)).ended.cost_microcredits == PROMPT_TOKENS + 1


@pytest.mark.parametrize(
    ("reserve", "first", "spendable", "tokens"),
    [
        (Reserve.LEASE, CHUNK, 20, 20),
        (Reserve.LEASE, CHUNK, 30, 30),
        (Reserve.MIN, 1, 20, 20),
        (Reserve.MIN, 1, 30, 30),
        (Reserve.WORST_CASE, 30, 29, None),
        (Reserve.WORST_CASE, 30, 30, 30),
    ],
)
async def test_what_is_reserved_is_for_the_policy_to_say(ledger, books, reserve, first, spendable, tokens):
    """`first` is what the first hold covers, `tokens` what the customer gets of thirty; None: refused at once."""
    request = chat("#script tokens=30 pace_ms=1", max_tokens=30)
    await leave(ledger, prompt_tokens_of(request) + spendable)
    desk = Desk(ledger=ledger, policy=HoldPolicy(chunk_tokens=CHUNK, reserve=reserve))
    answer = await read(desk.ask(request))
    [placed] = [c for c in ledger.attempts if isinstance(c, PlaceHold) and c.hold_id != "spent"]
    assert placed.want_microcredits == prompt_tokens_of(request) + first
    if tokens is None:
        assert isinstance(answer.error, CreditExhausted)
    else:
        assert answer.tokens == tokens
        assert books.spendable == spendable - tokens


async def test_the_least_that_is_admitted_is_one_token(desk, ledger, books):
    request = chat("#script tokens=500", max_tokens=1_000)
    await leave(ledger, prompt_tokens_of(request) + 1)
    assert (await read(desk.ask(request))).tokens == 1
    assert isinstance((await read(desk.ask(request))).error, CreditExhausted)
    assert books.spendable == 0


async def test_less_than_the_least_never_reaches_the_model(hand_desk, hand, ledger, books):
    await leave(ledger, PROMPT_TOKENS)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert isinstance((await read(hand_desk.ask(chat("hi", model="hand")))).error, CreditExhausted)
    assert loop.time() == began
    assert hand.generations == []
    assert books.spendable == PROMPT_TOKENS


async def test_a_piece_beyond_the_credit_is_neither_delivered_nor_charged(hand_desk, hand, ledger, books):
    await leave(ledger, PROMPT_TOKENS + 10)
    run = hand_desk.ask(chat("hi", model="hand", max_tokens=100))
    await asyncio.sleep(1)
    hand.generation.say(piece(6), piece(12))
    answer = await read(run)
    assert (answer.tokens, answer.ended.finish_reason) == (6, FinishReason.LENGTH)
    assert books.event(run).cost_microcredits == PROMPT_TOKENS + 6
    assert (hand.generation.cancels, hand.generation.closes) == (1, 1)


async def test_credit_that_comes_back_in_time_lets_the_answer_go_on(hand_desk, hand, ledger, books):
    await leave_free(ledger, PROMPT_TOKENS + CHUNK)
    run = hand_desk.ask(chat("hi", model="hand", max_tokens=100))
    await asyncio.sleep(1)
    hand.generation.say(piece(CHUNK - 1))
    await asyncio.sleep(1)
    await let_go(ledger)
    hand.generation.say(piece(CHUNK))
    await asyncio.sleep(1)
    assert isinstance(ledger.seen[-1].result, Held)  # asked for again before it was needed
    hand.generation.say(piece(CHUNK + 1), finish(CHUNK + 1))
    assert (await read(run)).ended.finish_reason is FinishReason.STOP


async def test_a_top_up_within_the_answer_counts(hand_desk, hand, ledger, books):
    await leave(ledger, PROMPT_TOKENS + CHUNK)
    run = hand_desk.ask(chat("hi", model="hand", max_tokens=100))
    await asyncio.sleep(1)
    hand.generation.say(piece(CHUNK))
    await asyncio.sleep(1)
    await ledger.inner.submit([issue("top-up", 1_000)])
    hand.generation.say(piece(CHUNK + 1), finish(CHUNK + 1))
    assert (await read(run)).tokens == CHUNK + 1


async def test_refused_credit_is_not_asked_for_at_every_token(desk, ledger, books):
    """An account that is short must not make the ledger work harder than one that is not."""
    long_chunks = Desk(ledger, policy=HoldPolicy(chunk_tokens=256))
    request = chat("#script tokens=250 pace_ms=0.1", max_tokens=1_000)
    await leave(ledger, prompt_tokens_of(request) + 256)
    answer = await read(long_chunks.ask(request))
    assert answer.ended.finish_reason is FinishReason.STOP
    refused = sum(isinstance(seen.result, Refused) for seen in ledger.seen)
    assert 1 <= refused <= 2


@pytest.mark.parametrize("when", When)
async def test_a_ledger_that_stumbles_does_not_cut_an_answer_that_is_paid_for(desk, ledger, books, when):
    request = chat("#script tokens=100", max_tokens=1_000)
    ledger.fail(ExtendHold, when, times=2)
    run = desk.ask(request)
    answer = await read(run)
    assert answer.ended.finish_reason is FinishReason.STOP
    assert books.event(run).cost_microcredits == prompt_tokens_of(request) + 100


async def test_a_ledger_that_stays_away_ends_the_answer_at_what_is_covered(desk, ledger, books):
    request = chat("#script tokens=100", max_tokens=1_000)
    ledger.fail(ExtendHold, When.BEFORE, times=1_000_000)
    run = desk.ask(request)
    answer = await read(run)
    assert (answer.tokens, answer.ended.finish_reason) == (CHUNK, FinishReason.LENGTH)
    assert books.event(run).cost_microcredits == prompt_tokens_of(request) + CHUNK


async def test_an_extension_in_flight_at_the_end_is_waited_for(hand_desk, hand, ledger, books):
    """Settling first and extending then would be refused; the other way round nothing is left behind."""
    granted = ledger.block(ExtendHold)
    run = hand_desk.ask(chat("hi", model="hand", max_tokens=100))
    await asyncio.sleep(1)
    hand.generation.say(piece(CHUNK - 1), finish(CHUNK - 1))
    reading = asyncio.create_task(read(run))
    await asyncio.sleep(1)
    assert not reading.done()
    granted.set()
    assert (await reading).ended.cost_microcredits == PROMPT_TOKENS + CHUNK - 1
    assert [type(seen.result) for seen in ledger.seen if isinstance(seen.command, ExtendHold)] == [Held]


async def test_the_checkpoint_of_an_extension_is_what_was_delivered_until_then(hand_desk, hand, ledger):
    run = hand_desk.ask(chat("hi", model="hand", max_tokens=100))
    await asyncio.sleep(1)
    for tokens in range(1, 6):
        hand.generation.say(piece(tokens))
        await run.next()
    await asyncio.sleep(1)
    [command] = extensions(ledger)
    assert sum(quantity for _, quantity in command.checkpoint.quantities) == PROMPT_TOKENS + 3
    hand.generation.say(finish(5))
    await read(run)


async def test_many_long_answers_share_one_balance_to_the_last_unit(ledger, books, policy):
    """Streams without max_tokens do not starve each other, and together they spend all of it and no more."""
    desk = Desk(ledger, policy=policy)
    request = chat("#script tokens=100000 pace_ms=1")
    runs = [desk.ask(request) for _ in range(10)]
    answers = await asyncio.gather(*map(read, runs))
    for run in runs:
        await gone(run)
    assert all(answer.ended.finish_reason is FinishReason.LENGTH for answer in answers)
    charged = sum(books.event(run).cost_microcredits for run in runs)
    assert charged == sum(prompt_tokens_of(request) + answer.tokens for answer in answers)
    assert books.spendable == 0
