"""Turns API keys into callers, and remembers them as long as they may be believed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from raseed.core.accounts.key_bounds import Network, is_allowed_from
from raseed.core.accounts.key_ports import KeyStore, KeyUse, Repeppered
from raseed.core.accounts.keys import ParsedKey, Peppers, parse_key
from raseed.core.accounts.model import AccountKind, AccountStatus, ApiKey, Caller
from raseed.core.changes import TRUST_S
from raseed.core.clock import DAY, SECOND, Clock, Microseconds
from raseed.core.errors import AccessError, AccountSuspended, AddressNotAllowed, Unauthenticated
from raseed.core.ids import AccountId, ApiKeyId

CACHE_S = 30
"""How long a key that was found valid is believed without asking the database again."""
CACHE_MAX = 10_000
"""Callers remembered at a time; the oldest go first. About 3 MB."""

REFUSED_S = 5
"""How long a credential that was refused is refused without asking the database again: a program that goes on with a
revoked key costs a hash."""
REFUSED_MAX = 10_000
"""Refused credentials remembered at a time; the oldest go first."""

_WRONG_KEY = "Incorrect API key provided. Check that you use the whole key and that it was not revoked."


@dataclass(frozen=True, slots=True)
class _Remembered:
    caller: Caller
    networks: tuple[Network, ...] | None
    until: int


def _nobody(_use: KeyUse) -> None: ...


class Authenticator:
    """Turns a credential into a `Caller`. A remembered key costs one hash and no I/O."""

    def __init__(
        self,
        store: KeyStore,
        peppers: Peppers,
        clock: Clock,
        note_use: Callable[[KeyUse], None] = _nobody,
    ) -> None:
        self._store = store
        self._peppers = peppers
        self._clock = clock
        self._note_use = note_use
        """Told of the first use of a key on a day, and of its digest under a newer pepper. Must not take time."""
        self._remembered: dict[bytes, _Remembered] = {}
        self._refused: dict[bytes, tuple[type[AccessError], str, int]] = {}
        """Error, its message, and until when. All of them are forgotten when anything changes."""
        self._trusted_until: int | None = None
        """None while nobody else changes accounts: what is remembered is true until it is forgotten here."""
        self._forgettings = 0

    async def authenticate(self, credential: str, address: str | None = None) -> Caller:
        """`address` is the client's, as text; None if it is not known. Raises Unauthenticated, AddressNotAllowed,
        AccountSuspended.
        """
        # The whole credential is hashed: a shared or truncated cache key would let one caller be taken for another.
        digest = hashlib.sha256(credential.encode()).digest()
        entry = self._remembered.get(digest)
        now = self._clock.now()
        trusted = self._trusted_until is None or now < self._trusted_until
        if entry is None or not trusted or now >= entry.until:
            parsed = parse_key(credential)
            if parsed is None:
                raise Unauthenticated(_WRONG_KEY)
            self._refuse_again(digest, now)
            forgettings = self._forgettings
            try:
                entry = await self._look_up(parsed, now)
            except AccessError as error:
                if forgettings == self._forgettings:
                    self._refused[digest] = type(error), error.message, now + REFUSED_S * SECOND
                while len(self._refused) > REFUSED_MAX:
                    del self._refused[next(iter(self._refused))]
                raise
            self._remembered.pop(digest, None)
            if forgettings == self._forgettings:  # otherwise it may have changed while it was read
                self._remembered[digest] = entry
            while len(self._remembered) > CACHE_MAX:
                del self._remembered[next(iter(self._remembered))]
        if entry.networks is not None and not is_allowed_from(entry.networks, address or ""):
            raise AddressNotAllowed("This API key may not be used from your address.")
        return entry.caller

    def _refuse_again(self, digest: bytes, now: Microseconds) -> None:
        """Raises what the credential was refused with a moment ago."""
        refused = self._refused.pop(digest, None)
        if refused is None or now >= refused[2]:
            return
        self._refused[digest] = refused
        raise refused[0](refused[1])

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

    async def _look_up(self, parsed: ParsedKey, now: Microseconds) -> _Remembered:
        found = await self._store.key_with_account(parsed.public_id)
        if found is None:
            # The same work as for a known key, so that time does not tell which ids exist.
            self._peppers.matches(parsed.secret, self._peppers.current, bytes(32))
            raise Unauthenticated(_WRONG_KEY)
        key, account = found
        until = self._counts_until(key, parsed, now)
        if until is None or parsed.mode != key.mode or not key.is_valid(now):
            raise Unauthenticated(_WRONG_KEY)
        if account.status is not AccountStatus.ACTIVE:
            raise AccountSuspended("This account is not active.")
        day = Microseconds(now - now % DAY)
        repeppered = self._repeppered(key, parsed)
        if repeppered is not None or key.last_used_at is None or key.last_used_at < day:
            self._note_use(KeyUse(key.id, day, repeppered))
        caller = Caller(
            account_id=account.id,
            api_key_id=key.id,
            tier=account.tier,
            scopes=key.scopes,
            own_limits=account.own_limits,
            allowed_models=key.allowed_models,
            limits=key.limits,
            parent_key_id=key.parent_id,
            spender_id=key.created_by if account.kind is AccountKind.ORGANISATION else None,
        )
        return _Remembered(caller, key.allowed_networks, until)

    def _repeppered(self, key: ApiKey, shown: ParsedKey) -> Repeppered | None:
        """For a secret that stands under an older pepper, so that in time nothing does."""
        newest = self._peppers.current
        if key.pepper_version >= newest:
            return None
        if not self._peppers.matches(shown.secret, key.pepper_version, key.digest):
            return None  # it is the one from before a rotation
        return Repeppered(key.digest, self._peppers.digest(shown.secret, newest), newest)

    def _counts_until(self, key: ApiKey, shown: ParsedKey, now: Microseconds) -> int | None:
        """How long what was shown may be believed; None if it is no secret of the key."""
        until = now + CACHE_S * SECOND
        if key.expires_at is not None:
            until = min(until, key.expires_at)
        if self._peppers.matches(shown.secret, key.pepper_version, key.digest):
            return until
        past = key.past
        if past is None or now >= past.ends_at:
            return None
        if not self._peppers.matches(shown.secret, past.pepper_version, past.digest):
            return None
        return min(until, past.ends_at)

    def _forget(self, is_meant: Callable[[Caller], bool]) -> None:
        self._forgettings += 1
        self._refused.clear()
        gone = [digest for digest, entry in self._remembered.items() if is_meant(entry.caller)]
        for digest in gone:
            del self._remembered[digest]
