"""Payments are found through indexes, on both databases: there is one for each order that was ever begun."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text
from tests.contract.ledger.conftest import POSTGRES, SQLITE, SqlStore, open_store
from tests.support.orders import ORDER, order
from tests.unit.billing.builders import ALICE

from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.core.clock import HOUR, Microseconds
from raseed.core.ids import PaymentId
from raseed.core.payments.model import OrderBounds, PaymentState


@pytest.fixture(params=[SQLITE, POSTGRES])
async def store(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncIterator[SqlStore]:
    opened = await open_store(request.param, tmp_path)
    await opened.open_account(ALICE)
    yield opened
    await opened.close()


async def test_every_statement_about_payments_uses_an_index(store: SqlStore):
    payments = SqlPaymentStore(store.database)
    of = ORDER.provider, ORDER.mode
    bounds = OrderBounds(open_max=9, recent_max=9, recent_us=HOUR)
    before = await payments.add(ORDER, "key")
    other = replace(ORDER, id=PaymentId("pay_2"))
    statements = await statements_of(
        lambda: payments.add(other, "other", bounds),
        lambda: payments.payment(ORDER.id),
        lambda: payments.find(*of, invoice_id="i"),
        lambda: payments.find(*of, provider_payment_id="t"),
        lambda: payments.replace(before, order(PaymentState.PAID)),
        lambda: payments.claim_due(9, HOUR),
        lambda: payments.of_account(ALICE, "x", 9),
        lambda: payments.in_state(PaymentState.REVIEW, "x", 9),
        lambda: payments.paid_between(*of, Microseconds(0), Microseconds(1), "", 9),
        lambda: payments.refunds(ORDER.id),
    )
    assert len(statements) >= 12
    assert [statement for statement in statements if await scans(store, *statement)] == []


async def statements_of(*calls: Callable[[], Any]) -> list[tuple[str, Any]]:
    """What they ask of payments and refunds."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if any(f" {name} " in f" {statement} ".replace("\n", " ") for name in ("payments", "refunds")):
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        for call in calls:
            await call()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return [(statement, parameters) for statement, parameters in asked if not statement.startswith("INSERT")]


async def scans(store: SqlStore, statement: str, parameters: Any) -> bool:
    def plan(connection: Connection) -> str:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        else:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return "\n".join(str(row[-1]) for row in rows)

    found = await store.database.read(plan)
    return "SCAN payments" in found or "SCAN refunds" in found or "Seq Scan" in found
