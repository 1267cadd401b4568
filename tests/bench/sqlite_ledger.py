"""The ledger on SQLite against bare `sqlite3` with the same statements: alone, and in a `grpc.aio` server that is saturated.

Everything is of one hot account in batches of 64, with `synchronous=FULL`. In the server, our writer runs where it does in
a worker, in the server's event loop, while another process makes calls in a closed loop as fast as they are answered. That
process is stopped while a side runs alone, so that all sides take turns in one run.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import grpc
from tests.bench.bench import Bench, collect_garbage_as_a_worker
from tests.bench.figures import Budget, Row, number
from tests.bench.ledger_batch import COMMANDS, Statement, Took, bare, batches, ours, record, run
from tests.bench.ledger_runners import InLoop
from tests.bench.ledger_writer import fill

from raseed.adapters.sql.sqlite.files import connect_writer

ALONE = Budget("≥", 0.6)
BESIDE = Budget("≥", 0.5)
CALLERS = 64
FEEDERS = 2
"""Batches under way: one is being committed while the next waits, as on a busy worker."""
WARMUP_S = 1.0
STOP_TIMEOUT_S = 10.0
ECHO = "/bench.Echo/Echo"
_CALLER = """
import asyncio, sys, grpc, uvloop

async def main(address, path, callers):
    echo = grpc.aio.insecure_channel(address).unary_unary(path)
    async def caller():
        while True:
            await echo(bytes(200))
    await asyncio.gather(*(caller() for _ in range(callers)))

uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@dataclass(slots=True)
class Calls:
    """The server's, and the process that makes them."""

    process: asyncio.subprocess.Process
    answered: int = 0

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Beside:
    """What a side did while calls were made."""

    seconds: float
    calls_per_s: float
    cpu: float
    """Of this process, in cores: the loop is saturated when it is near 1 or above."""


async def sqlite(bench: Bench) -> list[Row]:
    """Commands a second: bare, and ours, alone and in a saturated server."""
    bench.say("SQLite, batches of 64")
    folder = bench.folder()
    empty = folder / "empty.db"
    await fill(empty)

    def copy() -> Path:
        return Path(shutil.copy(empty, folder / "copy.db"))

    recorded = record(copy())
    collect_garbage_as_a_worker()
    alone: dict[str, list[Took]] = {"bare": [], "ours": []}
    beside: dict[str, list[Beside]] = {"bare": [], "ours": []}
    async with _saturated() as calls:
        for _ in range(3 * bench.rounds):
            calls.stop()
            alone["bare"].append(bare(copy(), recorded))
            alone["ours"].append(ours(copy()))
            calls.go_on()
            await asyncio.sleep(WARMUP_S / 4)
            beside["ours"].append(await _beside(calls, lambda: _ours_in_loop(copy())))
            beside["bare"].append(await _beside(calls, lambda: _bare_in_loop(copy(), recorded)))

    def ratio(base: Sequence[float], side: Sequence[float]) -> list[float]:
        return [one / other for one, other in zip(base, side, strict=True)]

    wall = {name: [each.wall_s for each in values] for name, values in alone.items()}
    cpu = {name: [each.cpu_s for each in values] for name, values in alone.items()}
    in_server = {name: [each.seconds for each in values] for name, values in beside.items()}
    rates = [
        Row(what=f"SQLite, {name}", values=[COMMANDS / each for each in seconds], unit="commands/s")
        for name, seconds in (
            ("bare sqlite3, alone", wall["bare"]),
            ("ours, alone", wall["ours"]),
            ("ours, in a saturated server", in_server["ours"]),
            ("bare sqlite3, in a saturated server", in_server["bare"]),
        )
    ]
    return [
        Row(
            what="SQLite, FULL, one account, batches of 64: ours / bare sqlite3",
            values=ratio(wall["bare"], wall["ours"]),
            budget=ALONE,
            note=f"{number(median(ratio(cpu['bare'], cpu['ours'])))} by processor time",
        ),
        Row(
            what="the same in a saturated grpc.aio server: ours there / bare sqlite3 alone",
            values=ratio(wall["bare"], in_server["ours"]),
            budget=BESIDE,
            note=f"beside {number(median(each.calls_per_s for each in beside['ours']))} calls/s, "
            f"{number(median(each.cpu for each in beside['ours']))} cores",
        ),
        Row(
            what="the same, both sides in the saturated server",
            values=ratio(in_server["bare"], in_server["ours"]),
            note=f"bare beside {number(median(each.calls_per_s for each in beside['bare']))} calls/s, "
            f"{number(median(each.cpu for each in beside['bare']))} cores",
        ),
        *rates,
    ]


@asynccontextmanager
async def _saturated() -> AsyncIterator[Calls]:
    """A server in this loop, and a process that keeps it busy."""

    async def echo(request: bytes, _context: Any) -> bytes:
        calls.answered += 1
        return request

    server = grpc.aio.server()
    service, method = ECHO.strip("/").split("/")
    handlers: dict[str, Any] = {method: grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CALLER, f"127.0.0.1:{port}", ECHO, str(CALLERS)
    )
    calls = Calls(process)
    try:
        await asyncio.sleep(2 * WARMUP_S)
        assert calls.answered, "nobody calls"
        yield calls
    finally:
        process.kill()
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        await server.stop(None)


async def _beside(calls: Calls, side: Callable[[], Awaitable[float]]) -> Beside:
    answered, spent, began = calls.answered, time.process_time(), time.perf_counter()
    seconds = await side()
    took = time.perf_counter() - began
    return Beside(seconds, (calls.answered - answered) / took, (time.process_time() - spent) / took)


async def _ours_in_loop(path: Path) -> float:
    runner = InLoop(path)
    work = batches()
    pairs = iter(list(zip(work[::2], work[1::2], strict=True)))

    async def feeder() -> None:
        for placing, settling in pairs:
            await runner.submit(placing)
            await runner.submit(settling)

    began = time.perf_counter()
    await asyncio.gather(*(feeder() for _ in range(FEEDERS)))
    took = time.perf_counter() - began
    await runner.close()
    return took


async def _bare_in_loop(path: Path, recorded: Sequence[Sequence[Statement]]) -> float:
    """Statements in the loop, commits in a thread, nothing else."""
    connection = connect_writer(path)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    for statements in recorded:
        run(connection, statements)
        await loop.run_in_executor(None, connection.execute, "COMMIT")
    took = time.perf_counter() - began
    connection.close()
    return took
