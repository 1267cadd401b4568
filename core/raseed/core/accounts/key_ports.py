"""What the core needs from a store of API keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from raseed.core.accounts.model import Account, ApiKey, Caller
from raseed.core.billing.spend_caps import SpendCap
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId, PersonId, SessionId


class KeyAction(StrEnum):
    """What the audit log calls a change."""

    UPDATE = "key.update"
    ROTATE = "key.rotate"
    REVOKE = "key.revoke"


Change = Callable[[ApiKey, ApiKey | None], ApiKey]
"""The key as it is to be, from the key as it is and the one that made it. Pure, for it may be called more than once; what
it raises undoes everything. The same key: nothing changes."""


@dataclass(frozen=True, slots=True)
class Once:
    """The request that makes a key: sent again it makes none."""

    digest: bytes
    """Of account and request id."""
    input_digest: bytes
    """Of what it asks for."""


@dataclass(frozen=True, slots=True)
class Repeppered:
    """The digest of a key's secret under a newer pepper, which only a call with the secret can tell."""

    before: bytes
    """Its digest so far: nothing is written if it has another one by now."""
    digest: bytes
    pepper_version: int


@dataclass(frozen=True, slots=True)
class KeyUse:
    key_id: ApiKeyId
    day: Microseconds
    repeppered: Repeppered | None = None


class KeyStore(Protocol):
    """Each change, its audit row, its notice and what makes caches forget the key commit together.

    `caller` is who does it; None: an operator. He was let in by what was known a moment ago, and what he makes would
    outlive that: Unauthenticated if his session or key has ended since, AccountSuspended if the account is not active any
    more; NotFound if he acts for an organisation and is no member of it any more, PermissionDenied if his role may not.
    """

    async def add_key(
        self,
        key: ApiKey,
        actor: str,
        *,
        keys_max: int | None = None,
        once: Once | None = None,
        caller: Caller | None = None,
    ) -> ApiKey:
        """With its cap, if it has one. Returns the key that the same request made before, if it did.

        Raises Conflict if the account is closed; KeyLimitReached if it has `keys_max` valid keys and as many more as it bought room for; PermissionDenied if the
        key reaches further than the one that makes it, or that may make none (`key_rules.check_parent`);
        RequestReusedWithOtherInput.
        """
        ...

    async def key_with_account(self, public_id: str) -> tuple[ApiKey, Account] | None:
        """Without what the key has spent: that is for the ledger to know."""
        ...

    async def find_key(self, account_id: AccountId | None, key_id: ApiKeyId) -> ApiKey | None:
        """None also if it is another account's. `account_id` None: whosever it is."""
        ...

    async def list_keys(
        self, account_id: AccountId, after: str, limit: int, made_by: PersonId | None = None
    ) -> Sequence[ApiKey]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page. `made_by` None: whoever
        made them.
        """
        ...

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
        """Keys that it made follow it (`key_rules.follow`). None if there is no such key, or it is not of this account.

        `account_id` None: whosever it is. Raises what `change` raises, and Conflict for limits on a key that made keys.
        """
        ...

    async def change_keys(
        self,
        account_id: AccountId,
        change: Change,
        actor: str,
        action: KeyAction,
        *,
        caller: Caller | None = None,
    ) -> Sequence[ApiKey]:
        """Every valid key of an account, also those that are made meanwhile. Returns them as they are then.

        Some at a time, for others write too: what `change` raises for one of them undoes nothing of those before, and so
        all are looked at before the first is changed. Safe to repeat.
        """
        ...

    async def set_cap(
        self, key_id: ApiKeyId, cap: SpendCap | None, actor: str, *, account_id: AccountId | None = None
    ) -> ApiKey | None:
        """Give a key a cap, another one, or none. None if there is no such key. Safe to repeat.

        Raises Conflict for a cap on a key that has valid keys of its own.
        """
        ...

    async def note_uses(self, uses: Sequence[KeyUse]) -> None:
        """Remember that keys were used on a day. Safe to repeat; nobody is told."""
        ...


class SessionEnder(Protocol):
    async def end_others(self, account_id: AccountId, kept: SessionId | None) -> int:
        """Ends every session in an account but one. How many there were. Safe to repeat."""
        ...
