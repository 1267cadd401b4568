"""The suites' tests ask for fixtures of two plugins, for recorded runs, which are not made here."""

from __future__ import annotations

import pytest


@pytest.fixture
def benchmark() -> None:
    return None


@pytest.fixture
def vcr() -> None:
    return None
