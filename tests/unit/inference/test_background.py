"""Responses in the background, with a store and workers that are silent when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.support.desk import Desk
from tests.support.hand_backend import PROMPT_TOKENS, finish, piece
from tests.support.memory_content import MemoryContent
from tests.support.virtual_time import LoopClock
from tests.unit.billing.builders import ALICE, BOB, place, release

from raseed.adapters.content.responses import ContentResponseStore
from raseed.core.accounts.model import Caller, Tier
from raseed.core.billing.commands import SettleHold
from raseed.core.billing.service import Owner
from raseed.core.clock import SECOND
from raseed.core.errors import BackendLost, BackendUnavailable, CapacityError, CreditExhausted
from raseed.core.ids import AccountId
from raseed.core.inference.closing import SETTLE_WAIT_S
from raseed.core.inference.model import Delta, Sampling
from raseed.core.responses.asking import Asking, Question
from raseed.core.responses.background import ADMISSION_WAIT_S, GRACE_S, Background
from raseed.core.responses.conversation import to_chat_request
from raseed.core.responses.live import LiveResponses
from raseed.core.responses.model import Failure, Item, ItemKind, Keeper, Response, ResponseId, Status, Terms
from raseed.core.responses.outcome import failed
from raseed.core.responses.service import ResponseService

CREDIT = 10_000
CALLER = Caller(account_id=ALICE, api_key_id=None, tier=Tier.FREE)
TERMS = Terms(model="hand", sampling=Sampling(max_tokens=100), background=True)
HI = (Item(kind=ItemKind.MESSAGE, text="hi"),)
QUESTION = Question(terms=TERMS, conversation=HI, chat=to_chat_request(TERMS, HI))
ELSEWHERE = Keeper(owner=Owner("core-1", 7), address="elsewhere")


class Elsewhere:
    """Another worker, as this one hears of it."""

    def __init__(self) -> None:
        self.says: list[list[Delta] | None] = []
        """Then it is gone."""
        self.lives: dict[str, int] = {"core-1": 7}
        self.cancelled: list[ResponseId] = []
        self.closed = 0

    def follow(self, keeper: Keeper, account_id: AccountId, response_id: ResponseId) -> Elsewhere:
        return self

    async def next(self) -> list[Delta] | None:
        if not self.says:
            raise CapacityError("gone")
        return self.says.pop(0)

    def close(self) -> None:
        self.closed += 1

    async def cancel(self, keeper: Keeper, account_id: AccountId, response_id: ResponseId) -> None:
        self.cancelled.append(response_id)

    async def epoch(self, instance: str) -> int | None:
        return self.lives.get(instance)


@dataclass
class House:
    """One worker's responses."""

    desk: Desk
    content: MemoryContent = field(default_factory=MemoryContent)
    elsewhere: Elsewhere = field(default_factory=Elsewhere)

    def __post_init__(self) -> None:
        self.store = ContentResponseStore(self.content)
        self.live = LiveResponses(self.store, self.desk.inference._report)
        self.background = Background(
            inference=self.desk.inference,
            limits=self.desk.rate_limits,
            ledger=self.desk.ledger,
            store=self.store,
            live=self.live,
            peers=self.elsewhere,
            lives=self.elsewhere,
            keeper=Keeper(owner=Owner(self.desk.instance, self.desk.epoch), address="here"),
            timeout_s=self.desk.timeout_s,
            clock=LoopClock(),
        )
        self.service = ResponseService(self.store, Asking(self.store, estimator=None), self.background)  # type: ignore[arg-type]

    async def begin(self) -> Response:
        return await self.background.begin(CALLER, QUESTION, None)

    async def get(self, response: Response) -> Response:
        return await self.service.get(CALLER, response.id)

    async def runs_elsewhere(self, **changes: Any) -> Response:
        """The record of a response that another worker has begun."""
        response = Response(
            id=ResponseId("resp_far"),
            created_at_s=LoopClock().now() // SECOND,
            terms=TERMS,
            conversation=HI,
            status=Status.QUEUED,
            keeper=ELSEWHERE,
        )
        assert await self.store.create(ALICE, replace(response, **changes))
        return response


@pytest.fixture
async def house(hand_desk) -> House:
    return House(hand_desk)


def why(response: Response) -> Failure:
    assert response.failure is not None
    return response.failure


async def over(house: House, response: Response) -> Response:
    async with asyncio.timeout(1_000):
        while True:
            found = await house.get(response)
            if found.status.is_over:
                return found
            await asyncio.sleep(0.1)


