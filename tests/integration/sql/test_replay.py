"""Every stored balance follows from what was booked, and one that does not is named with both amounts."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, text
from tests.contract.ledger.conftest import AT_ONCE_IN_SQL, POSTGRES, SQLITE, open_store
from tests.unit.billing.builders import ALICE, BOB, extend, issue, place, settle

from raseed.adapters.sql.ledger.replay import replay
from raseed.core.billing.replay import Difference, Figure, Replay

G = "grant g"
"""Stands for the id that the store gave it."""
DAMAGES: dict[str, list[tuple[Figure, str, int | None, int]]] = {
    "UPDATE grants SET remaining_microcredits = 70 WHERE grant_key = 'g'": [
        (Figure.GRANT_REMAINING, G, 70, 71)
    ],
    "UPDATE grants SET held_microcredits = 19 WHERE grant_key = 'g'": [(Figure.GRANT_HELD, G, 19, 20)],
    "UPDATE holds SET amount_microcredits = 21 WHERE id = 'open'": [(Figure.HOLD_AMOUNT, "open", 21, 20)],
    "UPDATE balances SET available_microcredits = 0 WHERE account_id = 'acct_alice'": [
        (Figure.ACCOUNT_AVAILABLE, ALICE, 0, 51)
    ],
    "UPDATE balances SET held_microcredits = 0 WHERE account_id = 'acct_alice'": [
        (Figure.ACCOUNT_HELD, ALICE, 0, 20)
    ],
    "UPDATE balances SET debt_microcredits = 7 WHERE account_id = 'acct_bob'": [
        (Figure.ACCOUNT_DEBT, BOB, 7, 0)
    ],
    "UPDATE balances SET debt_reserved_microcredits = 7 WHERE account_id = 'acct_bob'": [
        (Figure.ACCOUNT_DEBT_RESERVED, BOB, 7, 10)
    ],
    "UPDATE holds SET debt_microcredits = 11 WHERE id = 'on-debt'": [
        (Figure.HOLD_AMOUNT, "on-debt", 49, 50),
        (Figure.ACCOUNT_DEBT_RESERVED, BOB, 10, 11),
    ],
    "DELETE FROM balances WHERE account_id = 'acct_bob'": [
        (Figure.ACCOUNT_AVAILABLE, BOB, None, 0),
        (Figure.ACCOUNT_HELD, BOB, None, 50),
        (Figure.ACCOUNT_DEBT, BOB, None, 0),
        (Figure.ACCOUNT_DEBT_RESERVED, BOB, None, 10),
    ],
    "UPDATE hold_allocations SET amount_microcredits = 15 WHERE hold_id = 'open'": [
        (Figure.GRANT_HELD, G, 20, 15),
        (Figure.HOLD_AMOUNT, "open", 20, 15),
        (Figure.ACCOUNT_AVAILABLE, ALICE, 51, 56),
        (Figure.ACCOUNT_HELD, ALICE, 20, 15),
    ],
}


@pytest.fixture(params=[SQLITE, POSTGRES])
async def store(request, tmp_path):
    opened = await open_store(request.param, tmp_path)
    await opened.open_account(ALICE)
    await opened.open_account(BOB)
    await opened.ledger.submit([issue("g", 100), issue("bobs", 50, BOB)])
    await opened.ledger.submit([place("settled", 30), settle("settled", 29), place("open", 20)])
    on_debt = place("on-debt", 50, account_id=BOB), extend("on-debt", 60, account_id=BOB, debt_limit=10)
    await opened.ledger.submit(on_debt)
    yield opened
    await opened.close()


class Undone(Exception):
    """Rolls the damage back, with what was found meanwhile."""

    def __init__(self, found: Replay, grant_id: str) -> None:
        super().__init__()
        self.found = found
        self.grant_id = grant_id


async def after(store, statement: str, **limits: int) -> Undone:
    def work(connection: Connection) -> None:
        assert connection.execute(text(statement)).rowcount > 0, "nothing was damaged"
        grant_id = connection.scalar(text("SELECT id FROM grants WHERE grant_key = 'g'"))
        raise Undone(replay(connection, **limits), str(grant_id))

    with pytest.raises(Undone) as raised:
        await store.database.write(work)
    return raised.value


async def test_the_balances_follow_from_the_ledger(store):
    assert await store.database.read(replay) == Replay(
        differences=(),
        is_complete=True,
        account_count=2,
        grant_count=2,
        open_hold_count=2,
        entry_count=6,
    )


@pytest.mark.parametrize("statement", DAMAGES)
async def test_a_tampered_balance_is_named(store, statement):
    damaged = await after(store, statement)
    expected = [
        Difference(figure, damaged.grant_id if id_ == G else id_, stored, rebuilt)
        for figure, id_, stored, rebuilt in DAMAGES[statement]
    ]
    assert list(damaged.found.differences) == expected
    assert damaged.found.is_complete


async def test_more_differences_than_are_named(store):
    damaged = await after(store, "UPDATE balances SET debt_microcredits = 1", differences_max=1)
    assert [difference.id for difference in damaged.found.differences] == [ALICE]
    assert not damaged.found.is_complete


@AT_ONCE_IN_SQL
async def test_a_ledger_in_use_is_replayed_on_one_snapshot(store):
    async def use(number: int) -> None:
        for round_ in range(8):
            hold = f"{number}-{round_}"
            await store.ledger.submit([place(hold, 3)])
            await store.ledger.submit([settle(hold, 1)])

    async def prove() -> list[Replay]:
        return [await store.database.read(replay) for _ in range(6)]

    proving = asyncio.create_task(prove())
    await asyncio.gather(*(use(number) for number in range(4)))
    proofs = await proving
    assert [proof.differences for proof in proofs] == [()] * 6
    assert proofs[0].entry_count < (await store.database.read(replay)).entry_count
