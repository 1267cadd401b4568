"""Which database the settings name, and the ledger on it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, func, select

from raseed.adapters.sql.hash_chain import chain_head
from raseed.adapters.sql.ledger.tables import ledger_entries, ledger_tx
from raseed.adapters.sql.ledger.verify import INVARIANT_COUNT, verify
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.sql.postgres.database import PostgresDatabase
from raseed.adapters.sql.postgres.ledger import PostgresLedger
from raseed.adapters.sql.sqlite.database import Database
from raseed.adapters.sql.sqlite.ledger import SqliteLedger
from raseed.app.layout import Home
from raseed.app.settings.configuration import Settings
from raseed.core.admin.service import Verification, Violation
from raseed.core.billing.ports import Ledger


async def open_database(settings: Settings, home: Home) -> tuple[SqlDatabase, Ledger]:
    """Brings the schema up to date. Raises DatabaseInUse, DatabaseUnavailable, SchemaTooNew."""
    if settings.database.url:
        postgres = await PostgresDatabase.open(settings.database.url)
        return postgres, PostgresLedger(postgres)
    sqlite = await Database.open(Path(settings.database.path or home.database))
    return sqlite, SqliteLedger(sqlite)


def verification(connection: Connection) -> Verification:
    """What is wrong with the books, and how many there are of them."""
    head = chain_head(connection, ledger_tx)
    return Verification(
        violations=tuple(
            Violation(found.invariant, f"{found.id}: {found.detail}") for found in verify(connection)
        ),
        invariant_count=INVARIANT_COUNT,
        entry_count=connection.scalar(select(func.count()).select_from(ledger_entries)) or 0,
        sealed_count=head.seq,
        chain_head=head.hash,
    )
