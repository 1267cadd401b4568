"""Stacks without a model: what is tried here is money, and the scripted backend makes every charge computable.

Short tests share a stack for each store; long ones have their own, on a PostgreSQL that really writes to its disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import pytest
from tests.campaigns.sites import Site, site
from tests.support.postgres import PostgresServer, shared_server

SQLITE, POSTGRES_3 = "sqlite", "postgres-3"
StartSite = Callable[..., AbstractContextManager[Site]]
"""Called with the options of `sites.site`."""
Say = Callable[[str], None]


@pytest.fixture(scope="session", params=[SQLITE, POSTGRES_3])
def shared_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for each store, for all short tests, where holds wait for each other."""
    server = shared_server() if request.param == POSTGRES_3 else None
    with site(tmp_path_factory.mktemp(request.param), server, pace_ms=2) as started:
        yield started


@pytest.fixture(params=[SQLITE, POSTGRES_3])
def start_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StartSite]:
    """Makes sites of one store; an own server is ended with the test."""
    server: PostgresServer | None = None
    if request.param == POSTGRES_3:
        server = PostgresServer(settings={})
        server.start()

    def start(**options: Any) -> AbstractContextManager[Site]:
        return site(tmp_path / "site", server, **options)

    try:
        yield start
    finally:
        if server is not None:
            server.close()


@pytest.fixture
def say(pytestconfig: pytest.Config) -> Say:
    """Prints past pytest's capture: a campaign of half an hour tells how far it is."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def print_now(line: str) -> None:
        with cast("Any", capture).global_and_fixture_disabled():
            print(f"  {line}", flush=True)

    return print_now