async def test_it_is_answered_when_its_model_is_called_and_kept_when_it_has_ended(house, hand, books):
    begun = await house.begin()
    assert begun.status is Status.IN_PROGRESS
    hand.generation.say(piece(1, "a"), piece(2, "b"), finish(2))
    whole = await over(house, begun)
    assert (whole.status, whole.keeper) == (Status.COMPLETED, None)
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 2
    assert "".join(one.text for one in whole.pieces) == "ab"
    assert books.spendable == CREDIT - whole.cost_microcredits


async def test_one_that_waits_for_long_is_queued(house, hand):
    hand.prepare_gate.clear()
    loop = asyncio.get_running_loop()
    begin = loop.time()
    begun = await house.begin()
    assert (begun.status, loop.time() - begin) == (Status.QUEUED, ADMISSION_WAIT_S)
    hand.prepare_gate.set()
    await asyncio.sleep(1)
    assert (await house.get(begun)).status is Status.IN_PROGRESS
    hand.generation.say(finish(0))
    assert (await over(house, begun)).status is Status.COMPLETED


async def test_a_refusal_that_comes_late_is_told_by_the_record(house, hand, desk, memory):
    """Whoever asked has been answered by then."""
    hand.prepare_gate.clear()
    begun = await house.begin()
    house.desk.inference._runs[next(iter(house.desk.inference._runs))].stop()
    hand.prepare_gate.set()
    refused = await over(house, begun)
    assert (refused.status, why(refused).code) == (Status.FAILED, "server_is_overloaded")


async def test_an_engine_that_fails_is_told_by_the_record(house, hand, books):
    hand.start_error = BackendUnavailable("The model is not available.")
    begun = await house.begin()
    broken = await over(house, begun)
    assert (broken.status, why(broken).message) == (Status.FAILED, "The model is not available.")
    assert books.spendable == CREDIT


async def test_who_asked_may_go_before_it_is_admitted(house, hand):
    hand.prepare_gate.clear()
    asking = asyncio.create_task(house.begin())
    await asyncio.sleep(ADMISSION_WAIT_S / 2)
    asking.cancel()
    await asyncio.wait([asking])
    hand.prepare_gate.set()
    await asyncio.sleep(1)
    hand.generation.say(piece(1), finish(1))
    [(_, response_id)] = list(house.live._live)
    await house.live.drain(60)
    whole = await house.service.get(CALLER, response_id)
    assert whole.status is Status.COMPLETED


async def test_a_worker_that_stops_keeps_what_came(house, hand, books):
    begun = await house.begin()
    hand.generation.say(piece(1, "a"))
    await asyncio.sleep(1)
    await house.desk.inference.drain(0)
    await house.live.drain(60)
    stopped = await house.get(begun)
    assert (stopped.status, [one.text for one in stopped.pieces]) == (Status.FAILED, ["a"])
    assert books.spendable < CREDIT


async def test_it_is_over_when_its_charge_is_durable_however_late(house, hand, ledger, books):
    """No reader waits for it, so nobody need be told of the delay."""
    committed = ledger.block(SettleHold)
    begun = await house.begin()
    hand.generation.say(piece(1, "a"), finish(1))
    await asyncio.sleep(10 * SETTLE_WAIT_S)
    assert (await house.get(begun)).status is Status.IN_PROGRESS
    committed.set()
    assert (await over(house, begun)).status is Status.COMPLETED


async def test_one_that_is_cancelled_is_charged_for_what_was_generated(house, hand, books):
    begun = await house.begin()
    hand.generation.say(piece(1, "a"), piece(2, "b"))
    await asyncio.sleep(1)
    stopped = await house.service.cancel(CALLER, begun.id)
    assert (stopped.status, "".join(one.text for one in stopped.pieces)) == (Status.CANCELLED, "ab")
    assert books.spendable == CREDIT - PROMPT_TOKENS - 2
    assert await house.service.cancel(CALLER, begun.id) == stopped


@pytest.mark.parametrize("silent", [1, 5])
async def test_a_store_that_is_silent_for_a_while_is_told_again(house, hand, silent):
    begun = await house.begin()
    house.content.silent_puts = silent
    hand.generation.say(piece(1), finish(1))
    assert (await over(house, begun)).status is Status.COMPLETED
    assert not house.desk.reported


async def test_an_end_that_no_store_took_is_a_failure_to_whoever_looks(house, hand, books):
    begun = await house.begin()
    house.content.silent_puts = 8
    hand.generation.say(piece(1), finish(1))
    await house.live.drain(600)
    [(what, error)] = house.desk.reported
    assert (what, type(error)) == ("response", CapacityError)
    assert (await house.get(begun)).status is Status.FAILED
    assert books.spendable < CREDIT  # it was answered to whoever followed it


