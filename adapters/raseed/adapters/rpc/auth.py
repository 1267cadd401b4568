"""AuthService over gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc

from raseed.accounts.v1 import auth_pb2 as pb
from raseed.accounts.v1 import auth_pb2_grpc
from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.interceptors.auth import credential_of
from raseed.adapters.rpc.paging import page_of
from raseed.core.accounts.sessions import SessionAuthenticator, SessionCaller, SessionService
from raseed.core.accounts.sign_in import Consent, SignInService
from raseed.core.accounts.sign_in_model import Session
from raseed.core.ids import SessionId

SESSIONS_PAGE_MAX = 50

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInUseCases:
    sign_in: SignInService
    sessions: SessionService
    authenticator: SessionAuthenticator


class AuthServicer(auth_pb2_grpc.AuthServiceServicer):
    def __init__(self, use_cases: SignInUseCases) -> None:
        self._sign_in = use_cases.sign_in
        self._sessions = use_cases.sessions
        self._authenticator = use_cases.authenticator

    async def GetSignInOptions(
        self, request: pb.GetSignInOptionsRequest, context: Context
    ) -> pb.GetSignInOptionsResponse:
        policy = self._sign_in.policy
        return pb.GetSignInOptionsResponse(
            identifiers=[kind.value for kind in policy.kinds],
            terms_version=policy.terms.terms_version,
            minimum_age=policy.terms.minimum_age,
        )

    async def StartSignIn(self, request: pb.StartSignInRequest, context: Context) -> pb.StartSignInResponse:
        started = await self._sign_in.start(
            phone=request.phone,
            email=request.email,
            language=request.language,
            address=address_of(current_call()),
            device_token=request.device_token,
        )
        return pb.StartSignInResponse(
            challenge_id=started.challenge,
            channel=started.channel.value,
            expires_in_s=started.expires_in_s,
            resend_after_s=started.resend_after_s,
        )

    async def VerifySignIn(
        self, request: pb.VerifySignInRequest, context: Context
    ) -> pb.VerifySignInResponse:
        call = current_call()
        entered = await self._sign_in.verify(
            challenge=request.challenge_id,
            code=request.code,
            consent=Consent(terms_version=request.terms_version, is_of_age=request.age_confirmed),
            language=request.language,
            address=address_of(call),
            user_agent=call.metadata.get("user-agent", ""),
        )
        return pb.VerifySignInResponse(
            session_token=entered.token,
            session=session_message(entered.session, entered.session.id),
            account_id=entered.account.id,
            is_new=entered.is_new,
            device_token=entered.device_token,
            has_accepted_terms=entered.has_accepted_terms,
        )

    async def AcceptTerms(self, request: pb.AcceptTermsRequest, context: Context) -> pb.AcceptTermsResponse:
        known = await session_of(self._authenticator, current_call())
        consent = Consent(terms_version=request.terms_version, is_of_age=request.age_confirmed)
        await self._sign_in.accept_terms(known.session.account_id, consent)
        return pb.AcceptTermsResponse()

    async def SignOut(self, request: pb.SignOutRequest, context: Context) -> pb.SignOutResponse:
        known = await session_of(self._authenticator, current_call())
        await self._sessions.end(known.session.account_id, known.session.id)
        return pb.SignOutResponse()

    async def StartIdentifierChange(
        self, request: pb.StartIdentifierChangeRequest, context: Context
    ) -> pb.StartIdentifierChangeResponse:
        call = current_call()
        known = await session_of(self._authenticator, call)
        started = await self._sign_in.start_change(
            known.session,
            phone=request.phone,
            email=request.email,
            language=request.language,
            address=address_of(call),
        )
        return pb.StartIdentifierChangeResponse(
            challenge_id=started.challenge,
            channel=started.channel.value,
            expires_in_s=started.expires_in_s,
            resend_after_s=started.resend_after_s,
        )

    async def VerifyIdentifierChange(
        self, request: pb.VerifyIdentifierChangeRequest, context: Context
    ) -> pb.VerifyIdentifierChangeResponse:
        call = current_call()
        known = await session_of(self._authenticator, call)
        changed = await self._sign_in.verify_change(
            known.session,
            challenge=request.challenge_id,
            code=request.code,
            address=address_of(call),
            user_agent=call.metadata.get("user-agent", ""),
        )
        return pb.VerifyIdentifierChangeResponse(
            session_token=changed.token,
            session=session_message(changed.session, changed.session.id),
            device_token=changed.device_token,
        )

    async def ListSessions(
        self, request: pb.ListSessionsRequest, context: Context
    ) -> pb.ListSessionsResponse:
        known = await session_of(self._authenticator, current_call())
        sessions = await self._sessions.list_sessions(known.session.account_id)
        page, token = page_of(
            sessions, request.page_size, SESSIONS_PAGE_MAX, request.page_token, lambda session: session.id
        )
        return pb.ListSessionsResponse(
            sessions=[session_message(session, known.session.id) for session in page], next_page_token=token
        )

    async def RevokeSession(
        self, request: pb.RevokeSessionRequest, context: Context
    ) -> pb.RevokeSessionResponse:
        known = await session_of(self._authenticator, current_call())
        await self._sessions.end(known.session.account_id, SessionId(request.session_id))
        return pb.RevokeSessionResponse()

    async def RevokeOtherSessions(
        self, request: pb.RevokeOtherSessionsRequest, context: Context
    ) -> pb.RevokeOtherSessionsResponse:
        known = await session_of(self._authenticator, current_call())
        count = await self._sessions.end_others(known.session.account_id, known.session.id)
        return pb.RevokeOtherSessionsResponse(revoked_count=count)


async def session_of(authenticator: SessionAuthenticator, call: Call) -> SessionCaller:
    """The session that the call was let in with. Raises Unauthenticated if it ended meanwhile."""
    return await authenticator.authenticate(credential_of(call.metadata).text)


def address_of(call: Call) -> str:
    """Whom codes and wrong guesses are counted for: calls that came past Envoy, from this machine, count as one."""
    return call.client_address or "local"


def session_message(session: Session, current: SessionId) -> pb.Session:
    return pb.Session(
        id=session.id,
        device=session.device,
        created_at_us=session.created_at,
        last_used_at_us=session.last_used_at,
        expires_at_us=session.expires_at,
        is_current=session.id == current,
    )
