"""Chat under a key while the ledger, the content store or the worker is in trouble."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from tests.support.desk import Desk, chat
from tests.support.faulty_ledger import When
from tests.support.memory_content import MemoryContent
from tests.support.virtual_time import LoopClock
from tests.unit.billing.builders import ALICE

from raseed.adapters.scripted.backend import prompt_tokens_of
from raseed.core.accounts.model import Caller, Tier
from raseed.core.billing.commands import PlaceHold, ReleaseHold, SettleHold
from raseed.core.billing.service import ATTEMPTS_MAX
from raseed.core.errors import (
    AlreadyAnswered,
    CapacityError,
    Overloaded,
    RateLimited,
    RequestInProgress,
    SettlementDelayed,
    StorageQuotaExceeded,
)
from raseed.core.idempotency import ATTEMPTS_MAX as STORE_ATTEMPTS_MAX
from raseed.core.idempotency import Asked, Idempotency
from raseed.core.inference.closing import SETTLE_WAIT_S
from raseed.core.inference.keyed import KEEP_WAIT_S, Answer, KeyedChat
from raseed.core.inference.run import Run
from raseed.core.limits.gcra import per_minute
from raseed.core.limits.model import TierLimits

CREDIT = 10_000
SCRIPT = chat("#script tokens=5")
COST = prompt_tokens_of(SCRIPT) + 5
CALLER = Caller(account_id=ALICE, api_key_id=None, tier=Tier.FREE)
ASKED = Asked(account_id=ALICE, route="/chat", key="key", content=b"content", ttl_s=60)


async def encode(run: Run, *_: object) -> bytes:
    return run.id.encode()


@dataclass
class Keyed:
    chat: KeyedChat
    content: MemoryContent
    desk: Desk

    async def ask(self) -> Answer:
        return await self.chat.answer(CALLER, SCRIPT, ASKED, encode)

    async def quiet(self) -> None:
        """Until every answer is kept."""
        await self.chat.drain(10_000)
        assert not self.desk.reported


@pytest.fixture
async def keyed(desk, ledger) -> Keyed:
    content = MemoryContent()
    report = desk.inference._report
    chat = KeyedChat(desk.inference, desk.rate_limits, Idempotency(content), ledger, LoopClock(), report)
    return Keyed(chat, content, desk)


async def unasked(*_: object) -> None:
    pytest.fail("the store was asked")


async def test_repeats_are_limited_apart_from_requests(desk, ledger, policy, limits):
    """As many a minute; who has used them up does not even make the store look."""
    counted = Desk(ledger, policy=policy, limits=limits, tier=TierLimits(rpm=3))
    content, report = MemoryContent(), counted.inference._report
    keyed = Keyed(
        KeyedChat(counted.inference, counted.rate_limits, Idempotency(content), ledger, LoopClock(), report),
        content,
        counted,
    )
    assert not (await keyed.ask()).is_replay
    await keyed.quiet()
    for _ in range(3):
        assert (await keyed.ask()).is_replay
    content.get = content.put = unasked  # type: ignore[assignment,method-assign]
    with pytest.raises(
        RateLimited, match=r"on repeated requests per min: Limit 3, Used 3.* try again in 20s"
    ):
        await keyed.ask()
    requests = counted.rates.fill_us(f"{{{ALICE}}}rpm") / per_minute(3).interval_us
    assert requests == pytest.approx(1, abs=0.1), "the first alone"


async def test_a_late_charge_is_told_and_its_answer_kept(keyed, ledger, books):
    """The client hears after five seconds that it must not send the request again; if it does, it gets the answer."""
    ledger.fail(SettleHold, When.BEFORE, times=1_000_000)
    loop = asyncio.get_running_loop()
    began = loop.time()
    told = await keyed.ask()
    assert isinstance(told.result.error, SettlementDelayed)
    assert loop.time() - began == pytest.approx(SETTLE_WAIT_S, abs=0.1)
    with pytest.raises(RequestInProgress):
        await keyed.ask()
    ledger.mend()
    await keyed.quiet()
    again = await keyed.ask()
    assert again.is_replay
    assert again.result.error is None
    assert books.spendable == CREDIT - COST


async def test_a_ledger_that_is_silent_lets_nobody_wait(keyed, ledger, books):
    """Until it is certain that nothing is held the key waits, and not the client."""
    ledger.fail(PlaceHold, When.AFTER, ATTEMPTS_MAX)
    ledger.block(ReleaseHold)
    loop = asyncio.get_running_loop()
    began = loop.time()
    told = await keyed.ask()
    assert isinstance(told.result.error, CapacityError)
    assert loop.time() - began < 1
    with pytest.raises(RequestInProgress):
        await keyed.ask()
    ledger.block(ReleaseHold).set()
    await keyed.quiet()
    assert (await keyed.ask()).result.error is None
    assert books.spendable == CREDIT - COST


async def test_a_store_that_is_silent_refuses_before_anything_runs(keyed, books):
    keyed.content.silent_gets = STORE_ATTEMPTS_MAX
    with pytest.raises(CapacityError):
        await keyed.ask()
    assert books.spendable == CREDIT
    keyed.content.silent_gets = keyed.content.silent_puts = 1
    assert (await keyed.ask()).result.error is None
    assert books.spendable == CREDIT - COST


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(keyed, books):
    asking = asyncio.create_task(keyed.ask())
    while not keyed.content.items:  # noqa: ASYNC110 - the claim is made, and then the store falls silent
        await asyncio.sleep(0)
    keyed.content.silent_puts = STORE_ATTEMPTS_MAX
    assert (await asking).result.body
    with pytest.raises(RequestInProgress):
        await keyed.ask()
    await asyncio.sleep(KEEP_WAIT_S)
    with pytest.raises(AlreadyAnswered):
        await keyed.ask()
    assert books.spendable == CREDIT - COST


async def test_a_full_account_is_refused_keys_and_nothing_else(keyed, books):
    keyed.content.is_full = True
    with pytest.raises(StorageQuotaExceeded):
        await keyed.ask()
    assert books.spendable == CREDIT


async def test_a_full_account_does_not_stop_what_the_ledger_knows_by_its_id(keyed):
    keyed.content.is_full = True
    ids: list[str] = []

    async def work(request_id: str) -> bytes:
        ids.append(request_id)
        return b"done"

    for _ in range(2):
        assert await Idempotency(keyed.content).once(ASKED, work) == (b"done", False)
    assert ids == [ASKED.name] * 2


async def test_a_worker_that_stops_refuses_and_the_key_stays_free(keyed, books):
    await keyed.desk.inference.drain(0.0)
    with pytest.raises(Overloaded):
        await keyed.ask()
    other = Desk(keyed.desk.ledger)
    successor = KeyedChat(
        other.inference,
        other.rate_limits,
        Idempotency(keyed.content),
        other.ledger,
        LoopClock(),
        other.inference._report,
    )
    answer = await successor.answer(CALLER, SCRIPT, ASKED, encode)
    assert answer.result.body
    assert books.spendable == CREDIT - COST
