"""The SQLite store without its writer's loop and threads: each command is a transaction here and now."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy import Connection
from tests.contract.ledger.conftest import ACCOUNT, KEY
from tests.unit.billing.builders import ManualClock, counting_ids

from raseed.adapters.sql.accounts.accounts import create_account
from raseed.adapters.sql.accounts.api_keys import insert_key
from raseed.adapters.sql.sqlite.batch import BatchConnection, Commands, Custom
from raseed.adapters.sql.sqlite.database import Database
from raseed.adapters.sql.sqlite.database import _prepare as prepare
from raseed.adapters.sql.sqlite.files import connect_reader
from raseed.adapters.sql.sqlite.ledger import SqliteLedger
from raseed.adapters.sql.sqlite.ledger_batch import LedgerBatch
from raseed.core.billing.commands import Command, Result
from raseed.core.ids import AccountId, ApiKeyId, PersonId

T = TypeVar("T")


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    work.close()
    raise AssertionError("it waits")


class FamilyKey(NamedTuple):
    """A key, whose it is, which key made it, and who that one."""

    account_id: AccountId
    id: ApiKeyId
    parent_id: ApiKeyId | None
    created_by: PersonId | None


def empty_database(path: Path, *account_ids: AccountId, keys: Sequence[FamilyKey] = ()) -> None:
    """A database file with these accounts and keys, without a log beside it: a copy of it is as good."""

    def fill(view: Connection) -> None:
        for account_id in account_ids:
            create_account(view, replace(ACCOUNT, id=account_id, email=f"{account_id}@example.com"))
        for key in keys:
            insert_key(view, replace(KEY, public_id=key.id, **key._asdict()))

    prepare(path)
    connection = BatchConnection(path, lambda _raw, _commands: [])
    [outcome] = connection.execute([Custom(fill)])
    assert outcome.error is None, outcome.error
    connection.commit()
    connection.close()


class QuickStore:
    def __init__(self, path: Path) -> None:
        self.clock = ManualClock()
        self._connection = BatchConnection(path, LedgerBatch(self.clock, counting_ids()).apply)
        self.reader = connect_reader(path)
        self.ledger = SqliteLedger(cast("Database", self))
        """For its reads."""

    def submit(self, command: Command) -> Result:
        [outcome] = self._connection.execute([Commands([command])])
        self._connection.commit()
        if outcome.error is not None:
            raise outcome.error
        return cast("Result", outcome.value[0])

    def write(self, work: Callable[[Connection], T]) -> T:
        [outcome] = self._connection.execute([Custom(work)])
        self._connection.commit()
        if outcome.error is not None:
            raise outcome.error
        return cast("T", outcome.value)

    def read_point(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return work(self.reader)

    def close(self) -> None:
        self.reader.close()
        self._connection.close()
