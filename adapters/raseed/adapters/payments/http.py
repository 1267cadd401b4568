"""HTTP calls to one payment provider: a deadline, a bounded answer, exact numbers, and errors in the words of the port.

No text of an error has the address, a header, or anything out of an answer in it: those hold addresses, credentials and
what providers say of buyers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec

from raseed.adapters.outgoing import new_session, read_up_to, retry_after_s
from raseed.core.payments.ports import GatewayRefused, GatewayUnavailable

ANSWER_BYTES_MAX = 1024 * 1024
"""A status has some kilobytes, a list of a hundred transactions some hundred."""
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
_NO_ANSWER = {408, 425}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any = field(repr=False)
    """The JSON in it, with numbers that have a fraction as Decimal; None if it is none, or longer than is read."""
    retry_after_s: float | None

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300


class GatewayHttp:
    """Made by `open_http`. One session, one address, one credential."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], timeout_s: float
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._headers = {**_HEADERS, **headers}
        self._timeout_s = timeout_s

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer of any status that says what the provider decided: see `raise_by_status` for those of 4xx.

        A body becomes JSON; Decimals in it keep their decimals (`2.000`). Raises GatewayUnavailable when nothing can be
        known of the effect: no answer in time, a broken one, 5xx, 429. Raises GatewayRefused when there was surely none: a
        redirect, which is never followed, because it would carry the credential along.
        """
        data = None if body is None else _ENCODER.encode(body)
        sent = {**self._headers, **(headers or {})}
        if data is not None:
            sent["Content-Type"] = "application/json"
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.request(
                    method,
                    self._url + path,
                    data=data,
                    params=query,
                    headers=sent,
                    allow_redirects=False,
                ) as response,
            ):
                raw = await read_up_to(response, ANSWER_BYTES_MAX)
                pause_s = retry_after_s(response.headers.get("Retry-After", ""))
                status = response.status
        except TimeoutError as error:
            raise GatewayUnavailable("there was no answer in time") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise GatewayUnavailable("its certificate is not valid") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError) as error:
            raise GatewayRefused("its address or a header is not valid") from error
        except (aiohttp.ClientError, OSError) as error:
            raise GatewayUnavailable("it cannot be reached") from error
        if 300 <= status < 400:
            raise GatewayRefused("it answers that it is somewhere else (a redirect)")
        if status == 429:
            raise GatewayUnavailable("it wants fewer calls (429)", retry_after_s=pause_s)
        if status >= 500 or status in _NO_ANSWER:
            raise GatewayUnavailable(f"it answered {status}", retry_after_s=pause_s)
        return Answer(status, _json(raw), pause_s)


def raise_by_status(answer: Answer) -> None:
    """Raises GatewayRefused for an answer that is not 2xx, where its content says no more than its status does."""
    if answer.status in {401, 403}:
        raise GatewayRefused(f"it refuses the credential ({answer.status})")
    if not answer.is_ok:
        raise GatewayRefused(f"it refuses the request ({answer.status})")


@asynccontextmanager
async def open_http(
    url: str, headers: Mapping[str, str], timeout_s: float, connections: int
) -> AsyncIterator[GatewayHttp]:
    """`headers` hold the credential, and go with every call."""
    async with new_session(connections) as session:
        yield GatewayHttp(session, url, headers, timeout_s)


def _json(raw: bytes) -> Any:
    """With the standard library's reader: it gives every number with a fraction exactly as it was written."""
    if len(raw) > ANSWER_BYTES_MAX:
        return None
    try:
        return json.loads(raw, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")
