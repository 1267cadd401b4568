"""The care of open runs: checkpoints, sweeps, drain."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from tests.support.desk import Desk, chat, gone, read
from tests.support.faulty_ledger import When
from tests.support.hand_backend import PROMPT_TOKENS, finish, piece
from tests.unit.billing.builders import place, release
from tests.unit.inference.conftest import nothing_left

from raseed.adapters.scripted.backend import ScriptedModelBackend, ScriptedSettings, prompt_tokens_of
from raseed.core.billing.commands import ExtendHold, PlaceHold, SettleHold, SweepHold
from raseed.core.billing.model import HoldState
from raseed.core.errors import BackendLost, ModelUnknown, Overloaded
from raseed.core.ids import HoldId
from raseed.core.inference.run import Ended, Stage
from raseed.core.inference.service import START_SWEEP_S, STOP_WAIT_S, SWEEP_INTERVAL_S

HAND = chat("hi", model="hand", max_tokens=100)


@asynccontextmanager
async def job(work):
    task = asyncio.create_task(work)
    yield
    task.cancel()
    await asyncio.wait([task])


# ── checkpoints ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_every_open_run_has_a_checkpoint_of_the_last_two_seconds(hand_desk, hand, books):
    async with job(hand_desk.inference.keep_holds()):
        run = hand_desk.ask(HAND)
        await asyncio.sleep(0.3)
        [hold] = books.memory.state.holds.values()
        oldest = 0.0
        history = [(asyncio.get_running_loop().time(), 0)]
        for tokens in range(1, 60):
            hand.generation.say(piece(tokens))
            await run.next()
            history.append((asyncio.get_running_loop().time(), tokens))
            await asyncio.sleep(0.1)
            saved = sum(quantity for _, quantity in hold.checkpoint.quantities) - PROMPT_TOKENS
            missing = [moment for moment, count in history if count > max(saved, 0)]
            oldest = max(oldest, asyncio.get_running_loop().time() - min(missing, default=1e9))
        assert 0 < oldest <= hand_desk.policy.checkpoint_interval_s + 0.1
        hand.generation.say(finish(59))
        await read(run)


async def test_a_silent_run_keeps_its_lease(hand_desk, hand, books):
    """A model that thinks for ten minutes is not taken for dead."""
    async with job(hand_desk.inference.keep_holds()), job(hand_desk.inference.sweep_holds()):
        run = hand_desk.ask(HAND)
        await asyncio.sleep(590)
        assert await hand_desk.ledger.holds_to_sweep("other", 1) == []
        hand.generation.say(finish(1))
        assert isinstance((await read(run)).end, Ended)
        assert books.event(run).hold.state is HoldState.SETTLED


async def test_all_due_checkpoints_are_one_call(hand_desk, hand, ledger):
    calls = []
    submit = ledger.submit

    async def counted(commands):
        calls.append([type(command) for command in commands])
        return await submit(commands)

    ledger.submit = counted
    runs = [hand_desk.ask(HAND) for _ in range(4)]
    await asyncio.sleep(0.1)
    async with job(hand_desk.inference.keep_holds()):
        await asyncio.sleep(2.5)
        assert calls == [[PlaceHold]] * 4 + [[ExtendHold] * 4]
        assert {hold.amount_microcredits for hold in ledger.inner.state.holds.values()} == {PROMPT_TOKENS + 8}
    for generation in hand.generations:
        generation.say(finish(1))
    await asyncio.gather(*map(read, runs))


@pytest.mark.parametrize("when", When)
async def test_a_lost_checkpoint_is_made_good_by_the_next(hand_desk, hand, ledger, books, when):
    async with job(hand_desk.inference.keep_holds()):
        run = hand_desk.ask(HAND)
        await asyncio.sleep(0.1)
        ledger.fail(ExtendHold, when, 1)
        hand.generation.say(piece(2))
        await run.next()
        await asyncio.sleep(4.5)
        [hold] = books.memory.state.holds.values()
        assert sum(quantity for _, quantity in hold.checkpoint.quantities) == PROMPT_TOKENS + 2
        hand.generation.say(finish(2))
        await read(run)


# ── sweeps ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_hold_of_a_dead_worker_is_swept_when_its_lease_lapses(desk, ledger, books):
    await ledger.submit([place("dead", 100, owner_instance="core-9")])
    async with job(desk.inference.sweep_holds()):
        await asyncio.sleep(59)
        assert books.spendable == 9_900
        await asyncio.sleep(1 + SWEEP_INTERVAL_S)
        assert books.spendable == 10_000


async def test_a_hold_of_ours_is_not_swept_while_its_run_lives(hand_desk, hand, ledger, books):
    """The ledger was away for longer than a lease: the run will settle by itself."""
    run = hand_desk.ask(HAND)
    await asyncio.sleep(0.1)
    async with job(hand_desk.inference.sweep_holds()):
        await asyncio.sleep(200)
        hand.generation.say(piece(5), finish(5))
        await read(run)
    assert books.event(run).hold.state is HoldState.SETTLED


async def test_the_second_life_sweeps_the_first(desk, ledger, books):
    await ledger.submit([place("first life", 100, owner_instance="core-0", owner_epoch=0)])
    assert await desk.holds.sweep() == 1
    assert await desk.holds.sweep() == 0
    hold = await ledger.hold(HoldId("first life"))
    assert hold is not None
    assert hold.state is HoldState.SWEPT


async def test_many_holds_are_swept(desk, ledger, books):
    await ledger.submit([place(f"h{n}", 1, owner_instance="core-0", owner_epoch=0) for n in range(600)])
    assert await desk.holds.sweep() == 600


@pytest.fixture
async def hidden(desk, ledger, books):
    """A dead worker's hold behind 300 of runs that live, whose leases have lapsed as well while the ledger was away."""
    alive = [HoldId(f"alive {number}") for number in range(300)]
    await ledger.submit([place(hold, 1) for hold in alive])
    await asyncio.sleep(1)
    await ledger.submit([place("dead", 100, owner_instance="core-9")])
    await asyncio.sleep(200)
    yield alive
    await ledger.submit([release(hold) for hold in alive])


