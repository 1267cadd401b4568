"""Accounts in SQL: each change with its audit row, and with the change that tells workers to forget."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contract.ledger.conftest import ACCOUNT, POSTGRES, SQLITE, open_store
from tests.unit.billing.builders import ALICE

from raseed.adapters.sql.accounts.accounts import SqlAccountStore
from raseed.core.accounts.model import Tier
from raseed.core.errors import Conflict
from raseed.core.ids import AccountId

CAROL = replace(ACCOUNT, id=AccountId("acct_carol"), email="carol@example.com", tier=Tier.PRO)
DAVE = replace(ACCOUNT, id=AccountId("acct_dave"), phone_e164="+96550123456")


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
