"""What a campaign is run against: a stack without a model, on SQLite with one worker or on PostgreSQL with three."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from tests.campaigns.books import Books, PostgresBooks, SqliteBooks
from tests.support.http import Http
from tests.support.postgres import PostgresServer
from tests.support.stack import Stack

from raseed.admin.v1 import admin_pb2
from raseed.app.ports import free_ports

SCRIPTED = """\
[limits]
enabled = false

[billing]
hold_wait_s = {hold_wait_s}

[triton]
enabled = false

[core]
breaker_failures = 0
workers = {workers}
slots = 512

[scripted]
enabled = true
answer = "max_tokens"
pace_ms = {pace_ms}
"""
WORKERS = 3
"""On PostgreSQL."""
VERIFY_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Site:
    stack: Stack
    books: Books
    workers: tuple[str, ...]
    server: PostgresServer | None
    """None: SQLite."""

    def verified(self) -> list[str]:
        """What `raseed ledger verify` finds: nothing, if the books are sound."""
        answer = self.stack.admin("VerifyLedger", admin_pb2.VerifyLedgerRequest(), timeout_s=VERIFY_TIMEOUT_S)
        return [f"{violation.invariant}: {violation.detail}" for violation in answer.violations]

    def answers(self) -> bool:
        """Whether a worker reaches its database, and Envoy a worker."""
        try:
            self.stack.admin("GetAccount", admin_pb2.GetAccountRequest(account="owner@localhost"))
        except grpc.RpcError:
            return False
        return bool(Http(self.stack.port, self.stack.key).send("GET", "/v1/models").status == 200)


@contextmanager
def site(
    directory: Path, server: PostgresServer | None, *, hold_wait_s: float = 2.0, pace_ms: float = 0.0
) -> Iterator[Site]:
    """Started; stopped, or else killed, at the end of the block. On SQLite if there is no server."""
    url = asyncio.run(server.create_database()) if server is not None else ""
    count = 1 if server is None else WORKERS
    config = SCRIPTED.format(hold_wait_s=hold_wait_s, pace_ms=pace_ms, workers=count)
    environ = {"RASEED_ADMIN_LISTEN": f"127.0.0.1:{free_ports(1)[0]}"}
    stack = Stack(directory, config, environ=environ | ({"RASEED_DATABASE_URL": url} if url else {}))
    books: Books = PostgresBooks(url) if url else SqliteBooks(stack.files.database)
    workers = tuple(f"core-{index}" for index in range(count))
    try:
        yield Site(stack.start(), books, workers, server)
        stack.stop()
    finally:
        stack.leave_nothing()
        books.close()
        if server is not None:
            asyncio.run(server.drop_database(url))
