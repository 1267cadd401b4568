"""What the world was told, outside the product, and what must therefore be true of the tables. End to end: nothing here
knows how the ledger works.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from typing import Any

from tests.simulation.stage import Wrong
from tests.simulation.workers import Request

from raseed.core.billing.commands import (
    Command,
    Expired,
    Granted,
    Held,
    Refused,
    Result,
    Settled,
    SettleHold,
    TakeBack,
    TakenBack,
)
from raseed.core.billing.model import Measured


class Journal:
    def __init__(self) -> None:
        self._granted: set[str] = set()
        self._held: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self._charged: dict[str, int] = {}
        self._taken: dict[tuple[str, str], int] = {}
        self._opened: dict[str, str] = {}
        self._refused: set[tuple[str, str, int]] = set()
        self._usages: defaultdict[str, set[tuple[tuple[str, int], ...]]] = defaultdict(set)
        """What settlements of each hold said was used."""

    def sent(self, command: Command) -> None:
        if isinstance(command, SettleHold):
            self._usages[command.hold_id].add(_plain(command.measured))

    def acknowledged(self, command: Command, result: Result) -> None:
        """Somebody heard this answer. Raises Wrong."""
        match result:
            case Granted():
                self._granted.add(result.grant_id)
            case Held():
                known = self._held.get(result.hold_id, 0)
                self._held[result.hold_id] = max(known, result.amount_microcredits)
            case TakenBack():
                assert isinstance(command, TakeBack)
                key = command.account_id, command.take_key
                amount = self._taken.setdefault(key, result.settled_microcredits)
                if amount != result.settled_microcredits:
                    raise Wrong(f"{key} was said to take {amount}, then {result.settled_microcredits}")
            case Settled():
                cost = self._ended.setdefault(result.hold_id, result.cost_microcredits)
                if cost != result.cost_microcredits:
                    raise Wrong(f"{result.hold_id} was said to cost {cost}, then {result.cost_microcredits}")
            case Expired() | Refused():
                pass

    def begins(self, hold_id: str, instance: str, epoch: int) -> None:
        """A run of this worker is going to ask for the hold."""
        self._refused.discard((hold_id, instance, epoch))

    def opened(self, hold_id: str, run: str) -> None:
        """A run believes that the hold is its own. Raises Wrong."""
        other = self._opened.setdefault(hold_id, run)
        if other != run:
            raise Wrong(f"{hold_id} belongs to a run of {other}, and to one of {run}")

    def refused(self, hold_id: str, instance: str, epoch: int) -> None:
        """A run was told that it holds nothing."""
        self._refused.add((hold_id, instance, epoch))

    def charged(self, request: Request, cost: int) -> None:
        """A client was told what it paid."""
        if request.answer_tokens == 0 and cost:
            raise Wrong(f"{request.id} failed before its first token and cost {cost}")
        self._charged[request.id] = cost

    # ---------------------------------------------------------------------------------------------- checks

    def check(self, reader: sqlite3.Connection) -> None:
        """Nothing acknowledged is lost; nobody pays twice, or other than was said. Raises Wrong."""
        grants = {row[0] for row in reader.execute("SELECT id FROM grants")}
        if not self._granted <= grants:
            raise Wrong(f"acknowledged grants are gone: {self._granted - grants}")
        holds = _rows(reader, "SELECT * FROM holds")
        by_id = {hold["id"]: hold for hold in holds}
        for hold_id, amount in self._held.items():
            if hold_id not in by_id or by_id[hold_id]["amount_microcredits"] < amount:
                raise Wrong(f"an acknowledged hold of {amount} is gone: {by_id.get(hold_id)}")
        [(taken_back,)] = reader.execute(_TAKEN_BACK)
        if taken_back < sum(self._taken.values()):
            raise Wrong(f"of {self._taken}, which was taken back, only {taken_back} is booked")
        for told in (self._ended, self._charged):
            for hold_id, cost in told.items():
                if hold_id not in by_id or by_id[hold_id]["cost_microcredits"] != cost:
                    raise Wrong(f"an acknowledged charge of {cost} is not: {by_id.get(hold_id)}")
        taken = dict(reader.execute(_TAKEN))
        for hold in holds:
            self._check_charge(hold, taken.get(hold["id"], 0))

    def _check_charge(self, hold: dict[str, Any], taken: int) -> None:
        """What left the customer's grants or was added to the debt is what the settled usage costs at the hold's price,
        and at most the hold.
        """
        if hold["state"] in {"open", "released"}:
            expected = 0
        else:
            used = json.loads(hold["checkpoint"])
            rates = {meter: (price, per) for meter, price, per in json.loads(hold["price"])["rates"]}
            pers = {per for _, per in rates.values()}
            [per] = pers
            cost = -(-sum(quantity * rates[meter][0] for meter, quantity in used) // per)
            expected = min(cost, hold["amount_microcredits"])
            said = tuple(sorted((meter, quantity) for meter, quantity in used))
            if hold["state"] == "settled" and said not in self._usages[hold["id"]]:
                raise Wrong(f"nobody said that {hold['id']} used {used}")
        if taken != expected:
            raise Wrong(f"{taken} was taken for {hold['id']}, which should cost {expected}: {hold}")

    def check_refused(self, reader: sqlite3.Connection) -> None:
        """A run that was told that it holds nothing does hold nothing. True where messages are neither doubled nor late."""
        for hold in _rows(reader, "SELECT id, owner_instance, owner_epoch FROM holds WHERE state = 'open'"):
            owner = hold["id"], hold["owner_instance"], hold["owner_epoch"]
            if owner in self._refused and hold["id"] not in self._opened:
                raise Wrong(f"{owner} is held for a run that was refused")

    def check_expired(self, reader: sqlite3.Connection) -> None:
        """No hold has credit that had expired when it was placed. True where no clock is turned back."""
        found = reader.execute(_EXPIRED).fetchall()
        if found:
            raise Wrong(f"held although it had expired: {found}")

    def check_all_ended(self, reader: sqlite3.Connection) -> None:
        still_open = _rows(reader, "SELECT * FROM holds WHERE state = 'open'")
        if still_open:
            raise Wrong(f"holds that nobody ends: {still_open}")


_TAKEN = """
    SELECT t.ref, -sum(e.amount_microcredits)
    FROM ledger_tx t JOIN ledger_entries e ON e.tx_id = t.id
    WHERE t.kind IN ('settle', 'sweep', 'release') AND (
        e.grant_id IS NOT NULL OR e.ledger_account = 'sys:breakage' OR e.ledger_account LIKE 'cust:%:debt'
    )
    GROUP BY t.ref
"""
_TAKEN_BACK = """
    SELECT coalesce(sum(amount_microcredits), 0) FROM ledger_entries WHERE ledger_account = 'sys:clawback'
"""
_EXPIRED = """
    SELECT h.id, g.id FROM holds h JOIN hold_allocations a ON a.hold_id = h.id JOIN grants g ON g.id = a.grant_id
    WHERE g.expires_at <= h.opened_at OR g.effective_at > h.lease_until
"""


def _plain(measured: Measured) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((meter.value, quantity) for meter, quantity in measured.quantities if quantity))


def _rows(reader: sqlite3.Connection, query: str) -> list[dict[str, Any]]:
    found = reader.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]
