"""One API under every prefix: whichever address a client knows, it gets the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
from tests.support.customer import Customer
from tests.support.http import Http
from tests.support.stack import Stack

OPENAPI: dict[str, Any] = json.loads(files("raseed.descriptors").joinpath("openapi.json").read_bytes())
FAMILIES = ("/v1", "/api/v1")
"""Of what OpenAI and Anthropic specified; the documented billing paths have `/api` beside them."""


def addresses() -> Iterator[tuple[str, str, list[str]]]:
    """(name, method, its paths) of each operation with more than one address and nothing to fill in."""
    found: dict[str, tuple[str, list[str]]] = {}
    for path, operations in OPENAPI["paths"].items():
        for method, operation in operations.items():
            name = operation["operationId"].partition("_")[0]
            found.setdefault(name, (method.upper(), []))[1].append(path)
    for name, (method, paths) in found.items():
        if len(paths) > 1 and "{" not in paths[0]:
            yield name, method, paths


SHARED = list(addresses())
REQUEST_ID = re.compile(rb"req_\w+")


@pytest.fixture(scope="module")
def customer(stack: Stack) -> Customer:
    """One for all: nothing here changes what an account has."""
    return stack.customer()


def test_what_others_specified_has_both_prefixes() -> None:
    for path in OPENAPI["paths"]:
        if path.startswith("/v1/"):
            assert f"/api{path}" in OPENAPI["paths"], path


def test_what_an_account_has_has_all_prefixes() -> None:
    for path in OPENAPI["paths"]:
        if path.startswith(("/api/billing/", "/api/usage", "/api/keys")):
            rest = path.removeprefix("/api")
            assert {f"/v1{rest}", f"/api/v1{rest}"} <= OPENAPI["paths"].keys(), path


@pytest.mark.parametrize(("method", "paths"), [row[1:] for row in SHARED], ids=[row[0] for row in SHARED])
def test_every_address_of_a_route_answers_alike(customer: Customer, method: str, paths: list[str]) -> None:
    # A body that no route takes: what it says of it is the same everywhere, too.
    body = None if method == "GET" else b"[]"
    answers = [customer.http.send(method, path, body) for path in paths]
    assert len({(answer.status, REQUEST_ID.sub(b"", answer.body)) for answer in answers}) == 1, answers
    assert answers[0].status < 500


@pytest.mark.parametrize("prefix", FAMILIES)
@pytest.mark.parametrize("model", ["acme/scripted-1", "acme%2Fscripted-1", "acme%2fscripted-1"])
def test_an_id_with_a_slash(customer: Customer, prefix: str, model: str) -> None:
    answer = customer.http.send("GET", f"{prefix}/models/{model}")
    assert (answer.status, answer.json["id"]) == (200, "acme/scripted-1")


@pytest.mark.parametrize("path", ["//v1//models", "/v1//models", "/api//v1/models"])
def test_a_base_url_with_a_slash_at_its_end(customer: Customer, path: str) -> None:
    assert customer.http.send("GET", path).body == customer.http.send("GET", "/v1/models").body


@pytest.mark.parametrize("header", ["authorization: bearer {}", "authorization: BEARER {}", "x-api-key: {}"])
def test_a_key_in_any_of_its_forms(customer: Customer, stack: Stack, header: str) -> None:
    name, _, value = header.format(customer.key).partition(": ")
    stranger = Http(stack.port)
    for path in ("/v1/models", "/api/v1/models", "/api/billing/subscription"):
        assert stranger.send("GET", path, headers={name: value}).status == 200
    message = {"model": "scripted", "max_tokens": 4, "messages": [{"role": "user", "content": "hi"}]}
    for path in ("/v1/messages", "/api/v1/messages", "/v1/chat/completions", "/api/v1/chat/completions"):
        assert stranger.send("POST", path, message, {name: value}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/v1/files",
            "/v1/moderations",
            "/v1/threads/t/runs",
            "/v1/fine_tuning/jobs",
            "/v1/realtime/sessions",
        ),
        "/v1/responses/compact",
    ],
)
@pytest.mark.parametrize("family", ["", "/api"])
def test_what_is_not_offered(customer: Customer, family: str, path: str) -> None:
    """Known to OpenAI's clients, and not here: 404 in OpenAI's form, whatever the method."""
    for method in ("GET", "POST", "DELETE"):
        error = customer.http.send(method, family + path, None if method == "GET" else b"{}").error(404)
        assert error["code"] == "unknown_url"


@pytest.mark.parametrize("prefix", ["", *FAMILIES])
def test_a_client_that_shows_a_balance(stack: Stack, prefix: str) -> None:
    """It takes the month's usage from the limit; both it asks for by address alone, with the day after today as end."""
    spender = stack.customer()
    chat = {"model": "scripted", "messages": [{"role": "user", "content": "one two three"}]}
    assert spender.http.send("POST", "/v1/chat/completions", chat).status == 200
    limit = spender.http.send("GET", f"{prefix}/dashboard/billing/subscription").json
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    usage = spender.http.send("GET", f"{prefix}/dashboard/billing/usage?end_date={tomorrow}").json
    assert (limit["object"], usage["object"]) == ("billing_subscription", "list")
    assert usage["total_usage"] > 0
    assert limit["hard_limit_usd"] - usage["total_usage"] / 100 == pytest.approx(spender.left())


@pytest.mark.parametrize("prefix", FAMILIES)
def test_models_of_a_category(customer: Customer, prefix: str) -> None:
    def listed(query: str) -> list[str]:
        return [model["id"] for model in customer.http.send("GET", f"{prefix}/models{query}").json["data"]]

    assert "raseed-tiny" in listed("?category=chat&limit=20")
    assert listed("?category=embedding") == ["raseed-tiny-embed"]
    assert set(listed("")) > {*listed("?category=chat"), *listed("?category=embedding")}
    error = customer.http.send("GET", f"{prefix}/models?category=talk").error(400)
    assert error["param"] == "category"
