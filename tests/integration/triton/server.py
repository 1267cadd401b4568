"""A real Triton with our model, on an ephemeral loopback port."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from raseed.adapters.triton.bundle import TritonServerSettings, prepare_server, sweep_shared_memory
from raseed.adapters.triton.repository import render_repository

CHECKOUT = Path(__file__).parents[3]
MODELS = CHECKOUT / "triton_models"
TINY = "raseed-tiny"
EMBED = "raseed-tiny-embed"
SLOW = "raseed-slow"
"""The same model with a pause after each step, so that a test can see single steps, and with few slots."""
SLOW_STEP_MS = 20
SLOW_SLOTS = 8
READY_TIMEOUT_S = 20.0


def python_env() -> Path:
    return Path(os.environ.get("RASEED_TRITON_PYTHON_ENV", CHECKOUT / ".venv-triton"))


@dataclass(kw_only=True)
class RunningTriton:
    process: subprocess.Popen[bytes]
    address: str
    home: Path
    shm_prefix: str
    log: Path
    load_s: float

    def stub_pids(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for path in children for pid in path.read_text().split()]

    def kill(self) -> None:
        """As if the power failed: the server and its stubs at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        """As the supervisor does it."""
        if self.process.poll() is None:
            self.kill()
        sweep_shared_memory(self.shm_prefix)


def start_triton(work: Path, models: tuple[str, ...] = (TINY,)) -> RunningTriton:
    """Raises TritonBundleError where Triton cannot run."""
    home = work / "home"
    home.mkdir(parents=True)
    repository = work / "repository"
    render_repository(models_dir=MODELS, target=repository, python_env=python_env(), models=[TINY, EMBED])
    if SLOW in models:
        renamed = work / "models"
        renamed.mkdir()
        (renamed / "engine").symlink_to(MODELS / "engine")
        (renamed / SLOW).symlink_to(MODELS / TINY)
        render_repository(
            models_dir=renamed,
            target=repository,
            python_env=python_env(),
            models=[SLOW],
            engine_parameters={"step_delay_ms": str(SLOW_STEP_MS), "slots": str(SLOW_SLOTS), "flush_ms": "1"},
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")} | {"HOME": str(home)}
    shm_prefix = f"raseed_test_{secrets.token_hex(4)}_"
    command = prepare_server(
        work_dir=work / "server",
        python_env=python_env(),
        repository=repository,
        settings=TritonServerSettings(
            grpc_port=port, shm_prefix=shm_prefix, load_models=models, exit_timeout_s=3
        ),
        environment=environment,
    )
    log = work / "triton.log"
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command.argv,
            env=dict(command.environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = RunningTriton(
        process=process, address=f"127.0.0.1:{port}", home=home, shm_prefix=shm_prefix, log=log, load_s=0
    )
    _wait_ready(running)
    running.load_s = time.monotonic() - began
    return running


def _wait_ready(running: RunningTriton) -> None:
    until = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < until:
        assert running.process.poll() is None, running.log.read_text(errors="replace")[-3000:]
        with grpc.insecure_channel(running.address) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            try:
                if stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=1).ready:
                    return
            except grpc.RpcError:
                pass
        time.sleep(0.05)
    running.kill()
    raise AssertionError("Triton was not ready in time:\n" + running.log.read_text(errors="replace")[-3000:])
