"""HTTP to one provider: connections, credentials, limits, and what each failure says about what was generated.

No text of an error has the address, a header, or anything out of an answer in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from raseed.adapters.addresses import CheckedResolver, url_problem
from raseed.adapters.outgoing import new_session, read_up_to
from raseed.adapters.providers.errors import refusal_of, unavailable
from raseed.core.inference.targets import Refusal, TargetRefused, Why

ERROR_BYTES_MAX = 64 * 1024
"""Of an answer that is an error: enough for its code."""
KEEP_ALIVE_S = 4.0
"""How long an unused connection is kept. uvicorn, behind which much of this is served, closes its end after five: a
request sent at that moment would be lost, and whether it was carried out would be unknown."""
LINGER_S = 1.0
"""How long an answer whose end was read may take to close, for its connection to be used again."""
_HEADERS = {"Accept-Encoding": "identity", "Content-Type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccount:
    """Where a provider is, and who we are to it."""

    name: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    """With the credential: it goes nowhere else."""
    allow_private: bool = False
    connections: int = 100
    connect_timeout_s: float = 5.0


class ProviderHttp:
    """Made by `open_provider`. One session, one address, one credential."""

    def __init__(self, session: aiohttp.ClientSession, account: ProviderAccount) -> None:
        self._session = session
        self._account = account
        self._url = account.url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=account.connect_timeout_s, sock_connect=account.connect_timeout_s
        )
        self._lingering: set[asyncio.Task[None]] = set()

    async def post(self, path: str, body: bytes, *, accept: str) -> aiohttp.ClientResponse:
        """The answer of a status 200, its body still to be read.

        Raises TargetRefused or another RaseedError for any other status, after which nothing was generated;
        TargetRefused if no connection came about; BackendUnavailable if the request left and what came of it is unknown.
        """
        try:
            response = await self._session.post(
                self._url + path,
                data=body,
                headers={**_HEADERS, "Accept": accept, **self._account.headers},
                allow_redirects=False,
                timeout=self._timeout,
            )
        except aiohttp.ClientConnectorCertificateError as error:
            raise _unreachable("its certificate is not valid") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _unreachable("no connection came about") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError) as error:
            raise TargetRefused(Refusal.MISCONFIGURED, "its address or a header is not valid") from error
        except (aiohttp.ClientError, OSError):
            raise unavailable() from Why("its connection broke before it answered")
        if response.status == 200:
            return response
        try:
            said = await read_up_to(response, ERROR_BYTES_MAX)
        except (aiohttp.ClientError, OSError):
            said = b""
        finally:
            response.close()
        raise refusal_of(response.status, said[:ERROR_BYTES_MAX], response.headers)

    def release(self, response: aiohttp.ClientResponse) -> None:
        """Its end was read, or nearly: the connection may be used again. Returns at once."""
        if response.content.at_eof():
            response.release()
            return
        task = asyncio.create_task(self._linger(response), name=f"release {self._account.name}")
        self._lingering.add(task)
        task.add_done_callback(self._lingering.discard)

    async def close(self) -> None:
        for task in self._lingering:
            task.cancel()
        if self._lingering:
            await asyncio.wait(self._lingering)

    async def _linger(self, response: aiohttp.ClientResponse) -> None:
        try:
            async with asyncio.timeout(LINGER_S):
                await read_up_to(response, ERROR_BYTES_MAX)
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass  # it is closed below, and was over anyway
        finally:
            if response.content.at_eof():
                response.release()
            else:
                response.close()


@asynccontextmanager
async def open_provider(account: ProviderAccount) -> AsyncIterator[ProviderHttp]:
    """Raises ValueError for an address that is never connected to."""
    if problem := url_problem(account.url, allow_private=account.allow_private):
        raise ValueError(f"the URL of provider {account.name} {problem}")
    resolver = CheckedResolver(allow_private=account.allow_private)
    async with new_session(account.connections, resolver, KEEP_ALIVE_S) as session:
        http = ProviderHttp(session, account)
        try:
            yield http
        finally:
            await http.close()


def _unreachable(detail: str) -> TargetRefused:
    return TargetRefused(Refusal.UNREACHABLE, detail)
