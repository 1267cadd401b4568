"""Each invariant is proved by breaking it: the rows are damaged behind the store's back, and verify must say where."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from tests.contract.ledger.conftest import SqliteStore, Store
from tests.unit.billing.builders import (
    ALICE,
    BOB,
    DAY,
    LEASE,
    START,
    extend,
    issue,
    place,
    release,
    settle,
    sweep,
)

from raseed.adapters.sql.ledger.verify import CHECKS, Violation, verify
from raseed.core.billing.commands import Granted, TakeBack, TakeShortfall
from raseed.core.billing.spend_caps import SpendCap
from raseed.core.ids import ApiKeyId, PersonId

CAPPED = ApiKeyId("key_capped")
ENTRY = "INSERT INTO ledger_entries VALUES ('{tx}', 99, '{account}', {grant}, {amount})"
TX = (
    "INSERT INTO ledger_tx (id, kind, idem_key, account_id, ref, actor, at) "
    "VALUES ('ltx_x', '{kind}', 'x', 'acct_alice', '{ref}', 'system', 0)"
)

DAMAGES = {
    "transaction_sums_to_zero": [
        ENTRY.format(tx="settle-tx", account="sys:breakage", grant="NULL", amount=5)
    ],
    "entry_names_its_grant": [
        ENTRY.format(tx="settle-tx", account="cust:acct_bob:grant:grant-g", grant="'grant-g'", amount=5)
    ],
    "expiry_touches_its_own_grant": [
        "UPDATE ledger_entries SET grant_id = 'grant-g' WHERE tx_id = 'expire-tx' AND grant_id IS NOT NULL"
    ],
    "grant_remaining_equals_entries": [
        "UPDATE grants SET remaining_microcredits = remaining_microcredits - 1 WHERE id = 'grant-g'"
    ],
    "grant_held_within_remaining": [
        "UPDATE grants SET held_microcredits = remaining_microcredits + 1 WHERE id = 'grant-g'"
    ],
    "grant_active_while_something_is_left": ["UPDATE grants SET status = 'exhausted' WHERE id = 'grant-g'"],
    "grant_held_equals_open_allocations": [
        "UPDATE grants SET held_microcredits = held_microcredits - 1 WHERE id = 'grant-g'"
    ],
    "one_welcome_grant": ["UPDATE grants SET source = 'welcome' WHERE account_id = 'acct_alice'"],
    "grant_amount_equals_issue": [
        "UPDATE grants SET amount_microcredits = amount_microcredits + 1 WHERE id = 'grant-g'"
    ],
    "kind_books_its_accounts": [
        ENTRY.format(tx="settle-tx", account="sys:issued:topup", grant="NULL", amount=-5),
        ENTRY.format(tx="expire-tx", account="sys:breakage", grant="NULL", amount=5),
    ],
    "debt_moves_as_its_kind_says": [
        ENTRY.format(tx="settle-tx", account="cust:acct_alice:debt", grant="NULL", amount=5)
    ],
    "claim_takes_one_grant_and_books_one_rest": [
        ENTRY.format(tx="claim-tx", account="sys:houseloss", grant="NULL", amount=-1)
    ],
    "account_has_balance": ["DELETE FROM balances WHERE account_id = 'acct_bob'"],
    "balance_available_equals_grants": [
        "UPDATE balances SET available_microcredits = available_microcredits + 1 WHERE account_id = 'acct_alice'"
    ],
    "balance_held_equals_open_holds": [
        "UPDATE balances SET held_microcredits = held_microcredits + 1 WHERE account_id = 'acct_alice'"
    ],
    "balance_debt_equals_entries": [
        "UPDATE balances SET debt_microcredits = 7 WHERE account_id = 'acct_bob'"
    ],
    "replay_rebuilds_balances": [
        "UPDATE balances SET available_microcredits = 1 WHERE account_id = 'acct_bob'"
    ],
    "hold_amount_equals_allocations": [
        "UPDATE hold_allocations SET amount_microcredits = 1 WHERE hold_id = 'open'"
    ],
    "hold_resolved_once": [TX.format(kind="settle", ref="settled")],
    "charge_within_hold": [
        "UPDATE holds SET cost_microcredits = amount_microcredits + 1 WHERE id = 'settled'"
    ],
    "cap_held_equals_open_holds": ["UPDATE spend_buckets SET held_microcredits = 0"],
    "cap_charged_equals_usage": ["UPDATE spend_buckets SET charged_microcredits = charged_microcredits + 1"],
    "debt_reserved_equals_open_holds": [
        "UPDATE balances SET debt_reserved_microcredits = 3 WHERE account_id = 'acct_bob'"
    ],
    "debt_drawn_beyond_credit": [
        "UPDATE holds SET debt_microcredits = debt_microcredits + 1 WHERE id = 'on-debt'",
        "UPDATE hold_allocations SET amount_microcredits = amount_microcredits - 1 WHERE hold_id = 'on-debt'",
    ],
    "usage_equals_hold": ["UPDATE usage_events SET account_id = 'acct_bob' WHERE request_id = 'settled'"],
    "usage_equals_lines": ["UPDATE usage_lines SET cost_microcredits = 1 WHERE request_id = 'settled'"],
    "usage_equals_entries": ["UPDATE usage_events SET ledger_tx_id = NULL WHERE request_id = 'settled'"],
    "debit_names_usage_event": [TX.format(kind="release", ref="nothing")],
    "usage_hours_equal_events": [
        "UPDATE usage_sums SET output_tokens = output_tokens + 1 WHERE grain = 'hour'"
    ],
    "usage_days_equal_hours": ["UPDATE usage_sums SET request_count = 0 WHERE grain = 'day'"],
    "usage_fortnights_equal_days": ["UPDATE usage_sums SET output_tokens = 0 WHERE grain = 'fortnight'"],
    "receipt_numbers_have_no_gap": ["INSERT INTO receipt_counters VALUES ('R', 2026, 1)"],
    "lines_follow_price_and_checkpoint": [
        "UPDATE usage_lines SET unit_price_microcredits = 2 WHERE request_id = 'settled'"
    ],
    "foreign_keys_hold": ["UPDATE holds SET api_key_id = 'key_gone' WHERE id = 'open'"],
}
"""Names in quotes stand for ids that the store made: `settle-tx`, `expire-tx`, `grant-g`."""

MORE_DAMAGES = [
    (
        "receipt_numbers_have_no_gap",
        "INSERT INTO receipts VALUES ('rcpt_1', 'R-2026-000001', 'R', 2026, 1, 'receipt', 'acct_alice', 'pay_1', '', 0, '')",
    ),
    ("hold_resolved_once", "UPDATE holds SET state = 'open', closed_at = NULL WHERE id = 'settled'"),
    ("hold_resolved_once", "UPDATE holds SET state = 'released', closed_at = 5 WHERE id = 'open'"),
    (
        "lines_follow_price_and_checkpoint",
        "UPDATE holds SET checkpoint = '[[\"output_tokens\",21]]' WHERE id = 'settled'",
    ),
    ("lines_follow_price_and_checkpoint", "UPDATE usage_lines SET quantity = 5 WHERE request_id = 'swept'"),
    ("kind_books_its_accounts", "UPDATE ledger_tx SET kind = 'repay' WHERE id = 'settle-tx'"),
    ("kind_books_its_accounts", "UPDATE ledger_tx SET kind = 'void' WHERE ref = 'on-debt'"),
    ("kind_books_its_accounts", "UPDATE ledger_tx SET account_id = 'acct_bob' WHERE id = 'settle-tx'"),
    ("grant_amount_equals_issue", "UPDATE ledger_tx SET ref = 'grant_other' WHERE ref = 'grant-g'"),
    ("transaction_sums_to_zero", "DELETE FROM ledger_entries WHERE tx_id = 'settle-tx'"),
    ("grant_remaining_equals_entries", "DELETE FROM ledger_entries WHERE tx_id = 'settle-tx'"),
    ("usage_equals_entries", "UPDATE usage_events SET shortfall_microcredits = 0 WHERE request_id = 'swept'"),
    ("usage_equals_lines", "UPDATE usage_events SET shortfall_microcredits = 0 WHERE request_id = 'swept'"),
    ("cap_charged_equals_usage", "UPDATE spend_buckets SET charged_microcredits = charged_microcredits - 1"),
    ("cap_charged_equals_usage", "UPDATE spend_buckets SET charged_microcredits = 0 WHERE id LIKE '%/%'"),
    ("cap_held_equals_open_holds", "UPDATE spend_buckets SET held_microcredits = 0 WHERE id LIKE '%/%'"),
    ("usage_hours_equal_events", "UPDATE usage_events SET person_id = NULL WHERE request_id = 'members'"),
    (
        "claim_takes_one_grant_and_books_one_rest",
        "UPDATE ledger_entries SET amount_microcredits = -6 WHERE tx_id = 'claim-tx' AND amount_microcredits > 0",
    ),
    ("usage_hours_equal_events", "DELETE FROM usage_sums"),
    ("usage_hours_equal_events", "DELETE FROM usage_sums WHERE dimension = 'key'"),
    ("usage_hours_equal_events", "UPDATE usage_sums SET name = 'other' WHERE dimension = 'model'"),
    ("usage_equals_hold", "UPDATE holds SET cost_microcredits = 0 WHERE id = 'settled'"),
]


async def fill(store: Store) -> None:
    """One hold of each kind, an expired grant, an overrun: something for every invariant to be about."""
    await store.open_account(BOB)
    await store.ledger.submit(
        [issue("short", 10, priority=99, expires_at=START + DAY), issue("bobs", 50, BOB)]
    )
    await store.ledger.submit(
        [place("on-debt", 40, account_id=BOB), extend("on-debt", 70, account_id=BOB, debt_limit=30)]
    )
    await store.ledger.submit([settle("on-debt", 65, BOB), issue("repaid", 35, BOB)])
    await store.ledger.submit(
        [place("may-owe", 20, account_id=BOB), extend("may-owe", 25, account_id=BOB, debt_limit=30)]
    )
    await store.ledger.submit([place("settled", 30), settle("settled", 20)])
    await store.ledger.submit(
        [place("overrun", 5), settle("overrun", 9), place("freed", 5), release("freed")]
    )
    await store.ledger.submit([place("swept", 10), extend("swept", 10, tokens=4)])
    store.clock.advance(LEASE)
    await store.ledger.submit([sweep("swept")])
    store.clock.advance(DAY)
    await store.ledger.submit([place("open", 20)])
    [paid] = await store.ledger.submit([issue("paid", 10, BOB)])
    assert isinstance(paid, Granted)
    refund = TakeBack(
        account_id=BOB,
        take_key="refund",
        grant_id=paid.grant_id,
        amount_microcredits=12,
        shortfall=TakeShortfall.DEBT,
    )
    await store.ledger.submit([refund])
    await store.set_member_cap(PersonId(BOB), SpendCap(20))
    members = [place(hold, 1, person_id=PersonId(BOB)) for hold in ("members", "members-open")]
    await store.ledger.submit([*members, settle("members", 1)])
    await store.set_cap(CAPPED, SpendCap(20))
    await store.ledger.submit(
        [place(hold, 5, api_key_id=CAPPED) for hold in ("capped", "capped-open")] + [settle("capped", 3)]
    )


def damage(path: Path, statements: list[str]) -> None:
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA ignore_check_constraints = ON")
    for (trigger,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f'DROP TRIGGER "{trigger}"')
    ids = {
        "settle-tx": "SELECT id FROM ledger_tx WHERE ref = 'settled'",
        "claim-tx": "SELECT id FROM ledger_tx WHERE kind = 'claim'",
        "expire-tx": "SELECT id FROM ledger_tx WHERE kind = 'expire'",
        "grant-g": "SELECT id FROM grants WHERE grant_key = 'g'",
    }
    changed = 0
    for statement in statements:
        with_ids = statement
        for name, query in ids.items():
            with_ids = with_ids.replace(name, raw.execute(query).fetchone()[0])
        changed += raw.execute(with_ids).rowcount
    raw.commit()
    raw.close()
    assert changed > 0, "nothing was damaged"


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """The path of a closed database that has been filled; made once, copied by each test."""
    path = tmp_path_factory.mktemp("filled") / "raseed.db"

    async def make() -> None:
        store = await SqliteStore.open(path)
        await store.open_account(ALICE)
        await store.ledger.submit([issue("g", 100)])
        await fill(store)
        assert await store.database.read(verify) == []
        await store.database.close()

    asyncio.run(make())
    return path


def found_in(path: Path) -> list[Violation]:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = verify(connection)
    engine.dispose()
    return found


def test_every_invariant_has_a_damage_that_shows_it():
    assert set(CHECKS) <= set(DAMAGES)


@pytest.mark.parametrize(
    ("invariant", "statements"),
    [*DAMAGES.items(), *((name, [statement]) for name, statement in MORE_DAMAGES)],
)
def test_a_broken_invariant_is_named(filled, tmp_path, invariant, statements):
    path = Path(shutil.copy(filled, tmp_path))
    damage(path, statements)

    found = found_in(path)

    assert invariant in {violation.invariant for violation in found}
    assert all(violation.id and violation.detail for violation in found)


def test_verify_says_which_row_and_what_it_found(filled, tmp_path):
    path = Path(shutil.copy(filled, tmp_path))
    damage(path, [f"UPDATE balances SET held_microcredits = 21 WHERE account_id = '{ALICE}'"])
    [found] = [v for v in found_in(path) if v.invariant == "balance_held_equals_open_holds"]
    assert (found.id, found.detail) == (ALICE, "held 21, open holds say 26")


@pytest.mark.parametrize("page", [2, 5, 9])
def test_a_damaged_file_is_named(filled, tmp_path, page):
    path = Path(shutil.copy(filled, tmp_path))
    with path.open("r+b") as file:
        file.seek(4096 * page)
        file.write(b"\xff" * 4096)
    assert "file_is_sound" in {violation.invariant for violation in found_in(path)}
