"""Sessions: an opaque token that a code was given for, and what its holder may see and end.

The token has 256 random bits; the database has its hash. A session ends 24 hours after it began, or an hour after it
was last used, or when it is revoked: every worker hears of that through the changes feed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from raseed.core.accounts.keys import SESSION_PREFIX
from raseed.core.accounts.model import Account, AccountStatus, Caller
from raseed.core.accounts.ports import PresentedSession
from raseed.core.accounts.scopes import OWN_ACCOUNT
from raseed.core.accounts.sign_in_model import NewSession, Session
from raseed.core.accounts.sign_in_ports import SessionStore
from raseed.core.changes import TRUST_S
from raseed.core.clock import HOUR, MINUTE, SECOND, Clock, Microseconds
from raseed.core.errors import AccountSuspended, NotFound, PermissionDenied, Unauthenticated
from raseed.core.ids import AccountId, PersonId, SessionId, new_id

_TOKEN = re.compile(SESSION_PREFIX + "[0-9a-f]{64}")
CACHE_S = 30
"""How long a session that was found valid is believed without asking the database again."""
CACHE_MAX = 10_000
"""Sessions remembered at a time; the oldest go first."""

_OVER = "The session is over or was ended. Sign in again."


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    life_us: int = 24 * HOUR
    """However much it is used (NIST 800-63B-4)."""
    idle_us: int = HOUR
    """Without any request."""
    fresh_us: int = 5 * MINUTE
    """How long after a code was given the session may change what its owner is reached by."""
    touch_us: int = MINUTE
    """How exactly its last use is known: a write a minute, not one for each request."""
    at_most: int = 50
    """Of one account; the oldest ends when another begins."""


@dataclass(frozen=True, slots=True)
class SessionCaller:
    """Who is behind a session token. Immutable and cached."""

    session: Session
    caller: Caller
    csrf_token: str = field(repr=False)
    """What a page of ours sends back with each change; a page of others cannot know it."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    found: SessionCaller
    until: int


def begin(device: str, address: str, now: Microseconds, limits: SessionLimits) -> tuple[str, NewSession]:
    """The token of a new session, which is told once, and what is stored."""
    token = SESSION_PREFIX + secrets.token_hex(32)
    session = NewSession(
        id=SessionId(new_id("ses")),
        digest=hashlib.sha256(token.encode()).digest(),
        device=device,
        address=address,
        begins_at=now,
        expires_at=Microseconds(now + limits.life_us),
        at_most=limits.at_most,
    )
    return token, session


def csrf_token_of(token: str) -> str:
    """Bound to the session, and stored nowhere."""
    return hmac.digest(token.encode(), b"csrf", hashlib.sha256).hex()


def is_session_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


