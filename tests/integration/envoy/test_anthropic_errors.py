"""Envoy's own errors on Anthropic's routes, and for Anthropic's clients on any other, have Anthropic's form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO

import aiohttp
import pytest
from tests.integration.envoy.checks import MESSAGES, anthropic_error
from tests.integration.envoy.stub_core import StubCore

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = [prefix + path for prefix in ("", "/api") for path in (MESSAGES, f"{MESSAGES}/count_tokens")]
CLIENT = {"anthropic-version": "2023-06-01"}
TOO_LARGE = 32 * 1024 * 1024 + 1


@pytest.mark.parametrize("path", [*ROUTES, f"{MESSAGES}?beta=true"])
async def test_a_body_reaches_the_core_as_it_is(
    http: aiohttp.ClientSession, core: StubCore, path: str
) -> None:
    sent = b'{"z": 1, "a": 12345678901234567890}'
    async with http.post(path, data=sent) as response:
        assert response.status == 200
        assert response.headers["request-id"] == core.seen.metadata["x-request-id"]
        assert "openai-processing-ms" not in response.headers
    assert core.seen.body == sent


@pytest.mark.parametrize("path", ROUTES)
async def test_no_credential(anonymous: aiohttp.ClientSession, core: StubCore, path: str) -> None:
    calls = core.seen.call_count
    async with anonymous.post(path, data=b"{}") as response:
        assert await anthropic_error(response, 401) == "authentication_error"
    assert core.seen.call_count == calls


@pytest.mark.parametrize("path", [f"{MESSAGES}/batches", f"/api{MESSAGES}/", f"{MESSAGES}/x?beta=true"])
async def test_unknown_path(http: aiohttp.ClientSession, path: str) -> None:
    async with http.post(path, data=b"{}") as response:
        assert await anthropic_error(response, 404) == "not_found_error"


@pytest.mark.parametrize("path", ["/v1/nope", "/v1/models/a%ffb"])
async def test_client_of_anthropic_on_another_path(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path, headers=CLIENT) as response:
        assert await anthropic_error(response, 404) == "not_found_error"


@pytest.mark.parametrize("path", ROUTES)
async def test_wrong_method(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as response:
        assert await anthropic_error(response, 405) == "invalid_request_error"
        assert response.headers["allow"] == "POST"


async def test_body_too_large(http: aiohttp.ClientSession) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(340):
            yield b"x" * 100_000

    for data in (BytesIO(b"x" * TOO_LARGE), pieces()):
        async with http.post(MESSAGES, data=data) as response:
            assert await anthropic_error(response, 413) == "request_too_large"


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("INTERNAL", 500, "api_error"),
        ("UNAVAILABLE", 503, "api_error"),
        ("DEADLINE_EXCEEDED", 504, "timeout_error"),
        ("RESOURCE_EXHAUSTED", 429, "rate_limit_error"),
    ],
)
async def test_call_that_fails_below_the_handlers(
    http: aiohttp.ClientSession, code: str, status: int, kind: str
) -> None:
    async with http.post(MESSAGES, json={"abort": code}) as response:
        assert await anthropic_error(response, status) == kind


async def test_overloaded_has_a_status_of_its_own(http: aiohttp.ClientSession) -> None:
    async with http.post(MESSAGES, json={"status": 529}) as response:
        assert response.status == 529
