"""Core workers that come, go and fail; limits of time and number; Envoys side by side."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import grpc
import pytest
from tests.integration.envoy.checks import CHAT, MESSAGES, anthropic_error, openai_error
from tests.integration.envoy.conftest import KEYED
from tests.integration.envoy.edge import run_edge
from tests.integration.envoy.stub_core import stub_core

from raseed.inference.v1 import inference_pb2, inference_pb2_grpc


async def test_requests_follow_health(tmp_path: Path) -> None:
    async with (
        stub_core() as one,
        stub_core() as two,
        run_edge(tmp_path, [one.port, two.port]) as edge,
        aiohttp.ClientSession(edge.url, headers=KEYED) as http,
    ):

        async def serve(count: int) -> tuple[int, int]:
            before = one.seen.call_count, two.seen.call_count
            for _ in range(count):
                async with http.get("/v1/models") as response:
                    assert response.status == 200
            return one.seen.call_count - before[0], two.seen.call_count - before[1]

        shares = await serve(40)
        assert min(shares) > 0
        assert sum(shares) == 40
        await one.set_serving(is_serving=False)
        await edge.wait_until("cluster.core.membership_healthy", 1)
        assert await serve(10) == (0, 10)
        await one.set_serving(is_serving=True)
        await edge.wait_until("cluster.core.membership_healthy", 2)
        assert min(await serve(40)) > 0


async def test_no_worker_is_up(tmp_path: Path) -> None:
    async with stub_core() as core, run_edge(tmp_path, [core.port]) as edge:
        await core.set_serving(is_serving=False)
        await edge.wait_until("cluster.core.membership_healthy", 0)
        async with aiohttp.ClientSession(edge.url, headers=KEYED) as http:
            async with http.post(CHAT, data=b"{}") as response:
                await openai_error(response, 503)
                assert response.headers["retry-after"] == "1"
            async with http.post(MESSAGES, data=b"{}") as response:
                assert await anthropic_error(response, 503) == "api_error"
                assert response.headers["retry-after"] == "1"
            async with http.get("/v1/nope") as response:
                await openai_error(response, 404)
        async with grpc.aio.insecure_channel(edge.address) as channel:
            stub = inference_pb2_grpc.InferenceServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.ListModels(inference_pb2.ListModelsRequest(), timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert caught.value.details() == "The service is temporarily unavailable. Please retry."


async def test_worker_dies_during_a_request_and_comes_back(tmp_path: Path) -> None:
    async with (
        stub_core() as core,
        run_edge(tmp_path, [core.port], health_interval_s=0.2) as edge,
        aiohttp.ClientSession(edge.url, headers=KEYED) as http,
    ):
        request = asyncio.create_task(http.post(CHAT, json={"hang": True}))
        await asyncio.sleep(0.2)
        await core.server.stop(0)
        await openai_error(await request, 503)
        assert core.seen.call_count == 1  # a POST is never sent twice
        await edge.wait_until("cluster.core.membership_healthy", 0)
        async with stub_core(core.port) as restarted:
            await edge.wait_until("cluster.core.membership_healthy", 1)
            async with http.post(CHAT, data=b"{}") as response:
                assert response.status == 200
            assert restarted.seen.call_count == 1


async def test_limits_of_time(tmp_path: Path) -> None:
    async with (
        stub_core() as core,
        run_edge(tmp_path, [core.port], request_timeout_s=0.3, stream_idle_timeout_s=0.6) as edge,
    ):
        async with (
            aiohttp.ClientSession(edge.url, headers=KEYED) as http,
            http.post(CHAT, json={"hang": True}) as response,
        ):
            await openai_error(response, 504)
        async with asyncio.timeout(0.5):
            await core.seen.cancelled.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: x\r\ncontent-length: 9\r\n\r\n{"
        )
        async with asyncio.timeout(2):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code": "request_timeout"' in answer


async def test_limit_of_connections(tmp_path: Path) -> None:
    async with stub_core() as core, run_edge(tmp_path, [core.port], connection_count_max=2) as edge:
        open_connections = [await asyncio.open_connection("127.0.0.1", edge.port) for _ in range(2)]
        for reader, writer in open_connections:
            writer.write(b"GET /nope HTTP/1.1\r\nhost: a\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
        async with asyncio.timeout(2):
            assert await reader.read() == b""
        for _, opened in [*open_connections, (reader, writer)]:
            opened.close()


async def test_heap_is_watched(tmp_path: Path) -> None:
    """With a heap that Envoy already exceeds, requests are refused in our own form."""
    async with stub_core() as core, run_edge(tmp_path, [core.port], heap_bytes_max=4 * 1024 * 1024) as edge:
        await edge.wait_until("overload.envoy.overload_actions.stop_accepting_requests.active", 1)
        async with (
            aiohttp.ClientSession(edge.url, headers=KEYED) as http,
            http.get("/v1/models") as response,
        ):
            await openai_error(response, 503)
            assert response.headers["retry-after"] == "1"


async def test_two_side_by_side(tmp_path: Path) -> None:
    async with (
        stub_core() as core,
        run_edge(tmp_path / "a", [core.port]) as one,
        run_edge(tmp_path / "b", [core.port]) as two,
        aiohttp.ClientSession(headers=KEYED) as http,
    ):
        for edge in (one, two):
            async with http.get(f"{edge.url}/v1/models") as response:
                assert response.status == 200


async def test_second_start_on_a_port_fails(tmp_path: Path) -> None:
    async with stub_core() as core, run_edge(tmp_path / "a", [core.port]) as edge:
        with pytest.raises(AssertionError, match="Address already in use"):
            async with run_edge(tmp_path / "b", [core.port], port=edge.port):
                pass


async def test_access_log_names_no_secret(tmp_path: Path) -> None:
    async with (
        stub_core() as core,
        run_edge(tmp_path, [core.port]) as edge,
        aiohttp.ClientSession(edge.url, headers={"authorization": "Bearer rsd_canary"}) as http,
        http.get("/v1/models?key=canary") as response,
    ):
        request_id = response.headers["x-request-id"]
    log = (tmp_path / "access.log").read_text(encoding="utf-8")
    line = json.loads(log.splitlines()[-1])
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/models", 200)
    assert line["request_id"] == request_id
    assert "canary" not in log
