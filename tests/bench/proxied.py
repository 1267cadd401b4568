"""A cloud model through the platform, against a proxy that does nothing but pass bytes on.

Both stand behind the same Envoy and on the same server; the proxy calls the provider with aiohttp. What the platform does
beside: it authenticates, holds, encodes the request anew, reads the answer piece by piece, charges and settles.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.bench.bare import Answer
from tests.bench.bench import Bench, Loaded, load
from tests.bench.edge import JSON, costs_note, detail, rates_note
from tests.bench.figures import Budget, Row
from tests.bench.load import Plan
from tests.bench.stacks import ROOT, START_S, Target, bare, governed, running

from raseed.app.ports import free_ports, is_taken
from raseed.app.process import ProcessSpec

ANSWER_TOKENS = 8
CONCURRENCIES = (16, 64)
RATIO_MIN = 0.5
CONFIG = """\
[[providers]]
name = "upstream"
kind = "openai"
url = "http://127.0.0.1:{port}/v1"
allow_private = true
connections = 1024

[[targets]]
model = "cloud"
provider = "upstream"
concurrency = 4096
"""


async def proxied(bench: Bench) -> list[Row]:
    """Whole answers, and streams, of a provider that answers at once."""
    return [
        await _proxied(bench, ours, theirs, connections, stream=stream)
        async for ours, theirs in _sides(bench)
        for stream in (False, True)
        for connections in CONCURRENCIES
    ]


async def _proxied(bench: Bench, ours: Target, theirs: Target, connections: int, *, stream: bool) -> Row:
    name = f"proxied {'stream' if stream else 'unary'}, {connections} connections"
    bench.say(name)
    message = {"role": "user", "content": "The quick brown fox jumps over the lazy dog."}
    body = json.dumps({"model": "cloud", "messages": [message], **({"stream": True} if stream else {})})
    body = body.replace('"stream": true', '"stream":true')  # as the provider looks for it

    async def one(target: Target) -> Loaded:
        plan = Plan(
            port=target.port,
            key=target.key,
            body=body,
            connections=connections,
            duration_s=bench.seconds,
        )
        return await load(target, plan)

    pairs = await bench.alternate(lambda: one(ours), lambda: one(theirs))
    return Row(
        what=name,
        values=[a.outcome.per_s / b.outcome.per_s for a, b in pairs],
        budget=None if stream else Budget("≥", RATIO_MIN),
        note=rates_note(pairs, "requests/s") + costs_note(pairs),
        detail=detail(pairs),
    )


async def _sides(bench: Bench) -> AsyncIterator[tuple[Target, Target]]:
    async with _upstream(bench) as port:
        home = bench.folder()
        config = home / "raseed.toml"
        config.write_text(CONFIG.format(port=port), encoding="utf-8")
        settings = {"RASEED_CONFIG": str(config), "RASEED_PROVIDER_UPSTREAM_API_KEY": "none"}
        proxy = Answer(
            content_type=JSON, messages=[""], upstream=f"http://127.0.0.1:{port}/v1/chat/completions"
        )
        async with governed(home, settings) as ours, bare(bench.folder(), proxy) as theirs:
            yield ours, theirs


@asynccontextmanager
async def _upstream(bench: Bench) -> AsyncIterator[int]:
    [port] = free_ports(1)
    spec = ProcessSpec(
        name="upstream",
        argv=[sys.executable, "-m", "tests.bench.upstream", str(port), str(ANSWER_TOKENS)],
        environment=dict(os.environ),
        log=bench.folder() / "upstream.log",
        cwd=ROOT,
    )
    async with running(spec) as process:

        async def listens() -> bool:
            return is_taken("127.0.0.1", port)

        await process.until(listens, START_S)
        yield port
