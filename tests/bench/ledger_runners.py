"""Three places where the SQLite writer could run, around the same store code (docs/adr/0002).

`loop` is what the product does (`sqlite_writer`). The others live here only, so that the choice can be measured again.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Protocol

from raseed.adapters.sql.sqlite.batch import BatchConnection, Commands
from raseed.adapters.sql.sqlite.ledger_batch import LedgerBatch
from raseed.adapters.sql.sqlite.writer import BATCH_COMMANDS_MAX, SqliteWriter
from raseed.core.billing.commands import Command, Result
from raseed.core.clock import SystemClock
from raseed.core.ids import new_id

Pending = tuple[list[Command], asyncio.Future[list[Result]]]


class Runner(Protocol):
    async def submit(self, commands: Sequence[Command]) -> list[Result]: ...


def connection(path: Path) -> BatchConnection:
    return BatchConnection(path, LedgerBatch(SystemClock(), new_id).apply)


class InLoop:
    def __init__(self, path: Path) -> None:
        self._writer = SqliteWriter(connection(path))

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        results: list[Result] = await self._writer.submit(Commands(commands))
        return results

    async def close(self) -> None:
        await self._writer.close()


class InThread:
    """Everything on a thread of its own: statements, commit, checkpoint."""

    def __init__(self, path: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Pending] = SimpleQueue()
        Thread(target=self._run, args=(path,), daemon=True).start()

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        done: asyncio.Future[list[Result]] = self._loop.create_future()
        self._queue.put((list(commands), done))
        return await done

    def _run(self, path: Path) -> None:
        writer = connection(path)
        while True:
            batch = [self._queue.get()]
            try:
                while len(batch) < BATCH_COMMANDS_MAX:
                    batch.append(self._queue.get_nowait())
            except Empty:
                pass
            outcomes = writer.execute([Commands(commands) for commands, _ in batch])
            writer.commit()
            self._loop.call_soon_threadsafe(_answer, batch, [outcome.value for outcome in outcomes])
            if writer.checkpoint_is_due:
                writer.checkpoint()


def _answer(batch: list[Pending], results: list[list[Result]]) -> None:
    for (_, done), result in zip(batch, results, strict=True):
        if not done.done():
            done.set_result(result)


class InProcess:
    """A ledger process behind a Unix socket. What is submitted in one turn of the loop travels in one frame."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outgoing: list[Pending] = []
        self._sent: list[list[Pending]] = []
        self._writer: asyncio.StreamWriter | None = None
        self.pid = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        # A socket pair: the child needs no address, and ends when this process does.
        mine, theirs = socket.socketpair()
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.bench.ledger_runners",
            str(self._path),
            str(theirs.fileno()),
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        self.pid = child.pid
        reader, self._writer = await asyncio.open_unix_connection(sock=mine)
        self._tasks.append(asyncio.create_task(self._receive(reader)))

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[Result]] = loop.create_future()
        if not self._outgoing:
            loop.call_soon(self._flush)
        self._outgoing.append((list(commands), done))
        return await done

    def _flush(self) -> None:
        assert self._writer is not None
        batch, self._outgoing = self._outgoing, []
        self._sent.append(batch)
        self._writer.write(_frame([commands for commands, _ in batch]))

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        while True:
            results = await _read(reader)
            _answer(self._sent.pop(0), results)


async def serve_ledger(path: Path, fd: int) -> None:
    writer = connection(path)
    reader, answers = await asyncio.open_unix_connection(sock=socket.socket(fileno=fd))
    while True:
        # Frames that have arrived while the last commit was under way are committed together.
        frames = [await _read(reader)]
        while len(frames) < BATCH_COMMANDS_MAX and len(reader._buffer) > 4:  # type: ignore[attr-defined]
            frames.append(await _read(reader))
        jobs = [Commands(commands) for frame in frames for commands in frame]
        results = iter([outcome.value for outcome in writer.execute(jobs)])
        writer.commit()
        for frame in frames:
            answers.write(_frame([next(results) for _ in frame]))
        if writer.checkpoint_is_due:
            writer.checkpoint()
        # The transport reads only when the loop turns: let it see what arrived during the commit.
        await asyncio.sleep(0)


def _frame(content: Any) -> bytes:
    body = pickle.dumps(content, protocol=5)
    return struct.pack(">I", len(body)) + body


async def _read(reader: asyncio.StreamReader) -> Any:
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    return pickle.loads(await reader.readexactly(length))


if __name__ == "__main__":
    with suppress(asyncio.IncompleteReadError):
        asyncio.run(serve_ledger(Path(sys.argv[1]), int(sys.argv[2])))
