"""Migrations over a database that has rows already, on both stores."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine
from tests.support.postgres import shared_server

from raseed.adapters.sql.postgres.connect import migrating


def upgrade(connection: Connection, revision: str) -> None:
    with as_file(files("raseed.adapters.sql") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


async def on_sqlite(work: Callable[[Connection], Any], folder: Path) -> Any:
    engine = create_engine(f"sqlite:///{folder / 'raseed.db'}")
    with engine.begin() as connection:
        result = work(connection)
    engine.dispose()
    return result


async def on_postgres(work: Callable[[Connection], Any], folder: Path) -> Any:
    url = await shared_server().create_database()
    async with migrating(url) as connection:
        result = await connection.run_sync(work)
    await shared_server().drop_database(url)
    return result
