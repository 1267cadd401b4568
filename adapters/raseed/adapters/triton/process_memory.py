"""The memory of the processes that run one model: Triton tells none, so the kernel is asked."""

from __future__ import annotations

import os
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def model_processes(folder: Path) -> list[int]:
    """Those that were started on a model of this folder: Triton names the model's file on their command line."""
    wanted = f"{folder}/".encode()
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if wanted in _read(path)]


def resident_bytes(pids: list[int]) -> int:
    """What they have in memory now; those that have ended have none."""
    pages = (_read(Path(f"/proc/{pid}/statm")).split() for pid in pids)
    return sum(int(fields[1]) * PAGE_BYTES for fields in pages if len(fields) > 1)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it has ended
