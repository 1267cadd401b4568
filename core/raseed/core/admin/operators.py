"""Operators: the people and scripts that run the platform. Never customers; each has keys of its own, with scopes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from raseed.core.clock import Microseconds
from raseed.core.errors import PermissionDenied
from raseed.core.ids import OperatorId, OperatorKeyId


class OperatorScope(StrEnum):
    """One thing that an admin key may do. Which one an RPC needs stands in `adapters/rpc/access.py`."""

    ACCOUNTS_READ = "accounts:read"
    """Find accounts, see their balances, keys and usage."""
    ACCOUNTS_WRITE = "accounts:write"
    """Open, suspend, reinstate and close accounts; change tiers, notes and exceptions."""
    ACCOUNTS_ERASE = "accounts:erase"
    """Forget the holders of closed accounts, which cannot be undone."""
    CREDITS_WRITE = "credits:write"
    """Give credit and take it back; make and revoke redemption codes."""
    KEYS_WRITE = "keys:write"
    """Make, limit and revoke API keys of accounts."""
    PRICES_READ = "prices:read"
    """See prices, also those of later dates, and tiers."""
    NOTICES_READ = "notices:read"
    """See what all accounts were told, and which notices failed."""
    NOTICES_WRITE = "notices:write"
    """Send notices to all accounts, and failed ones again."""
    PAYMENTS_READ = "payments:read"
    """See payments, refunds and what providers told of them."""
    PAYMENTS_WRITE = "payments:write"
    """Ask providers about payments, try events again, and decide about payments in review."""
    PAYMENTS_REFUND = "payments:refund"
    """Give money back."""
    LEDGER_READ = "ledger:read"
    """Verify and replay the ledger."""
    AUDIT_READ = "audit:read"
    """Read and verify the audit log."""
    OPERATORS_READ = "operators:read"
    OPERATORS_WRITE = "operators:write"
    """Add and disable operators, and make oneself a new key, all with at most the scopes of one's own."""
    MODELS_READ = "models:read"
    """See model backends, local models and what is in memory."""
    MODELS_PUBLISH = "models:publish"
    """Push versions of local models, and have them validated."""
    MODELS_LOAD = "models:load"
    """Load and unload versions, pin them, say how long they stay."""
    MODELS_ALIAS = "models:alias"
    """Say which version answers to which name of customers."""
    MODELS_DELETE = "models:delete"
    """Remove versions, and delete files that none has."""


ALL_SCOPES = frozenset(OperatorScope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    id: OperatorId
    name: str
    """By which people know it; no two have the same."""
    created_at: Microseconds
    disabled_at: Microseconds | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorKey:
    """A stored admin key. The secret itself is nowhere: only its HMAC is."""

    id: OperatorKeyId
    operator_id: OperatorId
    public_id: str
    digest: bytes
    pepper_version: int
    last4: str
    scopes: frozenset[str]
    """Also those that a later version knows and this one does not."""
    created_at: Microseconds
    expires_at: Microseconds | None
    revoked_at: Microseconds | None

    def is_valid(self, now: Microseconds) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCaller:
    """Who acts, and what he may do. The outcome of authentication on the admin plane."""

    actor: str
    """In the audit log: the operator's id, or `local-socket`."""
    scopes: frozenset[str]


LOCAL_SOCKET = OperatorCaller(actor="local-socket", scopes=ALL_SCOPES)
"""Whoever may open the admin socket, or the database of a stopped system: the bootstrap operator."""


def check_may_rotate(by: OperatorCaller, operator_id: OperatorId) -> None:
    """Whoever is told a key acts in its operator's name: that is he himself, and whoever has the machine. Raises
    PermissionDenied.
    """
    if by.actor not in (operator_id, LOCAL_SOCKET.actor):
        raise PermissionDenied("A new key of another operator is made at the admin socket alone.")


def check_may_disable(by: OperatorCaller, operator_id: OperatorId, scopes: Collection[str]) -> None:
    """`scopes`: what the operator's valid keys may do together. Raises PermissionDenied."""
    if by.actor in (operator_id, LOCAL_SOCKET.actor):
        return
    if beyond := sorted(set(scopes) - by.scopes):
        raise PermissionDenied(
            f"This operator has the scope `{beyond[0]}`, which your own key lacks.",
            metadata={"scope": beyond[0]},
        )


class OperatorStore(Protocol):
    """Operators and their keys: each change and its audit row commit together."""

    async def add(self, operator: Operator, key: OperatorKey, actor: str) -> None:
        """Raises Conflict if the name is taken."""
        ...

    async def find(self, reference: str) -> Operator | None:
        """By id or name."""
        ...

    async def list(self, after: str, limit: int) -> Sequence[tuple[Operator, Sequence[OperatorKey]]]:
        """Newest first, with the keys of each, newest first; `after` is the id of the last one already seen."""
        ...

    async def key_with_operator(self, public_id: str) -> tuple[OperatorKey, Operator] | None: ...

    async def replace_keys(self, key: OperatorKey, end_at: Microseconds, actor: str) -> None:
        """Add a key to its operator; those that there are end at `end_at` at the latest."""
        ...

    async def disable(self, operator_id: OperatorId, at: Microseconds, by: OperatorCaller) -> Operator | None:
        """With all its keys, for good. None if there is no such operator. Safe to repeat.

        Raises PermissionDenied as `check_may_disable`.
        """
        ...