async def test_holds_of_living_runs_hide_no_dead_one(desk, ledger, hidden):
    assert await desk.holds.sweep(alive=hidden) == 1
    assert (await ledger.hold(HoldId("dead"))).state is HoldState.SWEPT
    assert (await ledger.hold(hidden[0])).state is HoldState.OPEN


async def test_holds_of_living_runs_hide_no_dead_one_from_the_job(desk, ledger, hidden):
    desk.inference._runs |= dict.fromkeys(hidden)
    async with job(desk.inference.sweep_holds()):
        await asyncio.sleep(1 + SWEEP_INTERVAL_S)
        assert (await ledger.hold(HoldId("dead"))).state is HoldState.SWEPT
        await ledger.submit([place("dead later", 100, owner_instance="core-9")])
        await asyncio.sleep(200)
        assert (await ledger.hold(HoldId("dead later"))).state is HoldState.SWEPT
    for hold in hidden:
        del desk.inference._runs[hold]


async def test_a_start_sweeps_what_earlier_lives_left(desk, ledger, books):
    await ledger.submit([place(f"h{n}", 1, owner_instance="core-0", owner_epoch=0) for n in range(600)])
    assert await desk.inference.sweep_at_start() == 600
    assert desk.reported == []


async def test_a_start_does_not_wait_for_a_sweep_that_the_job_can_end(desk, ledger, books):
    """The ledger hangs: the worker serves after two seconds, and the job settles what is left."""
    await ledger.submit([place("first life", 100, owner_instance="core-0", owner_epoch=0)])
    answers = ledger.block(SweepHold)
    began = asyncio.get_running_loop().time()
    assert await desk.inference.sweep_at_start() == 0
    assert asyncio.get_running_loop().time() - began == pytest.approx(START_SWEEP_S)
    assert [(what, type(error)) for what, error in desk.reported] == [("sweep at start", TimeoutError)]
    answers.set()
    async with job(desk.inference.sweep_holds()):
        await asyncio.sleep(1 + SWEEP_INTERVAL_S)
    assert (await ledger.hold(HoldId("first life"))).state is HoldState.SWEPT


async def test_a_start_is_not_stopped_by_a_sweep_that_fails(desk, ledger, books):
    await ledger.submit([place("first life", 100, owner_instance="core-0", owner_epoch=0)])
    ledger.fail(SweepHold, When.BEFORE)
    assert await desk.inference.sweep_at_start() == 0
    assert [what for what, _ in desk.reported] == ["sweep at start"]
    assert await desk.inference.sweep_at_start() == 1


