"""A stream of forty chunks, cut at each of them by everybody who can cut it: what is charged, to the unit.

| cut by                  | after no chunk      | after k chunks                        |
|-------------------------|---------------------|---------------------------------------|
| the client              | the prompt          | prompt and k                          |
| the engine              | nothing             | prompt and k                          |
| the request's deadline  | nothing             | prompt and k                          |
| the death of the worker | nothing             | what the last checkpoint says         |

On both stores. The rest of a dead worker's hold is booked as lost by the house, and everything adds up afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.support.desk import Answer, chat, gone, read
from tests.support.life import POSTGRES, SQLITE, Life, Store, let_be, quiet, store

from raseed.adapters.scripted.backend import ScriptedGeneration, prompt_tokens_of
from raseed.adapters.sql.ledger.tables import ledger_entries
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import Hold, HoldState, Measured, Meter
from raseed.core.errors import BackendLost, BackendUnavailable, DeadlineExceeded
from raseed.core.ids import AccountId
from raseed.core.inference.model import ChatRequest
from raseed.core.inference.run import Ended, Run

CHUNKS = 40
CUTS = range(CHUNKS + 1)
GRANT = 1_000
CHUNK_TOKENS = 8
POLICY = HoldPolicy(chunk_tokens=CHUNK_TOKENS)


def extensions_until(cut: int) -> int:
    """How often the hold has grown when the k-th chunk is delivered.

    Chunks of 8: more is asked for as the 4th, 12th, 20th and 28th token comes in; then all forty are covered.
    """
    return min((cut + CHUNK_TOKENS // 2) // CHUNK_TOKENS, CHUNKS // CHUNK_TOKENS - 1)


def checkpoint_by_extension(cut: int) -> int | None:
    """Tokens in the checkpoint of the last extension: those before the one at which it was asked for."""
    grown = extensions_until(cut)
    return None if grown == 0 else grown * CHUNK_TOKENS - CHUNK_TOKENS // 2 - 1


CLIENT, ENGINE, DEADLINE = "client", "engine", "deadline"
DEATH_AFTER_HEARTBEAT, DEATH_AFTER_EXTENSION = "death after a heartbeat", "death after an extension"
TOKENS_CHARGED: Mapping[str, Callable[[int], int | None]] = {
    CLIENT: lambda cut: cut,
    ENGINE: lambda cut: cut or None,
    DEADLINE: lambda cut: cut or None,
    DEATH_AFTER_HEARTBEAT: lambda cut: cut,
    DEATH_AFTER_EXTENSION: checkpoint_by_extension,
}
"""By who cuts, and after which chunk: the tokens of the answer that are charged, and with them the prompt. None: nothing."""


def charges(cutter: str, words: str) -> list[int]:
    """What the table says of each cut."""
    tokens = [TOKENS_CHARGED[cutter](cut) for cut in CUTS]
    return [
        0 if count is None else cost(script(words.format(cut)), count)
        for cut, count in zip(CUTS, tokens, strict=True)
    ]


def script(words: str) -> ChatRequest:
    return chat(f"#script tokens={CHUNKS} {words}", max_tokens=CHUNKS)


def cost(request: ChatRequest, tokens: int) -> int:
    return prompt_tokens_of(request) + tokens


@pytest.fixture(params=[SQLITE, POSTGRES])
async def books(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with store(request.param, tmp_path / "raseed.db") as opened:
        yield opened


class Street:
    """A worker with one customer for each cut, so that each charge can be seen by itself."""

    def __init__(self, life: Life, customers: list[AccountId]) -> None:
        self.life = life
        self.customers = customers
        self.runs: dict[int, Run] = {}

    @classmethod
    async def open(cls, books: Store, *, timeout_s: float = 600.0) -> Street:
        life = await Life.begin(books, policy=POLICY, timeout_s=timeout_s)
        return cls(life, [await life.open_account(f"acct_{cut:02}", GRANT) for cut in CUTS])

    def ask(self, cut: int, request: ChatRequest, *, stream: bool) -> Run:
        self.runs[cut] = self.life.desk.ask(request, account_id=self.customers[cut], stream=stream)
        return self.runs[cut]

    async def charged(self, cut: int) -> int:
        """By the customer's balance, which no open hold may diminish any more."""
        balance = await self.life.ledger.balance(self.customers[cut])
        assert balance is not None
        assert balance.held_microcredits == 0
        return GRANT - balance.spendable_microcredits

    async def charges(self) -> list[int]:
        return [await self.charged(cut) for cut in CUTS]

    async def hold(self, cut: int) -> Hold:
        hold = await self.life.ledger.hold(self.runs[cut].hold_id)
        assert hold is not None
        assert hold.cost_microcredits == await self.charged(cut)
        return hold

    async def states(self) -> list[HoldState]:
        return [(await self.hold(cut)).state for cut in CUTS]

    async def close(self) -> None:
        assert await self.life.verify() == []
        await self.life.close()


