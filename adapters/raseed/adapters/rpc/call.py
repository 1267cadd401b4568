"""What the interceptors learn about the call that is being served, for the servicers."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import grpc

from raseed.core.accounts.model import Caller
from raseed.core.admin.operators import LOCAL_SOCKET, OperatorCaller
from raseed.core.errors import RaseedError, RequestInvalid, Unauthenticated
from raseed.core.limits.model import Standing

REST_PREFIX = "/raseed.rest.v1."
"""Methods that Envoy transcodes: their callers speak HTTP and read JSON, also when something fails."""

ANTHROPIC_PREFIX = "/raseed.rest.v1.AnthropicService/"
"""Methods whose callers read Anthropic's JSON."""

ADDRESS_HEADER = "x-envoy-external-address"
ONCE = frozenset({"authorization", "x-api-key", "x-csrf-token", "raseed-account"})
"""Headers that say who calls and for which account: nobody guesses which of two is meant."""
_REQUEST_ID_CHARS = 36

Behavior = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[Any]]
"""A method's implementation. Streaming ones write to the context and return nothing (never async generators: if the
client leaves during a write, a generator's `finally` runs in a task that nobody waits for)."""


@dataclass(slots=True)
class Call:
    """One RPC. Written by the interceptors, read by the servicer."""

    method: str
    metadata: dict[str, str]
    """Of what came twice, the last."""
    request_id: str
    contradicted: tuple[str, ...] = ()
    """Which of `ONCE` came twice and not the same."""
    started_at: float = field(default_factory=monotonic)
    is_streaming: bool = False
    """Whether the first byte of a server-sent stream has gone out: then a failure is an event, not a status."""
    failure_line: Callable[[RaseedError], bytes] | None = None
    """How a stream that is no server-sent one says that it broke off."""
    http_status: int = 200
    is_replay: bool = False
    """Whether the answer is that of an earlier request with the same idempotency key."""
    operator: OperatorCaller | None = None
    """Who acts on the admin plane."""
    standing: Callable[[], Standing] | None = None
    """Where the caller stands with its limits, asked when the answer begins. None: it has none here."""
    _caller: Caller | None = None

    @property
    def is_rest(self) -> bool:
        return self.method.startswith(REST_PREFIX)

    @property
    def reads_anthropic(self) -> bool:
        """Whether the caller knows Anthropic's errors, not OpenAI's: by the route, or by a header of its clients."""
        return self.method.startswith(ANTHROPIC_PREFIX) or "anthropic-version" in self.metadata

    @property
    def has_edge_id(self) -> bool:
        """Whether the request id is Envoy's, which then puts it on the answer itself."""
        return self.metadata.get("x-request-id") == self.request_id

    @property
    def client_address(self) -> str | None:
        """Of whoever sent the request to Envoy, as Envoy saw it: what a client writes here, Envoy removes. None for a
        call that came past Envoy, which only this machine can make.
        """
        return self.metadata.get(ADDRESS_HEADER)

    @property
    def caller(self) -> Caller:
        """Whom the call is charged to. Raises Unauthenticated on a method that does not ask for a key."""
        if self._caller is None:
            raise Unauthenticated("You did not provide an API key.")
        return self._caller

    @caller.setter
    def caller(self, caller: Caller) -> None:
        self._caller = caller

    def elapsed_ms(self) -> int:
        return int((monotonic() - self.started_at) * 1000)


_current: ContextVar[Call] = ContextVar("call")


def current_call() -> Call:
    """The call being served. Interceptors run in the RPC's own task, so this is never another's."""
    return _current.get()


def enter_call(call: Call) -> None:
    _current.set(call)


def acting(context: grpc.aio.ServicerContext[Any, Any] | None) -> OperatorCaller:
    """The operator who calls. Without a context the call comes from this process: from whoever may open its database."""
    if context is None:
        return LOCAL_SOCKET
    operator = current_call().operator
    if operator is None:
        raise Unauthenticated("You did not provide an admin key.")
    return operator


def contradicted(received: Iterable[tuple[str, str | bytes]]) -> tuple[str, ...]:
    """Which of the headers that come once came with several values.

    >>> contradicted([("x-api-key", "a"), ("x-api-key", "b"), ("raseed-account", "c"), ("raseed-account", "c")])
    ('x-api-key',)
    """
    found = {(name, value) for name, value in received if name in ONCE}
    names = [name for name, _ in found]
    return tuple(sorted({name for name in names if names.count(name) > 1}))


def check_once(call: Call) -> None:
    """Raises RequestInvalid."""
    if call.contradicted:
        raise RequestInvalid(f"The header `{call.contradicted[0]}` was sent twice, and not the same.")


def request_id_of(metadata: Mapping[str, str]) -> str:
    """The id that Envoy gave the request, so that both logs name it alike; our own for whoever comes past Envoy."""
    given = metadata.get("x-request-id", "")
    if len(given) == _REQUEST_ID_CHARS and given.startswith("req_") and given[4:].isalnum():
        return given
    return f"req_{os.urandom(16).hex()}"
