"""A balance pays for exactly what it pays for: many rounds on SQLite, without a network in between.

RASEED_ROUNDS sets how many rounds (default 20); the closed loop has half of them with each kind of hold.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from tests.support.desk import Answer, chat, gone, read
from tests.support.faulty_ledger import Seen
from tests.support.life import SQLITE, Life, store

from raseed.adapters.scripted.backend import prompt_tokens_of
from raseed.core.billing.commands import Held, PlaceHold, Refused, Settled
from raseed.core.billing.holds import HoldPolicy
from raseed.core.errors import BillingError, CreditExhausted, HeldByOpenRequests
from raseed.core.ids import AccountId, HoldId
from raseed.core.inference.admission import SlotLimits
from raseed.core.inference.model import ChatRequest
from raseed.core.inference.run import Ended

ROUNDS = int(os.environ.get("RASEED_ROUNDS", "20"))
AFFORDABLE = 20
ASKED = 400
CLIENTS = 32
MAX_TOKENS = 40
LIMITS = SlotLimits(slots=ASKED, queue_max=ASKED, wait_s=30.0)
ROUND_TIMEOUT_S = 30.0


def script(tokens: int, pace_ms: int = 0) -> ChatRequest:
    """The prompt has the same length whatever the script."""
    return chat(f"#script tokens={tokens:03} pace_ms={pace_ms}", max_tokens=MAX_TOKENS)


LEAST = prompt_tokens_of(script(1)) + 1
COST = prompt_tokens_of(script(1)) + MAX_TOKENS


@pytest.fixture
async def life(tmp_path, request) -> AsyncIterator[Life]:
    hold_wait_s, chunk_tokens = request.param
    policy = HoldPolicy(hold_wait_s=hold_wait_s, chunk_tokens=chunk_tokens)
    async with store(SQLITE, tmp_path / "raseed.db") as books:
        life = await Life.begin(books, policy=policy, limits=LIMITS)
        yield life
        assert life.desk.reported == []
        assert await life.verify() == []
        await life.close()


@pytest.mark.parametrize("life", [(0.0, 512)], indirect=True, ids=["no wait"])
async def test_of_400_at_once_exactly_the_20_that_are_paid_for_succeed(life):
    for number in range(ROUNDS):
        rng = random.Random(number)
        account = await life.open_account(f"acct_{number}", AFFORDABLE * COST)
        runs = [
            life.desk.ask(
                script(MAX_TOKENS, rng.choice([0, 0, 1])), account_id=account, stream=rng.random() < 0.5
            )
            for _ in range(ASKED)
        ]
        async with asyncio.timeout(ROUND_TIMEOUT_S):
            answers: list[Answer] = await asyncio.gather(*map(read, runs))
        ends = Counter(isinstance(answer.end, Ended) for answer in answers)
        assert ends == {True: AFFORDABLE, False: ASKED - AFFORDABLE}, f"round {number}"
        for run, answer in zip(runs, answers, strict=True):
            await gone(run)
            if isinstance(answer.end, Ended):
                assert (answer.tokens, answer.end.cost_microcredits) == (MAX_TOKENS, COST)
            else:
                assert isinstance(answer.end, BillingError)
                assert answer.end.http_status == 402
                assert run._generation is None, "the model was called"
        balance = await life.ledger.balance(account)
        assert balance is not None
        assert (balance.spendable_microcredits, balance.held_microcredits) == (0, 0)


@pytest.mark.parametrize(
    "life", [(2.0, 512), (2.0, 8)], indirect=True, ids=["one hold each", "holds that grow"]
)
async def test_answers_of_any_length_spend_all_that_is_there_and_no_more(life):
    """Closed loop until the first immediate 402, and every 402 is examined by what the ledger knew at that moment."""
    refusals, rounds = 0, max(1, ROUNDS // 2)
    for number in range(rounds):
        grant = AFFORDABLE * COST
        account = await life.open_account(f"acct_{number}", grant)
        first = len(life.ledger.seen)
        async with asyncio.timeout(ROUND_TIMEOUT_S):
            answers = await _until_refused(life, account, random.Random(number))

        charged = sum(answer.ended.cost_microcredits for answer in answers if isinstance(answer.end, Ended))
        balance = await life.ledger.balance(account)
        assert balance is not None
        assert balance.held_microcredits == 0
        assert charged == grant - balance.spendable_microcredits, f"round {number}"
        assert balance.spendable_microcredits < LEAST, f"round {number}: something could still be bought"
        examined = Examination(grant, life.ledger.seen[first:])
        assert examined.false_refusals == [], f"round {number}"
        refusals += examined.refusals
    assert refusals >= rounds * CLIENTS


async def _until_refused(life: Life, account: AccountId, rng: random.Random) -> list[Answer]:
    answers: list[Answer] = []

    async def client() -> None:
        while True:
            tokens = rng.randrange(MAX_TOKENS // 10, MAX_TOKENS + 1)
            run = life.desk.ask(script(tokens, rng.choice([0, 1, 3])), account_id=account)
            answer = await read(run)
            await gone(run)
            answers.append(answer)
            if isinstance(answer.end, CreditExhausted):
                return
            if not isinstance(answer.end, Ended):
                assert isinstance(answer.end, HeldByOpenRequests), answer.end

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())
    return answers


@dataclass
class Examination:
    """What the ledger decided for one account, gone through again command by command.

    A refusal is false if what was spendable, and what open runs were to give back, would have paid for it.
    """

    grant: int
    seen: list[Seen]
    refusals: int = 0
    false_refusals: list[Refused] = field(default_factory=list)

    def __post_init__(self) -> None:
        costs = {
            item.result.hold_id: item.result.cost_microcredits
            for item in self.seen
            if isinstance(item.result, Settled)
        }
        last_try = {item.command.hold_id: item for item in self.seen if isinstance(item.command, PlaceHold)}
        held: dict[HoldId, int] = {}
        spent = 0
        for item in self.seen:
            match item.result:
                case Held() as result:
                    held[result.hold_id] = result.amount_microcredits
                    assert result.spendable_microcredits == self.grant - spent - sum(held.values())
                case Settled() as result:
                    spent += result.cost_microcredits
                    del held[result.hold_id]
                    assert result.spendable_microcredits == self.grant - spent - sum(held.values())
                case Refused() as result:
                    assert result.held_microcredits == sum(held.values())
                    assert isinstance(item.command, PlaceHold) or result.required_microcredits > 0
                    if not isinstance(item.command, PlaceHold) or last_try[item.command.hold_id] is not item:
                        continue
                    self.refusals += 1
                    left = self.grant - spent - sum(costs[hold_id] for hold_id in held)
                    if left >= result.required_microcredits:
                        self.false_refusals.append(result)
                case _:
                    raise AssertionError(item)