class SessionAuthenticator:
    """Turns a session token into a caller; implements `SessionResolver`. A remembered one costs one hash and no I/O."""

    def __init__(
        self, store: SessionStore, clock: Clock, limits: SessionLimits, origins: Collection[str]
    ) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._origins = frozenset(origins)
        """Of our own pages: `https://example.com`."""
        self._remembered: dict[bytes, _Remembered] = {}
        self._forgotten = 0
        """Times that something was forgotten: what was read before that is not remembered after it."""
        self._touching: set[SessionId] = set()
        self._trusted_until: int | None = None
        """None while nobody else ends sessions: what is remembered is true until it is forgotten here."""

    async def resolve(self, presented: PresentedSession, *, changes: bool) -> Caller:
        found = await self.authenticate(presented.token)
        if presented.is_cookie and changes:
            is_ours = self.is_own_page(presented.origin, presented.fetch_site)
            if not is_ours or not hmac.compare_digest(
                presented.csrf_token.encode(), found.csrf_token.encode()
            ):
                raise PermissionDenied("This request did not come from a page of ours. Reload the page.")
        return found.caller

    def is_own_page(self, origin: str, fetch_site: str) -> bool:
        """Whether a browser says that a page of ours sent a request. What it says of itself no page can change."""
        return fetch_site == "same-origin" if fetch_site else origin in self._origins

    def check_page(self, origin: str, fetch_site: str) -> None:
        """Of requests without a session, which programs send too: a page of others may not sign its visitor in.

        Raises PermissionDenied.
        """
        if (origin or fetch_site) and not self.is_own_page(origin, fetch_site):
            raise PermissionDenied("This request did not come from a page of ours. Reload the page.")

    async def authenticate(self, token: str) -> SessionCaller:
        """Raises Unauthenticated, AccountSuspended."""
        if not is_session_token(token):
            raise Unauthenticated(_OVER)
        digest = hashlib.sha256(token.encode()).digest()
        now = self._clock.now()
        entry = self._remembered.get(digest)
        trusted = self._trusted_until is None or now < self._trusted_until
        if entry is not None and trusted and now < entry.until:
            return entry.found
        forgotten = self._forgotten
        found = await self._store.session_with_account(digest)
        if found is None:
            raise Unauthenticated(_OVER)
        session, account = found
        if now >= min(session.expires_at, session.last_used_at + self._limits.idle_us):
            raise Unauthenticated(_OVER)
        if account.status is not AccountStatus.ACTIVE:
            raise AccountSuspended("This account is not active.")
        if now >= session.last_used_at + self._limits.touch_us:
            await self._touch(session.id, now)
        known = SessionCaller(session, _caller(session, account), csrf_token_of(token))
        if forgotten != self._forgotten:
            return known
        self._remembered.pop(digest, None)
        self._remembered[digest] = _Remembered(known, min(now + CACHE_S * SECOND, session.expires_at))
        while len(self._remembered) > CACHE_MAX:
            del self._remembered[next(iter(self._remembered))]
        return known

    async def _touch(self, session_id: SessionId, now: Microseconds) -> None:
        """Requests that come at once write it once."""
        if session_id in self._touching:
            return
        self._touching.add(session_id)
        try:
            await self._store.touch(session_id, now)
        finally:
            self._touching.discard(session_id)

    def confirm(self) -> None:
        """Every change that was committed a moment ago is known here; believed for `TRUST_S`."""
        self._trusted_until = self._clock.now() + int(TRUST_S * SECOND)

    def forget_session(self, session_id: SessionId) -> None:
        """Stop believing it at once: it was ended."""
        self._forget(lambda found: found.session.id == session_id)

    def forget_account(self, account_id: AccountId) -> None:
        self._forget(lambda found: found.session.account_id == account_id)

    def _forget(self, is_meant: Callable[[SessionCaller], bool]) -> None:
        self._forgotten += 1
        gone = [digest for digest, entry in self._remembered.items() if is_meant(entry.found)]
        for digest in gone:
            del self._remembered[digest]


class SessionService:
    """A person's view of their own sessions."""

    def __init__(self, store: SessionStore, authenticator: SessionAuthenticator, clock: Clock) -> None:
        self._store = store
        self._authenticator = authenticator
        self._clock = clock

    async def list_sessions(self, account_id: AccountId) -> list[Session]:
        """Newest first."""
        return list(await self._store.list_sessions(account_id, self._clock.now()))

    async def end(self, account_id: AccountId, session_id: SessionId) -> None:
        """Raises NotFound, also for another account's."""
        if not await self._store.end(account_id, session_id, actor=account_id):
            raise NotFound("There is no such session.", metadata={"session": session_id})
        self._authenticator.forget_session(session_id)

    async def end_others(self, account_id: AccountId, kept: SessionId | None) -> int:
        """How many there were. Safe to repeat."""
        count = await self._store.end_others(account_id, kept, actor=account_id)
        self._authenticator.forget_account(account_id)
        return count


def _caller(session: Session, account: Account) -> Caller:
    return Caller(
        account_id=account.id,
        tier=account.tier,
        session_id=session.id,
        person_id=PersonId(account.id),
        scopes=frozenset(OWN_ACCOUNT),
        own_limits=account.own_limits,
    )
