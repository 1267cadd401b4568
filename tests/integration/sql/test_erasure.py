"""What was erased is not in the bytes of a SQLite file either: freed space is overwritten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection
from tests.contract.ledger.conftest import ACCOUNT
from tests.support.receipts import terms
from tests.support.receipts_issued import issued

from raseed.adapters.sql.accounts.accounts import create_account
from raseed.adapters.sql.accounts.standing import SqlStandingStore
from raseed.adapters.sql.erasure import SqlErasureStore
from raseed.adapters.sql.sqlite.database import Database
from raseed.core.ids import AccountId

CANARY = "zaphod.beeblebrox"
ALICE = AccountId("acct_alice")


def files_with_it(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if CANARY.encode() in file.read_bytes()]


async def test_an_erased_holder_is_not_in_the_file(tmp_path: Path):
    path = tmp_path / "raseed.db"
    database = await Database.open(path)
    holder = replace(ACCOUNT, id=ALICE, email=f"{CANARY}@example.com")

    def create(connection: Connection) -> None:
        create_account(connection, holder)

    await database.write(create)
    standing = SqlStandingStore(database)
    for number in range(50):
        await standing.add_note(ALICE, f"{CANARY} {number} " + "long " * 200, "op_1")
    await issued(database, terms(), ALICE)
    await standing.suspend(ALICE, f"{CANARY} spams", "op_1")
    await database.close()
    assert files_with_it(tmp_path) == ["raseed.db"]

    database = await Database.open(path)
    await SqlErasureStore(database).erase(ALICE, "asked for", "op_1")
    await database.close()
    assert files_with_it(tmp_path) == []
