"""Whatever is batched, repeated or done again after a rollback: no cause is booked twice, no batch is refused a key."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.quick_store import empty_database
from tests.simulation.books import quick_folder, violations
from tests.unit.billing.builders import (
    ALICE,
    BOB,
    LEASE,
    ManualClock,
    counting_ids,
    extend,
    issue,
    place,
    release,
    settle,
    sweep,
)

from raseed.adapters.sql.sqlite.batch import BatchConnection, Commands
from raseed.adapters.sql.sqlite.ledger_batch import LedgerBatch
from raseed.core.billing.commands import Command, Result, TakeBack, TakeShortfall
from raseed.core.ids import GrantId

PAYERS = st.sampled_from([ALICE, ALICE, ALICE, BOB])
KEYS = st.sampled_from(["k1", "k2", "k3", "k4"])
HOLDS = st.sampled_from(["h1", "h2", "h3", "h4", "h5"])
AMOUNTS = st.integers(0, 40)
COMMANDS = st.one_of(
    st.builds(issue, KEYS, st.integers(1, 60), PAYERS),
    st.builds(place, HOLDS, AMOUNTS, st.just(0), PAYERS),
    st.builds(place, HOLDS, AMOUNTS, st.just(0), PAYERS),
    st.builds(extend, HOLDS, AMOUNTS, AMOUNTS, PAYERS),
    st.builds(settle, HOLDS, AMOUNTS, PAYERS),
    st.builds(release, HOLDS, PAYERS),
    st.builds(sweep, HOLDS, PAYERS),
    st.builds(
        lambda key, amount, payer: TakeBack(
            account_id=payer, take_key=key, grant_id=None, amount_microcredits=amount
        ),
        KEYS,
        st.integers(1, 30),
        PAYERS,
    ),
    st.builds(
        lambda key, grant, amount, payer, rest: TakeBack(
            account_id=payer, take_key=key, grant_id=grant, amount_microcredits=amount, shortfall=rest
        ),
        KEYS,
        st.sampled_from([GrantId(f"grant_{number:06}") for number in (1, 3, 5, 7)]),
        st.integers(1, 60),
        PAYERS,
        st.sampled_from([TakeShortfall.DEBT, TakeShortfall.WRITE_OFF]),
    ),
)
BATCHES = st.lists(
    st.tuples(
        st.lists(COMMANDS, min_size=1, max_size=12),
        st.sampled_from(["commit", "commit", "commit", "roll back", "lose the answer"]),
        st.sampled_from([0, 0, LEASE, LEASE, -LEASE]),
    ),
    min_size=3,
    max_size=12,
)


@pytest.fixture(scope="module")
def folder():
    with quick_folder() as made:
        empty_database(made / "empty.db", ALICE, BOB)
        yield made


@given(BATCHES)
@settings(max_examples=80, database=None, suppress_health_check=list(HealthCheck))
def test_no_cause_is_booked_twice(folder, batches):
    path = folder / "batches.db"
    path.write_bytes((folder / "empty.db").read_bytes())
    clock = ManualClock()
    batch = LedgerBatch(clock, counting_ids())
    refused: list[Exception] = []

    def apply(raw: sqlite3.Connection, commands: Sequence[Command]) -> list[Result]:
        try:
            return batch.apply(raw, commands)
        except Exception as error:
            refused.append(error)  # else hidden: a batch that fails is tried again command by command
            raise

    connection = BatchConnection(path, apply)
    try:
        start = clock.now()
        _commit(
            connection,
            [
                issue(f"first {lease}", 50, payer, expires_at=start + lease * LEASE)
                for payer in (ALICE, BOB)
                for lease in (1, 2)
            ],
        )
        for commands, end, step in batches:
            clock.advance(step)
            if end == "roll back":
                connection.execute([Commands(commands)])
                connection.recover()
            elif end == "lose the answer":
                _commit(connection, commands)
            _commit(connection, commands)
        assert refused == []
        raw: Any = connection._raw
        assert violations(raw) == []
    finally:
        connection.close()


def _commit(connection: BatchConnection, commands: Sequence[Command]) -> None:
    connection.execute([Commands(commands)])
    connection.commit()
