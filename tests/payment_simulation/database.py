"""The simulated store as payments see it: `SqlDatabase` of one worker, which may die at any of its writes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import Connection
from tests.simulation.drivers import LateView
from tests.simulation.storehouse import Storehouse

from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.core.billing.commands import Command, Result
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.clock import Clock
from raseed.core.errors import RaseedError
from raseed.core.payments.ports import ProviderIdTaken

if TYPE_CHECKING:
    from tests.payment_simulation.workers import Worker
    from tests.payment_simulation.world import World

T = TypeVar("T")


class _Watched:
    """A SQLAlchemy connection that calls `before` ahead of each statement."""

    def __init__(self, connection: Connection, before: Callable[[], None]) -> None:
        self._connection = connection
        self._before = before

    def __getattr__(self, name: str) -> Any:
        if name in {"execute", "scalar", "scalars"}:
            self._before()
        return getattr(self._connection, name)


class PaymentStorehouse(Storehouse):
    """Faults happen at any statement, not only at those of the ledger."""

    def watched(self, connection: Connection) -> Connection:
        if self._fault is None:
            return connection
        raw = cast("LateView", connection)._raw
        return cast("Connection", _Watched(connection, lambda: self._before_statement(raw)))


class WorkerDatabase:
    """Implements `adapters.sql.ports.SqlDatabase`, and what `SqliteLedger` needs of a database."""

    def __init__(self, world: World, worker: Worker) -> None:
        self._world = world
        self._worker = worker
        self._view: tuple[sqlite3.Connection, LateView] | None = None

    @property
    def clock(self) -> Clock:
        return self._world.clock

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        for command in commands:
            self._world.trace("%s: %s", self._worker.name, command)
        return await self._send(lambda: self._world.store.ask(lambda ledger: ledger.submit(commands)))

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await self._send(lambda: self._world.store.write(self._judged(work), lambda _: None))

    async def read(self, work: Callable[[Connection], T]) -> T:
        await asyncio.sleep(self._world.chance.choice([0.0, 0.0, 0.001, 0.05]))
        self._worker.check_alive()
        reader = self._world.store.reader
        if reader is None:
            raise DatabaseUnavailable("nobody serves")
        if self._view is None or self._view[0] is not reader:
            self._view = reader, LateView(reader)
        view = self._view[1]
        try:
            return work(cast("Connection", view))
        finally:
            view.rollback()

    def read_point(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return self._world.store.read_point(work)

    async def is_ready(self) -> bool:
        return self._world.store.reader is not None

    async def close(self) -> None: ...

    def _judged(self, work: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """Only what the store promises to raise may come out of a transaction: everything else is a defect."""

        def judged(connection: Connection) -> T:
            try:
                return work(connection)
            except (RaseedError, ProviderIdTaken):
                raise
            except Exception as error:
                if "injected" not in str(error):
                    self._world.fail(f"the store cannot write: {error!r}")
                raise

        return judged

    async def _send(self, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        worker, world = self._worker, self._world
        worker.check_alive()
        if world.chance.random() < world.weather.worker_dies:
            world.seen["a worker dies at a write"] += 1
            if world.chance.random() < 0.6:
                world.spawn(_unheard(send()))
                await asyncio.sleep(world.chance.choice([0.0, 0.0, 0.001]))
            worker.die()
            worker.check_alive()
        try:
            return await send()
        except LedgerUnavailable as error:
            raise DatabaseUnavailable(str(error)) from error
        finally:
            worker.check_alive()


async def _unheard(work: Coroutine[Any, Any, Any]) -> None:
    """Who sent it is dead: it happens all the same."""
    with suppress(
        LedgerUnavailable, DatabaseUnavailable, RaseedError, ProviderIdTaken, sqlite3.OperationalError
    ):
        await work
