"""Life of the bundled server and its repository."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.integration.triton.asking import Asker, read
from tests.integration.triton.server import EMBED, MODELS, TINY, RunningTriton, python_env

from raseed.adapters.triton.bundle import (
    TritonBundleError,
    TritonServerSettings,
    prepare_server,
    probe_python,
    sweep_shared_memory,
)
from raseed.adapters.triton.client import TritonClient, TritonClientSettings
from raseed.adapters.triton.repository import ModelFilesMissing, render_repository


async def test_loading_an_unchanged_model_starts_nothing(client: TritonClient, triton: RunningTriton):
    stubs = triton.stub_pids()
    await client.load(TINY, timeout_s=5)
    assert triton.stub_pids() == stubs
    assert {model.name: model.state for model in await client.index(timeout_s=2)}[TINY] == "READY"


async def test_unload_frees_the_process_after_answers_and_cancels(mortal_triton: RunningTriton):
    client = TritonClient(TritonClientSettings(address=mortal_triton.address))
    ask = Asker(client)
    await asyncio.gather(*(ask("Hello") for _ in range(4)))
    async with ask.stream("Hello", ignore_eos=True) as stream:
        await read(stream)
    await client.unload(TINY, timeout_s=2)
    assert not await client.model_ready(TINY, timeout_s=2)
    async with asyncio.timeout(5):
        while mortal_triton.stub_pids():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    await client.load(TINY, timeout_s=10)
    assert (await ask("Hello")).end["finish_reason"] == "stop"
    await client.close()


def test_a_killed_servers_shared_memory_is_swept(mortal_triton: RunningTriton):
    mortal_triton.kill()
    assert sweep_shared_memory(mortal_triton.shm_prefix) >= 1
    assert sweep_shared_memory(mortal_triton.shm_prefix) == 0


def test_rendering_again_changes_nothing(tmp_path: Path):
    def render() -> dict[Path, tuple[int, int]]:
        assert render_repository(models_dir=MODELS, target=tmp_path, python_env=python_env()) == [TINY, EMBED]
        return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in tmp_path.rglob("*")} | {}

    first = render()
    assert {k: v for k, v in render().items() if k != tmp_path} == first
    with (tmp_path / TINY / "1" / "model.json").open("a") as file:
        file.write(" ")
    assert render() != first


def test_a_missing_artifact_is_named(tmp_path: Path):
    (tmp_path / "models" / "half").mkdir(parents=True)
    (tmp_path / "models" / "half" / "model.json").write_text("{}")
    with pytest.raises(ModelFilesMissing, match=r"half: model\.onnx"):
        render_repository(models_dir=tmp_path / "models", target=tmp_path / "out", python_env=python_env())


def test_an_environment_that_cannot_run_models_is_named(tmp_path: Path):
    with pytest.raises(TritonBundleError, match="no virtual environment"):
        probe_python(tmp_path)
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(TritonBundleError, match="does not start"):
        probe_python(tmp_path)


def test_nothing_listens_that_was_not_asked_for(tmp_path: Path):
    command = prepare_server(
        work_dir=tmp_path,
        python_env=python_env(),
        repository=tmp_path,
        settings=TritonServerSettings(grpc_port=1, shm_prefix="x_", control_key="k"),
        environment={"PYTHONPATH": "/x", "PATH": "/bin"},
    )
    assert {"--allow-http=false", "--allow-metrics=false", "--grpc-address=127.0.0.1"} <= set(command.argv)
    assert command.environment["ORT_DISABLE_TELEMETRY"] == "1"
    assert "PYTHONPATH" not in command.environment
    assert any("model-repository" in argument and argument.endswith("=k") for argument in command.argv)
