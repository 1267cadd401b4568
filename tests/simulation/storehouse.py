"""The real SQLite store as a process that can die at any moment and is started again on what it left on disk.

Real are the file, the writing connection with its transactions and savepoints, the batches, the statements and the
reads. Virtual are the time, the faults, and the thread in which production waits for the disk.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from sqlalchemy import Connection
from tests.simulation.drivers import Interrupted
from tests.simulation.groups import GroupCommit
from tests.simulation.virtual import Death
from tests.simulation.weather import Fault

from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.sql.sqlite.batch import BatchConnection, Commands, Custom, Job, Outcome
from raseed.adapters.sql.sqlite.database import Database
from raseed.adapters.sql.sqlite.files import connect_reader
from raseed.adapters.sql.sqlite.ledger import SqliteLedger
from raseed.adapters.sql.sqlite.ledger_batch import LedgerBatch
from raseed.core.billing.commands import Command, Result
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.clock import Microseconds

if TYPE_CHECKING:
    from tests.simulation.stage import Stage

T = TypeVar("T")
STATEMENTS_MAX = 14
"""A statement that fails is one of the first so many of its transaction."""

Decided = tuple[Microseconds, Command, Result]
Effect = Callable[[], None]
"""What a write other than a command changes in the model."""


class _Connection(BatchConnection):
    """Tells the store that a transaction begins."""

    def __init__(self, store: Storehouse, path: Path) -> None:
        self._store = store
        super().__init__(path, store.apply, store.commit)

    def execute(self, jobs: Sequence[Job]) -> list[Outcome]:
        self._store.begins()
        return super().execute(jobs)


class Storehouse:
    def __init__(self, world: Stage, folder: Path, empty: Path) -> None:
        self._world = world
        self._folder = folder
        self._life = 0
        self._batch = LedgerBatch(world.clock, world.new_id)
        self.clock = world.clock
        # In the order in which they came: a set of tasks is sorted by where they lie in memory.
        self._serving: dict[asyncio.Task[Any], None] = {}
        self._ledger: SqliteLedger | None = None
        self.reader: sqlite3.Connection | None = None
        """Reads what is committed; None while nobody serves."""
        self._committed = 0
        """Of the transactions, which are numbered in the file itself."""
        self._transaction: list[Decided | Effect] = []
        self._fault: Fault | None = None
        self._statements_left = 0
        shutil.copyfile(empty, self._path)
        self._open()

    # ------------------------------------------------------------------------------------------- serving

    @property
    def ledger(self) -> SqliteLedger:
        """Of this life; the store is its database."""
        return SqliteLedger(cast("Database", self))

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        return cast("list[Result]", await self._writer.submit(Commands(commands)))

    def read_point(self, work: Callable[[sqlite3.Connection], T]) -> T:
        assert self.reader is not None
        self.reader.execute("BEGIN")
        try:
            return work(self.reader)
        finally:
            self.reader.execute("ROLLBACK")

    async def ask(self, question: Callable[[SqliteLedger], Awaitable[T]]) -> T:
        return await self._serve(question)

    async def write(self, work: Callable[[Connection], T], effect: Callable[[T], None]) -> T:
        """`effect` is called when the work is durable, in the order of all commits. Raises LedgerUnavailable."""

        def recorded(connection: Connection) -> T:
            value = work(self.watched(connection))
            self._transaction.append(lambda: effect(value))
            return value

        try:
            return cast("T", await self._serve(lambda _: self._writer.submit(Custom(recorded))))
        except DatabaseUnavailable as error:
            raise LedgerUnavailable(str(error)) from error

    async def _serve(self, call: Callable[[SqliteLedger], Awaitable[T]]) -> T:
        if self._ledger is None:
            raise LedgerUnavailable("nobody serves")
        life, task = self._life, asyncio.current_task()
        assert task is not None
        self._serving[task] = None
        try:
            return await call(self._ledger)
        except asyncio.CancelledError:
            if self._life == life:
                raise
            task.uncancel()
            raise LedgerUnavailable("the store died") from None
        finally:
            del self._serving[task]

    # ------------------------------------------------------------------------------- inside a transaction

    def begins(self) -> None:
        self._transaction = []
        chance = self._world.chance
        self._fault = None
        if chance.random() < self._world.fault:
            self._fault = chance.choice(list(Fault))
            self._statements_left = chance.randint(1, STATEMENTS_MAX)

    def apply(self, raw: sqlite3.Connection, commands: Sequence[Command]) -> list[Result]:
        now = self._world.clock.now()
        watched = cast("sqlite3.Connection", Interrupted(raw, lambda: self._before_statement(raw)))
        try:
            results = self._batch.apply(watched if self._fault is not None else raw, commands)
        except sqlite3.OperationalError as error:
            if "injected" not in str(error):
                self._world.fail(f"the store cannot write: {error!r}")
            raise
        except Exception as error:
            if not self._world.is_unwritable(commands):
                self._world.fail(f"the store cannot write: {error!r}")
            raise
        self._transaction += [(now, *pair) for pair in zip(commands, results, strict=True)]
        return results

    def watched(self, connection: Connection) -> Connection:
        """For a write that is no command."""
        return connection

    def _before_statement(self, raw: sqlite3.Connection) -> None:
        self._statements_left -= 1
        if self._statements_left != 0:
            return
        if self._fault is Fault.STATEMENT_FAILS:
            self._happens("a statement fails")
            raise sqlite3.OperationalError("injected")
        if self._fault is Fault.TRANSACTION_LOST:
            self._happens("the transaction is lost")
            raw.execute("ROLLBACK")
            raise sqlite3.OperationalError("injected")
        if self._fault is Fault.DIES_AT_STATEMENT:
            self._die("at a statement", *self._files())

    def commit(self, raw: sqlite3.Connection) -> None:
        number = self._committed + 1
        raw.execute(f"PRAGMA user_version = {number}")
        if self._fault is Fault.COMMIT_FAILS:
            self._happens("a commit fails")
            raise sqlite3.OperationalError("injected")
        if self._fault is Fault.DIES_BEFORE_COMMIT:
            self._die("before a commit", *self._files())
        if self._fault is Fault.DIES_IN_COMMIT:
            _, before = self._files()
            raw.execute("COMMIT")
            file, after = self._files()
            self._die("in a commit", file, self._torn(before, after))
        raw.execute("COMMIT")
        self._is_durable(number)
        if self._fault is Fault.COMMIT_UNKNOWN:
            self._happens("a commit has an unknown outcome")
            raise sqlite3.OperationalError("injected")
        if self._fault is Fault.DIES_AFTER_COMMIT:
            self._die("after a commit", *self._files())

    def _happens(self, what: str) -> None:
        self._world.seen[what] += 1
        self._world.trace(what)

    def _is_durable(self, number: int) -> None:
        self._committed = number
        self._world.committed(self._transaction)

    # ------------------------------------------------------------------------------------ death and rebirth

    @property
    def _path(self) -> Path:
        return self._folder / f"life{self._life}.db"

    def _files(self) -> tuple[bytes, bytes]:
        """What a process that starts now would find: database and log."""
        log = self._path.with_name(self._path.name + "-wal")
        return self._path.read_bytes(), log.read_bytes() if log.exists() else b""

    def _torn(self, before: bytes, after: bytes) -> bytes:
        """The log when only a first part of what was written to it has reached the disk."""
        same, differ = 0, len(after)
        while same < differ:
            middle = (same + differ + 1) // 2
            if before[:middle] == after[:middle]:
                same = middle
            else:
                differ = middle - 1
        cut = self._world.chance.choice([same, len(after), self._world.chance.randint(same, len(after))])
        return after[:cut] + before[cut:]

    def kill(self) -> None:
        """From outside, whatever it is doing."""
        if self._ledger is not None:
            self._transaction = []
            self._happens("the store is killed")
            self._end(*self._files())

    def _die(self, when: str, file: bytes, log: bytes) -> NoReturn:
        """From inside."""
        self._happens(f"the store dies {when}")
        self._end(file, log)
        raise Death

    def _end(self, file: bytes, log: bytes) -> None:
        reader, connection, path = self.reader, self._connection, self._path
        self._ledger = self.reader = None
        self._writer.task.cancel()
        self._writer.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._life += 1
        for task in list(self._serving):
            task.cancel()
        self._path.write_bytes(file)
        if log:
            self._path.with_name(self._path.name + "-wal").write_bytes(log)

        def bury() -> None:
            if reader is not None:
                reader.close()
            connection._close()
            for left in path.parent.glob(path.name + "*"):
                left.unlink()
            self._open()

        delay = self._world.chance.choice([0.01, 0.5, 3.0])
        asyncio.get_running_loop().call_later(delay, bury)

    async def restart(self) -> None:
        """In good order."""
        if self._ledger is None:
            return
        self._happens("the store is restarted")
        life, self._ledger = self._life, None
        try:
            await self._writer.close()
        except asyncio.CancelledError:
            if self._life == life:
                raise
            return  # it died of its last transaction
        if self.reader is not None:
            self.reader.close()
        self._open()

    def _open(self) -> None:
        self._connection = _Connection(self, self._path)
        self._writer = GroupCommit(self._connection, self._world.disk_delay)
        self.reader = connect_reader(self._path)
        self._ledger = self.ledger
        self._world.trace("the store serves")
        [number] = self.reader.execute("PRAGMA user_version").fetchone()
        if number == self._committed + 1:
            self._happens("the torn commit was whole")
            self._is_durable(number)
        elif number != self._committed:
            self._world.fail(
                f"transaction {self._committed} was committed and is gone: the file is at {number}"
            )
        self._transaction = []
        if self._life:
            self._world.reborn()

    def close(self) -> None:
        """At the end of the world."""
        if self.reader is not None:
            self.reader.close()
        self._connection._close()
