"""Accounts in memory: the store port without a database."""

from collections.abc import Sequence
from dataclasses import replace

from raseed.core.accounts.key_ports import Change, KeyAction, KeyUse, Once
from raseed.core.accounts.key_rules import check_limits, check_parent, follow, refuse_excess
from raseed.core.accounts.model import Account, AccountStatus, ApiKey, Caller, OwnLimits
from raseed.core.billing.spend_caps import SpendCap, key_bucket, nothing_spent
from raseed.core.clock import Clock, Microseconds
from raseed.core.errors import Conflict, KeyLimitReached, RequestReusedWithOtherInput
from raseed.core.ids import AccountId, ApiKeyId, PersonId


class MemoryAccountStore:
    """Implements `core.accounts.ports.AccountStore` and `core.accounts.key_ports.KeyStore`."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock
        self.made: dict[bytes, tuple[ApiKeyId, bytes]] = {}
        self.accounts: dict[AccountId, Account] = {}
        self.keys: dict[ApiKeyId, ApiKey] = {}
        self.audit: list[tuple[str, str, str, str]] = []
        self.key_reads = 0

    @property
    def now(self) -> Microseconds:
        return Microseconds(0) if self._clock is None else self._clock.now()

    async def add_account(self, account: Account, actor: str) -> None:
        if await self.find_account(account.email or account.phone_e164 or "") is not None:
            raise Conflict("There is such an account already.")
        self.accounts[account.id] = account
        self.audit.append((actor, "account.create", account.id, ""))

    async def find_account(self, reference: str) -> Account | None:
        for account in self.accounts.values():
            if reference and reference in (account.id, account.email, account.phone_e164):
                return account
        return None

    async def set_own_limits(
        self, account_id: AccountId, limits: OwnLimits, reason: str, actor: str
    ) -> Account | None:
        account = self.accounts.get(account_id)
        if account is None:
            return None
        self.accounts[account_id] = account = replace(account, own_limits=limits)
        self.audit.append((actor, "account.limits", account_id, ""))
        return account

    async def add_key(
        self,
        key: ApiKey,
        actor: str,
        *,
        keys_max: int | None = None,
        once: Once | None = None,
        caller: Caller | None = None,
    ) -> ApiKey:
        if once is not None and once.digest in self.made:
            made_id, asked = self.made[once.digest]
            if asked != once.input_digest:
                raise RequestReusedWithOtherInput("used before")
            return self.keys[made_id]
        if keys_max is not None and len(self._valid(key.account_id)) >= keys_max:
            raise KeyLimitReached(f"There are {keys_max} keys already.")
        if key.parent_id is not None:
            check_parent(self.keys[key.parent_id], self.now)
            refuse_excess(key.bounds, self.keys[key.parent_id].bounds)
        if once is not None:
            self.made[once.digest] = key.id, once.input_digest
        self.keys[key.id] = key
        self.audit.append((actor, "key.create", key.id, ""))
        return key

    async def key_with_account(self, public_id: str) -> tuple[ApiKey, Account] | None:
        self.key_reads += 1
        for key in self.keys.values():
            if key.public_id == public_id:
                return key, self.accounts[key.account_id]
        return None

    async def list_keys(
        self, account_id: AccountId, after: str, limit: int, made_by: PersonId | None = None
    ) -> Sequence[ApiKey]:
        newest = sorted(self.keys.values(), key=lambda key: key.id, reverse=True)
        own = [key for key in newest if key.account_id == account_id and made_by in (None, key.created_by)]
        return [key for key in own if not after or key.id < after][:limit]

    async def set_debt_limit(
        self, account_id: AccountId, limit_microcredits: int | None, reason: str, actor: str
    ) -> bool:
        self.audit.append((actor, "account.debt_limit", account_id, reason))
        return account_id in self.accounts

    async def find_key(self, account_id: AccountId | None, key_id: ApiKeyId) -> ApiKey | None:
        key = self.keys.get(key_id)
        return key if key is not None and account_id in (None, key.account_id) else None

    async def change_key(
        self,
        key_id: ApiKeyId,
        change: Change,
        actor: str,
        action: KeyAction,
        *,
        account_id: AccountId | None,
        caller: Caller | None = None,
    ) -> ApiKey | None:
        key = self.keys.get(key_id)
        if key is None or account_id not in (None, key.account_id):
            return None
        changed = change(key, None if key.parent_id is None else self.keys[key.parent_id])
        if changed != key:
            children = [it for it in self.keys.values() if it.parent_id == key_id and it.revoked_at is None]
            check_limits(key, changed, children)
            self.keys[key_id] = changed
            self.audit.append((actor, action, key_id, ""))
            self.keys |= {child.id: follow(child, changed) for child in children}
        return changed

    async def change_keys(
        self,
        account_id: AccountId,
        change: Change,
        actor: str,
        action: KeyAction,
        *,
        caller: Caller | None = None,
    ) -> Sequence[ApiKey]:
        changed = [
            await self.change_key(key.id, change, actor, action, account_id=account_id)
            for key in self._valid(account_id)
        ]
        return [key for key in changed if key is not None]

    async def set_cap(
        self, key_id: ApiKeyId, cap: SpendCap | None, actor: str, *, account_id: AccountId | None = None
    ) -> ApiKey | None:
        key = self.keys.get(key_id)
        if key is None or account_id not in (None, key.account_id):
            return None
        spend = None if cap is None else nothing_spent(key_bucket(key_id), cap, self.now)
        self.keys[key_id] = key = replace(key, spend=spend)
        self.audit.append((actor, "key.cap", key_id, ""))
        return key

    async def note_uses(self, uses: Sequence[KeyUse]) -> None:
        for use in uses:
            key = self.keys[use.key_id]
            key = replace(key, last_used_at=max(key.last_used_at or use.day, use.day))
            if (newer := use.repeppered) is not None and key.digest == newer.before:
                key = replace(key, digest=newer.digest, pepper_version=newer.pepper_version)
            self.keys[use.key_id] = key

    def _valid(self, account_id: AccountId) -> list[ApiKey]:
        return [key for key in self.keys.values() if key.account_id == account_id and key.is_valid(self.now)]

    def set_status(self, status: AccountStatus) -> None:
        """Of every account."""
        self.accounts = {id_: replace(account, status=status) for id_, account in self.accounts.items()}
