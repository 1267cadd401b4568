"""Where should the SQLite writer run? `python -m tests.bench.ledger_writer` (docs/adr/0002).

One grpc.aio server for each placement and one without a ledger, all in processes of their own; this process is the
closed-loop client. Rounds alternate over the servers, so that what else the machine does falls on all of them. A call
places a hold and settles it: two commits, one after the other, as a request does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import grpc
import uvloop
from tests.bench.ledger_runners import InLoop, InProcess, InThread, Runner
from tests.contract.ledger.conftest import ACCOUNT
from tests.unit.billing.builders import issue, place, settle

from raseed.adapters.sql.accounts.accounts import create_account
from raseed.adapters.sql.sqlite.database import Database
from raseed.adapters.sql.sqlite.ledger import SqliteLedger
from raseed.core.billing.commands import Held, Settled
from raseed.core.ids import AccountId

PLACEMENTS = ("bare", "thread", "loop", "process")
ACCOUNTS = 50
CALLS_MAX = 200_000
"""A round ends by time; this bounds it should a clock stand still."""
TICK_S = 0.001
"""The stall probe asks to be woken so often; how much later it wakes is how long the loop was busy."""


def account(number: int) -> AccountId:
    return AccountId(f"acct_{number % ACCOUNTS}")


async def fill(path: Path) -> None:
    database = await Database.open(path)

    for number in range(ACCOUNTS):
        new = replace(ACCOUNT, id=account(number), email=f"{number}@example.com")
        await database.write(partial(create_account, account=new))
        await SqliteLedger(database).submit([issue("g", 10**14, account(number))])
    await database.close()


# ------------------------------------------------------------------------------------------------ the server


class Stalls:
    """How much later than asked the event loop comes back to a sleeper."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []

    async def watch(self) -> None:
        while True:
            asked = perf_counter()
            await asyncio.sleep(TICK_S)
            self.late_ms.append((perf_counter() - asked - TICK_S) * 1000)

    def take(self) -> dict[str, float]:
        late, self.late_ms = sorted(self.late_ms), []
        return {"p99": late[int(len(late) * 0.99)] if late else 0, "max": late[-1] if late else 0}


def cpu_s(pid: int) -> float:
    """CPU time of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_for(work_us: int) -> None:
    """What the rest of a request costs the loop: authentication, decoding, mapping, encoding. Plain Python, which keeps
    the interpreter lock; a writer's thread has to wait for it after every statement."""
    end = perf_counter() + work_us / 1e6
    while perf_counter() < end:
        pass


