"""The use cases of API keys: make, list, change, rotate, limit and revoke them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from raseed.core.accounts.authenticator import Authenticator
from raseed.core.accounts.key_bounds import EVERYTHING, Bounds
from raseed.core.accounts.key_ports import Change, KeyAction, KeyStore, Once, SessionEnder
from raseed.core.accounts.key_rules import (
    UNSET,
    KeyPatch,
    KeySpec,
    asked_bounds,
    check_cap,
    check_may_manage,
    check_not_revoked,
    check_parent,
    check_patch,
    check_spec,
    outer_bounds,
    patched,
    refuse_excess,
    unknown_key,
)
from raseed.core.accounts.keys import NewKey, Peppers, new_key
from raseed.core.accounts.model import Account, ApiKey, Caller, OwnLimit, PastSecret
from raseed.core.accounts.ports import AccountStore
from raseed.core.billing.spend_caps import SpendCap, key_bucket, nothing_spent
from raseed.core.clock import DAY, SECOND, Clock, Microseconds
from raseed.core.errors import NotFound, PermissionDenied, RequestInvalid
from raseed.core.ids import AccountId, ApiKeyId, PersonId, SessionId, new_id

KEY_LIFE_DAYS = 365
"""Of a key that was made without saying otherwise."""
KEYS_MAX = 200
"""Valid keys of an account whose tier does not say how many, and which operators gave no other number: enough for a key to
each service or person, and all are changed within a second when one of them was stolen."""
GRACE_S = 24 * 3600
"""How long the old secret counts after a rotation: a deployment a day reaches every place that has it."""
GRACE_S_MAX = 7 * 24 * 3600
REQUEST_ID_CHARS_MAX = 64


@dataclass(frozen=True, slots=True)
class Made:
    key: ApiKey
    text: str = field(repr=False)
    """The key itself, known only here and now; empty if the same request made it before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who does something to keys."""

    actor: str
    """For the audit log."""
    caller: Caller | None = None
    """None: an operator, who may do it to the keys of every account."""

    @staticmethod
    def of(caller: Caller) -> By:
        actor = caller.person_id or caller.session_id or caller.api_key_id
        return By(actor=actor or caller.account_id, caller=caller)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTerms:
    """What the profile says of keys."""

    life_days: int | None = KEY_LIFE_DAYS
    """None: a key that was made without saying otherwise never expires."""
    keys_max: Callable[[Account], int | None] = lambda _account: None
    """Valid keys up to which an account may make them; None: any number. Operators may give it more."""


class KeyService:
    """Keys of one account, for its people and its keys; or of any, for operators. All raise NotFound for a key that is
    not there or is another account's, and PermissionDenied for one that the caller may not touch.
    """

    def __init__(
        self,
        store: KeyStore,
        accounts: AccountStore,
        authenticator: Authenticator,
        peppers: Peppers,
        clock: Clock,
        *,
        terms: KeyTerms | None = None,
        sessions: SessionEnder | None = None,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._authenticator = authenticator
        self._peppers = peppers
        self._clock = clock
        self._terms = terms or KeyTerms()
        self._sessions = sessions

    async def create(self, by: By, account_id: AccountId, spec: KeySpec, request_id: str = "") -> Made:
        """A new key. Sent again with the same `request_id` it makes no other, and the text is not told again: rotate
        the key for another one.

        Raises RequestInvalid, PermissionDenied for more than the maker has, Conflict for a closed account,
        KeyLimitReached, RequestReusedWithOtherInput.
        """
        now = self._clock.now()
        check_spec(spec, now)
        _check_request_id(request_id)
        account = await self._accounts.find_account(account_id)
        if account is None:
            raise NotFound(f"There is no account {account_id!r}.", metadata={"account": account_id})
        parent, outer = await self._maker(by, account_id, now)
        life = self._terms.life_days
        bounds = asked_bounds(spec, outer, now, None if life is None else life * DAY)
        key_id = ApiKeyId(new_id("key"))
        made = new_key(bounds.mode)
        version = self._peppers.current
        key = ApiKey(
            id=key_id,
            account_id=account_id,
            public_id=made.public_id,
            digest=self._peppers.digest(made.secret, version),
            pepper_version=version,
            name=spec.name,
            last4=made.last4,
            created_at=now,
            expires_at=None,
            revoked_at=None,
            parent_id=None if parent is None else parent.id,
            created_by=_person(by, parent),
            spend=None if spec.cap is None else nothing_spent(key_bucket(key_id), spec.cap, now),
        ).within(bounds)
        kept = await self._store.add_key(
            key,
            by.actor,
            keys_max=None if by.caller is None else self._terms.keys_max(account),
            caller=by.caller,
            once=_once(account_id, request_id, f"{by.actor} {spec.text}") if request_id else None,
        )
        return Made(kept, made.text if kept.id == key.id else "")

    async def find(
        self, account_id: AccountId | None, key_id: ApiKeyId, *, made_by: PersonId | None = None
    ) -> ApiKey:
        """With what it has spent in the window of this moment, if it has a cap. `account_id` None: for operators.

        `made_by` None: whoever made it.
        """
        key = await self._store.find_key(account_id, key_id)
        if key is None or made_by not in {None, key.created_by}:
            raise unknown_key(key_id)
        return self._of_now(key)

    async def list_keys(
        self, account_id: AccountId, after: str, limit: int, *, made_by: PersonId | None = None
    ) -> list[ApiKey]:
        """Newest first, with what those that have a cap have spent in the window of this moment.

        `made_by` None: whoever made them.
        """
        keys = await self._store.list_keys(account_id, after, limit, made_by)
        return [self._of_now(key) for key in keys]

    async def update(
        self, by: By, key_id: ApiKeyId, patch: KeyPatch, *, account_id: AccountId | None
    ) -> ApiKey:
        """What the patch speaks of, and nothing else. In force on every worker within 2 seconds. Safe to repeat.

        Raises RequestInvalid, PermissionDenied for more than the caller has, Conflict for a revoked key.
        """
        check_patch(patch, self._clock.now())

        def change(key: ApiKey, parent: ApiKey | None) -> ApiKey:
            check_may_manage(by.caller, key)
            check_not_revoked(key)
            if patch.cap is not UNSET:
                _check_may_cap(by.caller, key)
            changed = patched(key, patch)
            if changed.bounds != key.bounds:
                refuse_excess(changed.bounds, outer_bounds(by.caller, key, parent))
            return changed

        changed = await self._changed(by, key_id, change, KeyAction.UPDATE, account_id)
        if patch.cap is UNSET:
            return changed
        return await self.set_cap(by.actor, key_id, patch.cap, account_id=account_id)

    async def set_cap(
        self, actor: str, key_id: ApiKeyId, cap: SpendCap | None, *, account_id: AccountId | None = None
    ) -> ApiKey:
        """Holds from now on obey it, also of the keys that it made; open holds are not touched. For operators. Raises
        RequestInvalid. Safe to repeat.
        """
        check_cap(cap)
        key = await self._store.set_cap(key_id, cap, actor, account_id=account_id)
        if key is None:
            raise unknown_key(key_id)
        return self._of_now(key)

    async def rotate(
        self,
        by: By,
        key_id: ApiKeyId,
        *,
        account_id: AccountId | None,
        grace_s: int = GRACE_S,
        request_id: str = "",
    ) -> Made:
        """Another secret under the same key id. The one before counts for `grace_s` more seconds, one from before that no
        longer. Sent again with the same `request_id` it rotates once, and the text is not told again.

        Raises RequestInvalid, Conflict for a key that is not valid any more.
        """
        if not 0 <= grace_s <= GRACE_S_MAX:
            raise RequestInvalid(f"grace_s is from 0 to {GRACE_S_MAX}.", param="grace_s")
        _check_request_id(request_id)
        made: dict[ApiKeyId, NewKey] = {}
        request = _digest(account_id or "", key_id, request_id) if request_id else None

        def change(key: ApiKey, _parent: ApiKey | None) -> ApiKey:
            check_may_manage(by.caller, key)
            if request is not None and key.rotated_by == request:
                return key
            return replace(self._rotated(key, made, grace_s), rotated_by=request)

        key = await self._changed(by, key_id, change, KeyAction.ROTATE, account_id)
        return self._told(key, made)

    async def revoke(self, by: By, key_id: ApiKeyId, *, account_id: AccountId | None) -> ApiKey:
        """Refused everywhere within 2 seconds, with the keys that it made. Revoking again changes nothing."""
        now = self._clock.now()

        def change(key: ApiKey, _parent: ApiKey | None) -> ApiKey:
            check_may_manage(by.caller, key, only_to_revoke=True)
            return key if key.revoked_at is not None else replace(key, revoked_at=now)

        return await self._changed(by, key_id, change, KeyAction.REVOKE, account_id)

    async def report_unauthorised_use(
        self, by: By, account_id: AccountId, *, replace_keys: bool
    ) -> list[Made]:
        """Ends what a thief may have: every key of the account that the caller sees, and every session in it.

        With `replace_keys` each key gets another secret, and the one before ends at once; otherwise they are revoked.
        Only for sessions and operators: a thief with a key must not be told the new ones. Raises PermissionDenied, also
        if he would be told one that may do more than he.
        """
        if by.caller is not None and by.caller.api_key_id is not None:
            raise PermissionDenied("Sign in to report unauthorised use.")
        made_by = None if by.caller is None else by.caller.keys_of
        now = self._clock.now()
        made: dict[ApiKeyId, NewKey] = {}

        def change(key: ApiKey, _parent: ApiKey | None) -> ApiKey:
            if made_by not in {None, key.created_by}:
                return key
            check_may_manage(by.caller, key, only_to_revoke=not replace_keys)
            if replace_keys:
                return self._rotated(key, made, 0)
            return replace(key, revoked_at=now)

        # The others' first: nobody makes a key between. His own last, for he changes the keys with it.
        await self._end_sessions(by.caller, account_id, None if by.caller is None else by.caller.session_id)
        action = KeyAction.ROTATE if replace_keys else KeyAction.REVOKE
        keys = await self._store.change_keys(account_id, change, by.actor, action, caller=by.caller)
        self._authenticator.forget_account(account_id)
        await self._end_sessions(by.caller, account_id, None)
        return [self._told(key, made) for key in keys if made_by in {None, key.created_by}]

    async def _end_sessions(
        self, caller: Caller | None, account_id: AccountId, kept: SessionId | None
    ) -> None:
        if self._sessions is None:
            return
        # Whoever acts for an organisation has his sessions in the account that is his own.
        person = None if caller is None else caller.person_id
        for owner in {account_id, AccountId(person or account_id)}:
            await self._sessions.end_others(owner, kept)

    async def _maker(self, by: By, account_id: AccountId, now: Microseconds) -> tuple[ApiKey | None, Bounds]:
        """The key that makes one, if a key does, and how far what it makes may reach."""
        if by.caller is None:
            return None, EVERYTHING
        if by.caller.api_key_id is None:
            return None, Bounds(scopes=by.caller.key_scopes)
        parent = await self.find(account_id, by.caller.api_key_id)
        check_parent(parent, now)
        return parent, parent.bounds

    async def _changed(
        self, by: By, key_id: ApiKeyId, change: Change, action: KeyAction, account_id: AccountId | None
    ) -> ApiKey:
        key = await self._store.change_key(
            key_id, change, by.actor, action, account_id=account_id, caller=by.caller
        )
        if key is None:
            raise unknown_key(key_id)
        # Its account, for the keys that it made change with it.
        self._authenticator.forget_account(key.account_id)
        return self._of_now(key)

    def _rotated(self, key: ApiKey, made: dict[ApiKeyId, NewKey], grace_s: int) -> ApiKey:
        """The key with another secret, which is put into `made`: the same one if it is asked for again."""
        now = self._clock.now()
        check_not_revoked(key)
        new = made.setdefault(key.id, new_key(key.mode, key.public_id))
        version = self._peppers.current
        past = PastSecret(
            digest=key.digest,
            pepper_version=key.pepper_version,
            ends_at=Microseconds(now + grace_s * SECOND),
        )
        return replace(
            key,
            digest=self._peppers.digest(new.secret, version),
            pepper_version=version,
            last4=new.last4,
            past=past if grace_s else None,
        )

    def _told(self, key: ApiKey, made: dict[ApiKeyId, NewKey]) -> Made:
        new = made.get(key.id)
        return Made(self._of_now(key), "" if new is None else new.text)

    def _of_now(self, key: ApiKey) -> ApiKey:
        if key.spend is not None:
            key.spend.enter_window(self._clock.now())
        return key


def keys_max(account: Account, of_tier: int | None) -> int | None:
    """How many valid keys the account may have; None: any number, which only operators say."""
    own: Mapping[OwnLimit, int | None] = dict(account.own_limits)
    if OwnLimit.KEYS in own:
        return own[OwnLimit.KEYS]
    return KEYS_MAX if of_tier is None else of_tier


def _check_may_cap(caller: Caller | None, key: ApiKey) -> None:
    if caller is not None and caller.api_key_id == key.id:
        raise PermissionDenied("An API key cannot change its own spend cap.", param="spend_cap")


def _check_request_id(request_id: str) -> None:
    if len(request_id) > REQUEST_ID_CHARS_MAX or not request_id.isprintable():
        raise RequestInvalid(
            f"request_id has at most {REQUEST_ID_CHARS_MAX} printable characters.", param="request_id"
        )


def _once(account_id: AccountId, request_id: str, asked: str) -> Once:
    return Once(_digest(account_id, request_id), _digest(asked))


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\n".join(parts).encode()).digest()


def _person(by: By, parent: ApiKey | None) -> PersonId | None:
    """Whose doing a new key is."""
    if parent is not None:
        return parent.created_by
    return None if by.caller is None else by.caller.person_id
