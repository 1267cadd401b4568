"""A balance pays for exactly what it pays for, however many ask for it at once, on either store.

RASEED_ROUNDS sets how many rounds the long version has (default 20).
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tests.campaigns.books import open_holds
from tests.campaigns.conftest import Say, StartSite
from tests.campaigns.load import ask_all, prompt, prompt_tokens
from tests.campaigns.refusals import Refusal, is_false, runs_of
from tests.campaigns.sites import Site, site
from tests.support.waiting import until

from raseed.inference.v1 import inference_pb2, inference_pb2_grpc

ROUNDS = int(os.environ.get("RASEED_ROUNDS", "20"))
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
PACES_MS = (0, 1, 3)
TIMEOUT_S = 30.0
QUIET_S = 5.0
MICRO = 1_000_000


# ──────────────────────────────────────────────────────────────────────────────── exactly what was set aside is used


def test_of_400_at_once_exactly_the_20_that_are_paid_for_succeed(tmp_path: Path) -> None:
    """On SQLite; on PostgreSQL it is one of the tests of three workers."""
    with site(tmp_path / "site", None, hold_wait_s=0) as started:
        spend_at_once(started)
        assert started.stack.cli("ledger", "verify").returncode == 0


@pytest.mark.long
def test_of_400_at_once_exactly_20_in_every_round(start_site: StartSite, say: Say) -> None:
    with start_site(hold_wait_s=0) as started:
        for _ in range(ROUNDS):
            spend_at_once(started)
        assert started.stack.cli("ledger", "verify").returncode == 0
        say(f"{ROUNDS} rounds on {_store(started)}: {AFFORDABLE} of {ASKED} succeeded in each, verify passed")


def spend_at_once(started: Site) -> None:
    stack = started.stack
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
    assert started.verified() == []


# ─────────────────────────────────────────────────────────────────────────────────────────────── less is used than held


def test_answers_of_any_length_spend_all_that_is_there_and_no_more(shared_site: Site) -> None:
    assert spend_in_a_loop(shared_site, 0).refused >= CLIENTS


@pytest.mark.long
def test_answers_of_any_length_in_every_round(start_site: StartSite, say: Say) -> None:
    with start_site() as started:
        spent = [spend_in_a_loop(started, number) for number in range(ROUNDS)]
        assert started.stack.cli("ledger", "verify").returncode == 0
        say(
            f"{ROUNDS} rounds on {_store(started)}: {sum(one.answered for one in spent)} answers, "
            f"{sum(one.refused for one in spent)} refusals ({sum(one.waited for one in spent)} of them after a "
            f"wait), none false; at most {max(one.left for one in spent) / MICRO:g} credits left, "
            f"{LEAST / MICRO:g} would have bought something; verify passed"
        )


@dataclass(slots=True)
class Spent:
    """What became of one balance."""

    charged: int = 0
    answered: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    waited: int = 0
    """Of the refusals: those of requests that had waited for others to release credit."""
    left: int = 0

    @property
    def refused(self) -> int:
        return len(self.refusals)


def spend_in_a_loop(started: Site, seed: int) -> Spent:
    """Each client asks again until it is told that even all open holds would not pay."""
    grant = AFFORDABLE * COST * MICRO
    customer = started.stack.customer(AFFORDABLE * COST)
    spent = asyncio.run(_until_refused(started.stack.address, customer.key, random.Random(seed)))
    until(lambda: open_holds(started.books) == 0, QUIET_S, "every hold has ended")
    funds = customer.funds()
    spent.left = funds.spendable
    assert spent.charged <= grant
    assert (funds.spendable, funds.held) == (grant - spent.charged, 0)
    assert funds.spendable < LEAST, "something could still have been bought"
    runs = runs_of(started.books, customer.id)
    assert len(runs) == spent.answered
    assert sum(run.cost for run in runs) == spent.charged
    assert [refusal for refusal in spent.refusals if is_false(refusal, grant, runs)] == [], runs
    assert started.verified() == []
    return spent


def _script(tokens: int, pace_ms: int) -> str:
    """Always the same length of prompt."""
    return f"#script tokens={tokens:03d} pace_ms={pace_ms:02d}"


LEAST = (prompt_tokens(_script(1, 0)) + 1) * MICRO
"""The prompt and one token."""


async def _until_refused(address: str, key: str, rng: random.Random) -> Spent:
    spent = Spent()

    async def client_loop(call: Callable[[Any], Awaitable[Any]]) -> None:
        while True:
            tokens = rng.randrange(MAX_TOKENS // 10, MAX_TOKENS + 1)
            request = inference_pb2.CreateChatCompletionRequest(
                model="scripted",
                max_tokens=MAX_TOKENS,
                messages=[
                    inference_pb2.ChatMessage(role="user", content=_script(tokens, rng.choice(PACES_MS)))
                ],
            )
            try:
                answer = await call(request)
            except grpc.aio.AioRpcError as error:
                info = _info_of(error)
                assert info.reason in {"INSUFFICIENT_CREDITS", "HELD_BY_OPEN_REQUESTS"}, info
                figures = {
                    name: int(info.metadata[f"{name}_microcredits"])
                    for name in ("required", "available", "held")
                }
                spent.refusals.append(Refusal(**figures))
                if info.reason == "INSUFFICIENT_CREDITS":
                    return
                spent.waited += 1
            else:
                spent.answered += 1
                spent.charged += answer.usage.cost_microcredits

    async with grpc.aio.insecure_channel(address) as channel:
        stub = inference_pb2_grpc.InferenceServiceStub(channel)
        call = partial(
            stub.CreateChatCompletion, metadata=(("authorization", f"Bearer {key}"),), timeout=TIMEOUT_S
        )
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(client_loop(call))
    return spent


def _info_of(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None, error
    info = error_details_pb2.ErrorInfo()
    [packed] = [detail for detail in status.details if detail.Is(info.DESCRIPTOR)]
    packed.Unpack(info)
    return info


def _store(started: Site) -> str:
    return "SQLite" if started.server is None else f"PostgreSQL with {len(started.workers)} workers"