async def test_a_sweep_that_fails_is_reported_and_tried_again(desk, ledger, books):
    await ledger.submit([place("dead", 100, owner_instance="core-9")])
    broken = ledger.holds_to_sweep

    async def unavailable(*_args):
        from raseed.core.billing.ports import LedgerUnavailable

        raise LedgerUnavailable

    ledger.holds_to_sweep = unavailable
    async with job(desk.inference.sweep_holds()):
        await asyncio.sleep(70)
        assert {what for what, _ in desk.reported} == {"sweep"}
        ledger.holds_to_sweep = broken
        await asyncio.sleep(SWEEP_INTERVAL_S)
    assert books.spendable == 10_000


# ── start and drain ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_model_that_nobody_serves(ledger):
    backend = ScriptedModelBackend(ScriptedSettings(any_model=False))
    with pytest.raises(ModelUnknown):
        Desk(ledger, backend=backend).ask(chat("hi", model="other"))


async def test_a_drain_waits_for_runs_that_end_by_themselves(desk, books):
    run = desk.ask(chat("#script tokens=30 pace_ms=100"))
    await asyncio.sleep(0.05)
    draining = asyncio.create_task(desk.inference.drain(5.0))
    await asyncio.sleep(0.05)
    with pytest.raises(Overloaded) as refused:
        desk.ask(chat("hi"))
    assert refused.value.is_transient
    assert isinstance((await read(run)).end, Ended)
    await draining
    assert books.event(run).run.outcome == "completed"


async def test_a_drain_stops_and_charges_those_that_do_not(hand_desk, hand, books):
    """Each reader learns why: who got nothing and pays nothing may try again, the others may not."""
    writing = hand_desk.ask(HAND)
    await asyncio.sleep(0.1)
    hand.generation.say(piece(1), piece(2))
    hand.prepare_gate.clear()
    queued = hand_desk.ask(HAND)
    loop = asyncio.get_running_loop()
    began = loop.time()
    first, second, _ = await asyncio.gather(read(writing), read(queued), hand_desk.inference.drain(5.0))
    assert loop.time() - began == pytest.approx(5.0, abs=0.01)
    assert isinstance(first.error, BackendLost)
    assert (first.tokens, first.error.is_transient) == (2, False)
    assert isinstance(second.error, Overloaded)
    assert books.event(writing).cost_microcredits == PROMPT_TOKENS + 2
    assert not books.has_event(queued)


async def test_a_drain_with_nothing_to_do_is_over_at_once(desk):
    await desk.inference.drain(5.0)


async def test_a_drain_waits_for_charges_but_not_for_ever(desk, ledger, books):
    """A ledger that is away at shutdown must not keep the worker: the next start sweeps what is open."""
    request = chat("#script tokens=3")
    ledger.fail(SettleHold, When.BEFORE, times=1_000_000)
    run = desk.ask(request)
    await asyncio.sleep(1)
    assert run.stage is Stage.SETTLING
    loop = asyncio.get_running_loop()
    began = loop.time()
    await desk.inference.drain(2.0)
    assert loop.time() - began <= 2.0 + STOP_WAIT_S + 1.5
    assert "drain" in {what for what, _ in desk.reported}
    assert desk.inference.open_runs == 0
    ledger.mend()
    assert await Desk(ledger, epoch=2).holds.sweep() == 1
    assert books.event(run).hold.state is HoldState.SWEPT


async def test_a_drain_books_a_charge_that_comes_late(desk, ledger, books):
    request = chat("#script tokens=3")
    settled = ledger.block(SettleHold)
    run = desk.ask(request)
    await asyncio.sleep(0.5)
    reading = asyncio.create_task(read(run))
    draining = asyncio.create_task(desk.inference.drain(1.0))
    await asyncio.sleep(1.0 + STOP_WAIT_S / 2)
    settled.set()
    await draining
    assert (await reading).ended.usage.completion_tokens == 3
    assert books.event(run).cost_microcredits == prompt_tokens_of(request) + 3


async def test_a_drain_that_is_late_for_everybody(ledger, books, policy):
    """Fifty runs in every stage: after a drain none is left and every hold has ended."""
    desk = Desk(ledger, policy=policy)
    runs = [desk.ask(chat(f"#script tokens=1000 pace_ms={n}", max_tokens=100 + n)) for n in range(50)]
    readers = [asyncio.create_task(read(run)) for run in runs]
    await asyncio.sleep(0.02)
    await desk.inference.drain(0.05)
    await asyncio.gather(*readers)
    for run in runs:
        await gone(run)
    await nothing_left(desk)