async def read_tokens(run: Run, tokens: int) -> int:
    """Read until so many tokens have come; returns how many did."""
    seen = 0
    while seen < tokens:
        event = await run.next()
        assert isinstance(event, list)
        seen = event[-1].completion_tokens
    return seen


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "unary"])
async def test_cut_by_the_client(books, stream):
    """The engine has paused after k chunks: exactly those are charged."""
    street = await Street.open(books)

    async def cut_at(cut: int) -> None:
        run = street.ask(cut, script(f"hang_at={cut}"), stream=stream)
        if stream:
            assert await read_tokens(run, cut) == cut
        while run.generated_tokens < cut or run._generation is None:  # noqa: ASYNC110 - a reader has no event for it
            await asyncio.sleep(0.001)
        run.abandon()
        await gone(run)

    async with asyncio.timeout(30):
        await asyncio.gather(*map(cut_at, CUTS))
    assert await street.charges() == charges(CLIENT, "hang_at={}")
    assert set(await street.states()) == {HoldState.SETTLED}
    await street.close()


async def test_cut_by_the_client_while_the_engine_writes(books):
    """What the engine says that it generated is charged: all that was delivered, and at most one step more."""
    street = await Street.open(books)
    request = script("pace_ms=2")
    seen: dict[int, int] = {}

    async def cut_at(cut: int) -> None:
        run = street.ask(cut, request, stream=True)
        seen[cut] = await read_tokens(run, cut)
        run.abandon()
        await gone(run)

    async with asyncio.timeout(30):
        await asyncio.gather(*map(cut_at, CUTS))
    for cut in CUTS:
        generation = street.runs[cut]._generation
        if generation is None:  # it left before the engine had started
            assert (cut, await street.charged(cut)) == (0, 0)
            continue
        assert isinstance(generation, ScriptedGeneration)
        assert seen[cut] <= generation._made <= seen[cut] + 1
        assert await street.charged(cut) == cost(request, generation._made)
    await street.close()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "unary"])
async def test_cut_by_the_engine(books, stream):
    street = await Street.open(books)
    runs = [street.ask(cut, script(f"fail_at={cut}"), stream=stream) for cut in CUTS]
    answers: list[Answer] = await asyncio.gather(*map(read, runs))
    assert [answer.tokens for answer in answers] == list(CUTS)
    assert [type(answer.error) for answer in answers] == [BackendUnavailable] + [BackendLost] * CHUNKS
    assert await street.charges() == charges(ENGINE, "fail_at={}")
    assert await street.states() == [HoldState.RELEASED] + [HoldState.SETTLED] * CHUNKS
    await street.close()


