"""The figures of docs/adr/0002, where the SQLite writer runs: what `ledger_writer` measures, as rows of the table."""

from __future__ import annotations

from statistics import median

from tests.bench.bench import Bench
from tests.bench.figures import Row

CALLERS = 64
WARMUP_S = 1.0


async def placements(bench: Bench) -> list[Row]:
    """Information: a budget of the whole is held against the whole."""
    # Late: it needs the builders of the unit tests, which no other measurement does.
    from tests.bench.ledger_writer import PLACEMENTS, Server, one_round, start

    folder = bench.folder()
    servers: list[Server] = []
    try:
        for placement in PLACEMENTS:
            bench.say(f"ledger placement: {placement}")
            servers.append(await start(placement, folder, 0))
        for server in servers:
            await one_round(server, "warm", CALLERS, WARMUP_S)
            server.rates.clear()
            server.latencies_ms.clear()
            server.stall_max_ms.clear()
        for number in range(bench.rounds):
            for server in servers:
                await one_round(server, str(number), CALLERS, bench.seconds / 2)
    finally:
        for server in servers:
            await server.channel.close()
            server.process.terminate()
            server.process.wait(10)
    bare, *others = servers
    return [
        Row(
            what=f"ADR 0002, writer placed: {server.placement}, {CALLERS} callers",
            values=[mine / base for mine, base in zip(server.rates, bare.rates, strict=True)],
            note=f"{median(server.rates):,.0f} : {median(bare.rates):,.0f} calls/s without Envoy, "
            f"worst stall of the loop {max(server.stall_max_ms):.0f} ms",
        )
        for server in others
    ]
