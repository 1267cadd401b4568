"""What must be true of payments, from what providers did and operators decided. Nothing here knows how they are settled."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from tests.payment_simulation.offers import ITEMS
from tests.payment_simulation.shop import Shop
from tests.simulation.books import violations
from tests.simulation.stage import Wrong
from tests.simulation.storehouse import Decided, Effect

from raseed.core.billing.commands import Command, Granted, IssueGrant, Result, TakeBack, TakenBack
from raseed.core.ids import AccountId, GrantId, PaymentId
from raseed.core.payments.model import Item, ItemKind, Payment, Seen, SeenRefundState, SeenStatus

if TYPE_CHECKING:
    from tests.payment_simulation.world import World

ACCEPTABLE = {"less", "more", "product"}
"""What may be credited if an operator says so. With another difference it is not the same order."""
NEVER_PAID = {"created", "pending", "failed", "expired"}
DECIDED = {"review", "rejected"}


class Oracle:
    def __init__(self, world: World) -> None:
        self._world = world
        self.orders: dict[PaymentId, Shop] = {}
        """That a provider made."""
        self.accepted: set[PaymentId] = set()
        """That an operator wanted to accept, whatever came of it."""
        self.rejected: set[PaymentId] = set()
        self.closed: set[AccountId] = set()
        self._told: dict[PaymentId, Payment] = {}
        self._issued: dict[PaymentId, int] = {}
        self._taken: Counter[PaymentId] = Counter()
        self._grants: dict[GrantId, PaymentId] = {}

    def page_made(self, payment_id: PaymentId, shop: Shop) -> None:
        self.orders[payment_id] = shop
        if len(shop.book.orders[payment_id]) != 1:
            raise Wrong(f"{payment_id} was ordered twice at the provider")

    def acknowledged(self, payment: Payment) -> None:
        """Somebody was told of this order."""
        self._told[payment.id] = payment

    # ---------------------------------------------------------------------------------- commit by commit

    def follow(self, transaction: list[Decided | Effect]) -> None:
        """What is durable now was right at this moment. Raises Wrong."""
        for item in transaction:
            if isinstance(item, tuple):
                _, command, result = item
                self._follow(command, result)

    def _follow(self, command: Command, result: Result) -> None:
        if isinstance(command, IssueGrant) and isinstance(result, Granted) and not result.replayed:
            kind, _, about = command.reason.partition(" ")
            if kind == "payment":
                self._grants[result.grant_id] = PaymentId(about)
                self._check_issued(PaymentId(about), command)
        if isinstance(command, TakeBack) and isinstance(result, TakenBack) and not result.replayed:
            assert command.grant_id is not None
            if any(grant_id != command.grant_id for grant_id, _ in result.parts):
                raise Wrong(f"{command} took from another grant: {result}")
            payment_id = self._grants[command.grant_id]
            self._taken[payment_id] += result.settled_microcredits
            self._check_taken(payment_id)

    def _check_issued(self, payment_id: PaymentId, command: IssueGrant) -> None:
        if payment_id in self._issued:
            raise Wrong(f"{payment_id} is credited a second time: {command}")
        row = self._row(payment_id)
        order = self._order(payment_id)
        if order is None or order.status is not SeenStatus.PAID:
            raise Wrong(f"{payment_id} is credited and not paid: {order}")
        wrong = self.orders[payment_id].wrong.get(payment_id)
        if wrong is not None and not (payment_id in self.accepted and wrong in ACCEPTABLE):
            raise Wrong(f"{payment_id} is credited, and it was paid with another {wrong}: {order}")
        if command.account_id != row["account_id"]:
            raise Wrong(f"{payment_id} of {row['account_id']} is credited to {command.account_id}")
        amount = command.amount_microcredits
        if not self._due(row, order) <= amount <= row["credit_microcredits"]:
            raise Wrong(f"{payment_id} is credited with {amount}: {order}")
        self._issued[payment_id] = amount

    def _check_taken(self, payment_id: PaymentId) -> None:
        row, order = self._row(payment_id), self._order(payment_id)
        assert order is not None
        left = self._issued[payment_id] - self._taken[payment_id]
        if left < self._due(row, order):
            raise Wrong(f"{payment_id} is left with {left}, and it is worth {self._due(row, order)}: {order}")

    # ---------------------------------------------------------------------------------------- at the end

    def check_books(self, reader: sqlite3.Connection) -> None:
        """True at any moment."""
        if found := violations(reader):
            raise Wrong("; ".join(found))
        for series, year, last in reader.execute("SELECT series, year, last_ordinal FROM receipt_counters"):
            numbers = reader.execute(
                "SELECT count(*), min(ordinal), max(ordinal) FROM receipts WHERE series = ? AND year = ?",
                (series, year),
            ).fetchone()
            if numbers != (last, 1, last):
                raise Wrong(f"receipts {series} of {year} have gaps: {numbers}, counted to {last}")
        gaps = reader.execute(_WITHOUT_RECEIPT).fetchall() + reader.execute(_RECEIPT_FOR_NOTHING).fetchall()
        if gaps:
            raise Wrong(f"documents that are not what they should be: {gaps}")

    def check_all(self, reader: sqlite3.Connection) -> None:
        """When everything is at rest."""
        self.check_books(reader)
        rows = _rows(reader, "SELECT * FROM payments")
        if missing := set(self._told) - {row["id"] for row in rows}:
            raise Wrong(f"orders that somebody was told of are gone: {missing}")
        self._check_orders(rows)
        for row in rows:
            self._check_payment(row)
            if row["state"] == "credited":
                self._check_refunds(reader, row)
        self._check_transactions(rows)
        for shop in self._world.shops:
            if twice := shop.paid_out_twice():
                raise Wrong(f"refunds that were asked for once and done twice: {twice}")

    def check_day(self, shop: Shop, begin: int, end: int, named: set[str]) -> None:
        """What the daily comparison found in a day."""
        for payment_id, its_shop in self.orders.items():
            order = shop.book.order(payment_id) if its_shop is shop else None
            if order is None or order.paid_at is None or not begin <= order.paid_at < end:
                continue
            row = self._row(payment_id)
            is_right = row["state"] == "credited" and payment_id not in shop.wrong
            # An order that the provider has under another reference is known by what its list says of it.
            names = {payment_id, order.reference, order.invoice_id, order.provider_payment_id}
            if len(sharing := shop.paid_by_the_same(order)) > 1:
                # What is wrong with one of them may be said of another, so nothing is expected of the right one alone.
                names |= sharing
                is_right = is_right and named.isdisjoint(names)
            is_named = not named.isdisjoint(names)
            if is_right is is_named:
                raise Wrong(
                    f"compared, and {payment_id} is {'' if is_right else 'not '}named: {row}: {order}"
                )

    def _check_orders(self, rows: list[dict[str, Any]]) -> None:
        """What was ordered is as it was offered."""
        for row in rows:
            item = Item(kind=ItemKind(row["item_kind"]), id=row["item_id"], quantity=row["item_quantity"])
            if (row["amount_minor"], row["credit_microcredits"]) != ITEMS[item]:
                raise Wrong(f"not as offered: {row}")
        if unknown := set(self.orders) - {row["id"] for row in rows}:
            raise Wrong(f"the provider has orders that we do not know: {unknown}")

    def _check_payment(self, row: dict[str, Any]) -> None:
        payment_id, state, order = row["id"], row["state"], self._order(row["id"])
        if state == "paid" or row["withdrawing_microcredits"]:
            raise Wrong(f"nobody ends {row}")
        if state != "credited":
            if payment_id in self._issued:
                raise Wrong(f"credit was given for {row}")
            if order is not None and order.status is SeenStatus.PAID and not self._may_wait(row):
                raise Wrong(f"paid and not credited: {row}: {order}")
            return
        if order is None or order.status is not SeenStatus.PAID:
            raise Wrong(f"credited and not paid: {row}: {order}")
        left = self._issued.get(payment_id, 0) - self._taken[payment_id]
        if left != self._due(row, order):
            raise Wrong(f"{left} are left, and {self._due(row, order)} are due: {row}: {order}")

    def _may_wait(self, row: dict[str, Any]) -> bool:
        """Whether an operator has to decide, or has decided against it."""
        payment_id = row["id"]
        for_a_reason = (
            payment_id in self.orders[payment_id].wrong
            or row["account_id"] in self.closed
            or self._shares_transaction(payment_id)
        )
        return row["state"] in DECIDED and for_a_reason

    def _shares_transaction(self, payment_id: PaymentId) -> bool:
        order, shop = self._order(payment_id), self.orders[payment_id]
        assert order is not None
        return any(
            other != payment_id and self._transaction(other) == order.provider_payment_id
            for other, its_shop in self.orders.items()
            if its_shop is shop
        )

    def _check_transactions(self, rows: list[dict[str, Any]]) -> None:
        """No transaction pays twice; and one that pays an order as it should does pay one."""
        credited: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for row in rows:
            if row["state"] == "credited":
                credited[row["provider"], self._transaction(row["id"])].append(row["id"])
        for transaction, ids in credited.items():
            if len(ids) > 1:
                raise Wrong(f"{transaction} pays for {ids}")
        for row in rows:
            right = row["id"] in self.orders and row["id"] not in self.orders[row["id"]].wrong
            transaction = row["provider"], self._transaction(row["id"]) if right else ""
            if transaction[1] and transaction not in credited and not self._is_hindered(transaction[1]):
                raise Wrong(f"nobody is credited for {transaction}")

    def _is_hindered(self, transaction: str) -> bool:
        """It was first seen for an order that is not credited, or that nobody may have."""
        ids = [other for other in self.orders if self._transaction(other) == transaction]
        rows = [self._row(payment_id) for payment_id in ids]
        return any(row["account_id"] in self.closed for row in rows)

    def _check_refunds(self, reader: sqlite3.Connection, row: dict[str, Any]) -> None:
        order = self._order(row["id"])
        assert order is not None
        for is_dispute, column in ((0, "refunded_minor"), (1, "disputed_minor")):
            [(written,)] = reader.execute(
                "SELECT coalesce(sum(amount_minor), 0) FROM refunds"
                " WHERE payment_id = ? AND state = 'done' AND is_dispute = ?",
                (row["id"], is_dispute),
            )
            done = sum(told.amount_minor for told in _done(order) if told.is_dispute == bool(is_dispute))
            if not written == row[column] == done:
                raise Wrong(f"{done} went back, and {written} and {row[column]} are written: {row}: {order}")

    # ------------------------------------------------------------------------------------------- what is known

    def _row(self, payment_id: PaymentId) -> dict[str, Any]:
        reader = self._world.store.reader
        assert reader is not None
        [row] = _rows(reader, "SELECT * FROM payments WHERE id = ?", payment_id)
        return row

    def _order(self, payment_id: PaymentId) -> Seen | None:
        shop = self.orders.get(payment_id)
        return None if shop is None else shop.book.order(payment_id)

    def _transaction(self, payment_id: PaymentId) -> str:
        order = self._order(payment_id)
        return "" if order is None or order.status is not SeenStatus.PAID else order.provider_payment_id

    @staticmethod
    def _due(row: dict[str, Any], order: Seen) -> int:
        """How much of its credit the buyer has paid for, as it is now: for what came in, if an operator accepted that less
        did; and what came in beyond the order paid for nothing.
        """
        left = order.amount_minor - sum(told.amount_minor for told in _done(order))
        paying = min(order.amount_minor, row["amount_minor"])
        due: int = row["credit_microcredits"] * min(max(left, 0), paying) // paying
        return due


def _done(order: Seen) -> list[Any]:
    return [told for told in order.refunds if told.state is SeenRefundState.DONE]


_WITHOUT_RECEIPT = """
    SELECT p.id, '' FROM payments p WHERE p.state = 'credited'
        AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.payment_id = p.id AND r.refund_id = '')
    UNION ALL
    SELECT p.id, f.id FROM payments p JOIN refunds f ON f.payment_id = p.id
    WHERE p.state = 'credited' AND f.state = 'done'
        AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.payment_id = p.id AND r.refund_id = f.id)
"""
_RECEIPT_FOR_NOTHING = """
    SELECT r.number, p.id FROM receipts r JOIN payments p ON p.id = r.payment_id
    LEFT JOIN refunds f ON f.id = r.refund_id
    WHERE p.state <> 'credited' OR (r.refund_id <> '' AND f.state IS NOT 'done')
"""
_TABLES = (
    "payments",
    "refunds",
    "payment_events",
    "receipts",
    "redemptions",
    "grants",
    "ledger_tx",
    "ledger_entries",
    "outbox",
)


def digest(reader: sqlite3.Connection) -> str:
    """Of what payments and the ledger have written down. The audit log has salts of its own."""
    content = hashlib.sha256()
    for table in _TABLES:
        for row in reader.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3"):
            content.update(repr((table, *row)).encode())
    return content.hexdigest()


def _rows(reader: sqlite3.Connection, query: str, *parameters: object) -> list[dict[str, Any]]:
    found = reader.execute(query, parameters)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]