@pytest.mark.parametrize("books", [SQLITE, pytest.param(POSTGRES, marks=pytest.mark.long)], indirect=True)
async def test_cut_by_the_deadline(books):
    """Two seconds, so that every run has come to its cut before."""
    street = await Street.open(books, timeout_s=2.0)
    runs = [street.ask(cut, script(f"hang_at={cut}"), stream=True) for cut in CUTS]
    answers: list[Answer] = await asyncio.gather(*map(read, runs))
    assert [answer.tokens for answer in answers] == list(CUTS)
    assert {type(answer.error) for answer in answers} == {DeadlineExceeded}
    assert await street.charges() == charges(DEADLINE, "hang_at={}")
    await street.close()


@pytest.mark.parametrize("cutter", [DEATH_AFTER_HEARTBEAT, DEATH_AFTER_EXTENSION])
async def test_cut_by_the_death_of_the_worker(books, cutter):
    """The next life charges the last checkpoint: what was counted two seconds ago, or when the hold last grew."""
    street = await Street.open(books)
    runs = [street.ask(cut, script(f"hang_at={cut}"), stream=True) for cut in CUTS]
    async with asyncio.timeout(30):
        for cut, run in enumerate(runs):
            assert await read_tokens(run, cut) == cut
    readers = [asyncio.create_task(read(run)) for run in runs]
    await quiet(street.life)
    if cutter == DEATH_AFTER_HEARTBEAT:
        beats = [run.heartbeat(older_than=1e12) for run in runs]
        await street.life.desk.holds.heartbeat([beat for beat in beats if beat is not None])
    before = [await street.life.ledger.hold(run.hold_id) for run in runs]
    await street.life.die()
    for reader in readers:
        await let_be(reader)

    street.life = await Life.begin(books, policy=POLICY)

    charged = await street.charges()
    assert charged == charges(cutter, "hang_at={}")
    for cut in CUTS:
        request, open_hold, swept = script(f"hang_at={cut}"), before[cut], await street.hold(cut)
        assert open_hold is not None
        assert open_hold.state is HoldState.OPEN
        assert open_hold.amount_microcredits == cost(request, CHUNK_TOKENS * (1 + extensions_until(cut)))
        assert swept.state is HoldState.SWEPT
        assert swept.checkpoint == measured(request, TOKENS_CHARGED[cutter](cut))
    amounts = sum(hold.amount_microcredits for hold in before if hold is not None)
    assert await house_loss(street.life) == amounts - sum(charged)
    await street.close()


def measured(request: ChatRequest, tokens: int | None) -> Measured:
    if tokens is None:
        return Measured()
    quantities = ((Meter.INPUT_TOKENS, prompt_tokens_of(request)), (Meter.OUTPUT_TOKENS, tokens))
    return Measured(tuple(pair for pair in quantities if pair[1]))


async def house_loss(life: Life) -> int:
    query = select(-func.sum(ledger_entries.c.amount_microcredits)).where(
        ledger_entries.c.ledger_account == "sys:houseloss"
    )
    return await life.database.read(lambda connection: int(connection.execute(query).scalar_one()))


async def test_a_worker_that_dies_while_it_charges(books):
    """Before the commit nothing but the checkpoint is charged; after it everything is, once."""
    street = await Street.open(books)
    request = script("")
    answers: list[Answer] = await asyncio.gather(
        *(read(street.ask(cut, request, stream=True)) for cut in CUTS[:20])
    )
    assert all(isinstance(answer.end, Ended) for answer in answers)
    unsettled = [street.ask(cut, script("hang_at=40"), stream=True) for cut in CUTS[20:]]
    async with asyncio.timeout(30):
        for run in unsettled:
            await read_tokens(run, CHUNKS)
    await quiet(street.life)
    street.life.ledger.is_dead = True  # the settlement is never submitted
    for run in unsettled:
        run.abandon()
    await street.life.die()

    street.life = await Life.begin(books, policy=POLICY)

    tokens = checkpoint_by_extension(CHUNKS)
    assert tokens is not None
    settled, swept = cost(request, CHUNKS), cost(script("hang_at=40"), tokens)
    assert await street.charges() == [settled] * 20 + [swept] * 21
    await street.close()
