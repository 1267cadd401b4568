"""Three workers on the same accounts at the same time: nothing is spent twice, whoever decides, and nobody is stuck."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
from sqlalchemy import Connection
from tests.contract.ledger.conftest import KEY
from tests.integration.sql.postgres_team import Team
from tests.support.postgres import shared_server
from tests.unit.billing.builders import ALICE, BOB, LEASE, extend, issue, place, release, settle, sweep

from raseed.adapters.sql.accounts.api_keys import insert_key
from raseed.adapters.sql.ledger.spend_caps import set_cap
from raseed.adapters.sql.ledger.verify import verify
from raseed.core.billing.commands import Command, Held, Refusal, Refused, Result, Settled
from raseed.core.billing.model import HoldState
from raseed.core.billing.spend_caps import SpendCap
from raseed.core.ids import AccountId, ApiKeyId, HoldId


@pytest.fixture(params=[3], ids=["postgres-3"])
async def team(request):
    opened = await Team.open(shared_server(), request.param)
    await opened.open_accounts(ALICE, BOB)
    yield opened
    await opened.close()


def refusals(results: list[Result]) -> list[Refusal]:
    return [result.refusal for result in results if isinstance(result, Refused)]


async def test_a_balance_admits_what_it_pays_for_and_no_more(team):
    """As many holds of 7 as 1,000 pays for, whoever asks; each worker commits its calls in several batches."""
    await team.ledgers[0].submit([issue("g", 1000)])

    async def ask(number: int) -> Result:
        ledger = team.ledgers[number % 3]
        await asyncio.sleep(random.uniform(0, 0.05))
        results: list[Result] = await ledger.submit([place(f"h{number}", 7)])
        return results[0]

    results = await asyncio.gather(*(ask(number) for number in range(400)))

    assert sum(isinstance(result, Held) for result in results) == 1000 // 7
    assert set(refusals(results)) == {Refusal.HELD_BY_OPEN_REQUESTS}
    assert await team.spendable(ALICE) == 1000 % 7


async def test_a_cap_admits_what_it_allows_while_it_is_changed(team):
    """Three workers hold and settle by one key while its cap is raised, again and again: never above the last one."""
    capped = ApiKeyId("key_capped")

    def with_cap(limit: int) -> Callable[[Connection], bool]:
        return lambda connection: set_cap(connection, capped, SpendCap(limit), team.clock.now())

    await team.ledgers[0].submit([issue("g", 10_000)])
    await team.databases[0].write(
        lambda c: insert_key(c, replace(KEY, id=capped, account_id=ALICE, public_id=capped))
    )
    await team.databases[0].write(with_cap(100))

    async def run(number: int) -> int:
        ledger = team.ledgers[number % 3]
        await asyncio.sleep(random.uniform(0, 0.05))
        [held] = await ledger.submit([place(f"h{number}", 7, 1, api_key_id=capped)])
        if not isinstance(held, Held):
            return 0
        [settled] = await ledger.submit([settle(f"h{number}", 5)])
        return cast("Settled", settled).cost_microcredits

    async def raise_cap() -> None:
        for limit in range(110, 301, 10):
            await team.databases[1].write(with_cap(limit))

    results = await asyncio.gather(*(run(number) for number in range(400)), raise_cap())
    charged = sum(filter(None, results))
    [last] = await team.ledgers[2].submit([place("last", 10_000, 301 - charged, api_key_id=capped)])

    assert 100 - 5 < charged <= 300
    assert refusals([last]) == [Refusal.SPEND_CAP_REACHED]
    assert await team.spendable(ALICE) == 10_000 - charged


async def test_a_settlement_sent_to_every_worker_charges_once(team):
    await team.ledgers[0].submit([issue("g", 1000), *(place(f"h{n}", 20) for n in range(30))])
    results = await asyncio.gather(
        *(ledger.submit([settle(f"h{n}", 5)]) for n in range(30) for ledger in team.ledgers)
    )
    settled = [result for [result] in results if isinstance(result, Settled)]
    assert len(settled) == 90
    assert sum(not result.replayed for result in settled) == 30
    assert await team.spendable(ALICE) == 1000 - 30 * 5


async def test_a_settlement_and_a_sweep_end_each_hold_once(team):
    holds = [f"h{n}" for n in range(30)]
    await team.ledgers[0].submit([issue("g", 1000)])
    await team.ledgers[0].submit([place(hold, 20) for hold in holds])
    await team.ledgers[0].submit([extend(hold, 20, tokens=3) for hold in holds])
    team.clock.advance(LEASE)

    results = await asyncio.gather(
        *(team.ledgers[0].submit([settle(hold, 5)]) for hold in holds),
        *(team.ledgers[n].submit([sweep(hold)]) for hold in holds for n in (1, 2)),
    )

    settled = [result for [result] in results[:30] if isinstance(result, Settled)]
    swept = [result for [result] in results[30:] if isinstance(result, Settled) and not result.replayed]
    assert len(settled) + len(swept) == 30
    assert await team.spendable(ALICE) == 1000 - 5 * len(settled) - 3 * len(swept)


async def test_a_heartbeat_and_a_sweep_never_both_succeed(team):
    """A sweep that was decided before the lease was renewed must not be written after it."""
    holds = [f"h{n}" for n in range(30)]
    await team.ledgers[0].submit([issue("g", 1000), *(place(hold, 20) for hold in holds)])
    team.clock.advance(LEASE)
    results = await asyncio.gather(
        *(team.ledgers[0].submit([extend(hold, 0, tokens=9)]) for hold in holds),
        *(team.ledgers[1].submit([sweep(hold)]) for hold in holds),
    )
    for hold, [beat], [swept] in zip(holds, results[:30], results[30:], strict=True):
        assert isinstance(beat, Held) != isinstance(swept, Settled)
        found = await team.ledgers[2].hold(HoldId(hold))
        assert found is not None
        assert found.state is (HoldState.OPEN if isinstance(beat, Held) else HoldState.SWEPT)


async def test_what_one_worker_did_another_replays(team):
    commands: list[Command] = [
        issue("g", 100),
        place("h1", 30),
        settle("h1", 12),
        place("h2", 30),
        release("h2"),
        place("h3", 30),
        sweep("h3", instance="worker-1", epoch=2),
    ]
    await team.ledgers[0].submit(commands)
    before = await team.ledgers[0].balance(ALICE)
    for ledger in team.ledgers[1:]:
        again = await ledger.submit(commands)
        assert all(not isinstance(result, Refused) and result.replayed for result in again)
    assert await team.ledgers[0].balance(ALICE) == before


async def test_one_id_for_two_accounts_is_one_hold(team):
    """Their balances are different rows, so no lock keeps them apart: the hold's key does."""
    await team.ledgers[0].submit([issue("g", 1000), issue("g", 1000, BOB)])
    results = await asyncio.gather(
        *(
            ledger.submit([place(f"h{n}", 10, account_id=account_id)])
            for n in range(20)
            for ledger, account_id in ((team.ledgers[0], ALICE), (team.ledgers[1], BOB))
        )
    )
    answers = [result for [result] in results]
    assert sum(isinstance(result, Held) for result in answers) == 20
    assert refusals(answers) == [Refusal.REUSED_WITH_OTHER_INPUT] * 20


