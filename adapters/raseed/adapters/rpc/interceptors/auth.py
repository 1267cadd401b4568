"""Who is calling and whether he may: one resolver for every credential and every method, by the table of access."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message

from raseed.adapters.rpc.access import Access, Credential, access_of
from raseed.adapters.rpc.call import Behavior, check_once, current_call
from raseed.adapters.rpc.cookies import SESSION_COOKIE, cookie_of
from raseed.adapters.rpc.interceptors.chain import Wrap
from raseed.core.accounts.authenticator import Authenticator
from raseed.core.accounts.keys import SESSION_PREFIX
from raseed.core.accounts.model import Caller
from raseed.core.accounts.ports import PresentedSession, SessionResolver
from raseed.core.errors import (
    NotFound,
    PermissionDenied,
    RequestInvalid,
    RequestTooLarge,
    ScopeMissing,
    Unauthenticated,
)

BEARER = "bearer "
CSRF_HEADER = "x-csrf-token"
ACCOUNT_HEADER = "raseed-account"
"""Names the account that a session acts for: an organisation that the person is a member of."""
OPEN_MESSAGE_BYTES_MAX = 20 * 1024
"""Of a message of a method that nobody shows anything for. What the edge lets through (16 KiB of JSON), and its envelope;
the longest that is meant is some 11 KiB: a letter to the operators whose every character is escaped."""


@dataclass(frozen=True, slots=True)
class Presented:
    """The one credential of a call."""

    kind: Credential
    text: str = field(repr=False)
    is_cookie: bool = False


def auth(authenticator: Authenticator, sessions: SessionResolver) -> Wrap:
    """Puts the caller on the call, or raises Unauthenticated, PermissionDenied, ScopeMissing, AccountSuspended; for a method
    that is open RequestTooLarge; RequestInvalid for headers that contradict each other.
    """

    def wrap(method: str, behavior: Behavior) -> Behavior:
        access = access_of(method)

        async def authenticated(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            call = current_call()
            if access is None or Credential.OPERATOR in access.credentials:
                raise PermissionDenied("This method may not be called.")
            check_once(call)
            if access.is_open:
                check_open(request)
            else:
                presented = credential_of(call.metadata)
                if presented.kind not in access.credentials:
                    raise PermissionDenied(_wrong_kind(presented.kind))
                if presented.kind is Credential.SESSION:
                    session = _session(presented, call.metadata)
                    caller = await sessions.resolve(session, changes=access.changes)
                else:
                    caller = await authenticator.authenticate(presented.text, call.client_address)
                    check_account(caller, call.metadata)
                check_scope(caller, access)
                call.caller = caller
            return await behavior(request, context)

        return authenticated

    return wrap


def credential_of(metadata: Mapping[str, str]) -> Presented:
    """The one credential of a call. Raises Unauthenticated for none, RequestInvalid for two that differ.

    A cookie comes from the browser, whether or not it is meant: it counts only if no header has a credential.
    """
    authorization = metadata.get("authorization", "")
    bearer = authorization[len(BEARER) :].strip() if authorization[: len(BEARER)].lower() == BEARER else ""
    api_key = metadata.get("x-api-key", "").strip()
    if bearer and api_key and bearer != api_key:
        raise RequestInvalid("Two different API keys were sent: use Authorization or x-api-key, not both.")
    if text := bearer or api_key:
        return Presented(Credential.SESSION if text.startswith(SESSION_PREFIX) else Credential.API_KEY, text)
    if token := cookie_of(metadata, SESSION_COOKIE):
        return Presented(Credential.SESSION, token, is_cookie=True)
    raise Unauthenticated(
        "You did not provide an API key. Send it in the Authorization header: "
        "`Authorization: Bearer YOUR_KEY`."
    )


def check_open(request: Any) -> None:
    """Raises RequestTooLarge before anybody works on what a stranger sent. Streams count what comes themselves."""
    if isinstance(request, Message) and request.ByteSize() > OPEN_MESSAGE_BYTES_MAX:
        raise RequestTooLarge(f"A request without a credential has at most {OPEN_MESSAGE_BYTES_MAX} bytes.")


def check_account(caller: Caller, metadata: Mapping[str, str]) -> None:
    """A key acts for its own account alone. Raises NotFound for a request that names another one."""
    named = metadata.get(ACCOUNT_HEADER, "").strip()
    if named not in {"", caller.account_id}:
        raise NotFound("There is no such account.", metadata={"account": named})


def check_scope(caller: Caller, access: Access) -> None:
    """Raises ScopeMissing."""
    if access.scope is not None and access.scope not in caller.scopes:
        shown = "API key" if caller.api_key_id is not None else "session"
        raise ScopeMissing(
            f"This {shown} lacks the scope `{access.scope}`.", metadata={"scope": access.scope.value}
        )


def _session(presented: Presented, metadata: Mapping[str, str]) -> PresentedSession:
    return PresentedSession(
        token=presented.text,
        is_cookie=presented.is_cookie,
        csrf_token=metadata.get(CSRF_HEADER, ""),
        origin=metadata.get("origin", ""),
        fetch_site=metadata.get("sec-fetch-site", ""),
        account=metadata.get(ACCOUNT_HEADER, "").strip(),
    )


def _wrong_kind(kind: Credential) -> str:
    if kind is Credential.SESSION:
        return "This cannot be done with a session: use an API key."
    return "This cannot be done with an API key: sign in."
