"""Chat under one key, asked of three workers on one database: one run, one charge, one answer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

import pytest
from tests.contract.ledger.conftest import POSTGRES_3, SQLITE, SqlStore, open_store
from tests.support.desk import Desk, chat
from tests.support.waiting import POLL_S
from tests.unit.billing.builders import ALICE, issue

from raseed.adapters.content.vault import Vault
from raseed.adapters.sql.content import SqlContentStore
from raseed.core.accounts.model import Caller, Tier
from raseed.core.billing.model import HoldState
from raseed.core.content.ports import ContentKind
from raseed.core.errors import (
    AlreadyAnswered,
    BackendLost,
    BackendUnavailable,
    CreditExhausted,
    RaseedError,
    RequestInProgress,
    RequestReusedWithOtherInput,
)
from raseed.core.idempotency import INFERENCE_TTL_S, Asked, Idempotency
from raseed.core.inference.keyed import Answer, KeyedChat
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Ended, Run

CREDIT = 10_000
VAULT = Vault({1: b"m" * 32})
CALLER = Caller(account_id=ALICE, api_key_id=None, tier=Tier.FREE)


Found = TypeVar("Found")


async def eventually(condition: Callable[[], Found]) -> Found:
    async with asyncio.timeout(5.0):
        while not (found := condition()):  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(POLL_S)
    return found


def asked(text: str, key: str = "key") -> Asked:
    content = hashlib.sha256(text.encode()).digest()
    return Asked(account_id=ALICE, route="/chat", key=key, content=content, ttl_s=INFERENCE_TTL_S)


async def encode(run: Run, pieces: list[Delta], ended: Ended) -> bytes:
    return f"{run.id} {''.join(piece.text for piece in pieces)} {ended.cost_microcredits}".encode()


async def too_long(*_: object) -> bytes:
    return b"x" * 65_537


@dataclass
class Worker:
    desk: Desk
    keyed: KeyedChat
    content: SqlContentStore

    async def answer(self, text: str, key: str = "key") -> Answer:
        return await self.keyed.answer(CALLER, chat(text, max_tokens=20), asked(text, key), encode)

    async def stream(self, text: str) -> Run:
        return await self.keyed.start_stream(CALLER, chat(text, max_tokens=20), asked(text), None)


@dataclass
class Team:
    store: SqlStore
    workers: list[Worker]

    async def left(self) -> int:
        balance = await self.store.ledger.balance(ALICE)
        assert balance is not None
        assert balance.held_microcredits == 0
        return balance.spendable_microcredits


@pytest.fixture(params=[SQLITE, POSTGRES_3])
async def team(request, tmp_path) -> AsyncIterator[Team]:
    """On SQLite all three are on the one connection that there is, on PostgreSQL each has its own."""
    store = await open_store(request.param, tmp_path)
    await store.open_account(ALICE)
    await store.ledger.submit([issue("start", CREDIT)])
    workers = []
    for life in (1, 2, 3):
        database, ledger = store.next_worker()
        desk = Desk(ledger, epoch=life)
        content = SqlContentStore(database, VAULT)
        keyed = KeyedChat(
            desk.inference,
            desk.rate_limits,
            Idempotency(content),
            ledger,
            store.clock,
            lambda what, error: pytest.fail(f"{what}: {error!r}"),
        )
        workers.append(Worker(desk, keyed, content))
    yield Team(store, workers)
    for worker in workers:
        await worker.desk.inference.drain(0.0)
        await worker.keyed.drain(5.0)
    await store.close()


async def test_the_second_answer_is_the_first_one(team):
    first, second, third = [await worker.answer("hello") for worker in team.workers]
    assert [first.is_replay, second.is_replay, third.is_replay] == [False, True, True]
    assert first.result.body == second.result.body == third.result.body
    assert await team.left() == CREDIT - int(first.result.body.split()[-1])


async def test_of_fifty_at_once_one_runs(team):
    text = "#script tokens=10 pace_ms=20"
    asking = (team.workers[number % 3].answer(text) for number in range(50))
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    fresh = [it for it in outcomes if isinstance(it, Answer) and not it.is_replay and not it.result.error]
    assert len(fresh) == 1
    for outcome in outcomes:
        error = outcome.result.error if isinstance(outcome, Answer) else outcome
        assert error is None or isinstance(error, RequestInProgress), error
    cost = int(fresh[0].result.body.split()[-1])
    assert cost > 0
    assert await team.left() == CREDIT - cost
    assert (await team.workers[2].answer(text)).result.body == fresh[0].result.body


async def test_a_key_belongs_to_its_content(team):
    await team.workers[0].answer("hello")
    left = await team.left()
    with pytest.raises(RequestReusedWithOtherInput):
        await team.workers[1].answer("goodbye")
    assert await team.left() == left
    assert not (await team.workers[1].answer("goodbye", key="another")).is_replay


async def test_after_a_day_a_key_is_new(team):
    first = await team.workers[0].answer("hello")
    team.store.clock.advance(INFERENCE_TTL_S * 1_000_000)
    again = await team.workers[1].answer("hello")
    assert not again.is_replay
    assert again.result.body != first.result.body


async def test_what_failed_before_output_is_tried_anew_and_costs_nothing(team):
    for worker in team.workers:
        failed = await worker.answer("#script tokens=5 fail_at=0")
        assert isinstance(failed.result.error, BackendUnavailable)
        assert not failed.is_replay
    assert await team.left() == CREDIT


async def test_an_error_that_was_paid_for_is_the_answer(team):
    text = "#script tokens=5 fail_at=3"
    first = await team.workers[0].answer(text)
    left = await team.left()
    again = await team.workers[1].answer(text)
    assert left < CREDIT
    assert again.is_replay
    for answer in (first, again):
        assert isinstance(answer.result.error, BackendLost)
    assert again.result.error.message == first.result.error.message
    assert await team.left() == left


async def test_without_credit_nothing_is_kept(team):
    text = "hello " * 10_000
    refused = await team.workers[0].answer(text)
    assert isinstance(refused.result.error, CreditExhausted)
    await team.store.ledger.submit([issue("more", 10 * CREDIT)])
    answered = await team.workers[1].answer(text)
    assert answered.result.error is None
    assert not answered.is_replay


async def test_a_client_that_left_finds_its_answer(team):
    text = "#script tokens=10 pace_ms=10"
    first = asyncio.create_task(team.workers[0].answer(text))
    await eventually(lambda: team.workers[0].desk.inference.open_runs == 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    with pytest.raises(RequestInProgress):
        await answered_or_raises(team.workers[0], text)
    await eventually(lambda: team.workers[0].desk.inference.open_runs == 0)
    await team.workers[0].keyed.drain(5.0)
    found = await team.workers[1].answer(text)
    assert found.is_replay
    assert await team.left() == CREDIT - int(found.result.body.split()[-1])


async def answered_or_raises(worker: Worker, text: str) -> bytes:
    answer = await worker.answer(text)
    if answer.result.error is not None:
        raise answer.result.error
    return answer.result.body


PACED = "#script tokens=20 pace_ms=50"
"""Still under way when it is sent again."""


async def test_a_stream_is_not_sent_again(team):
    run = await team.workers[0].stream(PACED)
    with pytest.raises(RequestInProgress):
        await team.workers[0].stream(PACED)
    while not isinstance(await run.next(), Ended):
        pass
    left = await team.left()
    for worker in team.workers:
        with pytest.raises(AlreadyAnswered, match=run.id.removeprefix("run_")):
            await worker.stream(PACED)
    assert await team.left() == left < CREDIT


async def test_a_stream_that_cost_nothing_is_started_anew(team):
    for worker in team.workers:
        run = await worker.stream("#script tokens=5 fail_at=0")
        with pytest.raises(BackendUnavailable):
            await run.next()
        await run.ended()
    assert await team.left() == CREDIT


async def test_a_worker_that_dies_meanwhile_costs_nothing_and_frees_the_key(team):
    """It generated and renewed its lease, yet no checkpoint names what it made: who asks again pays once."""
    dead, *others = team.workers
    lost = asyncio.create_task(dead.answer("#script tokens=5 hang_at=3"))
    [run] = await eventually(lambda: list(dead.desk.inference._runs.values()))
    await eventually(lambda: run.generated_tokens == 3)
    loop = asyncio.get_running_loop()
    await dead.desk.holds.heartbeat([run.heartbeat(loop.time() + 1)])
    with pytest.raises(RequestInProgress):
        await answered_or_raises(others[0], "#script tokens=5 hang_at=3")

    assert await others[1].desk.holds.sweep() == 1
    hold = await team.store.ledger.hold(run.hold_id)
    assert (hold.state, hold.cost_microcredits) == (HoldState.SWEPT, 0)
    again = asyncio.create_task(others[0].answer("#script tokens=5 hang_at=3"))
    [second] = await eventually(lambda: list(others[0].desk.inference._runs.values()))
    assert second.id != run.id
    for task in (lost, again):
        task.cancel()
    await asyncio.wait([lost, again])
    dead.desk.inference._runs[run.hold_id].stop()
    assert isinstance(await run.ended(), RaseedError | None)
    assert (await team.store.ledger.hold(run.hold_id)).cost_microcredits == 0


async def test_a_charge_whose_answer_was_lost_is_not_made_twice(team):
    """The worker dies between the charge and keeping its answer."""
    first = await team.workers[0].answer("hello")
    left = await team.left()
    claim = await Idempotency(team.workers[0].content).claim(asked("hello"))
    await team.workers[0].content.delete(ALICE, ContentKind.IDEMPOTENT, claim.asked.name)
    await Idempotency(team.workers[0].content).claim(asked("hello"), attempt=claim.attempt)
    with pytest.raises(RequestInProgress):
        await team.workers[1].answer("hello")
    team.store.clock.advance(6_000_000)
    with pytest.raises(AlreadyAnswered):
        await team.workers[1].answer("hello")
    assert not first.is_replay
    assert await team.left() == left


async def test_an_answer_that_is_too_long_is_charged_once_and_not_kept(team):
    worker = team.workers[0]
    long = await worker.keyed.answer(CALLER, chat("hello"), asked("hello"), too_long)
    assert len(long.result.body) == 65_537
    left = await team.left()
    team.store.clock.advance(6_000_000)
    with pytest.raises(AlreadyAnswered):
        await worker.answer("hello")
    assert await team.left() == left
