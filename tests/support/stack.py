"""A whole stack, started as a user starts it: `raseed up` in a process of its own, on a free port, in its own home."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.support.customer import Customer
from tests.support.http import Http
from tests.support.stubs import blocking
from tests.support.waiting import until

from raseed.adapters.triton.repository import render_config
from raseed.admin.v1 import admin_pb2, admin_pb2_grpc
from raseed.app.layout import Home, socket_address
from raseed.app.ports import free_ports

READY = "Raseed is ready."
READY_TIMEOUT_S = 60.0
"""Usually four seconds; a machine that does other things as well may take ten."""
STOP_TIMEOUT_S = 10.0
"""What the contract allows."""
CALL_TIMEOUT_S = 10.0
RESTART_TIMEOUT_S = 30.0
ERRORS_MAX_CHARS = 6_000
MICROCREDITS = 1_000_000
WITH_INTERRUPT_IGNORED = ("/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh")
"""Runs a command as a background job of a script gets it: SIGINT is inherited as ignored."""


class Stack:
    """Start it, use it, stop it; the same home may be started again. `leave_nothing` at the end, in every case."""

    def __init__(
        self,
        directory: Path,
        config: str = "",
        *,
        command: Sequence[str] = (sys.executable, "-m", "raseed.app.main"),
        environ: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.home = directory / "home"
        self.files = Home(self.home)
        self.config = directory / "raseed.toml"
        self.config.write_text(config, encoding="utf-8")
        [self.port] = free_ports(1)
        self.command = tuple(command)
        self.options = tuple(options)
        """Of `raseed up`."""
        self.output = directory / "up.log"
        self.environ = clean_environment() | {
            "RASEED_HOME": str(self.home),
            "RASEED_CONFIG": str(self.config),
            "RASEED_PORT": str(self.port),
            "RASEED_LIMITS_ENABLED": "false",  # a test sends as many requests as it likes
            **(environ or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, launcher: Sequence[str] = ()) -> Stack:
        """Returns when `raseed up` says that it is ready."""
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [*launcher, *self.command, "up", *self.options],
                cwd=self.directory,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(self._is_ready, READY_TIMEOUT_S, f"{READY} {self.printed()}")
        return self

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        assert self._process is not None
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """To the supervisor's group, as a terminal does."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; the exit status. Everything must be gone within ten seconds."""
        self.send(number)
        return self.ended()

    def ended(self) -> int:
        """The exit status. From now everything must be gone within ten seconds."""
        assert self._process is not None
        began = time.monotonic()
        try:
            status = self._process.wait(STOP_TIMEOUT_S)
            left_s = STOP_TIMEOUT_S - (time.monotonic() - began)
            until(lambda: not self.processes(), max(0.0, left_s), f"{self.described()} are gone")
        except BaseException:
            self.leave_nothing()
            raise
        return status

    def leave_nothing(self) -> None:
        """Whatever state it is in. Afterwards not a process of this stack is left, and none saw another one go."""
        for at_once in (signal.SIGSTOP, signal.SIGKILL):
            for pid in self.processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, at_once)
        if self._process is not None:
            self._process.wait(STOP_TIMEOUT_S)
        until(lambda: not self.processes(), STOP_TIMEOUT_S, "killed processes are gone")

    def processes(self) -> list[int]:
        """Every process that belongs to this home: the supervisor, its children and theirs."""
        mark = str(self.home).encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with suppress(OSError):  # it ended meanwhile, or is somebody else's
                    if mark in (entry / "cmdline").read_bytes() or mark in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
        return found

    def described(self) -> list[str]:
        """The command lines of the processes that are left."""
        lines = []
        for pid in self.processes():
            with suppress(OSError):
                lines.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:200])
        return lines

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"ended while it was starting: {self.printed()}"
        return READY in self.printed()

    # ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────

    def run_file(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.files.run_file.read_text(encoding="utf-8"))
        return state

    def part(self, name: str) -> dict[str, int]:
        state: dict[str, int] = self.run_file()["processes"][name]
        return state

    def kill(self, name: str) -> int:
        """SIGKILL to one part; returns how often it had been restarted, once it is gone."""
        part = self.part(name)
        os.kill(part["pid"], signal.SIGKILL)
        until(lambda: not is_alive(part["pid"]), STOP_TIMEOUT_S, f"{name} is gone")
        return part["restarts"]

    def wait_for_core(self, restarts: int) -> None:
        """Until the worker after so many restarts answers through Envoy."""
        until(lambda: self.part("core-0")["restarts"] > restarts, RESTART_TIMEOUT_S, "core-0 is restarted")
        http = Http(self.port, self.key)
        until(lambda: http.send("GET", "/v1/models").status == 200, RESTART_TIMEOUT_S, "core-0 answers again")

    def wait_for_workers(self, restarts: Mapping[str, int]) -> None:
        """Until each of these workers, after so many restarts, serves on its own port."""
        for name, count in restarts.items():
            until(lambda: self.part(name)["restarts"] > count, RESTART_TIMEOUT_S, f"{name} is restarted")  # noqa: B023
            port = self.run_file()["core_ports"][int(name.removeprefix("core-"))]
            until(lambda: self._serves(port), RESTART_TIMEOUT_S, f"{name} serves again")  # noqa: B023

    @staticmethod
    def _serves(port: int) -> bool:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = blocking(health_pb2_grpc.HealthStub, channel)
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=CALL_TIMEOUT_S)
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def wait_for_model(self) -> None:
        until(self._model_is_ready, RESTART_TIMEOUT_S, "raseed-tiny is ready")

    def _model_is_ready(self) -> bool:
        backends = self.admin("ListBackends", admin_pb2.ListBackendsRequest()).backends
        return any(backend.ready for backend in backends if backend.model == "raseed-tiny")

    @contextmanager
    def without_triton(self) -> Iterator[None]:
        """Triton is killed and cannot come back: its model is out of its reach."""
        model, aside = self.files.run / "models" / "raseed-tiny", self.files.run / "aside"
        model.rename(aside)
        try:
            self.kill("triton")
            yield
        finally:
            aside.rename(model)

    def set_engine(self, **settings: str) -> None:
        """Triton with other settings of the engine (flush_ms, step_delay_ms, …), until the next start of the stack."""
        config = self.files.run / "models" / "raseed-tiny" / "config.pbtxt"
        old = config.read_text(encoding="utf-8")
        found = re.search(r'"EXECUTION_ENV_PATH" value: { string_value: "([^"]+)"', old)
        assert found is not None, old
        new = render_config("raseed-tiny", {"EXECUTION_ENV_PATH": found[1], **settings})
        if new != old:
            config.write_text(new, encoding="utf-8")
            self.kill("triton")
        self.wait_for_model()

    # ── use ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        """The first API key: the owner's."""
        return self.files.first_key.read_text(encoding="utf-8").strip()

    def admin(self, method: str, request: Any, *, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        """One call of AdminService on the admin socket."""
        with grpc.insecure_channel(socket_address(self.files.admin_socket)) as channel:
            stub = blocking(admin_pb2_grpc.AdminServiceStub, channel)
            return getattr(stub, method)(request, timeout=timeout_s, wait_for_ready=True)

    def health(self, service: str) -> int:
        """A service's ServingStatus, asked for on the public port."""
        with grpc.insecure_channel(self.address) as channel:
            request = health_pb2.HealthCheckRequest(service=service)
            return int(
                blocking(health_pb2_grpc.HealthStub, channel).Check(request, timeout=CALL_TIMEOUT_S).status
            )

    def customer(self, credit: int = 1_000) -> Customer:
        """A new account with so much credit and no other grant, and a key of it."""
        request = admin_pb2.CreateAccountRequest(
            email=f"customer-{os.urandom(6).hex()}@localhost",
            tier="enterprise",
            credits_microcredits=credit * MICROCREDITS,
            no_welcome=True,
        )
        account = self.admin("CreateAccount", request).account.id
        made = self.admin("CreateApiKey", admin_pb2.CreateApiKeyRequest(account=account))
        return Customer(account, made.id, made.key, self.port, self.admin)

    def cli(self, *arguments: str, timeout_s: float = 30.0) -> subprocess.CompletedProcess[str]:
        """`raseed …` in a process of its own."""
        return subprocess.run(
            [*self.command, *arguments],
            cwd=self.directory,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )

    def printed(self) -> str:
        """What `raseed up` has said since the last start."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def logs(self) -> str:
        """What helps when a test failed: the end of everything that the stack said."""
        files = [self.output, *sorted(self.files.logs.glob("*.log"))]
        texts = (
            (file, file.read_text(encoding="utf-8", errors="replace")) for file in files if file.exists()
        )
        return "\n".join(f"── {file}\n{text[-ERRORS_MAX_CHARS:]}" for file, text in texts)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False


def clean_environment() -> dict[str, str]:
    """This process's environment without any setting of ours, except where the models' Python is."""
    kept = "RASEED_TRITON_PYTHON_ENV"
    return {
        name: value for name, value in os.environ.items() if not name.startswith("RASEED_") or name == kept
    }
