"""Brings a database to the schema of this code, and refuses one that is ahead of it."""

from __future__ import annotations

from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


class SchemaTooNew(Exception):
    """The database was written by a newer version of the program, which this one could damage."""


def migrate(connection: Connection) -> None:
    """Upgrade to the newest revision. The connection is inside a transaction, which the caller commits.

    Safe to repeat: at the newest revision it changes nothing. Raises SchemaTooNew.
    """
    with as_file(files("raseed.adapters.sql") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
        found = MigrationContext.configure(connection).get_current_heads()
        unknown = set(found) - known
        if unknown:
            raise SchemaTooNew(
                f"the database has schema revision {', '.join(sorted(unknown))}, newer than this program knows: "
                "run the version that wrote it, or a later one"
            )
        command.upgrade(config, "head")
