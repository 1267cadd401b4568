"""The lives of worker processes."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from raseed.adapters.sql.ports import DatabaseUnavailable, SqlDatabase
from raseed.adapters.sql.tables import instances
from raseed.core.clock import Microseconds
from raseed.core.errors import CapacityError


def begin_life(connection: Connection, instance_id: str, now: Microseconds) -> int:
    """The epoch of a worker that starts now, one more than its last. Holds of lower epochs are orphans."""
    last = connection.scalar(select(instances.c.epoch).where(instances.c.id == instance_id))
    if last is None:
        connection.execute(insert(instances).values(id=instance_id, epoch=1, started_at=now))
        return 1
    connection.execute(
        update(instances).where(instances.c.id == instance_id).values(epoch=last + 1, started_at=now)
    )
    return int(last) + 1


class SqlLives:
    """Implements `core.responses.ports.Lives`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def epoch(self, instance: str) -> int | None:
        query = select(instances.c.epoch).where(instances.c.id == instance)
        try:
            return await self._database.read(lambda connection: connection.scalar(query))
        except DatabaseUnavailable as error:
            raise CapacityError("The service cannot reach its database. Please try again.") from error
