"""The use cases of accounts: authenticate a caller, open accounts, make and revoke keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

from raseed.core.accounts.keys import Peppers, new_key, parse_key
from raseed.core.accounts.model import (
    Account,
    AccountStatus,
    ApiKey,
    Caller,
    OwnLimit,
    OwnLimits,
    Tier,
)
from raseed.core.accounts.ports import AccountStore
from raseed.core.accounts.scopes import KEY_DEFAULT, Scope
from raseed.core.billing.spend_caps import SpendCap, nothing_spent
from raseed.core.changes import TRUST_S
from raseed.core.clock import SECOND, Clock, Microseconds
from raseed.core.errors import AccountSuspended, NotFound, RequestInvalid, Unauthenticated
from raseed.core.ids import AccountId, ApiKeyId, new_id
from raseed.core.money import AMOUNT_MAX

CACHE_S = 30
"""How long a key that was found valid is believed without asking the database again."""
CACHE_MAX = 10_000
"""Callers remembered at a time; the oldest go first. About 3 MB."""
KEY_NAME_CHARS_MAX = 64
OWN_LIMIT_MAX = 10**12

_WRONG_KEY = "Incorrect API key provided. Check that you use the whole key and that it was not revoked."


@dataclass(frozen=True, slots=True)
class _Remembered:
    caller: Caller
    until: int


class Authenticator:
    """Turns a credential into a `Caller`. A remembered key costs one hash and no I/O."""

    def __init__(self, store: AccountStore, peppers: Peppers, clock: Clock) -> None:
        self._store = store
        self._peppers = peppers
        self._clock = clock
        self._remembered: dict[bytes, _Remembered] = {}
        self._trusted_until: int | None = None
        """None while nobody else changes accounts: what is remembered is true until it is forgotten here."""

    async def authenticate(self, credential: str) -> Caller:
        """Raises Unauthenticated, AccountSuspended."""
        # The whole credential is hashed: a shared or truncated cache key would let one caller be taken for another.
        digest = hashlib.sha256(credential.encode()).digest()
        entry = self._remembered.get(digest)
        now = self._clock.now()
        trusted = self._trusted_until is None or now < self._trusted_until
        if entry is not None and trusted and now < entry.until:
            return entry.caller
        caller, expires_at = await self._look_up(credential, now)
        until = now + CACHE_S * SECOND
        self._remembered.pop(digest, None)
        self._remembered[digest] = _Remembered(
            caller, until if expires_at is None else min(until, expires_at)
        )
        while len(self._remembered) > CACHE_MAX:
            del self._remembered[next(iter(self._remembered))]
        return caller

    def confirm(self) -> None:
        """Every change that was committed a moment ago is known here. Once called, it must be called again and again:
        what is remembered is distrusted `TRUST_S` after the last time.
        """
        self._trusted_until = self._clock.now() + int(TRUST_S * SECOND)

    def forget_key(self, key_id: ApiKeyId) -> None:
        """Stop believing a key at once: it was revoked or changed."""
        self._forget(lambda caller: caller.api_key_id == key_id)

    def forget_account(self, account_id: AccountId) -> None:
        self._forget(lambda caller: caller.account_id == account_id)

    async def _look_up(self, credential: str, now: Microseconds) -> tuple[Caller, Microseconds | None]:
        parsed = parse_key(credential)
        if parsed is None:
            raise Unauthenticated(_WRONG_KEY)
        found = await self._store.key_with_account(parsed.public_id)
        if found is None:
            # The same work as for a known key, so that time does not tell which ids exist.
            self._peppers.matches(parsed.secret, self._peppers.current, bytes(32))
            raise Unauthenticated(_WRONG_KEY)
        key, account = found
        if not self._peppers.matches(parsed.secret, key.pepper_version, key.digest):
            raise Unauthenticated(_WRONG_KEY)
        if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
            raise Unauthenticated(_WRONG_KEY)
        if account.status is not AccountStatus.ACTIVE:
            raise AccountSuspended("This account is not active.")
        caller = Caller(
            account_id=account.id,
            api_key_id=key.id,
            tier=account.tier,
            scopes=key.scopes,
            own_limits=account.own_limits,
        )
        return caller, key.expires_at

    def _forget(self, is_meant: Callable[[Caller], bool]) -> None:
        gone = [digest for digest, entry in self._remembered.items() if is_meant(entry.caller)]
        for digest in gone:
            del self._remembered[digest]


class AccountService:
    """Opens accounts and manages their keys."""

    def __init__(
        self, store: AccountStore, authenticator: Authenticator, peppers: Peppers, clock: Clock
    ) -> None:
        self._store = store
        self._authenticator = authenticator
        self._peppers = peppers
        self._clock = clock

    async def open_account(
        self, *, email: str, phone: str, tier: Tier, actor: str, own_limits: OwnLimits = ()
    ) -> Account:
        """A new account without credit. Raises RequestInvalid, Conflict."""
        if bool(email) == bool(phone):
            raise RequestInvalid("Give an e-mail address or a telephone number, and not both.", param="email")
        if email and (email.count("@") != 1 or email != email.strip() or not all(email.split("@"))):
            raise RequestInvalid(f"Not an e-mail address: {email!r}.", param="email")
        if phone and not (phone.startswith("+") and phone[1:].isascii() and phone[1:].isdigit()):
            raise RequestInvalid(
                "A telephone number has the form +96550123456: a plus sign and digits.", param="phone"
            )
        account = Account(
            id=AccountId(new_id("acct")),
            email=email.lower() or None,
            phone_e164=phone or None,
            tier=tier,
            status=AccountStatus.ACTIVE,
            tier_expires_at=None,
            created_at=self._clock.now(),
            own_limits=own_limits,
        )
        await self._store.add_account(account, actor)
        return account

    async def set_own_limits(self, account_id: AccountId, limits: OwnLimits, *, actor: str) -> Account:
        """In place of those that it had. In force within two seconds. Raises NotFound, RequestInvalid. Safe to repeat."""
        for name, value in limits:
            is_unlimited = value is None and name is not OwnLimit.PRIORITY
            if not is_unlimited and not 1 <= (value or 0) <= OWN_LIMIT_MAX:
                raise RequestInvalid(f"A limit is 1 to {OWN_LIMIT_MAX:,}.", param=name)
        account = await self._store.set_own_limits(account_id, limits, actor)
        if account is None:
            raise NotFound(f"There is no account {account_id!r}.", metadata={"account": account_id})
        self._authenticator.forget_account(account_id)
        return account

    async def find(self, reference: str) -> Account:
        """By id, e-mail or telephone. Raises NotFound."""
        account = await self._store.find_account(reference)
        if account is None:
            raise NotFound(f"There is no account {reference!r}.", metadata={"account": reference})
        return account

    async def list_accounts(self, after: str, limit: int) -> list[Account]:
        return list(await self._store.list_accounts(after, limit))

    async def make_key(
        self,
        account_id: AccountId,
        *,
        name: str,
        actor: str,
        scopes: Collection[str] = (),
        cap: SpendCap | None = None,
    ) -> tuple[ApiKey, str]:
        """The stored key and its text, which is known only here and now. No scopes: the default ones.

        Raises RequestInvalid.
        """
        unknown = sorted(set(scopes) - set(Scope))
        if unknown:
            raise RequestInvalid(f"Unknown scope {unknown[0]!r}; known: {', '.join(Scope)}.", param="scopes")
        if len(name) > KEY_NAME_CHARS_MAX or not name.isprintable():
            raise RequestInvalid(
                f"A key's name has at most {KEY_NAME_CHARS_MAX} printable characters.", param="name"
            )
        _check_cap(cap)
        key_id = ApiKeyId(new_id("key"))
        made = new_key()
        version = self._peppers.current
        key = ApiKey(
            id=key_id,
            account_id=account_id,
            public_id=made.public_id,
            digest=self._peppers.digest(made.secret, version),
            pepper_version=version,
            name=name,
            last4=made.last4,
            created_at=self._clock.now(),
            expires_at=None,
            revoked_at=None,
            scopes=frozenset(scopes or KEY_DEFAULT),
            spend=None if cap is None else nothing_spent(key_id, cap, self._clock.now()),
        )
        await self._store.add_key(key, actor)
        return key, made.text

    async def list_keys(self, account_id: AccountId, after: str, limit: int) -> list[ApiKey]:
        """Newest first, with what those that have a cap have spent in the window of this moment."""
        return [self._of_now(key) for key in await self._store.list_keys(account_id, after, limit)]

    def _of_now(self, key: ApiKey) -> ApiKey:
        if key.spend is not None:
            key.spend.enter_window(self._clock.now())
        return key

    async def set_debt_limit(
        self, account_id: AccountId, limit_microcredits: int | None, *, reason: str, actor: str
    ) -> None:
        """Extensions of holds from now on obey it. Raises NotFound, RequestInvalid. Safe to repeat."""
        if limit_microcredits is not None and not 0 <= limit_microcredits <= AMOUNT_MAX:
            raise RequestInvalid("A debt limit is from 0 to 1,000,000,000 credits.", param="limit")
        if not await self._store.set_debt_limit(account_id, limit_microcredits, reason, actor):
            raise NotFound(f"There is no account {account_id!r}.")

    async def set_cap(self, key_id: ApiKeyId, cap: SpendCap | None, *, actor: str) -> ApiKey:
        """Holds from now on obey it; open holds are not touched. Raises NotFound, RequestInvalid. Safe to repeat."""
        _check_cap(cap)
        key = await self._store.set_cap(key_id, cap, actor)
        if key is None:
            raise NotFound(f"There is no API key {key_id!r}.", metadata={"api_key": key_id})
        return self._of_now(key)

    async def revoke_key(self, key_id: ApiKeyId, *, actor: str) -> ApiKey:
        """Raises NotFound. Revoking again changes nothing."""
        key = await self._store.revoke_key(key_id, self._clock.now(), actor)
        if key is None:
            raise NotFound(f"There is no API key {key_id!r}.", metadata={"api_key": key_id})
        self._authenticator.forget_key(key_id)
        return key

    async def record(self, actor: str, action: str, subject: str, detail: str) -> None:
        await self._store.record(actor, action, subject, detail)


def _check_cap(cap: SpendCap | None) -> None:
    if cap is not None and not 0 <= cap.limit_microcredits <= AMOUNT_MAX:
        raise RequestInvalid("A cap is not negative, and no more than an account can have.", param="cap")
