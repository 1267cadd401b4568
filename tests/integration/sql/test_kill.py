"""Killed at any moment, the store keeps what it said was durable, and its books stay in order."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

from sqlalchemy import create_engine

from raseed.adapters.sql.ledger.verify import verify

KILLS = 4
RUN_S_MAX = 0.25
ROOT = Path(__file__).parents[3]


def run_and_kill(path: Path, run_s: float) -> list[tuple[str, str]]:
    """What the worker said before it was killed, `run_s` after its first word."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.sql.kill_child", str(path)],
        cwd=ROOT,
        env={"PYTHONPATH": ":".join(str(ROOT / root) for root in (".", "core", "adapters", "generated"))},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert worker.stdout is not None
    said = [worker.stdout.readline()]
    timer = threading.Timer(run_s, worker.kill)
    timer.start()
    said += worker.stdout.readlines()
    timer.join()
    worker.stdout.close()
    assert worker.wait() == -9
    # A line that was cut off by the kill was not said.
    return [(line.split()[0].decode(), line.split()[1].decode()) for line in said if line.endswith(b"\n")]


def test_what_was_durable_survives_every_kill(tmp_path):
    path = tmp_path / "raseed.db"
    chance = random.Random(20261120)
    said: list[tuple[str, str]] = []
    for _ in range(KILLS):
        said += run_and_kill(path, chance.uniform(0, RUN_S_MAX))

        engine = create_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            assert verify(connection) == []
        engine.dispose()
        raw = sqlite3.connect(path)
        states = dict(raw.execute("SELECT id, state FROM holds"))
        costs = raw.execute("SELECT coalesce(sum(cost_microcredits), 0) FROM holds").fetchone()[0]
        [(left,)] = raw.execute("SELECT available_microcredits + held_microcredits FROM balances")
        raw.close()
        for word, hold in said:
            assert states[hold] == word or (word == "held" and states[hold] in {"open", "settled", "swept"})
        assert costs == 42 * sum(state == "settled" for state in states.values())
        assert left == 10**12 - costs
    assert len(said) > 10 * KILLS
