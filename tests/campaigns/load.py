"""Many requests at once, from one event loop."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import aiohttp

CONNECTIONS_MAX = 512
TIMEOUT = aiohttp.ClientTimeout(total=30)


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    body: Any


def prompt(text: str, max_tokens: int, **more: Any) -> dict[str, Any]:
    return {
        "model": "scripted",
        "max_tokens": max_tokens,
        "messages": [{"role": "user", "content": text}],
        **more,
    }


def prompt_tokens(text: str) -> int:
    """What the scripted backend counts: one for the message, one for each started run of four bytes."""
    return 1 - (-len(text.encode()) // 4)


def session(key: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
        headers={"authorization": f"Bearer {key}"},
        timeout=TIMEOUT,
    )


async def ask(client: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> Answered:
    async with client.post(f"{url}/v1/chat/completions", json=body) as response:
        return Answered(response.status, json.loads(await response.read()))


async def ask_all(url: str, key: str, bodies: list[dict[str, Any]]) -> list[Answered]:
    async with session(key) as client:
        return await asyncio.gather(*(ask(client, url, body) for body in bodies))
