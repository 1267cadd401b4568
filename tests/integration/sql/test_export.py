"""The export of an account: complete, in pages, without secrets, and nothing of others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy.sql import visitors
from tests.contract.ledger.conftest import KEY, PostgresStore, SqliteStore
from tests.support.orders import ORDER
from tests.unit.billing.builders import ALICE, issue, place, settle

from raseed.adapters.sql.accounts.api_keys import insert_key
from raseed.adapters.sql.accounts.standing import SqlStandingStore
from raseed.adapters.sql.export import PARTS, SqlExportStore
from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.adapters.sql.tables import metadata
from raseed.core.admin.export import ExportPosition
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId, PaymentId, RefundId
from raseed.core.payments.model import Refund, RefundState
from raseed.core.payments.ports import Beside

BOB = AccountId("acct_bob")
NOT_EXPORTED = {
    "balances": "follows from grants and holds",
    "holds": "what a request set aside; what it cost is in its usage",
    "refills": "follows from grants",
    "usage_sums": "follows from usage",
    "sign_in_codes": "minutes old, and secret",
    "verified_identities": "a keyed hash",
    "content_accounts": "a key, and a sum",
    "content_items": "read by its owner through the API while it lives",
}


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request, tmp_path):
    sqlite = request.param == "sqlite"
    opened = await (SqliteStore.open(tmp_path / "raseed.db") if sqlite else PostgresStore.open())
    standing = SqlStandingStore(opened.database)
    for account_id in (ALICE, BOB):
        await opened.open_account(account_id)
        key = replace(
            KEY,
            id=ApiKeyId(f"key_of_{account_id}"),
            account_id=account_id,
            public_id=account_id,
            digest=b"hash!",
        )
        await opened.database.write(partial(insert_key, key=key))
        await standing.suspend(account_id, f"reason of {account_id}", "op_1")
        await standing.reinstate(account_id, "x", "op_1")
        await standing.add_note(account_id, f"note on {account_id}", "op_1")
        await pay_and_refund(SqlPaymentStore(opened.database), account_id)
    await opened.ledger.submit([issue("g", 100), issue("g", 100, account_id=BOB)])
    for number in range(5):
        await opened.ledger.submit([place(f"h{number}", 10), settle(f"h{number}", 5)])
    yield opened
    await opened.close()


async def pay_and_refund(payments: SqlPaymentStore, account_id: AccountId) -> None:
    paid = replace(ORDER, id=PaymentId(f"pay_of_{account_id}"), account_id=account_id)
    refund = Refund(
        id=RefundId(f"rfd_of_{account_id}"),
        payment_id=paid.id,
        amount_minor=1,
        reason=f"refund of {account_id}",
        actor="op_1",
        state=RefundState.REQUESTED,
        provider_refund_id="",
        is_dispute=False,
        created_at=Microseconds(1),
    )
    await payments.add(paid, "key")
    assert await payments.replace(paid, paid, Beside(refunds=[refund]))


async def exported(store: Any, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    position: ExportPosition | None = ExportPosition()
    while position is not None:
        page = await SqlExportStore(store.database).page(ALICE, position, limit)
        assert len(page.records) <= limit
        found += map(dict, page.records)
        position = page.next
    return found


async def test_an_export_is_the_same_in_pages_of_any_size(store):
    whole = await exported(store, 500)
    assert await exported(store, 1) == await exported(store, 7) == whole
    assert Counter(record["record"] for record in whole) == {
        "account": 1,
        "standing": 1,
        "note": 1,
        "notice": 1,
        "api_key": 1,
        "grant": 1,
        "payment": 1,
        "refund": 1,
        "ledger_transaction": 6,
        "ledger_entry": 12,
        "usage": 5,
        "usage_line": 5,
        "audit": 3,
    }


async def test_an_export_has_nothing_secret_and_nothing_of_others(store):
    text = str(await exported(store, 500))
    assert "note on acct_alice" in text
    assert "refund of acct_alice" in text
    assert "bob" not in text
    assert "hash!" not in text
    assert "digest" not in text


WRONG = [
    ("nothing", "[]"),
    ("usage", "x"),
    ("usage", '["a", "b"]'),
    ("usage", "[1]"),
    ("usage", "{}"),
    ("note", "[1]"),
    ("usage", f'[{10**30}, "x"]'),
    ("usage", f'[{2**63}, "x"]'),
    ("usage", '[1, "a\\u0000b"]'),
    ("usage", '[1, "\\ud800"]'),
    ("usage", "[" * 100_000),
]


async def test_a_position_that_was_never_given_out_is_refused(store):
    for position in WRONG:
        with pytest.raises(ValueError, match=r"."):
            await SqlExportStore(store.database).page(ALICE, ExportPosition(*position), 5)


def test_every_table_of_an_account_is_exported_or_left_out_for_a_reason():
    in_export: set[str] = set()
    for part in PARTS.values():
        visitors.traverse(part.query(ALICE), {}, {"table": lambda table: in_export.add(table.name)})
    with_account = {table.name for table in metadata.sorted_tables if "account_id" in table.c}
    assert with_account - in_export == NOT_EXPORTED.keys()
