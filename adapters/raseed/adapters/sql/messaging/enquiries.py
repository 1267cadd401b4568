"""Messages to the operators, in SQL: counted, and in the outbox."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import Connection, select

from raseed.adapters.sql.accounts.sign_in_codes import read_tallies, take_turn, write_tallies
from raseed.adapters.sql.messaging.outbox import enqueue
from raseed.adapters.sql.messaging.tables import outbox
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.accounts.sign_in_ports import Tallies
from raseed.core.messaging.notices import Notice


class SqlEnquiryStore:
    """Implements `core.messaging.enquiries.EnquiryStore`. What is refused is refused by reading."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def put(
        self, notice: Notice, subjects: Collection[str], decide: Callable[[Tallies], Tallies | None]
    ) -> bool:
        known = select(outbox.c.id).where(outbox.c.key == notice.key)

        def decided(connection: Connection) -> bool | Tallies:
            """True: it is there already; False: it is refused."""
            if connection.execute(known).first() is not None:
                return True
            return decide(read_tallies(connection, subjects)) or False

        def work(connection: Connection) -> bool:
            take_turn(connection)
            found = decided(connection)
            if isinstance(found, bool):
                return found
            now = self._database.clock.now()
            write_tallies(connection, found, now)
            enqueue(connection, notice, now)
            return True

        found = await self._database.read(decided)
        return found if isinstance(found, bool) else await self._database.write(work)
