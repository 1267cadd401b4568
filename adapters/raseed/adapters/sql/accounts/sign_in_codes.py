"""One-time codes and their tallies in SQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from raseed.adapters.sql.accounts.tables import sign_in_codes, sign_in_tallies
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.code_limits import KEPT_US, Tally
from raseed.core.accounts.identity import Identifier, IdentifierKind
from raseed.core.accounts.sign_in_model import Proven, Purpose, StoredCode
from raseed.core.accounts.sign_in_ports import Tallies
from raseed.core.clock import Microseconds
from raseed.core.errors import Overloaded
from raseed.core.ids import AccountId

WAITING_MAX = 64
"""Codes that wait in one worker to be issued. They are written one after the other, a few milliseconds each."""
ATTEMPTS_WAITING_MAX = 8
"""Attempts on one code that wait in one worker: it has fewer guesses than that, so whoever sends more gets nothing."""

_codes = sign_in_codes.c
_tallies = sign_in_tallies.c


class SqlCodeStore:
    """Implements `core.accounts.sign_in_ports.CodeStore`.

    What would be refused is refused by reading: a flood costs the writer nothing. What is written is one transaction at
    a time (`take_turn`); a worker sends no more than one of a kind to wait for it.
    """

    def __init__(self, database: SqlDatabase, attempts_waiting_max: int = ATTEMPTS_WAITING_MAX) -> None:
        self._database = database
        self._attempts_waiting_max = attempts_waiting_max
        self._issuing = asyncio.Lock()
        self._attempting = asyncio.Lock()
        self._waiting: Counter[bytes] = Counter()

    async def issue(
        self, code: StoredCode, subjects: Collection[str], decide: Callable[[Tallies], Tallies | None]
    ) -> Tallies | None:
        async with self._turn(self._issuing, b"", WAITING_MAX) as is_admitted:
            if not is_admitted:
                raise Overloaded("Too many codes are asked for. Please try again.")
            known = await self._database.read(lambda connection: read_tallies(connection, subjects))
            if decide(known) is None:
                return None

            def work(connection: Connection) -> Tallies | None:
                take_turn(connection)
                counted = decide(read_tallies(connection, subjects))
                if counted is not None:
                    write_tallies(connection, counted, self._database.clock.now())
                    connection.execute(insert(sign_in_codes).values(_values(code)))
                return counted

            return await self._database.write(work)

    async def attempt(
        self,
        code_id: bytes,
        purpose: Purpose,
        attempts_max: int,
        now: Microseconds,
        subjects: Callable[[StoredCode], Collection[str]],
        decide: Callable[[StoredCode, Tallies], Tallies | None],
    ) -> StoredCode | None:
        is_open = (
            (_codes.id == code_id)
            & (_codes.purpose == purpose.value)
            & (_codes.expires_at > now)
            & (_codes.attempt_count < attempts_max)
        )

        def admitted(connection: Connection) -> tuple[StoredCode, Tallies] | None:
            row = connection.execute(select(sign_in_codes).where(is_open)).first()
            if row is None:
                return None
            code = _code(row)
            counted = decide(code, read_tallies(connection, subjects(code)))
            return None if counted is None else (code, counted)

        def work(connection: Connection) -> StoredCode | None:
            take_turn(connection)
            found = admitted(connection)
            if found is None:
                return None
            code, counted = found
            # The condition again, in the statement that counts: it alone decides, whatever was read before.
            taken = connection.execute(
                update(sign_in_codes).where(is_open).values(attempt_count=_codes.attempt_count + 1)
            )
            if taken.rowcount != 1:
                return None
            write_tallies(connection, counted, now)
            return code

        async with self._turn(self._attempting, code_id, self._attempts_waiting_max) as is_admitted:
            if not is_admitted or await self._database.read(admitted) is None:
                return None
            return await self._database.write(work)

    async def purge(self, now: Microseconds, limit: int) -> int:
        def work(connection: Connection) -> int:
            count = 0
            for table, key in ((sign_in_codes, _codes.id), (sign_in_tallies, _tallies.subject)):
                over = select(key).where(table.c.expires_at <= now).order_by(table.c.expires_at).limit(limit)
                keys = connection.scalars(over).all()
                if keys:
                    # A tally may have been used meanwhile: then it is not over any more.
                    gone = delete(table).where(key.in_(keys), table.c.expires_at <= now)
                    count += connection.execute(gone).rowcount
            return count

        return await self._database.write(work)

    @asynccontextmanager
    async def _turn(self, lock: asyncio.Lock, key: bytes, waiting_max: int) -> AsyncIterator[bool]:
        """One at a time. False, at once, if so many wait already."""
        if self._waiting[key] >= waiting_max:
            yield False
            return
        self._waiting[key] += 1
        try:
            async with lock:
                yield True
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]


def take_turn(connection: Connection) -> None:
    """The first statement of what writes codes, tallies and identities: all of it is done one after the other, over all
    workers. They write the same rows (the day's budget, a network, a neighbourhood), so that PostgreSQL would have those
    that meet begin anew, again and again. The lock comes before the snapshot, which then has what the one before wrote.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE sign_in_tallies IN EXCLUSIVE MODE"))  # it may still be read


def use_up(connection: Connection, proven: Proven, now: Microseconds) -> bool:
    """Delete the code that was right and make its tallies those of a success. False if it was used meanwhile."""
    used = connection.execute(delete(sign_in_codes).where(_codes.id == proven.code.id))
    if used.rowcount != 1:
        return False
    tallies = read_tallies(connection, proven.subjects)
    write_tallies(connection, proven.forgiven(tallies, True), now)
    return True


def forgive(connection: Connection, proven: Proven, now: Microseconds) -> None:
    tallies = read_tallies(connection, proven.subjects)
    write_tallies(connection, proven.forgiven(tallies, False), now)


def read_tallies(connection: Connection, subjects: Collection[str]) -> Tallies:
    rows = connection.execute(select(sign_in_tallies).where(_tallies.subject.in_(subjects)))
    return {row.subject: msgspec.json.decode(row.state, type=Tally) for row in rows}


def write_tallies(connection: Connection, tallies: Mapping[str, Tally], now: Microseconds) -> None:
    """In the order of their names, so that two workers do not wait for each other."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for subject, tally in sorted(tallies.items()):
        state = {"state": msgspec.json.encode(tally).decode(), "expires_at": now + KEPT_US}
        written = dialect.insert(sign_in_tallies).values(subject=subject, **state)
        connection.execute(written.on_conflict_do_update(index_elements=["subject"], set_=state))


def _values(code: StoredCode) -> dict[str, Any]:
    return {
        "id": code.id,
        "purpose": code.purpose.value,
        "kind": code.identifier.kind.value,
        "identifier": code.identifier.value,
        "account_id": code.account_id,
        "device": code.device,
        "digest": code.digest,
        "pepper_version": code.pepper_version,
        "attempt_count": 0,
        "expires_at": code.expires_at,
    }


def _code(row: Row[Any]) -> StoredCode:
    return StoredCode(
        id=row.id,
        purpose=Purpose(row.purpose),
        identifier=Identifier(IdentifierKind(row.kind), row.identifier),
        account_id=None if row.account_id is None else AccountId(row.account_id),
        device=row.device,
        digest=row.digest,
        pepper_version=row.pepper_version,
        expires_at=Microseconds(row.expires_at),
    )
