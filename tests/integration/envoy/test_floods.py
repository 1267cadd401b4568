"""Bodies that nobody asked for: whatever comes, and however slowly, Envoy's memory stays within its cap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.envoy.checks import CHAT
from tests.integration.envoy.edge import Edge, run_edge
from tests.integration.envoy.stub_core import stub_core

MIB = 1024 * 1024
BODY_BYTES = 32 * MIB
PIECE = b"x" * (256 * 1024)
FALSE_KEY = "authorization: Bearer rsd_live_false\r\n"
HEAP_BYTES_MAX = 256 * MIB
"""A cap that a few bodies reach, so that a short test tells as much as a long one."""
SLACK_MIB = 128
"""Beside the heap, whose size is looked at now and then: code, stacks, and what came between two looks."""
DEADLINE_S = 600
"""Of what takes seconds: 500 bodies on a machine that does much else."""


def rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} is gone")


@dataclass
class Watch:
    before_mib: float
    peak_mib: float = 0.0


@asynccontextmanager
async def watched(edge: Edge) -> AsyncIterator[Watch]:
    """Looks at Envoy's memory all the while."""
    pid = edge.process.pid
    watch = Watch(rss_mib(pid))

    async def look() -> None:
        while True:
            watch.peak_mib = max(watch.peak_mib, rss_mib(pid))
            await asyncio.sleep(0.01)

    looking = asyncio.create_task(look())
    try:
        yield watch
    finally:
        looking.cancel()


@asynccontextmanager
async def connected(edge: Edge) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def status_of(reader: asyncio.StreamReader) -> int:
    """0 for a connection that breaks without an answer."""
    with suppress(ConnectionError):
        if line := await reader.readline():
            return int(line.split()[1])
    return 0


async def post(edge: Edge, path: str, credential: str, *, chunked: bool) -> int:
    """Sends 32 MiB as fast as they go, and takes no notice of an answer before that. The status."""
    length = "transfer-encoding: chunked" if chunked else f"content-length: {BODY_BYTES}"
    frame = b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if chunked else PIECE
    async with connected(edge) as (reader, writer):
        status = asyncio.create_task(status_of(reader))
        with suppress(ConnectionError):
            writer.write(f"POST {path} HTTP/1.1\r\nhost: a\r\n{credential}{length}\r\n\r\n".encode())
            for _ in range(BODY_BYTES // len(PIECE)):
                writer.write(frame)
                await writer.drain()
            if chunked:
                writer.write(b"0\r\n\r\n")
        return await status


async def trickle(edge: Edge, first_bytes: int) -> int:
    """Says that 32 MiB come, sends some of them at once, and from then on a byte now and then. The status."""
    async with connected(edge) as (reader, writer):
        status = asyncio.create_task(status_of(reader))
        with suppress(ConnectionError):
            head = f"POST {CHAT} HTTP/1.1\r\nhost: a\r\n{FALSE_KEY}content-length: {BODY_BYTES}\r\n\r\n"
            writer.write(head.encode() + b"x" * first_bytes)
            while not status.done():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.1)
        return await status


async def works(edge: Edge) -> bool:
    async with connected(edge) as (reader, writer):
        head = f"POST {CHAT} HTTP/1.1\r\nhost: a\r\n{FALSE_KEY}content-length: 2\r\n\r\n"
        writer.write(head.encode() + b"{}")
        return await status_of(reader) == 200


async def check_that_it_works_again(edge: Edge) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await works(edge):  # noqa: ASYNC110  what changes is in another process
            await asyncio.sleep(0.1)


async def check_posts(directory: Path, count: int, heap_bytes_max: int) -> None:
    async with stub_core() as core, run_edge(directory, [core.port], heap_bytes_max=heap_bytes_max) as edge:
        async with asyncio.timeout(DEADLINE_S), watched(edge) as strangers:
            for chunked in (False, True):
                posts = [post(edge, CHAT, "", chunked=chunked) for _ in range(count)]
                assert set(await asyncio.gather(*posts)) <= {401, 0}
        # Nothing is buffered for anybody without a credential.
        assert strangers.peak_mib - strangers.before_mib < 64, strangers
        async with asyncio.timeout(DEADLINE_S), watched(edge) as liars:
            for chunked in (False, True):
                posts = [post(edge, CHAT, FALSE_KEY, chunked=chunked) for _ in range(count)]
                assert set(await asyncio.gather(*posts)) <= {200, 408, 503, 0}
        assert liars.peak_mib < heap_bytes_max / MIB + SLACK_MIB, liars
        await check_that_it_works_again(edge)


async def check_slow_uploads(directory: Path, count: int, first_bytes: int) -> None:
    async with (
        stub_core() as core,
        run_edge(directory, [core.port], heap_bytes_max=HEAP_BYTES_MAX, request_timeout_s=3.0) as edge,
    ):
        async with asyncio.timeout(DEADLINE_S), watched(edge) as watch:
            statuses = await asyncio.gather(*(trickle(edge, first_bytes) for _ in range(count)))
        assert set(statuses) <= {408, 503, 0}
        assert watch.peak_mib < HEAP_BYTES_MAX / MIB + SLACK_MIB, watch
        await check_that_it_works_again(edge)


async def test_posts_of_32_mib(tmp_path: Path) -> None:
    await check_posts(tmp_path, 16, HEAP_BYTES_MAX)


async def test_slow_uploads(tmp_path: Path) -> None:
    await check_slow_uploads(tmp_path, 50, 8 * MIB)


@pytest.mark.long
async def test_500_posts_of_32_mib(tmp_path: Path) -> None:
    await check_posts(tmp_path, 500, 1024 * MIB)


@pytest.mark.long
async def test_200_slow_uploads(tmp_path: Path) -> None:
    await check_slow_uploads(tmp_path, 200, 8 * MIB)
