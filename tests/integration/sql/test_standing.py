"""How accounts stand with the operators, on both databases: what changes with a status, and the jobs that follow."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from tests.contract.ledger.conftest import KEY, PostgresStore, SqliteStore
from tests.unit.billing.builders import ALICE, issue, place, settle

from raseed.adapters.sql.accounts.api_keys import insert_key
from raseed.adapters.sql.accounts.sessions import begin_session
from raseed.adapters.sql.accounts.standing import SqlStandingStore
from raseed.adapters.sql.accounts.tables import accounts, api_keys, sessions
from raseed.adapters.sql.admin.audit import SqlAuditStore
from raseed.adapters.sql.messaging.tables import outbox
from raseed.adapters.sql.tables import changes
from raseed.core.accounts.model import AccountStatus, Tier
from raseed.core.accounts.sign_in_model import NewSession
from raseed.core.admin.audit import AuditFilter
from raseed.core.admin.standing import AccountFilter, Standing
from raseed.core.admin.standing_jobs import forfeit_job, tier_job
from raseed.core.billing.commands import TakeBack
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId, SessionId
from raseed.core.jobs import run_round

BOB = AccountId("acct_bob")
NOBODY = AccountId("acct_none")


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request, tmp_path):
    sqlite = request.param == "sqlite"
    opened = await (SqliteStore.open(tmp_path / "raseed.db") if sqlite else PostgresStore.open())
    await opened.open_account(ALICE)
    await opened.open_account(BOB)
    await opened.ledger.submit([issue("g", 100)])
    for number in (1, 2):
        made = replace(
            KEY,
            id=ApiKeyId(f"key_{number}"),
            account_id=ALICE,
            public_id=f"public00000{number}",
            last4=f"ab{number}c",
        )
        await opened.database.write(partial(insert_key, key=made))
    yield opened
    await opened.close()


@pytest.fixture
def standing(store) -> SqlStandingStore:
    return SqlStandingStore(store.database)


async def rows(store: Any, query: Any) -> list[tuple[Any, ...]]:
    found = await store.database.read(lambda c: c.execute(query).all())
    return [tuple(row) for row in found]


async def audited(store: Any) -> list[tuple[str, str, str | None]]:
    found = await SqlAuditStore(store.database).find(AuditFilter(subject=ALICE), None, 20)
    return [(entry.row.actor, entry.row.action, entry.detail) for entry in found]


async def test_a_suspension_is_announced_audited_and_told_once(store, standing):
    suspended = await standing.suspend(ALICE, "spam", "op_1")
    assert suspended.status is AccountStatus.SUSPENDED
    assert await standing.suspend(ALICE, "again", "op_2") == suspended
    assert await standing.suspend(NOBODY, "spam", "op_1") is None
    assert await standing.standing(ALICE) == Standing(
        account_id=ALICE, reason="spam", since=store.clock.now(), actor="op_1"
    )
    assert await rows(store, select(changes.c.kind, changes.c.id)) == [("account", ALICE)]
    assert await rows(store, select(outbox.c.kind, outbox.c.parameters)) == [
        ("account_suspended", '{"reason": "spam"}')
    ]

    store.clock.advance(5)
    back = await standing.reinstate(ALICE, "paid", "op_2")
    assert back.status is AccountStatus.ACTIVE
    assert await standing.reinstate(ALICE, "again", "op_2") == back
    again = await standing.suspend(ALICE, "more spam", "op_1")
    assert again.status is AccountStatus.SUSPENDED
    assert len(await rows(store, select(outbox.c.id))) == 2
    assert await audited(store) == [
        ("op_1", "account.suspend", "more spam"),
        ("op_2", "account.reinstate", "paid"),
        ("op_1", "account.suspend", "spam"),
    ]


async def test_closing_revokes_keys_and_is_for_good(store, standing):
    session = NewSession(
        id=SessionId("sess_1"),
        digest=b"hash",
        device="",
        address="",
        begins_at=Microseconds(0),
        expires_at=Microseconds(9),
        at_most=5,
    )
    await store.database.write(lambda c: begin_session(c, ALICE, session))
    closed = await standing.close(ALICE, "asked for", "op_1", forfeit=False)
    assert closed.status is AccountStatus.CLOSED
    assert await standing.close(ALICE, "again", "op_1", forfeit=True) == closed
    assert await standing.reinstate(ALICE, "oops", "op_1") == closed
    assert await standing.suspend(ALICE, "oops", "op_1") == closed
    assert await standing.close(NOBODY, "x", "op_1", forfeit=True) is None
    assert await rows(store, select(api_keys.c.revoked_at)) == [(store.clock.now(),)] * 2
    assert await rows(store, select(sessions.c.id)) == []
    announced = await rows(store, select(changes.c.kind, changes.c.id).order_by(changes.c.seq))
    assert announced == [("account", ALICE), ("session", "sess_1")]  # workers forget keys with their account
    assert await standing.forfeits_due(5) == []
    assert await audited(store) == [("op_1", "account.close", "asked for credit=keep")]


async def test_credit_is_forfeited_when_the_last_request_has_ended(store, standing):
    job = forfeit_job(standing, store.ledger)
    later = replace(issue("next month", 40), effective_at=Microseconds(store.clock.now() + 1_000))
    await store.ledger.submit([place("open", 30), later])
    await standing.close(ALICE, "fraud", "op_1", forfeit=True)
    await run_round(job)
    balance = await store.ledger.balance(ALICE)
    assert (balance.spendable_microcredits, balance.held_microcredits) == (70, 30)

    await store.ledger.submit([settle("open", 10)])
    workers = [forfeit_job(SqlStandingStore(store.database), store.ledger) for _ in range(3)]
    await asyncio.gather(*map(run_round, workers))
    await run_round(job)
    balance = await store.ledger.balance(ALICE)
    assert (balance.grants, balance.held_microcredits) == ((), 0)
    kept = await standing.standing(ALICE)
    assert (kept.is_forfeit_due, kept.forfeit_microcredits) == (False, 130)
    assert [each for each in await audited(store) if each[0] == "closing"] == [
        ("closing", "account.forfeit", "130")
    ]


async def test_a_forfeit_that_was_cut_off_is_finished_once(store, standing):
    await standing.close(ALICE, "fraud", "op_1", forfeit=True)
    await standing.intend_forfeit(ALICE, 100)
    taken = TakeBack(
        account_id=ALICE, take_key="closing:100", grant_id=None, amount_microcredits=100, actor="closing"
    )
    await store.ledger.submit([taken])
    await run_round(forfeit_job(standing, store.ledger))
    assert (await standing.standing(ALICE)).forfeit_microcredits == 100
    assert (await audited(store))[0] == ("closing", "account.forfeit", "100")


async def test_a_forfeit_of_what_has_expired_meanwhile_begins_anew(store, standing):
    await standing.close(ALICE, "fraud", "op_1", forfeit=True)
    await standing.intend_forfeit(ALICE, 150)
    job = forfeit_job(standing, store.ledger)
    await run_round(job)
    assert (await standing.forfeits_due(5))[0].intended_microcredits is None
    await run_round(job)
    assert (await standing.standing(ALICE)).forfeit_microcredits == 100
    await standing.close(BOB, "fraud", "op_1", forfeit=True)
    await run_round(job)
    assert (await standing.standing(BOB)).forfeit_microcredits == 0
    await standing.intend_forfeit(ALICE, None)  # from a worker that is late
    assert (await standing.standing(ALICE)).forfeit_microcredits == 100
    assert await standing.forfeits_due(5) == []


async def test_a_tier_ends_at_its_moment_and_workers_hear_of_it(store, standing):
    now = store.clock.now()
    changed = await standing.set_tier(ALICE, Tier.PRO, Microseconds(now + 10), "bank transfer", "op_1")
    assert (changed.tier, changed.tier_expires_at) == (Tier.PRO, now + 10)
    assert await standing.set_tier(ALICE, Tier.PRO, Microseconds(now + 10), "again", "op_1") == changed
    assert await standing.set_tier(NOBODY, Tier.PRO, None, "x", "op_1") is None
    await standing.set_tier(BOB, Tier.BASIC, None, "for ever", "op_1")
    job = tier_job(standing, store.clock, Tier.FREE)
    await run_round(job)
    store.clock.advance(10)
    await run_round(job)
    await run_round(job)
    tiers = await rows(store, select(accounts.c.tier, accounts.c.tier_expires_at).order_by(accounts.c.id))
    assert tiers == [("free", None), ("basic", None)]
    announced = await rows(store, select(changes.c.id).order_by(changes.c.seq))
    assert announced == [(ALICE,), (BOB,), (ALICE,)]
    assert await audited(store) == [
        ("tiers", "account.tier", "pro -> free ended"),
        ("op_1", "account.tier", f"free -> pro until={now + 10} bank transfer"),
    ]


FINDS = [
    (ALICE, [ALICE]),
    ("ALICE@example", [ALICE]),
    ("@example.com", [BOB, ALICE]),
    ("key_1", [ALICE]),
    ("rsd_live_public000002_", [ALICE]),
    ("rsd_…ab2c", [ALICE]),
    ("ab1c", [ALICE]),
    ("%", []),
    ("a_ice", []),
]


async def test_accounts_are_found_by_what_operators_have_of_them(standing):
    for text, expected in FINDS:
        found = await standing.find(AccountFilter(text=text), "", 9)
        assert [account.id for account in found] == expected, text


async def test_accounts_are_listed_by_status_and_tier(standing):
    await standing.suspend(ALICE, "spam", "op_1")
    await standing.set_tier(BOB, Tier.PRO, None, "gift", "op_1")

    async def ids(after: str = "", **wanted: Any) -> list[str]:
        return [account.id for account in await standing.find(AccountFilter(**wanted), after, 9)]

    assert await ids(status=AccountStatus.SUSPENDED) == [ALICE]
    assert await ids(status=AccountStatus.ACTIVE, tier=Tier.PRO) == [BOB]
    assert await ids(tier=Tier.ENTERPRISE) == []
    assert await ids(after=BOB) == [ALICE]


async def test_notes_and_approvals_are_kept(store, standing):
    first = await standing.add_note(ALICE, "called", "op_1")
    second = await standing.add_note(ALICE, "wrote", "op_2")
    newest = sorted((first, second), key=lambda note: note.id, reverse=True)
    assert list(await standing.notes(ALICE, "", 5)) == newest
    assert list(await standing.notes(ALICE, newest[0].id, 5)) == newest[1:]
    assert await standing.add_note(NOBODY, "x", "op_1") is None

    assert await standing.approve_second(ALICE, BOB, "family", "op_1")
    assert not await standing.approve_second(NOBODY, BOB, "x", "op_1")
    assert (await standing.standing(ALICE)).second_of == BOB
    await standing.approve_second(ALICE, None, "over", "op_1")
    assert (await standing.standing(ALICE)).second_of is None
    assert [action for _, action, _ in await audited(store)] == [
        "account.second",
        "account.second",
        "account.note",
        "account.note",
    ]
