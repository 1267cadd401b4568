"""What the core needs from a store of accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from raseed.core.accounts.model import Account, Caller, OwnLimits
from raseed.core.ids import AccountId


class AccountStore(Protocol):
    """Accounts, their keys, and the audit rows of changes to them: each change and its audit row commit together."""

    async def add_account(self, account: Account, actor: str) -> None:
        """Raises Conflict if the e-mail or telephone is taken."""
        ...

    async def find_account(self, reference: str) -> Account | None:
        """By id, e-mail or telephone."""
        ...

    async def set_own_limits(
        self, account_id: AccountId, limits: OwnLimits, reason: str, actor: str
    ) -> Account | None:
        """In place of those that it had. None if there is no such account. Safe to repeat."""
        ...

    async def set_debt_limit(
        self, account_id: AccountId, limit_microcredits: int | None, reason: str, actor: str
    ) -> bool:
        """None: what the profile says. False if there is no such account. Safe to repeat."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedSession:
    """A session as a call shows it, with what tells a request of our own pages from a forged one."""

    token: str = field(repr=False)
    """The secret itself; of a cookie its value."""
    is_cookie: bool
    """A browser sends it whoever asked for the request: one that changes something needs the CSRF token and an origin
    of ours. A program that sends `Authorization` needs neither."""
    csrf_token: str = field(default="", repr=False)
    origin: str = ""
    fetch_site: str = ""
    """`Sec-Fetch-Site`, empty if the browser sends none."""
    account: str = ""
    """The account that the person wants to act for; empty: his own."""


class SessionResolver(Protocol):
    async def resolve(self, presented: PresentedSession, *, changes: bool) -> Caller:
        """Who is signed in. `changes`: whether the call may change or cost something.

        Raises Unauthenticated for a session that is unknown or has ended, PermissionDenied for a cookie without what
        its request needs, AccountSuspended.
        """
        ...
