"""`raseed up`: starts the whole stack in order, keeps it running, and stops it in order."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import IO

from raseed.app.layout import Home, write_private
from raseed.app.listen import listen_address
from raseed.app.ports import free_ports, is_taken
from raseed.app.process import ProcessSpec, StartFailed, Supervised
from raseed.app.settings.configuration import Configuration
from raseed.app.stack import StackPorts, core_process, envoy_process, triton_process

START_TIMEOUT_S = 60.0
"""Longest wait for each process at the start; usually all are ready within five seconds."""
PROBE_TIMEOUT_S = 2.0
CORE_STOP_MARGIN_S = 1.5
"""On top of `core.drain_s`: for the charges of the runs that were stopped."""
STOP_TIMEOUT_S = 3.0
"""For Envoy and Triton, which hold nothing that could be lost: the whole stack stops within ten seconds."""
SERVING = "serving"
MODELS_READY = "models ready"
"""What a core worker announces: it answers calls; its model backends do too."""

Say = Callable[[str], None]


class Supervisor:
    def __init__(
        self,
        configuration: Configuration,
        environ: Mapping[str, str],
        say: Say,
        beside: Sequence[tuple[ProcessSpec, Callable[[], Awaitable[bool]]]] = (),
    ) -> None:
        """`beside`: processes that are no part of a stack and live as long, each with whether it is ready."""
        self._configuration = configuration
        self._environ = environ
        self._say = say
        self._beside = beside
        self._home = Home(configuration.home)
        self._processes: list[Supervised] = []
        self._ports = StackPorts(core=(), triton=0)

    async def run(self, ready: Callable[[], None]) -> None:
        """Start everything, call `ready`, and keep it running until SIGINT or SIGTERM. Raises StartFailed."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)  # also when SIGINT was inherited as ignored
        self._home.prepare()
        with self._alone():
            starting = asyncio.create_task(self._start())
            stopping = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
                if not starting.done():
                    starting.cancel()
                    with suppress(asyncio.CancelledError):
                        await starting
                    return
                starting.result()
                async with self._watching():
                    ready()
                    await stop.wait()
                    self._say("stopping")
            finally:
                stopping.cancel()
                await self._stop()

    async def _start(self) -> None:
        settings = self._configuration.settings
        if is_taken(settings.server.host, settings.server.port):
            raise StartFailed(
                f"port {settings.server.port} is already taken; choose another with RASEED_PORT or [server] port"
            )
        listen = listen_address(settings.admin.listen)
        if listen is not None and is_taken(*listen):
            raise StartFailed(f"{settings.admin.listen} is already taken; choose another with [admin] listen")
        core_count = settings.core.workers
        triton_port, *core_ports = free_ports(1 + core_count * (1 if listen is None else 2))
        self._ports = ports = StackPorts(
            core=tuple(core_ports[:core_count]), triton=triton_port, operators=tuple(core_ports[core_count:])
        )
        # Everything that can be refused is, before the first process starts.
        envoy = self._add(envoy_process(self._configuration, ports, self._environ))
        cores = [
            self._add(core_process(self._configuration, ports, index, self._environ))
            for index in range(core_count)
        ]
        if settings.triton.enabled and not settings.triton.address:
            triton = self._add(triton_process(self._configuration, ports, self._environ))
            await triton.start()
        began = time.monotonic()
        for spec, is_ready in self._beside:
            process = self._add(spec)
            await process.start()
            await process.until(is_ready, START_TIMEOUT_S)
        for core in cores:
            await core.start()
        await envoy.start()
        for core in cores:
            await core.line(SERVING, START_TIMEOUT_S)
            self._say(f"{core.spec.name} is up after {time.monotonic() - began:.1f} s")
        await envoy.until(self._edge_answers, START_TIMEOUT_S)
        self._say(f"envoy is up after {time.monotonic() - began:.1f} s")
        for core in cores:
            await core.line(MODELS_READY, START_TIMEOUT_S)
        self._say(f"models are ready after {time.monotonic() - began:.1f} s")
        self._write_run_file()

    def _add(self, spec: ProcessSpec) -> Supervised:
        process = Supervised(spec, self._say)
        self._processes.append(process)
        return process

    async def _edge_answers(self) -> bool:
        """Whether a request reaches a core worker through Envoy: it refuses one that shows a wrong key."""
        server = self._configuration.settings.server
        host = "127.0.0.1" if server.host in ("0.0.0.0", "::") else server.host  # noqa: S104 - compared, not bound
        request = f"GET /v1/models HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer probe\r\nconnection: close\r\n\r\n"
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(host, server.port)
                try:
                    writer.write(request.encode())
                    status = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False
        return b" 401 " in status

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(process.watch(self._write_run_file), name=f"watch {process.spec.name}")
            for process in self._processes
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _stop(self) -> None:
        """Core workers first, while Envoy and Triton still serve the requests that they finish."""
        drain_s = self._configuration.settings.core.drain_s + CORE_STOP_MARGIN_S
        cores = [process for process in self._processes if process.spec.name.startswith("core-")]
        others = [process for process in self._processes if process not in cores]
        await asyncio.gather(*(process.stop(drain_s) for process in cores))
        await asyncio.gather(*(process.stop(STOP_TIMEOUT_S) for process in others))
        self._home.run_file.unlink(missing_ok=True)

    def _write_run_file(self) -> None:
        server = self._configuration.settings.server
        state = {
            "pid": os.getpid(),
            "url": f"http://{server.host}:{server.port}",
            "admin_listen": self._configuration.settings.admin.listen or None,
            "core_ports": list(self._ports.core),
            "triton_port": self._ports.triton,
            "processes": {
                process.spec.name: {"pid": process.pid, "restarts": process.restarts}
                for process in self._processes
            },
        }
        write_private(self._home.run_file, json.dumps(state, indent=2) + "\n")

    @contextmanager
    def _alone(self) -> Iterator[IO[str]]:
        """One stack for each home. The lock goes with the process, however it ends."""
        with self._home.lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StartFailed(
                    f"a stack is already running in {self._home.root}; choose another RASEED_HOME"
                ) from None
            yield lock
