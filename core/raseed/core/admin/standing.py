"""How an account stands with the operators: why it is suspended or closed, what was approved, and what they noted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from raseed.core.accounts.model import Account, AccountStatus, Tier
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    account_id: AccountId
    reason: str = ""
    """Of the status that the account has now."""
    since: Microseconds | None = None
    """None: its status never changed."""
    actor: str = ""
    second_of: AccountId | None = None
    """The other account of the same person, where an operator approved that there are two."""
    is_forfeit_due: bool = False
    """Closed, and what is left of its credit is still to be taken back."""
    forfeit_microcredits: int | None = None
    """What is being taken back, or was."""
    owns: tuple[AccountId, ...] = ()
    """Organisations of which the person is an owner and that are not closed. A suspension leaves them as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFilter:
    """What is empty or None does not count."""

    text: str = ""
    """An id or key hint, or a part of an e-mail address or telephone number."""
    status: AccountStatus | None = None
    tier: Tier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNote:
    id: str
    at: Microseconds
    actor: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForfeitDue:
    account_id: AccountId
    intended_microcredits: int | None
    """What an earlier attempt was about to take; it may have."""


class StandingStore(Protocol):
    """Each change and its audit row commit together, with what workers must hear of and the holder be told."""

    async def find(self, which: AccountFilter, after: str, limit: int) -> Sequence[Account]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page."""
        ...

    async def standing(self, account_id: AccountId) -> Standing: ...

    async def suspend(self, account_id: AccountId, reason: str, actor: str) -> Account | None:
        """The account as it is now: unchanged if it was suspended or closed before. None: there is none."""
        ...

    async def reinstate(self, account_id: AccountId, reason: str, actor: str) -> Account | None:
        """The account as it is now: unchanged unless it was suspended. None: there is none."""
        ...

    async def close(self, account_id: AccountId, reason: str, actor: str, *, forfeit: bool) -> Account | None:
        """Its keys are revoked and its sessions end with it; a person leaves every organisation, with the keys that he made
        for it. Closing again changes nothing. None: there is none.

        Raises Conflict for the only owner of an organisation that is not closed.
        """
        ...

    async def set_tier(
        self, account_id: AccountId, tier: Tier, expires_at: Microseconds | None, reason: str, actor: str
    ) -> Account | None:
        """None: there is no such account."""
        ...

    async def end_tiers(self, now: Microseconds, default: Tier, limit: int) -> int:
        """Put accounts whose tier has ended on the default one; how many they were, at most `limit`."""
        ...

    async def approve_second(
        self, account_id: AccountId, second_of: AccountId | None, reason: str, actor: str
    ) -> bool:
        """None takes the approval back. False: there is no such account."""
        ...

    async def add_note(self, account_id: AccountId, text: str, actor: str) -> AccountNote | None:
        """None: there is no such account."""
        ...

    async def notes(self, account_id: AccountId, after: str, limit: int) -> Sequence[AccountNote]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page."""
        ...

    async def forfeits_due(self, limit: int) -> Sequence[ForfeitDue]:
        """Closed accounts whose credit is still to be taken back."""
        ...

    async def intend_forfeit(self, account_id: AccountId, microcredits: int | None) -> None:
        """Write down what is about to be taken back, so that who comes after a crash asks for the same. None: nothing.

        Changes nothing once it is done.
        """
        ...

    async def end_forfeit(self, account_id: AccountId, microcredits: int) -> None:
        """So much was taken back: nothing is due any more."""
        ...
