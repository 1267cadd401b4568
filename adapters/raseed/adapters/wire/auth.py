"""JSON of /api/auth: codes, sessions, and what signing in takes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from raseed.adapters.wire.body import read_body, served_keys
from raseed.adapters.wire.json_values import rfc3339_text
from raseed.adapters.wire.openai.body import WORDS
from raseed.core.accounts.model import Account
from raseed.core.accounts.sessions import SessionCaller
from raseed.core.accounts.sign_in import SignedIn, SignInPolicy, Started
from raseed.core.accounts.sign_in_model import Session
from raseed.core.ids import SessionId

_encode = msgspec.json.Encoder().encode


class StartBody(msgspec.Struct, frozen=True):
    phone: str = ""
    email: str = ""
    language: str = ""
    device_token: str = ""


class VerifyBody(msgspec.Struct, frozen=True):
    code: str
    challenge_id: str = ""
    terms_version: str = ""
    age_confirmed: bool = False
    language: str = ""


class TermsBody(msgspec.Struct, frozen=True):
    terms_version: str = ""
    age_confirmed: bool = False


class _Options(msgspec.Struct, frozen=True):
    identifiers: list[str]
    terms_version: str
    minimum_age: int


class _Started(msgspec.Struct, frozen=True):
    challenge_id: str
    channel: str
    expires_in: int
    resend_after: int


class _Account(msgspec.Struct, frozen=True):
    id: str
    email: str | None
    phone: str | None
    tier: str
    status: str


class _Session(msgspec.Struct, frozen=True):
    id: str
    device: str
    created_at: str
    last_used_at: str
    expires_at: str
    is_current: bool


class _SignedIn(msgspec.Struct, frozen=True):
    account: _Account
    is_new: bool
    has_accepted_terms: bool
    session: _Session
    csrf_token: str
    session_token: str | msgspec.UnsetType
    device_token: str | msgspec.UnsetType


class _OwnSession(msgspec.Struct, frozen=True):
    session: _Session
    csrf_token: str
    has_accepted_terms: bool


class _Sessions(msgspec.Struct, frozen=True):
    data: list[_Session]
    next_cursor: str | None


class _Revoked(msgspec.Struct, frozen=True):
    revoked: int


_terms = msgspec.json.Decoder(TermsBody)
_start = msgspec.json.Decoder(StartBody)
_verify = msgspec.json.Decoder(VerifyBody)
_START_KEYS = served_keys(StartBody.__struct_fields__)
_VERIFY_KEYS = served_keys(VerifyBody.__struct_fields__)
_TERMS_KEYS = served_keys(TermsBody.__struct_fields__)


def decode_start(body: bytes) -> StartBody:
    """Raises RequestInvalid. Fields that it does not know are dropped."""
    return read_body(body, _start, _START_KEYS, WORDS)


def decode_verify(body: bytes) -> VerifyBody:
    """Raises RequestInvalid."""
    return read_body(body, _verify, _VERIFY_KEYS, WORDS)


def decode_terms(body: bytes) -> TermsBody:
    """Raises RequestInvalid."""
    return read_body(body, _terms, _TERMS_KEYS, WORDS)


def encode_options(policy: SignInPolicy) -> bytes:
    return _encode(
        _Options(
            identifiers=[kind.value for kind in policy.kinds],
            terms_version=policy.terms.terms_version,
            minimum_age=policy.terms.minimum_age,
        )
    )


def encode_started(started: Started) -> bytes:
    return _encode(
        _Started(
            challenge_id=started.challenge,
            channel=started.channel.value,
            expires_in=started.expires_in_s,
            resend_after=started.resend_after_s,
        )
    )


def encode_signed_in(entered: SignedIn, *, with_tokens: bool) -> bytes:
    """Without the tokens for browsers, which have them in cookies that scripts cannot read."""
    return _encode(
        _SignedIn(
            account=_account(entered.account),
            is_new=entered.is_new,
            has_accepted_terms=entered.has_accepted_terms,
            session=_session(entered.session, entered.session.id),
            csrf_token=entered.csrf_token,
            session_token=entered.token if with_tokens else msgspec.UNSET,
            device_token=entered.device_token if with_tokens else msgspec.UNSET,
        )
    )


def encode_session(known: SessionCaller, *, has_accepted_terms: bool) -> bytes:
    return _encode(
        _OwnSession(
            session=_session(known.session, known.session.id),
            csrf_token=known.csrf_token,
            has_accepted_terms=has_accepted_terms,
        )
    )


def encode_sessions(sessions: Sequence[Session], current: SessionId, next_cursor: str) -> bytes:
    return _encode(
        _Sessions(data=[_session(each, current) for each in sessions], next_cursor=next_cursor or None)
    )


def encode_revoked(count: int) -> bytes:
    return _encode(_Revoked(revoked=count))


def _account(account: Account) -> _Account:
    return _Account(
        id=account.id,
        email=account.email,
        phone=account.phone_e164,
        tier=account.tier.value,
        status=account.status.value,
    )


def _session(session: Session, current: SessionId) -> _Session:
    return _Session(
        id=session.id,
        device=session.device,
        created_at=rfc3339_text(session.created_at),
        last_used_at=rfc3339_text(session.last_used_at),
        expires_at=rfc3339_text(session.expires_at),
        is_current=session.id == current,
    )
