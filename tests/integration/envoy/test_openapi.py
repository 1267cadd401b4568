"""The file that describes the routes, as the edge serves it."""

from __future__ import annotations

import re
from importlib.resources import files

import aiohttp
import pytest
from tests.integration.envoy.checks import assert_no_leak, openai_error

FILE = files("raseed.descriptors").joinpath("openapi.json").read_bytes()

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_anybody_reads_it_without_a_key(anonymous: aiohttp.ClientSession) -> None:
    async with anonymous.get("/openapi.json") as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        assert re.fullmatch(r"req_[0-9a-f]{32}", response.headers["x-request-id"])
        assert await response.read() == FILE
        assert_no_leak(response, "")


async def test_it_is_read_and_nothing_else(anonymous: aiohttp.ClientSession) -> None:
    async with anonymous.post("/openapi.json", json={}) as response:
        await openai_error(response, 405)
        assert response.headers["allow"] == "GET"