async def serve(placement: str, path: Path, work_us: int) -> None:
    runner: Runner | None = None
    if placement == "loop":
        runner = InLoop(path)
    elif placement == "thread":
        runner = InThread(path)
    elif placement == "process":
        runner = InProcess(path)
        await runner.start()
    stalls = Stalls()

    async def run(request: bytes, context: Any) -> bytes:
        busy_for(work_us)
        if runner is not None:
            hold = request.decode()
            owner = account(int(hold.rsplit("-", 1)[1]))
            [held] = await runner.submit([place(hold, 500_000, 1_000, owner)])
            assert isinstance(held, Held), held
            [settled] = await runner.submit([settle(hold, 300_000, owner)])
            assert isinstance(settled, Settled), settled
        return request

    async def take_figures(request: bytes, context: Any) -> bytes:
        child = cpu_s(runner.pid) if isinstance(runner, InProcess) else 0.0
        return json.dumps({**stalls.take(), "cpu_s": cpu_s(os.getpid()) + child}).encode()

    server = grpc.aio.server()
    handlers: dict[str, Any] = {
        "Run": grpc.unary_unary_rpc_method_handler(run),
        "Figures": grpc.unary_unary_rpc_method_handler(take_figures),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Ledger", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await stalls.watch()


# ------------------------------------------------------------------------------------------------ the client


@dataclass(slots=True)
class Server:
    placement: str
    process: subprocess.Popen[str]
    channel: grpc.aio.Channel
    rates: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    stall_p99_ms: list[float] = field(default_factory=list)
    stall_max_ms: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    """CPU time of the server for one call: means something on a busy machine, where wall time does not."""


async def start(placement: str, folder: Path, work_us: int) -> Server:
    path = folder / placement / "raseed.db"
    path.parent.mkdir()
    await fill(path)
    process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs while servers start
        [
            sys.executable,
            "-m",
            "tests.bench.ledger_writer",
            "--serve",
            placement,
            "--path",
            str(path),
            "--work-us",
            str(work_us),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert process.stdout is not None
    port = await asyncio.to_thread(process.stdout.readline)
    return Server(placement, process, grpc.aio.insecure_channel(f"127.0.0.1:{int(port)}"))


async def one_round(server: Server, label: str, callers: int, seconds: float) -> None:
    call: Any = server.channel.unary_unary("/bench.Ledger/Run")
    take_figures: Any = server.channel.unary_unary("/bench.Ledger/Figures")
    before = json.loads(await take_figures(b""))
    latencies: list[float] = []
    begin = perf_counter()
    end = begin + seconds
    numbers = iter(range(CALLS_MAX))

    async def caller() -> None:
        for number in numbers:
            sent = perf_counter()
            if sent >= end:
                return
            await call(f"{label}-{number}".encode())
            latencies.append((perf_counter() - sent) * 1000)

    await asyncio.gather(*(caller() for _ in range(callers)))
    after = json.loads(await take_figures(b""))
    server.cpu_us.append((after["cpu_s"] - before["cpu_s"]) / len(latencies) * 1e6)
    server.rates.append(len(latencies) / (perf_counter() - begin))
    server.latencies_ms += latencies
    server.stall_p99_ms.append(after["p99"])
    server.stall_max_ms.append(after["max"])


def table(servers: list[Server], callers: int, work_us: int) -> str:
    bare = servers[0]
    lines = [
        f"\n{callers} callers, {work_us} µs of other work a call, medians of {len(bare.rates)} rounds\n",
        "| placement | calls/s | best tenth | ratio | CPU µs a call | p50 ms | p99 ms | stall p99 | worst stall |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for server in servers:
        ratio = statistics.median(mine / base for mine, base in zip(server.rates, bare.rates, strict=True))
        best = sorted(server.rates)[-max(1, len(server.rates) // 10)]
        late = sorted(server.latencies_ms)
        lines.append(
            f"| {server.placement} | {statistics.median(server.rates):,.0f} | {best:,.0f} | {ratio:.2f} "
            f"| {statistics.median(server.cpu_us):.0f} "
            f"| {late[len(late) // 2]:.1f} | {late[int(len(late) * 0.99)]:.1f} "
            f"| {statistics.median(server.stall_p99_ms):.1f} | {max(server.stall_max_ms):.1f} |"
        )
    return "\n".join(lines)


async def compare(folder: Path, rounds: int, seconds: float, callers: list[int], work_us: int) -> None:
    servers = [await start(placement, folder, work_us) for placement in PLACEMENTS]
    try:
        for server in servers:
            await one_round(server, "warm", 16, 1.0)
        for count in callers:
            for server in servers:
                server.rates, server.latencies_ms = [], []
                server.stall_p99_ms, server.stall_max_ms, server.cpu_us = [], [], []
            for number in range(rounds):
                for server in servers:
                    await one_round(server, f"{count}-{number}", count, seconds)
            print(table(servers, count, work_us), flush=True)
    finally:
        for server in servers:
            await server.channel.close()
            server.process.terminate()
            server.process.wait(10)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--serve")
    arguments.add_argument("--path", type=Path)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--seconds", type=float, default=1.0)
    arguments.add_argument("--callers", type=int, nargs="+", default=[64, 8])
    arguments.add_argument(
        "--folder", type=Path, default=Path.cwd(), help="on the disk that is to be measured"
    )
    arguments.add_argument("--work-us", type=int, default=0, help="other work of the loop for each call")
    given = arguments.parse_args()
    if given.serve:
        uvloop.run(serve(given.serve, given.path, given.work_us))
        return
    with tempfile.TemporaryDirectory(prefix=".raseed-bench-", dir=given.folder) as folder:
        uvloop.run(compare(Path(folder), given.rounds, given.seconds, given.callers, given.work_us))


if __name__ == "__main__":
    main()
