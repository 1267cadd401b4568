"""What an error of a database says goes into the log without the values that it was about."""

from __future__ import annotations

import traceback

import pytest
from sqlalchemy import Connection, text
from tests.contract.ledger.conftest import POSTGRES, SQLITE, open_store

from raseed.adapters.telemetry.log import redacted

CANARY = "zaphod.beeblebrox"


@pytest.mark.parametrize("kind", [SQLITE, POSTGRES])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT abs(CAST(:value AS BIGINT) + 1) FROM nothing_of_the_kind",
        "INSERT INTO consents (account_id, terms_version, accepted_at) VALUES (:value, :value, 1)",
        "SELECT CAST(CAST(:value AS TEXT) AS BIGINT) + missing",
        "INSERT INTO accounts (id, created_at) VALUES (:value, :value)",
    ],
)
async def test_no_value_is_told(kind: str, statement: str, tmp_path):
    store = await open_store(kind, tmp_path)

    def work(connection: Connection) -> None:
        connection.execute(text(statement), {"value": CANARY})

    with pytest.raises(Exception, match=r".") as caught:
        await store.database.write(work)
    await store.close()
    told = "".join(traceback.format_exception(caught.value))
    assert CANARY not in redacted(told)
    assert "…" in redacted(told)


@pytest.mark.parametrize(
    "line",
    [
        f"invalid input for query argument $2: '{CANARY}' (expected int)",
        f"invalid input for query argument $1 in element #3 of executemany() sequence: '{CANARY}'",
        f'invalid input syntax for type bigint: "{CANARY}"',
        f'invalid input value for enum tier: "{CANARY}"',
    ],
)
def test_no_value_of_a_driver_is_told(line: str):
    assert CANARY not in redacted(f"error: {line}")


@pytest.mark.parametrize("kind", ["live", "test", "sess", "admin", "inv"])
def test_of_a_secret_its_first_characters_stay(kind: str):
    assert redacted(f"got rsd_{kind}_7d1e55aa0b.") == f"got rsd_{kind}_7d1e…."
