"""`make bench`, or `python -m tests.bench`: measures against the budgets and prints one table.

Both sides of a ratio run in turns in the same run, on the same machine, behind the same Envoy configuration. Ratios mean
something on a busy machine; the absolute figures beside them do not.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop
from tests.bench.auth import authentication
from tests.bench.bench import Bench, Measurement
from tests.bench.edge import chunks, first_token, unary
from tests.bench.figures import Row, machine, table
from tests.bench.in_process import layers, single_calls
from tests.bench.ledger_costs import costs
from tests.bench.limits import limits
from tests.bench.memory import memory
from tests.bench.placements import placements
from tests.bench.postgres_ledger import postgres
from tests.bench.proxied import proxied
from tests.bench.sqlite_ledger import sqlite
from tests.bench.stacks import ROOT
from tests.bench.startup import start
from tests.bench.streams import streams
from tests.bench.usage_queries import usage_queries

MEASUREMENTS: dict[str, Measurement] = {
    "start": start,
    "unary": unary,
    "proxied": proxied,
    "chunks": chunks,
    "first-token": first_token,
    "streams": streams,
    "memory": memory,
    "calls": single_calls,
    "layers": layers,
    "auth": authentication,
    "limits": limits,
    "placements": placements,
    "usage": usage_queries,
    "sqlite": sqlite,
    "costs": costs,
    "postgres": postgres,
}


async def measure(names: Sequence[str], *, quick: bool) -> list[Row]:
    # In the checkout: the platform's own data lie there too, and a commit costs what their disk costs.
    work_dir = Path(tempfile.mkdtemp(prefix=".raseed-bench-", dir=ROOT))
    rows: list[Row] = []
    try:
        async with AsyncExitStack() as stack:
            bench = Bench(quick, work_dir, stack)
            for name in names:
                rows += await MEASUREMENTS[name](bench)
    finally:
        shutil.rmtree(work_dir)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument(
        "--only", action="append", choices=MEASUREMENTS, metavar="NAME", help=", ".join(MEASUREMENTS)
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round to this file")
    arguments = parser.parse_args()
    conditions = machine()
    rows = uvloop.run(measure(arguments.only or list(MEASUREMENTS), quick=arguments.quick))
    print(table(rows))
    print(", ".join(f"{name} {value}" for name, value in conditions.items()))
    if arguments.json:
        report = {"machine": conditions, "quick": arguments.quick, "rows": [row.as_json() for row in rows]}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
