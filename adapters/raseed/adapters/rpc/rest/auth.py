"""/api/auth: signing in over HTTP. Decode → core → encode, and the cookies around it."""

from __future__ import annotations

from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.auth import SESSIONS_PAGE_MAX, SignInUseCases, address_of, session_of
from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.cookies import (
    CHALLENGE_COOKIE,
    DEVICE_COOKIE,
    DEVICE_LIFE_S,
    SESSION_COOKIE,
    Header,
    cookie_of,
    drop_cookie,
    set_cookie,
)
from raseed.adapters.rpc.paging import page_of
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.wire import auth as wire
from raseed.core.accounts.sign_in import Consent, SignedIn, Started
from raseed.core.accounts.sign_in_model import Session
from raseed.core.clock import SECOND
from raseed.core.errors import AccessError, RequestInvalid
from raseed.core.ids import SessionId
from raseed.rest.v1 import auth_pb2 as pb
from raseed.rest.v1 import auth_pb2_grpc

JSON = "application/json"
NO_STORE = ("cache-control", "no-store")

Context = grpc.aio.ServicerContext[Any, Any]


class AuthRestServicer(auth_pb2_grpc.AuthRestServiceServicer):
    """A challenge that came in a cookie is a browser's: it gets its session in a cookie alone. One that came in the body
    is a program's, which reads the token from the answer.
    """

    def __init__(self, use_cases: SignInUseCases) -> None:
        self._sign_in = use_cases.sign_in
        self._sessions = use_cases.sessions
        self._authenticator = use_cases.authenticator

    async def GetSignInOptions(self, request: pb.GetSignInOptionsRequest, context: Context) -> None:
        await _write(context, current_call(), wire.encode_options(self._sign_in.policy))

    async def StartSignIn(self, request: pb.StartSignInRequest, context: Context) -> None:
        call = current_call()
        self._check_page(call)
        asked = wire.decode_start(request.body.data)
        started = await self._sign_in.start(
            phone=asked.phone,
            email=asked.email,
            language=asked.language,
            address=address_of(call),
            device_token=asked.device_token or cookie_of(call.metadata, DEVICE_COOKIE),
        )
        await _write_started(context, call, started)

    async def VerifySignIn(self, request: pb.VerifySignInRequest, context: Context) -> None:
        call = current_call()
        self._check_page(call)
        given = wire.decode_verify(request.body.data)
        entered = await self._sign_in.verify(
            challenge=_challenge(call, given),
            code=given.code,
            consent=Consent(terms_version=given.terms_version, is_of_age=given.age_confirmed),
            language=given.language,
            address=address_of(call),
            user_agent=call.metadata.get("user-agent", ""),
            replaces=await self._present(call),
        )
        await _write_entered(context, call, entered, with_tokens=bool(given.challenge_id))

    async def SignOut(self, request: pb.SignOutRequest, context: Context) -> None:
        call = current_call()
        known = await session_of(self._authenticator, call)
        await self._sessions.end(known.session.account_id, known.session.id)
        await _write(context, call, wire.encode_revoked(1), drop_cookie(SESSION_COOKIE))

    async def GetSession(self, request: pb.GetSessionRequest, context: Context) -> None:
        call = current_call()
        known = await session_of(self._authenticator, call)
        has_accepted = await self._sign_in.has_accepted_terms(known.session.account_id)
        await _write(context, call, wire.encode_session(known, has_accepted_terms=has_accepted))

    async def AcceptTerms(self, request: pb.AcceptTermsRequest, context: Context) -> None:
        call = current_call()
        known = await session_of(self._authenticator, call)
        given = wire.decode_terms(request.body.data)
        consent = Consent(terms_version=given.terms_version, is_of_age=given.age_confirmed)
        await self._sign_in.accept_terms(known.session.account_id, consent)
        await _write(context, call, wire.encode_session(known, has_accepted_terms=True))

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Context) -> None:
        call = current_call()
        known = await session_of(self._authenticator, call)
        sessions = await self._sessions.list_sessions(known.session.account_id)
        page, cursor = page_of(sessions, 0, SESSIONS_PAGE_MAX, request.cursor, lambda session: session.id)
        await _write(context, call, wire.encode_sessions(page, known.session.id, cursor))

    async def RevokeSession(self, request: pb.RevokeSessionRequest, context: Context) -> None:
        call = current_call()
        known = await session_of(self._authenticator, call)
        await self._sessions.end(known.session.account_id, SessionId(request.session_id))
        await _write(context, call, wire.encode_revoked(1))

    async def RevokeOtherSessions(self, request: pb.RevokeOtherSessionsRequest, context: Context) -> None:
        call = current_call()
        known = await session_of(self._authenticator, call)
        count = await self._sessions.end_others(known.session.account_id, known.session.id)
        await _write(context, call, wire.encode_revoked(count))

    async def StartIdentifierChange(self, request: pb.StartIdentifierChangeRequest, context: Context) -> None:
        call = current_call()
        known = await session_of(self._authenticator, call)
        asked = wire.decode_start(request.body.data)
        started = await self._sign_in.start_change(
            known.session,
            phone=asked.phone,
            email=asked.email,
            language=asked.language,
            address=address_of(call),
        )
        await _write_started(context, call, started)

    async def VerifyIdentifierChange(
        self, request: pb.VerifyIdentifierChangeRequest, context: Context
    ) -> None:
        call = current_call()
        known = await session_of(self._authenticator, call)
        given = wire.decode_verify(request.body.data)
        changed = await self._sign_in.verify_change(
            known.session,
            challenge=_challenge(call, given),
            code=given.code,
            address=address_of(call),
            user_agent=call.metadata.get("user-agent", ""),
        )
        await _write_entered(context, call, changed, with_tokens=bool(given.challenge_id))

    def _check_page(self, call: Call) -> None:
        """Raises PermissionDenied for a page of others: it must not sign its visitor in to an account of its own."""
        self._authenticator.check_page(
            call.metadata.get("origin", ""), call.metadata.get("sec-fetch-site", "")
        )

    async def _present(self, call: Call) -> Session | None:
        """The session that this browser has, which the new one takes the place of."""
        token = cookie_of(call.metadata, SESSION_COOKIE)
        if not token:
            return None
        try:
            return (await self._authenticator.authenticate(token)).session
        except AccessError:
            return None


def _challenge(call: Call, given: wire.VerifyBody) -> str:
    challenge = given.challenge_id or cookie_of(call.metadata, CHALLENGE_COOKIE)
    if not challenge:
        raise RequestInvalid(
            "Give the challenge_id that came with the code's announcement.", param="challenge_id"
        )
    return challenge


async def _write_started(context: Context, call: Call, started: Started) -> None:
    cookie = set_cookie(CHALLENGE_COOKIE, started.challenge, started.expires_in_s)
    await _write(context, call, wire.encode_started(started), cookie)


async def _write_entered(context: Context, call: Call, entered: SignedIn, *, with_tokens: bool) -> None:
    life_s = (entered.session.expires_at - entered.session.created_at) // SECOND
    await _write(
        context,
        call,
        wire.encode_signed_in(entered, with_tokens=with_tokens),
        set_cookie(SESSION_COOKIE, entered.token, life_s),
        set_cookie(DEVICE_COOKIE, entered.device_token, DEVICE_LIFE_S),
        drop_cookie(CHALLENGE_COOKIE),
    )


async def _write(context: Context, call: Call, body: bytes, *headers: Header) -> None:
    await context.send_initial_metadata((*response_headers(call), NO_STORE, *headers))
    await context.write(HttpBody(content_type=JSON, data=body))
