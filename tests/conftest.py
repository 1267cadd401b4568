"""Which tests need the system's libpython, and what happens where it is missing; what examples of properties may take."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from raseed.adapters.triton.bundle import TritonBundleError, probe_python

HERE = Path(__file__).parent
REAL_TRITON = (HERE / "e2e", HERE / "integration" / "triton")
"""Everything that starts a real Triton, whose stub loads libpython: a system package on most machines."""
PYTHON_ENV = Path(os.environ.get("RASEED_TRITON_PYTHON_ENV") or Path(sys.prefix).with_name(".venv-triton"))

settings.register_profile(
    "any machine", deadline=None
)  # busy ones take longer, and that says nothing of an example
settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks them `system`. On a bare machine they are skipped with the reason; CI may not skip them."""
    concerned = [item for item in items if any(item.path.is_relative_to(folder) for folder in REAL_TRITON)]
    if not concerned:
        return
    missing = ""
    try:
        probe_python(PYTHON_ENV)
    except TritonBundleError as error:
        missing = str(error)
    if missing and os.environ.get("CI"):
        raise pytest.UsageError(missing)
    for item in concerned:
        item.add_marker(pytest.mark.system)
        if missing:
            item.add_marker(pytest.mark.skip(reason=missing))
