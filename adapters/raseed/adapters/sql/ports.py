"""What other modules use of a database, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from raseed.core.billing.commands import Command, Result
from raseed.core.clock import Clock

T = TypeVar("T")


class DatabaseUnavailable(Exception):
    """The write did not happen, or it is unknown whether it did. Only repeat what is idempotent."""


class SqlDatabase(Protocol):
    """`Database` (SQLite) and `PostgresDatabase`. Used from one event loop."""

    @property
    def clock(self) -> Clock:
        """What "now" is for everything in this database."""
        ...

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        """Decide and commit ledger commands, in order. Raises DatabaseUnavailable."""
        ...

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction, as if nobody else wrote at the time; durable when it returns.

        `work` neither commits nor rolls back: if it raises, what it wrote is undone and the exception is the caller's.
        It may be run more than once, so it does nothing but use its connection, and that briefly: it may run in the
        event loop. Raises DatabaseUnavailable.
        """
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one snapshot of committed state, for lists and reports. It cannot write."""
        ...

    async def is_ready(self) -> bool:
        """Whether the database answers; cheap enough to be asked every second."""
        ...

    async def close(self) -> None:
        """Finish queued writes and let go of the database."""
        ...