async def test_batches_in_opposite_order_do_not_wait_for_each_other(team):
    """Each call touches every account, in another order: locks taken as they come would soon close a ring."""
    accounts = [AccountId(f"acct_{n:02}") for n in range(16)]
    await team.open_accounts(*accounts)
    await team.ledgers[0].submit([issue("g", 10_000, account_id) for account_id in accounts])

    async def work(number: int) -> None:
        order = [accounts, accounts[::-1], random.sample(accounts, len(accounts))][number]
        for turn in range(12):
            names = [f"{number}-{turn}-{account_id}" for account_id in order]
            await team.ledgers[number].submit(
                [place(name, 10, account_id=a) for name, a in zip(names, order, strict=True)]
            )
            await team.ledgers[number].submit([settle(n, 4, a) for n, a in zip(names, order, strict=True)])

    await asyncio.gather(*(work(number) for number in range(3)))

    for account_id in accounts:
        assert await team.spendable(account_id) == 10_000 - 3 * 12 * 4
    [row] = await team.server.execute(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = $1", team.url.split("/")[3].split("?", 1)[0]
    )
    assert row["deadlocks"] == 0


async def test_the_books_are_in_order_while_three_workers_write(team):
    """Every kind of command on two accounts, and a proof of all of it again and again meanwhile."""
    await team.ledgers[0].submit([issue("g", 10**6), issue("g", 10**6, BOB)])
    stop = asyncio.Event()
    turns = 0

    async def customer(number: int) -> None:
        nonlocal turns
        chance = random.Random(number)
        ledger, turn = team.ledgers[number % 3], 0
        while not stop.is_set():
            turn += 1
            hold, account_id = f"{number}-{turn}", chance.choice([ALICE, BOB])
            await ledger.submit([place(hold, chance.randrange(1, 500), 1, account_id)])
            await ledger.submit([extend(hold, 600, 5, account_id)])
            other = team.ledgers[chance.randrange(3)]
            match chance.randrange(4):
                case 0:
                    await other.submit([release(hold, account_id)])
                case 1:
                    await other.submit([sweep(hold, account_id, "worker-1", 2)])
                case 2:
                    await other.submit([issue(hold, 50, account_id), settle(hold, 700, account_id)])
                case _:
                    await other.submit([settle(hold, chance.randrange(400), account_id)] * 2)
            turns += 1

    customers = [asyncio.create_task(customer(number)) for number in range(24)]
    proofs = [await team.databases[n % 3].read(verify) for n in range(4)]
    stop.set()
    await asyncio.gather(*customers)

    assert proofs == [[], [], [], []]
    assert turns > 24
