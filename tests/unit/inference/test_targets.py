"""Which target answers, and what is never sent twice. Time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random

import pytest
from tests.support.desk import Answer, Desk, chat, gone, read
from tests.support.hand_backend import HandBackend, HandGeneration, finish, piece
from tests.unit.inference.conftest import nothing_left

from raseed.core.errors import BackendLost, BackendUnavailable, Overloaded
from raseed.core.inference.breaker import Breaker, BreakerLimits, RetryBudget
from raseed.core.inference.model import ChatRequest, Message, ModelCard, Role
from raseed.core.inference.run import Run
from raseed.core.inference.targeted import ATTEMPTS_MAX, TargetedBackend
from raseed.core.inference.targets import Outcome, Refusal, Target, TargetRefused, in_order

CARD = ModelCard(id="sold", context_length=1_000, max_output_tokens=1_000)
PAUSE_S = 5.0


@dataclass
class House:
    desk: Desk
    hands: list[HandBackend]
    targets: list[Target]
    told: list[tuple[str, Outcome | Refusal]] = field(default_factory=list)

    @property
    def refused(self) -> list[str]:
        return [name for name, outcome in self.told if isinstance(outcome, Refusal)]

    def ask(self) -> Run:
        return self.desk.ask(chat("hello", max_tokens=8, model="sold"))

    async def started(self, number: int, count: int = 1) -> HandGeneration:
        """The last generation of a target, once it has so many."""
        while len(self.hands[number].generations) < count:  # noqa: ASYNC110 - time is virtual
            await asyncio.sleep(0.01)
        return self.hands[number].generations[-1]

    async def answered(self, run: Run) -> Answer:
        answer = await read(run)
        await gone(run)
        return answer

    def counts(self) -> list[int]:
        return [len(hand.generations) for hand in self.hands]


def make_house(ledger, policy, limits, count: int, **terms) -> House:
    hands = [HandBackend() for _ in range(count)]
    targets = [
        Target(
            name=f"t{number}",
            backend=hand,
            model="hand",
            priority=number,
            breaker=Breaker(
                BreakerLimits(failures=2, pause_s=PAUSE_S), now=lambda: asyncio.get_running_loop().time()
            ),
        )
        for number, hand in enumerate(hands)
    ]
    told: list[tuple[str, Outcome | Refusal]] = []
    backend = TargetedBackend(CARD, targets, lambda name, outcome, _: told.append((name, outcome)), **terms)
    return House(Desk(ledger, backend=backend, policy=policy, limits=limits), hands, targets, told)


@pytest.fixture
async def house(ledger, books, policy, limits) -> AsyncIterator[House]:
    house = make_house(ledger, policy, limits, 2)
    yield house
    await nothing_left(house.desk)
    assert [target.in_flight for target in house.targets] == [0, 0]


def refusal(kind: Refusal, retry_after_s: float | None = None) -> TargetRefused:
    return TargetRefused(kind, "as the test says", retry_after_s)


@pytest.mark.parametrize("kind", Refusal)
async def test_what_surely_generates_nothing_is_followed_by_the_next(house, books, kind):
    run = house.ask()
    (await house.started(0)).say(refusal(kind))
    (await house.started(1)).say(piece(1), finish(1))
    answer = await house.answered(run)
    assert answer.text == "x"
    assert house.counts() == [1, 1]
    assert house.told == [("t0", kind), ("t1", Outcome.ANSWERED)]
    event = books.event(run)
    assert (event.run.backend, event.cost_microcredits) == ("t1", 4)


@pytest.mark.parametrize("error", [BackendUnavailable("?"), BackendLost("?")])
async def test_what_may_have_generated_is_not_asked_again(house, books, error):
    run = house.ask()
    (await house.started(0)).say(error)
    assert (await house.answered(run)).end is error
    assert house.counts() == [1, 0]
    assert books.event(run).cost_microcredits == 0


async def test_after_the_first_token_nobody_else_is_asked(house, books):
    run = house.ask()
    (await house.started(0)).say(piece(1), BackendLost("?"))
    answer = await house.answered(run)
    assert (answer.text, type(answer.end)) == ("x", BackendLost)
    assert house.counts() == [1, 0]
    event = books.event(run)
    assert (event.run.backend, event.cost_microcredits) == ("t0", 4)


async def test_all_refuse(house, books):
    run = house.ask()
    (await house.started(0)).say(refusal(Refusal.BROKEN))
    (await house.started(1)).say(refusal(Refusal.BUSY, 7.0))
    error = (await house.answered(run)).error
    assert isinstance(error, Overloaded)
    assert books.event(run).cost_microcredits == 0


async def test_who_wants_rest_gets_it(house):
    """The next request goes to the other one at once, and comes back when the rest is over."""
    for second in (1, 2):
        run = house.ask()
        if second == 1:
            (await house.started(0)).say(refusal(Refusal.BUSY, 30.0))
        (await house.started(1, second)).say(finish(0))
        await house.answered(run)
    assert house.counts() == [1, 2]
    await asyncio.sleep(31)
    run = house.ask()
    (await house.started(0, 2)).say(finish(0))
    await house.answered(run)


async def test_breaker(house):
    """After two failures in a row it is left alone for a pause; then one request tries it."""
    for count in (1, 2):
        run = house.ask()
        (await house.started(0, count)).say(refusal(Refusal.UNREACHABLE))
        (await house.started(1, count)).say(finish(0))
        await house.answered(run)
    run = house.ask()
    (await house.started(1, 3)).say(finish(0))
    await house.answered(run)
    assert house.counts() == [2, 3]
    await asyncio.sleep(PAUSE_S + 1)
    first, second = house.ask(), house.ask()
    probe = await house.started(0, 3)
    (await house.started(1, 4)).say(finish(0))
    probe.say(finish(0))
    await house.answered(first)
    await house.answered(second)
    run = house.ask()
    (await house.started(0, 4)).say(finish(0))
    await house.answered(run)


async def test_concurrency_is_spilled(house):
    house.targets[0].concurrency = 1
    runs = [house.ask(), house.ask()]
    for number in (0, 1):
        (await house.started(number)).say(finish(0))
    for run in runs:
        await house.answered(run)


async def test_a_local_engine_without_room_is_left_for_the_next(house):
    house.hands[0].start_error = Overloaded("?")
    run = house.ask()
    (await house.started(1)).say(finish(0))
    await house.answered(run)
    assert house.counts() == [0, 1]


async def test_attempts_and_budget_are_bounded(ledger, books, policy, limits):
    house = make_house(ledger, policy, limits, ATTEMPTS_MAX + 1, budget=RetryBudget(reserve=4.0))
    tried = []
    for _ in range(2):
        before = sum(house.counts())
        for hand in house.hands:
            hand.start_error = BackendUnavailable("?")
        run = house.ask()
        assert isinstance((await house.answered(run)).error, BackendUnavailable)
        tried.append(len(house.refused))
        assert sum(house.counts()) == before
    assert tried == [ATTEMPTS_MAX, ATTEMPTS_MAX + 2], (
        "three repetitions, then what is left of the budget: one"
    )


async def test_a_caller_who_leaves_while_nobody_answers_pays_nothing(house, books):
    run = house.ask()
    generation = await house.started(0)
    run.abandon()
    await gone(run)
    assert generation.cancels == 1
    assert generation.closes == 1
    assert house.counts() == [1, 0]


async def test_the_time_of_a_request_is_that_of_all_its_attempts(house):
    run = house.desk.ask(chat("hello", model="sold"), timeout_s=10.0)
    first = await house.started(0)
    await asyncio.sleep(4)
    first.say(refusal(Refusal.BROKEN))
    second = await house.started(1)
    assert second.timeout_s == pytest.approx(6.0, abs=0.2)
    second.say(finish(0))
    await house.answered(run)


async def test_a_conversation_stays_where_its_prompt_is_kept(house):
    """All its turns are drawn alike, and many conversations are spread."""
    for target in house.targets:
        target.priority = 0
    asked = []
    for conversation in range(40):
        turns = (Message(role=Role.SYSTEM, text="short"), Message(role=Role.USER, text=f"{conversation}"))
        for more in ((), (Message(role=Role.ASSISTANT, text="a"), Message(role=Role.USER, text="b"))):
            before = house.counts()
            run = house.desk.ask(ChatRequest(model="sold", messages=turns + more))
            while (after := house.counts()) == before:  # noqa: ASYNC110 - time is virtual
                await asyncio.sleep(0.01)
            served = 0 if after[0] > before[0] else 1
            house.hands[served].generations[-1].say(finish(0))
            await house.answered(run)
            asked.append(served)
    assert asked[::2] == asked[1::2]
    assert 8 < sum(asked[::2]) < 32


def test_order_follows_priority_and_weight():
    hand = HandBackend()
    targets = [
        Target(name=name, backend=hand, model="hand", priority=priority, weight=weight)
        for name, priority, weight in (("light", 0, 1), ("heavy", 0, 9), ("spare", 1, 1_000))
    ]
    random = Random(7)
    firsts = [in_order(targets, random)[0].name for _ in range(1_000)]
    assert 850 < firsts.count("heavy") < 950
    assert "spare" not in firsts
    assert [target.name for target in in_order(targets, random)][2] == "spare"
