"""What every HTTP client of ours does alike: no cookies, no proxies from the environment, bounded answers."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from time import time

import aiohttp
from aiohttp.abc import AbstractResolver

RETRY_AFTER_MAX_S = 24 * 3600.0


def new_session(
    connections: int, resolver: AbstractResolver | None = None, keep_alive_s: float = 15.0
) -> aiohttp.ClientSession:
    """Callers bound each call by a deadline of their own, waiting for a connection included.

    A connection that nobody used for `keep_alive_s` is not used again.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, resolver=resolver, keepalive_timeout=keep_alive_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
    )


async def read_up_to(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """At most one byte more than asked for: by that a caller sees that there was more. A connection whose answer was not
    read to its end is closed by its session.
    """
    data = b""
    while len(data) <= bytes_max and (part := await response.content.readany()):
        data += part
    return data[: bytes_max + 1]


def retry_after_s(value: str) -> float | None:
    """Of the header Retry-After: seconds, or a date; None for anything else."""
    if value.isascii() and value.isdigit():
        return min(float(value), RETRY_AFTER_MAX_S)
    try:
        wait_s = parsedate_to_datetime(value).timestamp() - time()
    except (ValueError, OverflowError):
        return None
    return min(max(wait_s, 0.0), RETRY_AFTER_MAX_S)
