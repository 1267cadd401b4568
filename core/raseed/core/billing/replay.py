"""What a replay of the ledger says: which stored figures do not follow from what was booked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Figure(StrEnum):
    """A stored amount, and what it is rebuilt from."""

    GRANT_REMAINING = "grant_remaining"
    """The grant's entries."""
    GRANT_HELD = "grant_held"
    """What open holds keep of the grant."""
    HOLD_AMOUNT = "hold_amount"
    """What the open hold keeps, of all grants; stored but for what it may owe."""
    ACCOUNT_AVAILABLE = "account_available"
    """The account's entries on grants, less what its open holds keep."""
    ACCOUNT_HELD = "account_held"
    """What the account's open holds keep."""
    ACCOUNT_DEBT = "account_debt"
    """The account's entries on its debt."""
    ACCOUNT_DEBT_RESERVED = "account_debt_reserved"
    """What the account's open holds may owe."""


@dataclass(frozen=True, slots=True)
class Difference:
    figure: Figure
    id: str
    """Of the grant, hold or account."""
    stored_microcredits: int | None
    """None: the row with it is missing."""
    rebuilt_microcredits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    differences: tuple[Difference, ...]
    is_complete: bool
    """Whether these are all of them."""
    account_count: int
    grant_count: int
    open_hold_count: int
    entry_count: int
