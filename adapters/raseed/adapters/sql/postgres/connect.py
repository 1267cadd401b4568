"""Connections to PostgreSQL: what every session is told, so that no wait is without an end.

The address is a libpq URL: `postgresql://user:password@host:port/database?sslmode=verify-full`, or `?host=/directory`
for a Unix socket. Sessions are given settings when they start and keep prepared statements, so a pooler in between has
to pool sessions, not transactions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

CONNECT_TIMEOUT_S = 5.0
"""A server in reach accepts in milliseconds; a worker that waits longer should say that it is not ready."""
COMMAND_TIMEOUT_S = 8.0
"""When the server keeps silent beyond its own limits below, the connection is given up: it was cut on the way."""
REPORT_TIMEOUT_S = 600.0
"""The same for lists and reports. The server ends them after its `statement_timeout`, but `verify` sets that higher."""
MIGRATION_TIMEOUT_S = 600.0
"""A migration may rewrite a large table, and other workers wait for the one that does it."""

_COMMON: Final[Mapping[str, str]] = {
    "application_name": "raseed",
    "timezone": "UTC",
    # Acknowledged means on disk, whatever the server's default is.
    "synchronous_commit": "on",
    # Our statements are small: compiling them costs more than running them.
    "jit": "off",
    "lock_timeout": "2s",
    # Between the statements of a transaction is only our own code, which takes milliseconds.
    "idle_in_transaction_session_timeout": "10s",
    # A client that vanished is noticed while its statement waits, and its locks are let go.
    "client_connection_check_interval": "2s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
WORK: Final[Mapping[str, str]] = {**_COMMON, "statement_timeout": "5s"}
"""For lists, reports and small writes."""
LEDGER: Final[Mapping[str, str]] = {
    **WORK,
    "default_transaction_isolation": "read committed",
    # The ledger finds every row by its key, which is one of an array. A plan that was made while the tables were empty
    # must be as good when they are large, and none is made again for every batch.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
}
MIGRATION: Final[Mapping[str, str]] = {
    **_COMMON,
    "statement_timeout": f"{MIGRATION_TIMEOUT_S:g}s",
    "lock_timeout": f"{MIGRATION_TIMEOUT_S:g}s",
    "idle_in_transaction_session_timeout": f"{MIGRATION_TIMEOUT_S:g}s",
}


async def connect(
    url: str, settings: Mapping[str, str], command_timeout_s: float = COMMAND_TIMEOUT_S
) -> asyncpg.Connection:
    return await asyncpg.connect(
        url, timeout=CONNECT_TIMEOUT_S, command_timeout=command_timeout_s, server_settings=dict(settings)
    )


def engine(
    url: str,
    settings: Mapping[str, str],
    *,
    size: int,
    command_timeout_s: float = COMMAND_TIMEOUT_S,
    **options: Any,
) -> AsyncEngine:
    """SQLAlchemy over at most `size` such connections, opened when they are needed."""

    async def creator() -> asyncpg.Connection:
        return await connect(url, settings, command_timeout_s)

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=creator,
        pool_size=size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        **options,
    )


@asynccontextmanager
async def migrating(url: str) -> AsyncIterator[AsyncConnection]:
    """A transaction that waits patiently, on a connection of its own. Committed at the end of the block."""
    own = engine(url, MIGRATION, size=1, command_timeout_s=MIGRATION_TIMEOUT_S)
    try:
        async with own.begin() as connection:
            yield connection
    finally:
        await own.dispose()
