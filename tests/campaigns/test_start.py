"""A worker that died with open holds, and a past of a million entries, keep nobody waiting for the next start."""

from __future__ import annotations

import asyncio
import time
from statistics import median

import aiohttp
import pytest
from tests.campaigns.books import faults_in, open_holds
from tests.campaigns.conftest import Say, StartSite
from tests.campaigns.load import ask, prompt, session
from tests.campaigns.sites import Site
from tests.support.past import Past, add_past_to_postgres, add_past_to_sqlite
from tests.support.waiting import until

PAST = Past(pairs=500_000, spent_grants=10_000)
OPEN_HOLDS = 20
STARTS = 3
START_S_MAX = 5.0
CREDIT = 1_000
HELD_WITHIN_S = 10.0


@pytest.mark.long
def test_a_start_after_a_kill_with_a_million_entries(start_site: StartSite, say: Say) -> None:
    with start_site() as started:
        stack, books = started.stack, started.books
        customer = stack.customer(CREDIT)
        stack.stop()
        empty_s = _started_in_s(started)
        stack.stop()
        began = time.monotonic()
        _add_past(started, customer.id)
        filled_s = time.monotonic() - began
        stack.start()
        assert started.verified() == []
        took_s = []
        for _ in range(STARTS):
            asyncio.run(_killed_with_open_holds(started, customer.key))
            assert 0 < open_holds(books) <= OPEN_HOLDS  # Envoy may have died a moment before the worker
            took_s.append(_started_in_s(started))
            assert open_holds(books) == 0
            assert faults_in(books) == []
        [(entries,)] = books.rows("SELECT count(*) FROM ledger_entries")
        say(
            f"{entries:,} entries (made in {filled_s:.0f} s), {OPEN_HOLDS} open holds, on "
            f"{'SQLite' if started.server is None else 'PostgreSQL'}: `raseed up` to ready in "
            f"{', '.join(f'{each:.2f}' for each in took_s)} s; before there was a past {empty_s:.2f} s"
        )
        assert median(took_s) <= START_S_MAX
        began = time.monotonic()
        assert started.verified() == []
        say(f"verified in {time.monotonic() - began:.0f} s")


def _started_in_s(started: Site) -> float:
    began = time.monotonic()
    started.stack.start()
    return time.monotonic() - began


def _add_past(started: Site, account_id: str) -> None:
    if started.server is None:
        add_past_to_sqlite(started.stack.files.database, account_id, PAST)
    else:
        url = started.stack.environ["RASEED_DATABASE_URL"]
        asyncio.run(add_past_to_postgres(url, account_id, PAST))


async def _killed_with_open_holds(started: Site, key: str) -> None:
    """Requests whose model says nothing; then no process of the stack is left."""
    async with session(key) as http:
        body = prompt("#script hang_at=0", 10)
        asked = [asyncio.create_task(ask(http, started.stack.url, body)) for _ in range(OPEN_HOLDS)]
        await asyncio.to_thread(
            until, lambda: open_holds(started.books) == OPEN_HOLDS, HELD_WITHIN_S, "credit is held"
        )
        await asyncio.to_thread(started.stack.leave_nothing)
        ends = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(end, aiohttp.ClientError | OSError) for end in ends), ends
