"""One supervised process: started, watched, restarted with back-off, and stopped."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ANNOUNCEMENTS_MAX = 16
"""Lines of standard output kept for whoever waits for one. A worker says two in its life."""
LOG_TAIL_LINES = 12
"""Lines of a failed process's log that are shown to the operator."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class StartFailed(Exception):
    """The stack cannot start; the message is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Pause before a restart, twice as long each time. One that had served is not kept away for longer than it served."""

    first_s: float = 0.2
    max_s: float = 2.0
    stable_s: float = 30.0
    """A process that ran so long starts over at the first pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    cwd: Path | None = None
    speaks: bool = False
    """Whether it announces its state on standard output; else that goes to the log too."""
    sweep: Callable[[], object] | None = None
    """Clears what a killed one leaves behind. Runs before each start and after the end."""
    is_killed: bool = False
    """Whether it is stopped by SIGKILL to its whole group: one that has nothing to finish, and would take its time."""
    backoff: Backoff = Backoff()


class Supervised:
    """`start` once; `watch` restarts it until `stop`. A child that outlives its supervisor is told to end by the kernel."""

    def __init__(self, spec: ProcessSpec, report: Callable[[str], None]) -> None:
        self.spec = spec
        self.restarts = 0
        self._report = report
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._lines: asyncio.Queue[str] = asyncio.Queue(ANNOUNCEMENTS_MAX)
        self._reader: asyncio.Task[None] | None = None
        self._serving_since: float | None = None
        """When it announced something for the first time; None for one that does not speak."""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        self._sweep()
        with self.spec.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.spec.argv,
                env=dict(self.spec.environment),
                cwd=self.spec.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if self.spec.speaks else log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the others in order
                preexec_fn=_end_with_parent,
            )
        if self.spec.speaks:
            self._lines = asyncio.Queue(ANNOUNCEMENTS_MAX)
            self._serving_since = None
            reading = self._read_lines(self._process, self._lines)
            self._reader = asyncio.create_task(reading, name=f"read {self.spec.name}")

    async def line(self, wanted: str, timeout_s: float) -> None:
        """Wait until the process prints a line. Raises StartFailed if it ends first, or time is up."""
        try:
            async with asyncio.timeout(timeout_s):
                while (line := await self._lines.get()) != wanted:
                    if not line:
                        raise StartFailed(f"{self.spec.name} stopped while it was starting.{self.log_tail()}")
        except TimeoutError:
            raise StartFailed(
                f"{self.spec.name} was not ready within {timeout_s:.0f} s.{self.log_tail()}"
            ) from None

    async def until(self, ready: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
        """Wait until `ready` says so. Raises StartFailed if the process ends first, or time is up."""
        deadline = time.monotonic() + timeout_s
        while not await ready():
            if self._has_ended():
                raise StartFailed(f"{self.spec.name} stopped while it was starting.{self.log_tail()}")
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"{self.spec.name} was not ready within {timeout_s:.0f} s.{self.log_tail()}"
                )
            await asyncio.sleep(0.05)

    async def watch(self, restarted: Callable[[], None]) -> None:
        """Restart the process whenever it ends, until `stop`; `restarted` runs after each restart."""
        backoff = self.spec.backoff
        backoff_s = backoff.first_s
        while not self._is_stopping():
            assert self._process is not None
            began = time.monotonic()
            code = await self._process.wait()
            _kill_rest(self._process.pid)
            if self._is_stopping():
                return
            ended = time.monotonic()
            if ended - began > backoff.stable_s:
                backoff_s = backoff.first_s
            pause_s = backoff_s
            if self._serving_since is not None:
                pause_s = min(backoff_s, max(backoff.first_s, ended - self._serving_since))
            self._report(f"{self.spec.name} ended ({_reason(code)}); restarting in {pause_s:.2g} s")
            await asyncio.sleep(pause_s)
            backoff_s = min(backoff_s * 2, backoff.max_s)
            if self._is_stopping():
                return
            self.restarts += 1
            await self.start()
            restarted()

    async def stop(self, timeout_s: float) -> None:
        """SIGTERM, then SIGKILL after `timeout_s`; for one that `is_killed`, SIGKILL at once. Idempotent."""
        self._stopping = True
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            if self.spec.is_killed:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(timeout_s):
                    await process.wait()
            except TimeoutError:
                self._report(f"{self.spec.name} did not stop within {timeout_s:.0f} s; killed")
                process.kill()
                await process.wait()
            _kill_rest(process.pid)
        if self._reader is not None:
            await self._reader
        self._sweep()

    def _sweep(self) -> None:
        if self.spec.sweep is not None:
            self.spec.sweep()

    async def _read_lines(self, process: asyncio.subprocess.Process, lines: asyncio.Queue[str]) -> None:
        """Queues what the process says, then an empty line when it is done. What nobody waits for is dropped."""
        assert process.stdout is not None
        while raw := await process.stdout.readline():
            self._serving_since = self._serving_since or time.monotonic()
            if not lines.full():
                lines.put_nowait(raw.decode(errors="replace").strip() or " ")
        if lines.full():
            lines.get_nowait()
        lines.put_nowait("")

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.returncode is not None

    def _is_stopping(self) -> bool:
        return self._stopping  # a call, because it changes while `watch` waits

    def log_tail(self) -> str:
        lines = self.spec.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "".join(f"\n    {line}" for line in [f"({self.spec.log})", *lines])


def _kill_rest(pid: int) -> None:
    """What is left of the group of a process that has ended: Triton's stubs do not always notice that it was killed."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _end_with_parent() -> None:
    """In the child, between fork and exec: if the supervisor dies, whatever way, the kernel sends SIGTERM."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _reason(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
