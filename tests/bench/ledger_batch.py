"""Batches of 64 commands of one hot account on SQLite: by our store, and the same statements by bare `sqlite3`.

The statements of a run are recorded, then run again on a copy of the database by a loop that does nothing else. A batch of
64 holds is followed by a batch of 64 settlements.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, cast

from tests.bench.ledger_writer import account
from tests.unit.billing.builders import place, settle

from raseed.adapters.sql.sqlite.files import connect_writer
from raseed.adapters.sql.sqlite.ledger_batch import LedgerBatch
from raseed.core.billing.commands import Command
from raseed.core.clock import SystemClock
from raseed.core.ids import new_id

BATCH = 64
BATCHES = 100
COMMANDS = BATCH * BATCHES

Statement = tuple[bool, str, Any]


class Recorder:
    """Stands between the store and its connection and keeps what passes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.statements: list[Statement] = []

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        self.statements.append((False, sql, parameters))
        return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        kept = list(rows)
        self.statements.append((True, sql, kept))
        return self._connection.executemany(sql, kept)


def batches() -> list[list[Command]]:
    made: list[list[Command]] = []
    for batch in range(BATCHES // 2):
        names = [f"{batch}-{number}" for number in range(BATCH)]
        made.append([place(name, 500_000, 1_000, account(0)) for name in names])
        made.append([settle(name, 300_000, account(0)) for name in names])
    return made


@dataclass(frozen=True, slots=True)
class Took:
    """For all batches."""

    wall_s: float
    cpu_s: float
    """Of the process: on a busy machine the steadier of the two."""


def ours(path: Path) -> Took:
    connection = connect_writer(path)
    batch = LedgerBatch(SystemClock(), new_id)
    work = batches()
    begin, spent = perf_counter(), process_time()
    for commands in work:
        connection.execute("BEGIN IMMEDIATE")
        batch.apply(connection, commands)
        connection.execute("COMMIT")
    took = Took(perf_counter() - begin, process_time() - spent)
    connection.close()
    return took


def record(path: Path) -> list[list[Statement]]:
    connection = connect_writer(path)
    batch = LedgerBatch(SystemClock(), new_id)
    recorded = []
    for commands in batches():
        recorder = Recorder(connection)
        batch.apply(cast("sqlite3.Connection", recorder), commands)
        recorded.append(recorder.statements)
    connection.close()
    return recorded


def bare(path: Path, recorded: Sequence[Sequence[Statement]]) -> Took:
    connection = connect_writer(path)
    begin, spent = perf_counter(), process_time()
    for statements in recorded:
        run(connection, statements)
        connection.execute("COMMIT")
    took = Took(perf_counter() - begin, process_time() - spent)
    connection.close()
    return took


def run(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    """One batch, not committed."""
    connection.execute("BEGIN IMMEDIATE")
    for is_many, sql, parameters in statements:
        if is_many:
            connection.executemany(sql, parameters)
        else:
            connection.execute(sql, parameters).fetchall()
