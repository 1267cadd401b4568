"""Models kept in memory for another worker: a lease is a call, and ends with whoever has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from raseed.adapters.rpc.leases import RemoteOwner, leases_server
from raseed.core.errors import BackendUnavailable, Overloaded

PATIENCE_S = 30.0


class Ledger:
    """An owner that writes down what it lends."""

    def __init__(self) -> None:
        self.lent = 0
        self.asked: list[str] = []
        self.suspected: list[str] = []
        self.refusal: Exception | None = None
        self.may_lend = asyncio.Event()
        self.may_lend.set()
        self.waiting = 0

    async def lease(self, name: str, wait_s: float | None = None) -> Callable[[], None]:
        self.asked.append(name)
        if self.refusal is not None:
            raise self.refusal
        self.waiting += 1
        try:
            await self.may_lend.wait()
        finally:
            self.waiting -= 1
        self.lent += 1

        def release() -> None:
            self.lent -= 1

        return release

    def suspect(self, name: str) -> None:
        self.suspected.append(name)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the other side of a wire has no event for us
            await asyncio.sleep(0.01)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    ledger = Ledger()
    server = leases_server(ledger)
    server.add_insecure_port(f"unix:{tmp_path / 's'}")
    await server.start()
    yield ledger
    await server.stop(0)


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[RemoteOwner]:
    owner = RemoteOwner(f"unix:{tmp_path / 's'}")
    yield owner
    await owner.close()


async def test_a_lease_lasts_until_it_is_given_back(ledger: Ledger, remote: RemoteOwner):
    releases = [await remote.lease("poet--1") for _ in range(3)]
    assert (ledger.lent, ledger.asked) == (3, ["poet--1"] * 3)
    releases[0]()
    await until(lambda: ledger.lent == 2)
    releases[0]()
    for release in releases[1:]:
        release()
    await until(lambda: ledger.lent == 0)


async def test_a_worker_that_dies_gives_its_leases_back(ledger: Ledger, remote: RemoteOwner):
    await remote.lease("poet--1")
    await remote.close()
    await until(lambda: ledger.lent == 0)


async def test_whoever_goes_away_while_it_loads_holds_nothing(ledger: Ledger, remote: RemoteOwner):
    ledger.may_lend.clear()
    waiting = asyncio.create_task(remote.lease("poet--1"))
    await until(lambda: ledger.waiting == 1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await until(lambda: ledger.waiting == 0)
    assert ledger.lent == 0
    with pytest.raises(BackendUnavailable):
        await remote.lease("poet--1", wait_s=0.05)
    await until(lambda: ledger.waiting == 0)


@pytest.mark.parametrize("kind", [Overloaded, BackendUnavailable])
@pytest.mark.parametrize("retry_after_s", [None, 2.5])
async def test_a_refusal_is_the_owners_own(ledger: Ledger, remote: RemoteOwner, kind, retry_after_s):
    ledger.refusal = kind("The model is being loaded.", retry_after_s=retry_after_s)
    with pytest.raises(kind) as refused:
        await remote.lease("poet--1")
    assert type(refused.value) is kind
    assert refused.value.message == "The model is being loaded."
    assert refused.value.retry_after_s == retry_after_s


async def test_an_owner_that_is_gone_is_an_unavailable_model(tmp_path: Path):
    nobody = RemoteOwner(f"unix:{tmp_path / 'nobody'}")
    with pytest.raises(BackendUnavailable):
        await nobody.lease("poet--1")
    nobody.suspect("poet--1")
    await nobody.close()


async def test_a_suspicion_is_passed_on(ledger: Ledger, remote: RemoteOwner):
    remote.suspect("poet--1")
    await until(lambda: ledger.suspected == ["poet--1"])
