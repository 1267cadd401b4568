"""/api/keys as a client sees it: through Envoy, under every prefix, to the real methods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.integration.envoy.edge import run_edge
from tests.support.worker import running_worker

from raseed.core.accounts.key_rules import KeySpec
from raseed.core.accounts.key_service import By
from raseed.core.accounts.model import OwnLimit
from raseed.core.accounts.scopes import Scope
from raseed.core.ids import AccountId

pytestmark = pytest.mark.asyncio(loop_scope="module")
PREFIXES = ("/api/keys", "/v1/keys", "/api/v1/keys")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with a key of every scope, of an account that may have any number."""
    folder = tmp_path_factory.mktemp("keys")
    async with running_worker(folder) as worker:
        client = await worker.client("keys-over-http")
        account_id = AccountId(client.account)
        unlimited = ((OwnLimit.KEYS, None), (OwnLimit.RPM, None))
        await worker.platform.accounts.set_own_limits(account_id, unlimited, reason="test", actor="test")
        spec = KeySpec(scopes=frozenset(Scope))
        made = await worker.platform.keys.create(By(actor="test"), account_id, spec)
        headers = {"authorization": f"Bearer {made.text}"}
        port = int(worker.address.rpartition(":")[2])
        async with (
            run_edge(folder / "edge", [port]) as edge,
            aiohttp.ClientSession(edge.url, headers=headers) as session,
        ):
            yield session


async def ask(
    http: aiohttp.ClientSession, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    async with http.request(method, path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_key_from_its_making_to_its_end(http: aiohttp.ClientSession, prefix: str):
    status, made = await ask(http, "POST", prefix, {"name": prefix, "allowed_models": ["a/b:c"]})
    assert (status, made["name"], made["allowed_models"]) == (201, prefix, ["a/b:c"])
    one = f"{prefix}/{made['id']}"
    bearer = {"authorization": f"Bearer {made['key']}"}
    assert (await ask(http, "GET", "/v1/models", **bearer))[1]["data"] == []
    assert (await ask(http, "PATCH", one, {"allowed_models": None}))[1]["allowed_models"] is None
    assert (await ask(http, "GET", "/v1/models", **bearer))[1]["data"] != []
    rotated = (await ask(http, "POST", f"{one}/rotate", {"grace_s": 0}))[1]["key"]
    assert (await ask(http, "GET", "/v1/models", **bearer))[0] == 401
    assert (await ask(http, "GET", "/v1/models", authorization=f"Bearer {rotated}"))[0] == 200
    assert (await ask(http, "DELETE", one))[1]["revoked_at"] is not None
    assert (await ask(http, "GET", "/v1/models", authorization=f"Bearer {rotated}"))[0] == 401
    status, found = await ask(http, "GET", one)
    assert (status, found["id"], "key" in found) == (200, made["id"], False)
    page = (await ask(http, "GET", f"{prefix}?limit=1"))[1]
    assert len(page["data"]) == 1
    assert page["next_cursor"]


async def test_neither_the_query_nor_the_body_says_which_key_it_is(http: aiohttp.ClientSession):
    mine, other = [(await ask(http, "POST", "/api/keys", {}))[1]["id"] for _ in range(2)]
    changed = (await ask(http, "PATCH", f"/api/keys/{mine}?id={other}", {"name": "x"}))[1]
    assert changed["id"] == mine
    assert (await ask(http, "PATCH", f"/api/keys/{mine}", {"id": other, "name": "x"}))[0] == 400
    assert (await ask(http, "GET", f"/api/keys/{other}"))[1]["name"] == ""


async def test_what_is_not_there_or_not_a_method_is_said_so(http: aiohttp.ClientSession):
    assert (await ask(http, "GET", "/api/keys/key_none"))[0] == 404
    assert (await ask(http, "GET", "/api/keys/a%2Fb"))[0] == 404
    assert (await ask(http, "PUT", "/api/keys/key_none", {}))[0] == 405
    assert (await ask(http, "POST", "/api/keys/report-unauthorised-use", {}))[0] == 403


async def test_a_secret_is_told_once_and_not_kept_on_the_way(http: aiohttp.ClientSession):
    first = await ask(http, "POST", "/api/keys", {"name": "once"}, **{"idempotency-key": "k"})
    again = await ask(http, "POST", "/api/keys", {"name": "once"}, **{"idempotency-key": "k"})
    assert first[1]["key"] is not None
    assert (again[1]["id"], again[1]["key"]) == (first[1]["id"], None)
    assert (await ask(http, "POST", "/api/keys", {"name": "two"}, **{"idempotency-key": "k"}))[0] == 422
    async with http.post("/api/keys", json={}) as answer:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"].startswith("req_")
