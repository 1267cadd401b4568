"""Runs a real Envoy with a rendered configuration on a free port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from raseed.adapters.envoy.binary import envoy_command, find_envoy
from raseed.adapters.envoy.config import load_assets, render
from raseed.adapters.envoy.settings import EdgeSettings

ENVOY_DIR = Path(__file__).resolve().parents[3] / "envoy"
START_TIMEOUT_S = 10


@dataclass
class Edge:
    port: int
    admin_socket: str
    process: asyncio.subprocess.Process
    directory: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def admin(self, path: str) -> str:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=self.admin_socket)) as session,
            session.get(f"http://admin{path}") as response,
        ):
            return await response.text()

    async def wait_until(self, stat: str, value: int) -> None:
        """Waits for a figure of Envoy's own, for example how many workers it holds for healthy."""
        async with asyncio.timeout(START_TIMEOUT_S):
            while f"{stat}: {value}\n" not in await self.admin(f"/stats?filter=^{stat}$"):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


@asynccontextmanager
async def run_edge(
    directory: Path, core_ports: list[int], *, healthy: int | None = None, **changes: Any
) -> AsyncIterator[Edge]:
    directory.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  a local directory
    settings = EdgeSettings(
        core_addresses=tuple(f"127.0.0.1:{port}" for port in core_ports),
        port=0,
        admin_socket=str(directory / "admin.sock"),
        access_log=str(directory / "access.log"),
        health_interval_s=0.1,
    )
    config = directory / "envoy.json"
    config.write_text(render(replace(settings, **changes), load_assets(ENVOY_DIR)), encoding="utf-8")
    with (directory / "envoy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *envoy_command(find_envoy(), config, thread_count=2), stdout=log, stderr=log
        )
    try:
        edge = Edge(
            await _listening_port(directory, process), str(directory / "admin.sock"), process, directory
        )
        await edge.wait_until(
            "cluster.core.membership_healthy", len(core_ports) if healthy is None else healthy
        )
        yield edge
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listening_port(directory: Path, process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            assert process.returncode is None, (directory / "envoy.log").read_text(encoding="utf-8")
            try:
                async with (
                    aiohttp.ClientSession(
                        connector=aiohttp.UnixConnector(path=str(directory / "admin.sock"))
                    ) as session,
                    session.get("http://admin/listeners?format=json") as response,
                ):
                    statuses = json.loads(await response.text()).get("listener_statuses", [])
            except aiohttp.ClientError:
                statuses = []
            if statuses:
                port = statuses[0]["local_address"]["socket_address"]["port_value"]
                assert isinstance(port, int)
                return port
            await asyncio.sleep(0.02)
