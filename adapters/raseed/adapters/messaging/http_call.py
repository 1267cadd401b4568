"""One HTTP call of a driver, with a deadline; what goes wrong is told in the words of the messaging port.

No text of an error has the URL, a header or the answer in it: those hold addresses and credentials.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from raseed.adapters.outgoing import new_session, read_up_to, retry_after_s
from raseed.core.messaging.ports import MessengerBusy, MessengerMisconfigured

ANSWER_BYTES_MAX = 64 * 1024
"""What is read of an answer; a longer one is cut off, and then not understood."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    """The JSON in it; None if it is none."""
    text: str
    retry_after_s: float | None

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300


class HttpCalls:
    """Calls of one driver, over a bounded pool of connections. Made by `open_calls`."""

    def __init__(self, session: aiohttp.ClientSession, timeout_s: float) -> None:
        self._session = session
        self._timeout_s = timeout_s

    async def post(self, url: str, headers: Mapping[str, str], body: Any) -> Answer:
        """The answer, whatever its status; redirects are not followed, because they would carry the credential along.

        Raises MessengerBusy if there is none in time, MessengerMisconfigured if there will never be one.
        """
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.post(
                    url,
                    data=msgspec.json.encode(body),
                    headers={
                        "Content-Type": "application/json",
                        "Accept": "application/json",
                        "Accept-Encoding": "identity",
                        **headers,
                    },
                    allow_redirects=False,
                ) as response,
            ):
                data = (await read_up_to(response, ANSWER_BYTES_MAX))[:ANSWER_BYTES_MAX]
                pause_s = retry_after_s(response.headers.get("Retry-After", ""))
        except TimeoutError as error:
            raise MessengerBusy("there was no answer in time") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise MessengerMisconfigured("its certificate is not valid") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError) as error:
            raise MessengerMisconfigured("its address or a header is not valid") from error
        except (aiohttp.ClientError, OSError) as error:
            raise MessengerBusy("it cannot be reached") from error
        if 300 <= response.status < 400:
            raise MessengerMisconfigured("it answers that it is somewhere else (a redirect)")
        return Answer(response.status, _json(data), data.decode(errors="replace"), pause_s)


@asynccontextmanager
async def open_calls(timeout_s: float, connections: int) -> AsyncIterator[HttpCalls]:
    """No cookies, no proxies from the environment. A call that waits for a connection is within its deadline."""
    async with new_session(connections) as session:
        yield HttpCalls(session, timeout_s)


def refuse_by_status(answer: Answer) -> None:
    """Raises for an answer that is not 2xx, where its content says no more than its status does."""
    status = answer.status
    if status == 429:
        raise MessengerBusy("it wants fewer messages (429)", retry_after_s=answer.retry_after_s)
    if status >= 500 or status in {408, 425}:
        raise MessengerBusy(f"it answered {status}", retry_after_s=answer.retry_after_s)
    if status in {401, 403}:
        raise MessengerMisconfigured(f"it refuses the credential ({status})")
    if not answer.is_ok:
        raise MessengerMisconfigured(f"it refuses the request ({status})")


def _json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return None
