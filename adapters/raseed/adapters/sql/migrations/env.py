"""Runs revisions on the connection that the caller has opened and whose transaction the caller owns."""

from __future__ import annotations

from alembic import context

from raseed.adapters.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
