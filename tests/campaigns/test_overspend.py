"""A balance pays for exactly what it pays for, however many ask for it at once."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.campaigns.conftest import StartStack
from tests.campaigns.load import Answered, ask, ask_all, prompt, prompt_tokens, session

TEXT = "spend it"
MAX_TOKENS = 40
COST = prompt_tokens(TEXT) + MAX_TOKENS
AFFORDABLE = 20
ASKED = 400
NO_CREDIT = {
    "error": {
        "message": "Insufficient credits. Please top up your balance to continue.",
        "type": "insufficient_credits",
        "param": None,
        "code": 402,
    }
}
CLIENTS = 24
MICRO = 1_000_000


def test_of_400_at_once_exactly_the_20_that_are_paid_for_succeed(start_stack: StartStack) -> None:
    stack = start_stack(hold_wait_s=0)
    customer = stack.customer(AFFORDABLE * COST)
    answers = asyncio.run(ask_all(stack.url, customer.key, [prompt(TEXT, MAX_TOKENS)] * ASKED))
    assert Counter(answer.status for answer in answers) == {200: AFFORDABLE, 402: ASKED - AFFORDABLE}
    for answer in answers:
        if answer.status == 402:
            assert answer.body == NO_CREDIT
        else:
            assert answer.body["usage"]["total_tokens"] == COST
    funds = customer.funds()
    assert (funds.spendable, funds.held) == (0, 0)
    verified = stack.cli("ledger", "verify", "--json")
    assert verified.returncode == 0, verified.stdout


def test_answers_of_any_length_spend_all_that_is_there_and_no_more(start_stack: StartStack) -> None:
    """Closed loop: each client asks again until it is told at once that there is no credit."""
    stack = start_stack(hold_wait_s=2.0)
    customer = stack.customer(AFFORDABLE * COST)
    answers = asyncio.run(_until_refused(stack.url, customer.key))
    charged = sum(answer.body["usage"]["total_tokens"] for answer in answers if answer.status == 200)
    assert {answer.status for answer in answers} == {200, 402}
    assert charged <= AFFORDABLE * COST
    funds = customer.funds()
    assert funds.held == 0
    assert funds.spendable == (AFFORDABLE * COST - charged) * MICRO
    assert funds.spendable < (prompt_tokens(_script(0)) + 1) * MICRO, "something could still have been bought"
    verified = stack.cli("ledger", "verify", "--json")
    assert verified.returncode == 0, verified.stdout


def _script(number: int) -> str:
    """From 10 % to 100 % of `max_tokens`, always the same length of prompt."""
    return f"#script tokens={MAX_TOKENS * (1 + number % 10) // 10:03d}"


async def _until_refused(url: str, key: str) -> list[Answered]:
    answers: list[Answered] = []

    async def client_loop(number: int) -> None:
        while True:
            answer = await ask(client, url, prompt(_script(number), MAX_TOKENS))
            answers.append(answer)
            if answer.status != 200:
                return
            number += CLIENTS + 1

    async with session(key) as client:
        await asyncio.gather(*(client_loop(number) for number in range(CLIENTS)))
    return answers
