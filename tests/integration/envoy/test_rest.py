"""REST calls that go through: bytes, paths, headers, connections."""

from __future__ import annotations

import asyncio
import re
import shutil
from io import BytesIO

import aiohttp
import pytest
from tests.integration.envoy.checks import CHAT, assert_no_leak
from tests.integration.envoy.edge import Edge
from tests.integration.envoy.stub_core import StubCore
from yarl import URL

pytestmark = pytest.mark.asyncio(loop_scope="module")
CURL = shutil.which("curl")


async def test_unary_json_is_passed_byte_for_byte(http: aiohttp.ClientSession, core: StubCore) -> None:
    body = b'{"z":1, "a":10, "big":9007199254740993, "nested":{"b":[1.0]}}'
    async with http.post(CHAT, data=body, headers={"content-type": "application/json"}) as response:
        text = await response.text()
        assert response.status == 200
        assert response.headers["content-type"] == "application/json"
        assert response.headers["x-request-id"] == "req_stub"  # the core's, not replaced
        assert int(response.headers["openai-processing-ms"]) >= 0
        assert text == '{"ok":true}'
        assert_no_leak(response, text)
    assert core.seen.body == body
    assert core.seen.content_type == "application/json"


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_both_prefixes(http: aiohttp.ClientSession, prefix: str) -> None:
    async with http.get(f"{prefix}/v1/models?beta=true&include%5B%5D=x&order=") as response:
        assert response.status == 200
        assert await response.json() == {"object": "list", "data": []}


@pytest.mark.parametrize("path", ["org%2Fname", "org/name", "org%2fname", "org/name?model=other"])
async def test_model_ids_with_slashes(
    edge: Edge, http: aiohttp.ClientSession, core: StubCore, path: str
) -> None:
    async with http.get(URL(f"{edge.url}/v1/models/{path}", encoded=True)) as response:
        assert response.status == 200
    assert core.seen.model == "org/name"


async def test_query_cannot_write_into_the_body(http: aiohttp.ClientSession, core: StubCore) -> None:
    query = "?body.data=QUJD&body.content_type=text/evil&body.contentType=text/evil&body=x"
    async with http.post(CHAT + query, data=b"", headers={"content-type": "application/json"}) as response:
        assert response.status == 200
    assert core.seen.body == b""
    assert core.seen.content_type == "application/json"


async def test_largest_body_arrives_whole(http: aiohttp.ClientSession, core: StubCore) -> None:
    body = b"x" * (32 * 1024 * 1024)
    async with http.post(CHAT, data=BytesIO(body)) as response:
        assert response.status == 200
    assert core.seen.body == body


async def test_forged_headers_do_not_arrive(http: aiohttp.ClientSession, core: StubCore) -> None:
    forged = {
        "x-raseed-account": "acct_other",
        "x-http-status": "200",
        "x-envoy-retry-on": "5xx",
        "x-envoy-original-path": "/forged",
        "x-envoy-external-address": "203.0.113.9",
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-host": "evil.example",
        "forwarded": "for=203.0.113.9",
        "x-request-id": "mine",
    }
    async with http.get("/v1/models?a=b", headers=forged) as response:
        assert response.status == 200
        request_id = response.headers["x-request-id"]
    seen = core.seen.metadata
    assert {
        "x-raseed-account",
        "x-http-status",
        "x-envoy-retry-on",
        "x-forwarded-host",
        "forwarded",
    }.isdisjoint(seen)
    assert "203.0.113.9" not in seen["x-forwarded-for"]
    assert seen["x-envoy-external-address"] == "127.0.0.1"  # whose codes and guesses are counted
    assert seen["x-envoy-original-path"] == "/v1/models?a=b"
    assert seen["x-request-id"] == request_id
    assert re.fullmatch(r"req_[0-9a-f]{32}", request_id)


async def test_headers_of_the_core_arrive(http: aiohttp.ClientSession) -> None:
    async with http.post(CHAT, json={"header": True}) as response:
        assert response.headers["retry-after"] == "7"
        assert response.headers["x-should-retry"] == "false"


async def test_chunked_body_and_keep_alive_on_one_connection(edge: Edge) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    for _ in range(3):
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: x\r\n"
            b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert b"transfer-encoding: chunked" in head
        assert await reader.readuntil(b"0\r\n\r\n") == b'b\r\n{"ok":true}\r\n0\r\n\r\n'
    writer.close()
    await writer.wait_closed()


@pytest.mark.skipif(CURL is None, reason="needs curl as an HTTP/2 client")
async def test_http2_sees_no_trailers_of_grpc(edge: Edge) -> None:
    assert CURL is not None
    process = await asyncio.create_subprocess_exec(
        CURL, "-sv", "--http2-prior-knowledge", "-H", "x-api-key: k", f"{edge.url}/v1/models",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert out == b'{"object":"list","data":[]}'
    assert b"< HTTP/2 200" in err
    assert b"< grpc" not in err
