"""Accounts in memory: the store port without a database."""

from collections.abc import Sequence
from dataclasses import replace

from raseed.core.accounts.model import Account, AccountStatus, ApiKey, OwnLimits
from raseed.core.billing.spend_caps import SpendCap, nothing_spent
from raseed.core.clock import Microseconds
from raseed.core.errors import Conflict
from raseed.core.ids import AccountId, ApiKeyId


class MemoryAccountStore:
    """Implements `core.accounts.ports.AccountStore`."""

    def __init__(self) -> None:
        self.accounts: dict[AccountId, Account] = {}
        self.keys: dict[ApiKeyId, ApiKey] = {}
        self.audit: list[tuple[str, str, str, str]] = []
        self.key_reads = 0

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

    async def list_accounts(self, after: str, limit: int) -> Sequence[Account]:
        newest = sorted(self.accounts.values(), key=lambda account: account.id, reverse=True)
        return [account for account in newest if not after or account.id < after][:limit]

    async def set_own_limits(self, account_id: AccountId, limits: OwnLimits, actor: str) -> Account | None:
        account = self.accounts.get(account_id)
        if account is None:
            return None
        self.accounts[account_id] = account = replace(account, own_limits=limits)
        self.audit.append((actor, "account.limits", account_id, ""))
        return account

    async def add_key(self, key: ApiKey, actor: str) -> None:
        self.keys[key.id] = key
        self.audit.append((actor, "key.create", key.id, ""))

    async def key_with_account(self, public_id: str) -> tuple[ApiKey, Account] | None:
        self.key_reads += 1
        for key in self.keys.values():
            if key.public_id == public_id:
                return key, self.accounts[key.account_id]
        return None

    async def list_keys(self, account_id: AccountId, after: str, limit: int) -> Sequence[ApiKey]:
        newest = sorted(self.keys.values(), key=lambda key: key.id, reverse=True)
        own = [key for key in newest if key.account_id == account_id]
        return [key for key in own if not after or key.id < after][:limit]

    async def set_debt_limit(
        self, account_id: AccountId, limit_microcredits: int | None, reason: str, actor: str
    ) -> bool:
        self.audit.append((actor, "account.debt_limit", account_id, reason))
        return account_id in self.accounts

    async def set_cap(self, key_id: ApiKeyId, cap: SpendCap | None, actor: str) -> ApiKey | None:
        if key_id not in self.keys:
            return None
        spend = None if cap is None else nothing_spent(key_id, cap, Microseconds(0))
        self.keys[key_id] = key = replace(self.keys[key_id], spend=spend)
        self.audit.append((actor, "key.cap", key_id, ""))
        return key

    async def revoke_key(self, key_id: ApiKeyId, at: Microseconds, actor: str) -> ApiKey | None:
        key = self.keys.get(key_id)
        if key is None:
            return None
        self.keys[key_id] = key = replace(key, revoked_at=key.revoked_at or at)
        self.audit.append((actor, "key.revoke", key_id, ""))
        return key

    async def record(self, actor: str, action: str, subject: str, detail: str) -> None:
        self.audit.append((actor, action, subject, detail))

    def set_status(self, status: AccountStatus) -> None:
        """Of every account."""
        self.accounts = {id_: replace(account, status=status) for id_, account in self.accounts.items()}
