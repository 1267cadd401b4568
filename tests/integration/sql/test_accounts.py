"""Accounts and keys in SQL: each change with its audit row, and with the change that tells workers to forget."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from tests.contract.ledger.conftest import ACCOUNT, POSTGRES, SQLITE, open_store
from tests.unit.billing.builders import ALICE

from raseed.adapters.sql.accounts import SqlAccountStore
from raseed.adapters.sql.audit import SqlAuditStore
from raseed.adapters.sql.tables import changes
from raseed.core.accounts.model import ApiKey, Tier
from raseed.core.admin.audit import AuditFilter
from raseed.core.billing.spend_caps import CapWindow, SpendCap, nothing_spent
from raseed.core.clock import Microseconds
from raseed.core.errors import Conflict
from raseed.core.ids import AccountId, ApiKeyId

CAROL = replace(ACCOUNT, id=AccountId("acct_carol"), email="carol@example.com", tier=Tier.PRO)
DAVE = replace(ACCOUNT, id=AccountId("acct_dave"), phone_e164="+96550123456")


def key(number: int, account_id: AccountId = CAROL.id) -> ApiKey:
    return ApiKey(
        id=ApiKeyId(f"key_{number}"),
        account_id=account_id,
        public_id=f"public{number}",
        digest=bytes([number] * 32),
        pepper_version=1,
        name="test",
        last4="abcd",
        created_at=Microseconds(number),
        expires_at=None,
        revoked_at=None,
    )


@pytest.fixture(params=[SQLITE, POSTGRES])
async def store(request, tmp_path):
    """The same on both databases. Alice is there already."""
    opened = await open_store(request.param, tmp_path)
    await opened.open_account(ALICE)
    yield opened
    await opened.close()


@pytest.fixture
async def accounts(store):
    made = SqlAccountStore(store.database)
    await made.add_account(CAROL, "local-socket")
    await made.add_account(DAVE, "local-socket")
    return made


@pytest.mark.parametrize("reference", ["acct_carol", "carol@example.com", "Carol@Example.com"])
async def test_an_account_is_found_by_what_people_know_of_it(accounts, reference):
    assert await accounts.find_account(reference) == CAROL
    assert await accounts.find_account("+96550123456") == DAVE
    assert await accounts.find_account("nobody") is None


@pytest.mark.parametrize(
    "twin",
    [
        replace(CAROL, id=AccountId("acct_other")),
        replace(DAVE, id=AccountId("acct_other"), email="other@example.com"),
        replace(CAROL, email="other@example.com"),
    ],
)
async def test_what_identifies_an_account_is_taken_once(accounts, store, twin):
    with pytest.raises(Conflict):
        await accounts.add_account(twin, "local-socket")
    assert await accounts.find_account("other@example.com") is None


async def test_lists_are_newest_first_and_in_pages(accounts):
    for number in range(5):
        await accounts.add_key(key(number), "local-socket")
    first = await accounts.list_keys(CAROL.id, "", 3)
    rest = await accounts.list_keys(CAROL.id, first[-1].id, 3)
    assert [found.id for found in [*first, *rest]] == ["key_4", "key_3", "key_2", "key_1", "key_0"]
    assert await accounts.list_keys(DAVE.id, "", 3) == []
    page = await accounts.list_accounts("", 2)
    assert [account.id for account in page] == ["acct_dave", "acct_carol"]
    assert [account.id for account in await accounts.list_accounts("acct_carol", 5)] == ["acct_alice"]


async def test_a_key_comes_with_its_account(accounts):
    await accounts.add_key(key(1), "local-socket")
    assert await accounts.key_with_account("public1") == (key(1), CAROL)
    assert await accounts.key_with_account("other") is None


async def test_a_key_is_revoked_once_and_the_change_is_announced(accounts, store):
    await accounts.add_key(key(1), "local-socket")
    revoked = await accounts.revoke_key(ApiKeyId("key_1"), Microseconds(50), "operator-1")
    again = await accounts.revoke_key(ApiKeyId("key_1"), Microseconds(60), "operator-1")
    assert revoked == again == replace(key(1), revoked_at=Microseconds(50))
    assert await accounts.revoke_key(ApiKeyId("none"), Microseconds(50), "operator-1") is None

    announced = await store.database.read(lambda c: c.execute(select(changes.c.kind, changes.c.id)).all())
    assert [tuple(row) for row in announced] == [("key", "key_1")]


async def test_a_cap_comes_with_its_key_and_is_audited(accounts, store):
    capped = replace(
        key(1), spend=nothing_spent(ApiKeyId("key_1"), SpendCap(5, CapWindow.DAY), store.clock.now())
    )
    await accounts.add_key(capped, "local-socket")
    await accounts.add_key(key(2), "local-socket")
    assert await accounts.list_keys(CAROL.id, "", 5) == [key(2), capped]

    raised = await accounts.set_cap(ApiKeyId("key_1"), SpendCap(9), "operator-1")
    assert raised.spend.cap == SpendCap(9)
    assert await accounts.set_cap(ApiKeyId("key_1"), None, "operator-1") == key(1)
    assert await accounts.set_cap(ApiKeyId("none"), SpendCap(1), "operator-1") is None

    newest = await SqlAuditStore(store.database).find(AuditFilter(), None, 4)
    assert [(entry.row.action, entry.detail) for entry in reversed(newest)] == [
        ("key.create", "account=acct_carol cap=5 window=day"),
        ("key.create", "account=acct_carol"),
        ("key.cap", "cap=9 window=lifetime"),
        ("key.cap", "cap=none"),
    ]


async def test_the_audit_log_takes_what_other_modules_did(accounts, store):
    await accounts.record("operator-1", "credits.grant", "acct_carol", "amount=5")
    [last] = await SqlAuditStore(store.database).find(AuditFilter(), None, 1)
    assert (last.row.action, last.detail, last.row.at) == ("credits.grant", "amount=5", store.clock.now())
