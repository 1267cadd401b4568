"""Errors, the core's and Envoy's own: exact statuses, one JSON form, nothing about the inside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO

import aiohttp
import pytest
from tests.integration.envoy.checks import CHAT, assert_no_leak, openai_error
from tests.integration.envoy.edge import Edge
from tests.integration.envoy.stub_core import StubCore
from yarl import URL

TWO_LENGTHS = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: x\r\ncontent-length: 3\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
)
"""How requests are smuggled past a proxy."""
MIB = 1024 * 1024
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("status", [400, 401, 402, 404, 409, 413, 422, 429, 500, 503, 504])
async def test_status_and_body_of_the_core(http: aiohttp.ClientSession, status: int) -> None:
    async with http.post(CHAT, json={"status": status}) as response:
        assert response.status == status
        assert response.headers["content-type"] == "application/json"
        assert response.headers["retry-after"] == "3"
        assert await response.json() == {"error": {"code": status}}
        assert_no_leak(response, "")


@pytest.mark.parametrize("status", ["0", "99", "600", "2000", "abc"])
async def test_status_that_is_none_is_ignored(http: aiohttp.ClientSession, status: str) -> None:
    async with http.post(CHAT, json={"status": status}) as response:
        assert response.status == 200
        assert "x-http-status" not in response.headers


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INTERNAL", 500),
        ("UNKNOWN", 500),
        ("UNIMPLEMENTED", 501),
        ("UNAVAILABLE", 503),
        ("DEADLINE_EXCEEDED", 504),
        ("RESOURCE_EXHAUSTED", 429),
    ],
)
async def test_call_that_fails_below_the_handlers(
    http: aiohttp.ClientSession, code: str, status: int
) -> None:
    async with http.post(CHAT, json={"abort": code}) as response:
        await openai_error(response, status)
        assert ("retry-after" in response.headers) == (status == 503)


@pytest.mark.parametrize(
    "path",
    [
        *("/v1", "/v1/nope", "/v2/x", "/api/x", "/webhooks/x", "/v1/models/", "/v1?x=/y"),
        *("/v1/responses/compact", "/api/v1/responses/compact", "/api/dashboard/billing/usage"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unknown_api_path(anonymous: aiohttp.ClientSession, method: str, path: str) -> None:
    async with anonymous.request(method, path) as response:
        error = await openai_error(response, 404)
    assert error["code"] == "unknown_url"


@pytest.mark.parametrize(
    "path",
    [
        "/raseed.admin.v1.AdminService/ListAccounts",
        "/raseed.rest.v1.OpenAIService/ListModels",
        "/raseed.inference.v1.InferenceService/ListModels",
        "/grpc.health.v1.Health/Check",
    ],
)
async def test_grpc_paths_are_unknown_to_http_callers(http: aiohttp.ClientSession, path: str) -> None:
    async with http.post(path, data=b"{}") as response:
        await openai_error(response, 404)


@pytest.mark.parametrize(
    "path",
    ["/", "/nope", "/v1x", "/apis", "/v1/../x", "/docs/v1/models", "/dashboard", "/dashboard/billing/x"],
)
async def test_unknown_page(anonymous: aiohttp.ClientSession, edge: Edge, path: str) -> None:
    async with anonymous.get(URL(edge.url + path, encoded=True)) as response:
        assert response.status == 404
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        text = await response.text()
        assert text.startswith("<!doctype html>")
        assert_no_leak(response, text)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("GET", CHAT, "POST"), ("DELETE", "/v1/models", "GET"), ("POST", "/api/v1/models/org/x", "GET")],
)
async def test_wrong_method(anonymous: aiohttp.ClientSession, method: str, path: str, allow: str) -> None:
    async with anonymous.request(method, path) as response:
        await openai_error(response, 405)
        assert response.headers["allow"] == allow


@pytest.mark.parametrize("path", [CHAT, "/api" + CHAT])
async def test_no_credential_is_refused_before_the_body(edge: Edge, core: StubCore, path: str) -> None:
    calls = core.seen.call_count
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    writer.write(f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 4000000\r\n\r\n".encode())
    async with asyncio.timeout(2):
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 401 ")
    writer.close()
    assert core.seen.call_count == calls


async def test_either_credential_header_passes_the_edge(anonymous: aiohttp.ClientSession) -> None:
    async with anonymous.get("/v1/models") as response:
        error = await openai_error(response, 401)
        assert error["code"] == "invalid_api_key"
        assert response.headers["openai-processing-ms"] == "0"
    for credential in ({"authorization": "Bearer k"}, {"x-api-key": "k"}):
        async with anonymous.get("/v1/models", headers=credential) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("path", "size"),
    [
        (CHAT, 32 * MIB + 1),
        (CHAT, 40 * MIB),
        ("/api/billing/checkout", 4 * MIB + 1),
        ("/v1/completions", 20 * MIB),
    ],
)
async def test_body_too_large(http: aiohttp.ClientSession, core: StubCore, path: str, size: int) -> None:
    calls = core.seen.call_count
    async with http.post(path, data=BytesIO(b"x" * size)) as response:
        error = await openai_error(response, 413)
    assert error["code"] == "content_too_large"
    assert core.seen.call_count == calls


@pytest.mark.parametrize("path", ["/api/auth/start", "/api/contact"])
async def test_strangers_send_small_bodies(http: aiohttp.ClientSession, core: StubCore, path: str) -> None:
    calls = core.seen.call_count
    async with http.post(path, data=b"x" * (16 * 1024 + 1)) as response:
        await openai_error(response, 413)
    assert core.seen.call_count == calls


async def test_body_of_unknown_length_too_large(http: aiohttp.ClientSession) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(340):
            yield b"x" * 100_000

    async with http.post(CHAT, data=pieces()) as response:
        await openai_error(response, 413)


async def test_compressed_body(http: aiohttp.ClientSession) -> None:
    async with http.post(CHAT, data=b"x", headers={"content-encoding": "gzip"}) as response:
        await openai_error(response, 415)
    async with http.post(CHAT, data=b"x", headers={"content-encoding": "Identity"}) as response:
        assert response.status == 200


@pytest.mark.parametrize("headers", [{"x-long": "y" * 40_000}, {f"x-{n}": "y" for n in range(150)}])
async def test_headers_too_large(http: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    async with http.get("/v1/models", headers=headers) as response:
        await openai_error(response, 431)


async def test_underscore_in_a_header_name(http: aiohttp.ClientSession) -> None:
    async with http.get("/v1/models", headers={"x_account": "a"}) as response:
        await openai_error(response, 400)


async def test_path_that_the_transcoder_refuses(http: aiohttp.ClientSession, edge: Edge) -> None:
    async with http.get(URL(f"{edge.url}/v1/models/a%00b", encoded=True)) as response:
        await openai_error(response, 400)


async def test_path_that_is_no_text(http: aiohttp.ClientSession, edge: Edge) -> None:
    async with http.get(URL(f"{edge.url}/v1/models/a%ffb", encoded=True)) as response:
        await openai_error(response, 404)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\n\r\n",
        TWO_LENGTHS,
    ],
    ids=["no HTTP", "no host", "two lengths"],
)
async def test_malformed_request(edge: Edge, request_bytes: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    writer.write(request_bytes)
    async with asyncio.timeout(2):
        answer = await reader.readuntil(b"}}")
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in answer
    assert b'"type": "invalid_request_error", "param": null, "code": null' in answer
    assert b"x-request-id: req_" in answer
