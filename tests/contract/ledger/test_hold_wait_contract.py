"""A request that other workers' requests keep from its credit gets it within the wait, as if they were one worker."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.ledger.conftest import POSTGRES, POSTGRES_3, SQLITE, open_store
from tests.support.desk import Desk, chat, gone, read
from tests.unit.billing.builders import ALICE, issue

from raseed.adapters.scripted.backend import prompt_tokens_of
from raseed.core.billing.holds import HoldPolicy
from raseed.core.errors import CreditExhausted, HeldByOpenRequests
from raseed.core.inference.run import Ended

WORKERS = 3
SLOW, QUICK, LONG = (chat(f"#script {words}") for words in ("tokens=5 pace_ms=50", "tokens=5", "hang_at=3"))
CREDIT = 100
"""Less than one answer may need, so that whoever comes first holds all of it."""


@pytest.fixture(params=[SQLITE, POSTGRES, POSTGRES_3])
async def store(request, tmp_path):
    opened = await open_store(request.param, tmp_path)
    await opened.open_account(ALICE)
    await opened.ledger.submit([issue("g", CREDIT)])
    yield opened
    await opened.close()


def desks(store, hold_wait_s: float) -> list[Desk]:
    return [
        Desk(store.next_worker()[1], instance=f"core-{number}", policy=HoldPolicy(hold_wait_s=hold_wait_s))
        for number in range(WORKERS)
    ]


async def left(store) -> tuple[int, int]:
    balance = await store.ledger.balance(ALICE)
    assert balance is not None
    return balance.spendable_microcredits, balance.held_microcredits


async def test_what_one_worker_releases_pays_for_what_waits_on_the_others(store):
    first, *others = desks(store, hold_wait_s=5.0)
    slow = first.ask(SLOW)
    await slow.next()
    assert await left(store) == (0, CREDIT)
    waiting = [desk.ask(QUICK) for desk in others]
    answers = await asyncio.gather(*map(read, [slow, *waiting]))
    assert all(isinstance(answer.end, Ended) for answer in answers)
    spent = prompt_tokens_of(SLOW) + 5 + 2 * (prompt_tokens_of(QUICK) + 5)
    assert await left(store) == (CREDIT - spent, 0)


async def test_who_waits_in_vain_is_told_whether_the_credit_is_held_or_spent(store):
    first, second, third = desks(store, hold_wait_s=0.2)
    endless = first.ask(LONG)
    await endless.next()
    held = await read(second.ask(QUICK))
    assert isinstance(held.end, HeldByOpenRequests)
    endless.abandon()
    await gone(endless)
    spent = await read(third.ask(chat("#script tokens=200")))
    assert spent.ended.finish_reason == "length"
    assert isinstance((await read(second.ask(QUICK))).end, CreditExhausted)
    assert await left(store) == (0, 0)
