"""What the store adds to SQLite: batches of 64 commands of one hot account, against bare sqlite3 with the same statements.

`python -m tests.bench.ledger_batch`. The statements of a run are recorded, then run again on a copy of the database by
a loop that does nothing else. Rounds alternate. A batch of 64 holds is followed by a batch of 64 settlements.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sqlite3
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from tests.bench.ledger_writer import account, fill
from tests.unit.billing.builders import place, settle

from raseed.adapters.sql.ledger_batch import LedgerBatch
from raseed.adapters.sql.sqlite_files import connect_writer
from raseed.core.billing.commands import Command
from raseed.core.clock import SystemClock
from raseed.core.ids import new_id

BATCH = 64
BATCHES = 40

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


def ours(path: Path) -> float:
    connection = connect_writer(path)
    batch = LedgerBatch(SystemClock(), new_id)
    work = batches()
    begin = perf_counter()
    for commands in work:
        connection.execute("BEGIN IMMEDIATE")
        batch.apply(connection, commands)
        connection.execute("COMMIT")
    took = perf_counter() - begin
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


def bare(path: Path, recorded: list[list[Statement]]) -> float:
    connection = connect_writer(path)
    begin = perf_counter()
    for statements in recorded:
        connection.execute("BEGIN IMMEDIATE")
        for is_many, sql, parameters in statements:
            if is_many:
                connection.executemany(sql, parameters)
            else:
                connection.execute(sql, parameters).fetchall()
        connection.execute("COMMIT")
    took = perf_counter() - begin
    connection.close()
    return took


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=7)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix=".raseed-bench-", dir=Path.cwd()) as name:
        folder = Path(name)
        empty = folder / "empty.db"
        asyncio.run(fill(empty))

        def copy() -> Path:
            return Path(shutil.copy(empty, folder / "copy.db"))

        recorded = record(copy())
        times = [(ours(copy()), bare(copy(), recorded)) for _ in range(given.rounds)]
    commands = BATCH * BATCHES
    for label, side in (("store", 0), ("bare sqlite3", 1)):
        median = statistics.median(pair[side] for pair in times)
        print(
            f"{label:14} {commands / median:9,.0f} commands/s   {median / BATCHES * 1000:.2f} ms a batch of {BATCH}"
        )
    print(f"ratio          {statistics.median(b / a for a, b in times):9.2f}")


if __name__ == "__main__":
    main()
