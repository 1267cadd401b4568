"""Sign-in as the workers of a test have it, and a telephone that gets their messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.contract.ledger.conftest import PostgresStore, SqliteStore
from tests.unit.policy.profile_text import BASE

from raseed.adapters.identity.phones import NumberingPlans
from raseed.adapters.policy.loader import policy_of
from raseed.adapters.policy.source import parse_source
from raseed.adapters.sql.accounts.sessions import SqlSessionStore
from raseed.adapters.sql.accounts.sign_in import SqlSignInStore
from raseed.adapters.sql.accounts.sign_in_codes import ATTEMPTS_WAITING_MAX, SqlCodeStore
from raseed.adapters.sql.change_feed import SqlChangeFeed
from raseed.core.accounts.code_limits import CodeLimits
from raseed.core.accounts.codes import CodeDesk
from raseed.core.accounts.identity import IdentifierKind, SignUpTerms
from raseed.core.accounts.keys import Peppers
from raseed.core.accounts.model import Tier
from raseed.core.accounts.sessions import SessionAuthenticator, SessionLimits, SessionService
from raseed.core.accounts.sign_in import Consent, SignedIn, SignInPolicy, SignInService, Started
from raseed.core.billing.credit import CreditService
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.welcome import WelcomeService
from raseed.core.changes import ChangeFollower, ChangeKind
from raseed.core.ids import AccountId, SessionId
from raseed.core.messaging.ports import CODE_TEMPLATE, Language, Message

PHONE = "+96550123456"
ADDRESS = "203.0.113.7"
ORIGIN = "https://raseed.example"
TERMS = SignUpTerms(terms_version="7", minimum_age=18)
AGREED = Consent(terms_version="7", is_of_age=True)
WELCOMING = policy_of(parse_source("test", BASE.encode()), HoldPolicy())
"""A profile with a welcome grant of 1,000 credits."""
POLICY = SignInPolicy(
    kinds=(IdentifierKind.PHONE, IdentifierKind.EMAIL), terms=TERMS, tier=Tier.FREE, language=Language.ARABIC
)


@dataclass(frozen=True, slots=True)
class CountingPeppers(Peppers):
    """Counts what is compared."""

    compared: list[int] = field(default_factory=list)

    def matches(self, secret: str, version: int, digest: bytes) -> bool:
        self.compared.append(version)
        return Peppers.matches(self, secret, version, digest)


@dataclass
class Door:
    """What one worker has for it."""

    sign_in: SignInService
    sessions: SessionService
    authenticator: SessionAuthenticator
    codes: SqlCodeStore
    follower: ChangeFollower


class House:
    """One store, several doors, and everybody's telephone."""

    def __init__(
        self,
        store: SqliteStore | PostgresStore,
        *,
        workers: int = 1,
        limits: CodeLimits | None = None,
        session_limits: SessionLimits | None = None,
        attempts_waiting_max: int = ATTEMPTS_WAITING_MAX,
    ) -> None:
        self.store = store
        self.clock = store.clock
        self.peppers = CountingPeppers({1: b"s" * 32})
        self.sent: list[Message] = []
        self.alarms: list[str] = []
        self.welcome_fails = False
        self._limits = limits or CodeLimits()
        self._session_limits = session_limits or SessionLimits()
        self._attempts_waiting_max = attempts_waiting_max
        self.doors = [self._door() for _ in range(workers)]
        self.door = self.doors[0]

    def _door(self) -> Door:
        database, ledger = self.store.next_worker()
        session_store = SqlSessionStore(database)
        authenticator = SessionAuthenticator(session_store, self.clock, self._session_limits, {ORIGIN})
        codes = SqlCodeStore(database, self._attempts_waiting_max)
        welcome = WelcomeService(CreditService(ledger), WELCOMING, self.clock)

        async def give(account_id: AccountId, actor: str) -> None:
            if self.welcome_fails:
                raise ConnectionError("the ledger is away")
            await welcome.give(account_id, actor)

        return Door(
            sign_in=SignInService(
                desk=CodeDesk(codes, self.peppers, self.clock, self._limits),
                store=SqlSignInStore(database),
                sessions=authenticator,
                numbers=NumberingPlans(),
                policy=POLICY,
                limits=self._session_limits,
                clock=self.clock,
                post=self._post,
                welcome=give,
                alarm=lambda what, _error: self.alarms.append(what),
            ),
            sessions=SessionService(session_store, authenticator, self.clock),
            authenticator=authenticator,
            codes=codes,
            follower=ChangeFollower(
                SqlChangeFeed(database),
                {
                    ChangeKind.SESSION: lambda id_: authenticator.forget_session(SessionId(id_)),
                    ChangeKind.ACCOUNT: lambda id_: authenticator.forget_account(AccountId(id_)),
                },
                authenticator.confirm,
                print,
            ),
        )

    def _post(self, message: Message) -> bool:
        self.sent.append(message)
        return True

    @property
    def code(self) -> str:
        """The last one that was sent."""
        return next(each.parameters["code"] for each in reversed(self.sent) if each.template == CODE_TEMPLATE)

    async def start(self, to: str = PHONE, **fields: Any) -> Started:
        by = {"phone": "", "email": to} if "@" in to else {"phone": to, "email": ""}
        return await self.door.sign_in.start(**by, **{"language": "", "address": ADDRESS, **fields})

    async def verify(self, challenge: str, code: str, *, door: Door | None = None, **fields: Any) -> SignedIn:
        given = {"consent": AGREED, "language": "en", "address": ADDRESS, "user_agent": "curl/8", **fields}
        return await (door or self.door).sign_in.verify(challenge=challenge, code=code, **given)

    async def enter(self, to: str = PHONE, **fields: Any) -> SignedIn:
        """Ask for a code and give it back."""
        started = await self.start(to)
        return await self.verify(started.challenge, self.code, **fields)


def wrong(code: str) -> str:
    """Another code of the same length."""
    return str((int(code) + 1) % 10 ** len(code)).zfill(len(code))


def in_turn(doors: Sequence[Door], number: int) -> Door:
    return doors[number % len(doors)]
