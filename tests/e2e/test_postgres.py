"""Three core workers on one PostgreSQL behave as one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from tests.campaigns.load import ask_all, prompt, prompt_tokens
from tests.campaigns.sites import WORKERS, site
from tests.support.command_line import run_cli
from tests.support.http import Answer, Http
from tests.support.mailbox import code_sent
from tests.support.postgres import shared_server
from tests.support.stack import Stack
from tests.support.waiting import until

from raseed.admin.v1 import admin_pb2

REVOKED_WITHIN_S = SUSPENDED_WITHIN_S = 2.0
TIER_WITHIN_S = 5.0
TEXT = "spend it"
MAX_TOKENS = 40
COST = prompt_tokens(TEXT) + MAX_TOKENS


@pytest.fixture(scope="module", params=[WORKERS], ids=["postgres-3"])
def workers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with site(tmp_path_factory.mktemp("workers"), shared_server(), hold_wait_s=0) as started:
        assert len(started.workers) == request.param
        yield started.stack


def test_of_400_at_once_exactly_20_succeed(workers: Stack) -> None:
    customer = workers.customer(20 * COST)
    answers = asyncio.run(ask_all(workers.url, customer.key, [prompt(TEXT, MAX_TOKENS)] * 400))
    assert Counter(answer.status for answer in answers) == {200: 20, 402: 380}
    funds = customer.funds()
    assert (funds.spendable, funds.held) == (0, 0)
    assert workers.cli("ledger", "verify").returncode == 0


def test_a_key_is_answered_once_by_all_of_them(workers: Stack) -> None:
    """Of twenty at once one runs; the others are told to wait, and afterwards every worker has its answer."""
    customer = workers.customer()
    headers = {"idempotency-key": "k"}

    def ask(_number: int) -> Answer:
        answer: Answer = customer.http.send("POST", "/v1/chat/completions", prompt(TEXT, MAX_TOKENS), headers)
        return answer

    with ThreadPoolExecutor(20) as pool:
        at_once = list(pool.map(ask, range(20)))
    assert {answer.status for answer in at_once} <= {200, 409}
    bodies = {answer.body for answer in [*at_once, *map(ask, range(4 * WORKERS))] if answer.status == 200}
    assert len(bodies) == 1
    assert customer.left() == 1_000 - COST


def test_a_revoked_key_is_refused_by_every_worker(workers: Stack) -> None:
    customer = workers.customer()
    for _ in range(4 * WORKERS):  # every worker remembers the key
        assert customer.http.send("GET", "/v1/models").status == 200
    workers.admin("RevokeApiKey", admin_pb2.RevokeApiKeyRequest(id=customer.key_id))
    in_a_row = 0

    def refused_by_all() -> bool:
        nonlocal in_a_row
        in_a_row = in_a_row + 1 if customer.http.send("GET", "/v1/models").status == 401 else 0
        return in_a_row >= 4 * WORKERS

    until(refused_by_all, REVOKED_WITHIN_S, "every worker refuses the key")


def test_what_operators_decide_is_effective_at_every_worker(workers: Stack) -> None:
    customer = workers.customer()
    http = customer.http

    def at_all(path: str, holds: Callable[[Answer], bool], within_s: float) -> None:
        in_a_row = 0

        def agree() -> bool:
            nonlocal in_a_row
            in_a_row = in_a_row + 1 if holds(http.send("GET", path)) else 0
            return in_a_row >= 4 * WORKERS

        until(agree, within_s, f"every worker has heard of it: {path}")

    def decide(*arguments: str) -> None:
        assert run_cli(workers.environ, "accounts", *arguments, "--reason", "test").status == 0

    subscription = "/api/billing/subscription"
    at_all(subscription, lambda answer: answer.json["tier"] == "enterprise", SUSPENDED_WITHIN_S)
    decide("suspend", customer.id)
    at_all("/v1/models", lambda answer: answer.status == 403, SUSPENDED_WITHIN_S)
    decide("reinstate", customer.id)
    at_all("/v1/models", lambda answer: answer.status == 200, SUSPENDED_WITHIN_S)
    decide("tier", customer.id, "basic")
    at_all(subscription, lambda answer: answer.json["tier"] == "basic", TIER_WITHIN_S)


def test_the_admin_listener_is_served_by_every_worker(workers: Stack, tmp_path: Path) -> None:
    made = run_cli(workers.environ, "operators", "create", "script", "--scope", "audit:read", "--json").value
    key = tmp_path / "admin-key"
    key.write_text(made["key"])
    key.chmod(0o600)
    there = ("--server", workers.run_file()["admin_listen"], "--key-file", str(key))
    for _ in range(2 * WORKERS):
        rows = run_cli({}, *there, "audit", "list", "--subject", made["id"], "--json").value
        assert [row["action"] for row in rows] == ["operator.key", "operator.create"]
    assert run_cli(workers.environ, "operators", "disable", "script").status == 0
    for _ in range(2 * WORKERS):
        assert "Incorrect admin key" in run_cli({}, *there, "audit", "list").refused()


def test_a_session_begins_at_one_worker_and_ends_at_every(workers: Stack) -> None:
    """Code and challenge go to whichever worker is next."""
    http, phone = Http(workers.port), "+96550076543"
    started = http.send("POST", "/api/auth/start", {"phone": phone})
    code = code_sent(workers.files.outbox, phone)
    given = {"challenge_id": started.json["challenge_id"], "code": code, "terms_version": "2026-03"}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: http.send("POST", "/api/auth/verify", given), range(20)))
    [entered] = [answer.json for answer in answers if answer.status == 200]
    assert {answer.status for answer in answers} == {200, 422}

    mine = {"authorization": f"Bearer {entered['session_token']}"}
    for _ in range(4 * WORKERS):  # every worker remembers the session
        answer = http.send("GET", "/api/billing/subscription", headers=mine)
        assert answer.json["credits"]["balance"] == 1_000
    assert http.send("DELETE", f"/api/auth/sessions/{entered['session']['id']}", headers=mine).status == 200
    in_a_row = 0

    def refused_by_all() -> bool:
        nonlocal in_a_row
        in_a_row = in_a_row + 1 if http.send("GET", "/v1/models", headers=mine).status == 401 else 0
        return in_a_row >= 4 * WORKERS

    until(refused_by_all, REVOKED_WITHIN_S, "every worker refuses the session")


def test_responses_of_workers_that_were_killed_have_failed_and_cost_nothing(workers: Stack) -> None:
    """Every worker says so; what their holders had was theirs again as soon as the next lives began."""
    customer = workers.customer()
    asked = {
        "model": "scripted",
        "input": "#script hang_at=3 pace_ms=1",
        "max_output_tokens": MAX_TOKENS,
        "background": True,
    }
    begun = [customer.http.send("POST", "/v1/responses", asked).json["id"] for _ in range(2 * WORKERS)]
    until(lambda: customer.funds().held > 0, 10, "credit is held for them")
    restarts = {f"core-{number}": workers.kill(f"core-{number}") for number in range(WORKERS)}
    workers.wait_for_workers(restarts)

    def failed(response_id: str) -> bool:
        answer = customer.http.send("GET", f"/v1/responses/{response_id}")
        return answer.status == 200 and answer.json["status"] == "failed"

    for response_id in begun:
        until(partial(failed, response_id), 60, "the response has failed")
        assert all(failed(response_id) for _ in range(2 * WORKERS))
    assert customer.left() == 1_000
    assert workers.cli("ledger", "verify").returncode == 0


def test_another_worker_serves_while_one_is_killed(workers: Stack) -> None:
    restarts = workers.kill("core-1")
    until(lambda: workers.part("core-1")["restarts"] > restarts, 30, "core-1 is restarted")
    customer = workers.customer()
    until(
        lambda: customer.http.send("POST", "/v1/chat/completions", prompt(TEXT, 4)).status == 200,
        10,
        "requests are answered",
    )
    assert workers.cli("ledger", "verify").returncode == 0
