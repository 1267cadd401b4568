"""The package by itself: built, installed outside the checkout, started, asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.support.http import Http
from tests.support.stack import Stack, clean_environment, is_alive
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
STEP_TIMEOUT_S = 60.0
EXIT_S = 2.0
"""A process that gives back its memory belongs to no home any more and is still there."""
NO_CHECKOUT = {"PYTHONPATH": ""}


def run(*command: str, cwd: Path) -> str:
    result = subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment() | NO_CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=STEP_TIMEOUT_S,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def installed(directory: Path) -> Path:
    """The interpreter of a new environment that has the wheel, our dependencies, and nothing of the checkout."""
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    wheel = directory / run(sys.executable, "-c", build, str(directory), cwd=ROOT).split()[-1]
    venv.create(directory / "environment", with_pip=False)
    python = directory / "environment" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", "--no-compile", str(wheel), cwd=directory)
    [site] = (directory / "environment").glob("lib/python*/site-packages")
    # A path that a .pth file names is searched and its own .pth files are not read: the checkout's is not.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def test_installed_package_answers_and_dies_with_its_supervisor(tmp_path, new_stack):
    """`raseed up` from the wheel finds its data, starts Envoy and Triton, and answers. When its supervisor is killed
    outright, all that it had started ends within ten seconds.
    """
    python = installed(tmp_path)
    where = "import raseed.core.money, raseed.app.share as s; print(raseed.core.money.__file__, s.share_path('envoy'))"
    found = run(str(python), "-c", where, cwd=tmp_path)
    assert str(ROOT) not in found, found
    demo = subprocess.run(
        [python.with_name("raseed"), "up", "--demo"],
        cwd=tmp_path,
        env=clean_environment() | NO_CHECKOUT | {"RASEED_HOME": str(tmp_path / "demo")},
        capture_output=True,
        text=True,
        check=False,
        timeout=STEP_TIMEOUT_S,
    )
    assert (demo.returncode, demo.stderr.count("\n")) == (1, 1)
    assert "the demo needs the checkout" in demo.stderr
    models = os.environ.get("RASEED_TRITON_PYTHON_ENV") or str(Path(sys.prefix).with_name(".venv-triton"))
    stack: Stack = new_stack(
        "wheel",
        command=[str(python.with_name("raseed"))],
        environ={
            **NO_CHECKOUT,
            "RASEED_TRITON_PYTHON_ENV": models,
            # Envoy comes from the dependencies' environment, as it would from a system package.
            "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
        },
    ).start()
    answer = Http(stack.port, stack.key).chat("Hello", model="raseed-tiny")
    assert answer.status == 200, answer.body
    assert answer.json["usage"]["completion_tokens"] > 0
    state = stack.run_file()
    os.kill(state["pid"], signal.SIGKILL)
    stack.ended()
    pids = [part["pid"] for part in state["processes"].values()]
    until(lambda: not any(map(is_alive, pids)), EXIT_S, "what is about to end has ended")