async def test_an_end_that_has_no_room_is_told_without_its_answer(house, hand):
    begun = await house.begin()
    put: Callable[..., Awaitable[str | None]] = house.content.put

    async def full_for_long_ones(*where: Any, **how: Any) -> str | None:
        house.content.is_full = b"the answer" in where[3]
        return await put(*where, **how)

    house.content.put = full_for_long_ones
    hand.generation.say(piece(1, "the answer"), finish(1))
    told = await over(house, begun)
    assert (told.status, why(told).code, told.pieces) == (Status.FAILED, "storage_quota_exceeded", ())


async def test_without_credit_nothing_is_left_of_it(house, memory):
    memory.open_account(BOB)
    poor = replace(CALLER, account_id=BOB)
    with pytest.raises(CreditExhausted):
        await house.background.begin(poor, QUESTION, None)
    assert house.content.items == {}


async def read(reading: Any) -> tuple[str, Response]:
    text = ""
    while not isinstance(event := await reading.next(), Response):
        assert event
        text += "".join(one.text for one in event)
    reading.close()
    return text, event


async def test_followers_that_come_at_any_time_read_the_same(house, hand):
    begun = await house.begin()
    early = asyncio.create_task(read(await house.service.follow(CALLER, begun.id)))
    hand.generation.say(piece(1, "a"))
    await asyncio.sleep(1)
    late = asyncio.create_task(read(await house.service.follow(CALLER, begun.id)))
    await asyncio.sleep(1)
    hand.generation.say(piece(2, "b"), finish(2))
    whole = await over(house, begun)
    assert await early == await late == ("ab", whole)
    assert await read(await house.service.follow(CALLER, begun.id)) == ("ab", whole)


async def test_a_follower_whose_worker_is_gone_reads_on_from_the_record(house):
    """From the piece that it has not read, when there is a record of it."""
    far = await house.runs_elsewhere()
    house.elsewhere.says = [[piece(1, "a")], [piece(2, "b")]]
    reading = asyncio.create_task(read(await house.service.follow(CALLER, far.id)))
    await asyncio.sleep(5)
    kept = await house.store.get(ALICE, far.id)
    whole = replace(
        far, status=Status.COMPLETED, pieces=(piece(1, "a"), piece(2, "b"), piece(3, "c")), keeper=None
    )
    assert await house.store.replace(ALICE, whole, kept.version)
    text, end = await reading
    assert (text, end.status) == ("abc", Status.COMPLETED)
    assert house.elsewhere.closed == 1


async def test_one_that_another_worker_runs_is_its_to_cancel(house):
    far = await house.runs_elsewhere()
    assert (await house.service.cancel(CALLER, far.id)).status is Status.IN_PROGRESS
    assert house.elsewhere.cancelled == [far.id]


Lose = Callable[[House, Response], Awaitable[None]]


async def begins_another_life(house: House, far: Response) -> None:
    house.elsewhere.lives["core-1"] += 1


async def is_older_than_a_run_can_be(house: House, far: Response) -> None:
    await asyncio.sleep(house.desk.timeout_s + GRACE_S + 1)


@pytest.mark.parametrize("lose", [begins_another_life, is_older_than_a_run_can_be])
async def test_one_whose_worker_is_gone_has_failed(house, lose: Lose):
    far = await house.runs_elsewhere()
    assert (await house.get(far)).status is Status.IN_PROGRESS
    await lose(house, far)
    lost = await house.get(far)
    assert (lost.status, why(lost).message) == (
        Status.FAILED,
        "The worker that made this response has stopped.",
    )
    assert await house.get(far) == lost
    assert (await house.service.cancel(CALLER, far.id)) == lost


async def test_one_whose_hold_was_swept_has_failed(house, memory, books):
    """Its worker never came back: others end its hold after the lease, and charge nothing."""
    far = await house.runs_elsewhere()
    await memory.submit([place("run_far", 100)])
    await asyncio.sleep(house.desk.timeout_s + 2 * GRACE_S)
    assert (await house.get(far)).status is Status.IN_PROGRESS  # the ledger knows of a run
    await memory.submit([release("run_far")])
    assert (await house.get(far)).status is Status.IN_PROGRESS  # its worker may be just writing that
    await asyncio.sleep(GRACE_S + 1)
    assert (await house.get(far)).status is Status.FAILED
    assert books.spendable == CREDIT


async def test_what_comes_after_it_was_given_up_is_dropped(house, hand):
    """A worker that was taken for dead does not overwrite what was told meanwhile."""
    begun = await house.begin()
    kept = await house.store.get(ALICE, begun.id)
    lost = failed(begun, (), BackendLost("given up"))
    assert await house.store.replace(ALICE, lost, kept.version)
    hand.generation.say(piece(1), finish(1))
    await house.live.drain(60)
    assert why(await house.get(begun)).message == "given up"
