"""An account with a key, and what it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.http import Http
from tests.support.waiting import until

from raseed.admin.v1 import admin_pb2

MICROCREDITS = 1_000_000
HOLD_GONE_S = 3.0
"""What the contract allows between a client's leaving and the end of its hold."""


@dataclass(frozen=True, slots=True)
class Funds:
    """In micro-credits."""

    spendable: int
    held: int


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    key_id: str
    key: str
    port: int
    admin: Callable[[str, Any], Any]

    @property
    def http(self) -> Http:
        return Http(self.port, self.key)

    def funds(self) -> Funds:
        account = self.admin("GetAccount", admin_pb2.GetAccountRequest(account=self.id)).account
        return Funds(account.balance_microcredits, account.held_microcredits)

    def left(self) -> float:
        """Spendable credits, when nothing is held any more; that must be so within three seconds."""
        until(lambda: self.funds().held == 0, HOLD_GONE_S, "the hold is gone")
        return self.funds().spendable / MICROCREDITS
