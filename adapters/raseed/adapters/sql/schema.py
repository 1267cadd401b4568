"""Brings a database to the schema of this code, and refuses one that is ahead of it."""

from __future__ import annotations

from importlib.resources import as_file, files

from sqlalchemy import Connection, inspect, text

HEAD = "0029"
"""The newest revision."""


class SchemaTooNew(Exception):
    """The database was written by a newer version of the program, which this one could damage."""


def migrate(connection: Connection) -> None:
    """Upgrade to the newest revision. The connection is inside a transaction, which the caller commits.

    Safe to repeat: at the newest revision it changes nothing. Raises SchemaTooNew.
    """
    found = revisions(connection)
    if found == {HEAD}:
        return
    # Imported only where it is needed: most starts find their schema, and it is a tenth of their time.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    with as_file(files("raseed.adapters.sql") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
        if unknown := found - known:
            raise SchemaTooNew(
                f"the database has schema revision {', '.join(sorted(unknown))}, newer than this program knows: "
                "run the version that wrote it, or a later one"
            )
        command.upgrade(config, "head")


def revisions(connection: Connection) -> set[str]:
    """What the database says that it is at; nothing for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())
