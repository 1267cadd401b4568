"""The writing connection: many callers' writes in one transaction, each of which can fail alone. Synchronous.

Where its statements and its commit run is the caller's choice (`sqlite_writer`, docs/adr/0002).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.sql.sqlite.dialect import borrowed
from raseed.adapters.sql.sqlite.files import connect_writer
from raseed.core.billing.commands import Command, Refusal, Refused, Result

log = logging.getLogger(__name__)

CHECKPOINT_AFTER_ROWS = 4_000
"""Written rows between two checkpoints: some 300 requests, at most about 30 MB of WAL. Fewer would write hot pages to
the database file again and again, more would make a restart after a crash and each checkpoint longer."""

Apply = Callable[[sqlite3.Connection, Sequence[Command]], list[Result]]
Work = Callable[[Connection], Any]


@dataclass(frozen=True, slots=True)
class Commands:
    """Ledger commands of one caller."""

    commands: Sequence[Command]


@dataclass(frozen=True, slots=True)
class Custom:
    """Another module's write. It may be run again if the transaction is lost, so it does nothing but use its connection."""

    work: Work


Job = Commands | Custom


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job in an open transaction. Nothing of it is true before `commit` has returned."""

    value: Any = None
    error: Exception | None = None


def commit_now(connection: sqlite3.Connection) -> None:
    connection.execute("COMMIT")


class BatchConnection:
    """Use: `execute`, then `commit`; after an error of either, `recover`. One caller at a time, from any thread."""

    def __init__(
        self, path: Path, apply: Apply, commit: Callable[[sqlite3.Connection], None] = commit_now
    ) -> None:
        """`commit` ends a transaction; a test passes one that fails."""
        self._path = path
        self._apply = apply
        self._commit = commit
        self._open()

    def _open(self) -> None:
        self._raw = connect_writer(self._path)
        self._view = borrowed(self._raw)
        self._changes = self._checkpointed_changes = 0

    def execute(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Run the jobs in one transaction and leave it open. A job that fails leaves nothing behind.

        Raises DatabaseUnavailable if the transaction itself was lost.
        """
        self._raw.execute("BEGIN IMMEDIATE")
        outcomes: list[Outcome | None] = [None] * len(jobs)
        batch: list[tuple[int, Commands]] = []
        for position, job in enumerate(jobs):
            if isinstance(job, Custom):
                outcomes[position] = self._alone(lambda job=job: self._run(job))  # type: ignore[misc]
            else:
                batch.append((position, job))
        if batch:
            for (position, _), outcome in zip(
                batch, self._run_commands([job for _, job in batch]), strict=True
            ):
                outcomes[position] = outcome
        self._changes = self._raw.total_changes
        return [outcome for outcome in outcomes if outcome is not None]

    def commit(self) -> None:
        """After an exception it is unknown whether the transaction is durable."""
        self._commit(self._raw)

    @property
    def checkpoint_is_due(self) -> bool:
        return self._changes - self._checkpointed_changes >= CHECKPOINT_AFTER_ROWS

    @property
    def has_unsaved_log(self) -> bool:
        """Whether anything was written since the last checkpoint."""
        return self._changes != self._checkpointed_changes

    def checkpoint(self) -> None:
        """Move committed pages from the log to the database file. Readers go on undisturbed."""
        self._checkpointed_changes = self._changes
        self._raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def recover(self) -> None:
        """Start again from what is on disk. After a failed write or sync the old connection's view is not to be trusted."""
        self._close()
        self._open()

    def close(self) -> None:
        """Leaves a database file without a log."""
        self._raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._close()

    def _close(self) -> None:
        self._view.close()
        self._view.engine.dispose()
        self._raw.close()

    def _run(self, job: Custom) -> Any:
        try:
            return job.work(self._view)
        finally:
            self._view.rollback()  # ends SQLAlchemy's own idea of a transaction, not ours

    def _run_commands(self, jobs: list[Commands]) -> list[Outcome]:
        """All of them in one go; if that fails, each command alone, so that one that cannot be written fails alone."""
        commands = [command for job in jobs for command in job.commands]
        together = self._alone(lambda: self._apply(self._raw, commands))
        if together.error is None:
            results = iter(together.value)
            return [Outcome([next(results) for _ in job.commands]) for job in jobs]
        log.error(
            "a batch of %d ledger commands cannot be written together", len(commands), exc_info=together.error
        )
        return [self._run_one_by_one(job) for job in jobs]

    def _run_one_by_one(self, job: Commands) -> Outcome:
        results: list[Result] = []
        for command in job.commands:
            one = self._alone(lambda command=command: self._apply(self._raw, [command]))  # type: ignore[misc]
            if one.error is None:
                results.extend(one.value)
            elif _is_of_the_file(one.error):
                error = DatabaseUnavailable(f"the write did not happen: {one.error}")
                error.__cause__ = one.error
                return Outcome(error=error)
            else:
                log.error("ledger command cannot be written: %r", command, exc_info=one.error)
                results.append(Refused(refusal=Refusal.CANNOT_BE_WRITTEN))
        return Outcome(results)

    def _alone(self, write: Callable[[], Any]) -> Outcome:
        self._raw.execute("SAVEPOINT alone")
        try:
            value = write()
        except Exception as error:
            if not self._raw.in_transaction:
                # Disk full, I/O error: SQLite has rolled back everything, also what other jobs were told.
                raise DatabaseUnavailable("the transaction was lost") from error
            self._raw.execute("ROLLBACK TO alone")
            self._raw.execute("RELEASE alone")
            return Outcome(error=error)
        self._raw.execute("RELEASE alone")
        return Outcome(value)


def _is_of_the_file(error: Exception) -> bool:
    """The same command may well be written later, as against what the rows or our own code are at fault for."""
    return isinstance(error, sqlite3.OperationalError | sqlite3.InternalError) or (
        type(error) is sqlite3.DatabaseError
    )
