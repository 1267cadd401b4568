"""Signing in, which is also signing up: a code to a number or address, and a session for whoever gives it back.

Nobody looks whether there is an account before the code was right: a known and an unknown number are answered alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from raseed.core.accounts.codes import REJECTED, CodeDesk
from raseed.core.accounts.contact_notice import CHANNELS, contact_changed
from raseed.core.accounts.devices import device_label
from raseed.core.accounts.identity import (
    Identifier,
    IdentifierKind,
    PhoneNumbers,
    SignUpTerms,
    read_identifier,
)
from raseed.core.accounts.model import Account, Tier
from raseed.core.accounts.sessions import SessionAuthenticator, SessionLimits, begin, csrf_token_of
from raseed.core.accounts.sign_in_model import NewAccount, Proven, Purpose, Session, Terms
from raseed.core.accounts.sign_in_ports import SignInStore
from raseed.core.clock import MINUTE, SECOND, Clock
from raseed.core.errors import (
    AccountSuspended,
    CodeRejected,
    Conflict,
    Overloaded,
    ReauthenticationNeeded,
    RequestInvalid,
    TermsNotAccepted,
)
from raseed.core.ids import AccountId, new_id
from raseed.core.messaging.ports import CODE_TEMPLATE, Channel, Language, Message

CONFLICTS_MAX = 5
"""Times that others may open the same account at the same moment before it is given up."""
BUSY_S = 5.0

Post = Callable[[Message], bool]
"""Queues a message to be sent at once; False if it is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPolicy:
    """What a profile says of it."""

    kinds: tuple[IdentifierKind, ...]
    """What may sign in; the first is offered first."""
    terms: SignUpTerms
    tier: Tier
    """Of new accounts."""
    language: Language
    """Of messages, where nobody said another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    challenge: str = field(repr=False)
    """To be given back with the code."""
    channel: Channel
    expires_in_s: int
    resend_after_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    token: str = field(repr=False)
    csrf_token: str = field(repr=False)
    device_token: str = field(repr=False)
    session: Session
    account: Account
    is_new: bool
    has_accepted_terms: bool
    """Of the terms in force: they may have changed since the account was opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a stranger says to open an account, and anybody when the terms have changed."""

    terms_version: str = ""
    is_of_age: bool = False


class SignInService:
    """`welcome` books the welcome grant of an account, once; `alarm` tells operators."""

    def __init__(
        self,
        *,
        desk: CodeDesk,
        store: SignInStore,
        sessions: SessionAuthenticator,
        numbers: PhoneNumbers,
        policy: SignInPolicy,
        limits: SessionLimits,
        clock: Clock,
        post: Post,
        welcome: Callable[[AccountId, str], Awaitable[None]],
        alarm: Callable[[str, BaseException | None], None],
    ) -> None:
        self._desk = desk
        self._store = store
        self._sessions = sessions
        self._numbers = numbers
        self.policy = policy
        self._limits = limits
        self._clock = clock
        self._post = post
        self._welcome = welcome
        self._alarm = alarm

    async def start(
        self, *, phone: str, email: str, language: str, address: str, device_token: str = ""
    ) -> Started:
        """Send a code. Whether it arrives, and whether there is an account, is not said.

        Raises RequestInvalid, TooManyCodes, Overloaded.
        """
        identifier = self._identifier(phone, email)
        return await self._send(identifier, Purpose.SIGN_IN, language, address, device_token, None)

    async def verify(
        self,
        *,
        challenge: str,
        code: str,
        consent: Consent,
        language: str,
        address: str,
        user_agent: str,
        replaces: Session | None = None,
    ) -> SignedIn:
        """A session for whoever gives the code back; a stranger gets an account with it.

        `replaces` is the session that this browser had. Raises CodeRejected, AccountSuspended, and TermsNotAccepted, after
        which the same code may be given again.
        """
        proven = await self._desk.check(challenge, code, Purpose.SIGN_IN, address=address)
        identifier = proven.code.identifier
        identity = self._desk.identity(identifier)
        for _ in range(CONFLICTS_MAX):
            new_account = None
            if await self._store.account_of(proven) is None:
                new_account = await self._stranger(proven, consent, language)
            terms = self._terms(consent)
            token, session = begin(device_label(user_agent), address, self._clock.now(), self._limits)
            try:
                accepted = await self._store.sign_in(proven, identity, new_account, session, replaces, terms)
            except Conflict:
                continue
            if accepted is None:
                raise CodeRejected(REJECTED)
            if replaces is not None:
                self._sessions.forget_session(replaces.id)
            account = accepted.account
            if accepted.is_blocked:
                raise AccountSuspended("This account is not active.")
            if accepted.is_welcome_due:
                try:
                    await self._welcome(account.id, account.id)
                    await self._store.welcomed(identity, self._clock.now())
                except Exception as error:  # noqa: BLE001 - whatever it was, the next sign-in tries again
                    self._alarm("welcome grant", error)
            return SignedIn(
                token=token,
                csrf_token=csrf_token_of(token),
                device_token=self._desk.device_token(identifier),
                session=session.of(account.id),
                account=account,
                is_new=accepted.is_new,
                has_accepted_terms=accepted.has_accepted_terms,
            )
        raise Overloaded("This account is being opened elsewhere. Please try again.", retry_after_s=BUSY_S)

    async def start_change(
        self, session: Session, *, phone: str, email: str, language: str, address: str
    ) -> Started:
        """Send a code to what the account shall be reached by from now on.

        Raises ReauthenticationNeeded if no code was given for a while, RequestInvalid, TooManyCodes, Overloaded.
        """
        if self._clock.now() > session.authenticated_at + self._limits.fresh_us:
            raise ReauthenticationNeeded("Sign in again before you change how you sign in.")
        identifier = self._identifier(phone, email)
        return await self._send(
            identifier, Purpose.CHANGE_IDENTIFIER, language, address, "", session.account_id
        )

    async def verify_change(
        self, session: Session, *, challenge: str, code: str, address: str, user_agent: str
    ) -> SignedIn:
        """The account's new number or address, in place of the one of its kind. Every session of the account ends; the
        caller gets another. Raises CodeRejected, and Conflict if it belongs to another account.
        """
        proven = await self._desk.check(challenge, code, Purpose.CHANGE_IDENTIFIER, address=address)
        identifier = proven.code.identifier
        if proven.code.account_id != session.account_id:
            raise CodeRejected(REJECTED)
        token, begun = begin(device_label(user_agent), address, self._clock.now(), self._limits)
        changed = await self._store.change_identifier(
            proven, self._desk.identity(identifier), session.account_id, begun
        )
        if changed is None:
            raise CodeRejected(REJECTED)
        self._sessions.forget_account(session.account_id)
        for message in contact_changed(changed, self.policy.language):
            self._post(message)
        account = changed.account
        return SignedIn(
            token=token,
            csrf_token=csrf_token_of(token),
            device_token=self._desk.device_token(identifier),
            session=begun.of(account.id),
            account=account,
            is_new=False,
            has_accepted_terms=await self.has_accepted_terms(session.account_id),
        )

    def _identifier(self, phone: str, email: str) -> Identifier:
        return read_identifier(phone, email, self.policy.kinds, self._numbers, self.policy.terms)

    async def has_accepted_terms(self, account_id: AccountId) -> bool:
        """Of the terms in force."""
        return await self._store.accept_terms(account_id, self._terms(Consent()), self._clock.now())

    async def accept_terms(self, account_id: AccountId, consent: Consent) -> None:
        """The terms that are in force, by whoever holds the account. Safe to repeat. Raises TermsNotAccepted."""
        terms = self._terms(consent)
        if not terms.is_accepted:
            raise self._not_accepted(consent)
        await self._store.accept_terms(account_id, terms, self._clock.now())

    async def _send(
        self,
        identifier: Identifier,
        purpose: Purpose,
        language: str,
        address: str,
        device: str,
        account_id: AccountId | None,
    ) -> Started:
        spoken = self._language(language)
        issued = await self._desk.issue(
            identifier, purpose, address=address, device=device, account_id=account_id
        )
        if issued.is_budget_low:
            self._alarm("the day's budget of codes is nearly or entirely spent", None)
        life_us = self._desk.limits.life_us
        message = Message(
            channel=CHANNELS[identifier.kind],
            to=identifier.value,
            language=spoken,
            template=CODE_TEMPLATE,
            parameters={"code": issued.code, "minutes": str(life_us // MINUTE)},
        )
        if not self._post(message):
            raise Overloaded("Too many codes are being sent. Please try again.", retry_after_s=BUSY_S)
        return Started(
            challenge=issued.challenge,
            channel=message.channel,
            expires_in_s=life_us // SECOND,
            resend_after_s=self._desk.limits.sends_to_one[0].per_us // SECOND,
        )

    async def _stranger(self, proven: Proven, consent: Consent, language: str) -> NewAccount:
        if not self._terms(consent).is_accepted:
            await self._store.forgive(proven)
            raise self._not_accepted(consent)
        return NewAccount(
            id=AccountId(new_id("acct")), tier=self.policy.tier, language=self._language(language)
        )

    def _terms(self, consent: Consent) -> Terms:
        terms = self.policy.terms
        agrees = not terms.terms_version or consent.terms_version == terms.terms_version
        is_old_enough = not terms.minimum_age or consent.is_of_age
        return Terms(
            version=terms.terms_version,
            minimum_age=terms.minimum_age,
            is_accepted=agrees and is_old_enough,
        )

    def _not_accepted(self, consent: Consent) -> TermsNotAccepted:
        terms = self.policy.terms
        needs = []
        if terms.terms_version and consent.terms_version != terms.terms_version:
            needs.append(f"accept the terms of {terms.terms_version}")
        if terms.minimum_age and not consent.is_of_age:
            needs.append(f"confirm that you are {terms.minimum_age} or older")
        return TermsNotAccepted(
            f"To use an account, {' and '.join(needs)}. A code that was right can be given again.",
            metadata={"terms_version": terms.terms_version, "minimum_age": str(terms.minimum_age)},
        )

    def _language(self, language: str) -> Language:
        if not language:
            return self.policy.language
        try:
            return Language(language)
        except ValueError:
            raise RequestInvalid(
                f"Unknown language; known: {', '.join(Language)}.", param="language"
            ) from None
