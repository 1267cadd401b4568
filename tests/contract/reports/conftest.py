"""The databases that reports are read from."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contract.ledger.conftest import POSTGRES, SQLITE, SqlStore, open_store
from tests.unit.billing.builders import ALICE, BOB, issue

from raseed.adapters.sql.accounts.api_keys import insert_key
from raseed.core.accounts.model import ApiKey
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId, PersonId


@pytest.fixture(params=[SQLITE, POSTGRES])
async def store(request, tmp_path) -> AsyncIterator[SqlStore]:
    """With Alice and Bob, who have much credit and a key each."""
    opened = await open_store(request.param, tmp_path)
    for account_id in (ALICE, BOB):
        await opened.open_account(account_id)
        await opened.ledger.submit([issue("start", 10**9, account_id)])
        await add_key(opened, account_id, "first")
    yield opened
    await opened.close()


async def add_key(
    store: SqlStore, account_id: AccountId, name: str, created_by: PersonId | None = None
) -> ApiKeyId:
    key_id = key_of(account_id, name)
    key = ApiKey(
        id=key_id,
        account_id=account_id,
        public_id=key_id,
        digest=b"",
        pepper_version=1,
        name=name,
        last4="0000",
        created_at=Microseconds(0),
        expires_at=None,
        revoked_at=None,
        created_by=created_by,
    )
    await store.database.write(lambda connection: insert_key(connection, key))
    return key_id


def key_of(account_id: AccountId, name: str) -> ApiKeyId:
    return ApiKeyId(f"key_{account_id}_{name}")
