"""What was used before the sums existed is in them after the upgrade, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, text
from tests.support.migrations import on_postgres, on_sqlite, upgrade

from raseed.core.clock import DAY, HOUR

BEFORE, SINCE, APART = "0002", "0003", "0009"
EVENTS = [
    # id, moment, model, key, cost, lines
    ("a", 5 * DAY + 1, "m", "key_1", 7, {"input_tokens": 3, "output_tokens": 4}),
    ("b", 5 * DAY + HOUR - 1, "m", "key_1", 2, {"output_tokens": 2}),
    ("c", 5 * DAY + HOUR, "m", None, 1, {"images": 1}),
    ("d", 5 * DAY + 2, "n", "key_1", 0, {}),
]


def migrate_with_data(connection: Connection) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The sums after the upgrade: grain, beginning, model, key, requests, cost, input, output, images. And after the one
    that has models and keys apart, which is what they are in: dimension, grain, beginning, name, and so on.
    """
    upgrade(connection, BEFORE)

    def insert(table: str, **values: object) -> None:
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)

    insert("accounts", id="acct", email="a@b", tier="free", status="active", created_at=0)
    insert(
        "api_keys",
        id="key_1",
        account_id="acct",
        public_id="p",
        digest=b"",
        pepper_version=1,
        name="",
        last4="",
        created_at=0,
    )
    for id_, at, model, key, cost, lines in EVENTS:
        insert(
            "holds",
            id=id_,
            account_id="acct",
            model=model,
            price="",
            input_hash="",
            amount_microcredits=cost,
            state="settled",
            owner_instance="",
            owner_epoch=1,
            lease_until=0,
            checkpoint="",
            opened_at=0,
            closed_at=0,
            cost_microcredits=cost,
        )
        insert(
            "usage_events",
            request_id=id_,
            account_id="acct",
            api_key_id=key,
            model=model,
            source="engine",
            outcome="completed",
            cost_microcredits=cost,
            shortfall_microcredits=0,
            latency_ms=0,
            backend="",
            at=at,
        )
        for meter, quantity in lines.items():
            insert(
                "usage_lines",
                request_id=id_,
                meter=meter,
                quantity=quantity,
                unit_price_microcredits=1,
                per=1,
                cost_microcredits=quantity,
            )
    upgrade(connection, SINCE)
    assert connection.scalar(text("SELECT scopes FROM api_keys")) == ""
    found = connection.execute(
        text(
            "SELECT grain, begins_at, model, api_key_id, request_count, cost_microcredits, input_tokens, "
            "output_tokens, images FROM usage_sums ORDER BY grain, begins_at, model, api_key_id"
        )
    )
    of_pairs = [tuple(row) for row in found]
    upgrade(connection, APART)
    found = connection.execute(
        text(
            "SELECT dimension, grain, begins_at, name, request_count, cost_microcredits, input_tokens, "
            "output_tokens, images FROM usage_sums ORDER BY dimension, grain, begins_at, name"
        )
    )
    return of_pairs, [tuple(row) for row in found]


@pytest.mark.parametrize("run", [on_sqlite, on_postgres])
async def test_past_usage_is_added_up(run, tmp_path):
    day = 5 * DAY
    of_pairs, apart = await run(migrate_with_data, tmp_path)
    assert of_pairs == [
        ("day", day, "m", "", 1, 1, 0, 0, 1),
        ("day", day, "m", "key_1", 2, 9, 3, 6, 0),
        ("day", day, "n", "key_1", 1, 0, 0, 0, 0),
        ("hour", day, "m", "key_1", 2, 9, 3, 6, 0),
        ("hour", day, "n", "key_1", 1, 0, 0, 0, 0),
        ("hour", day + HOUR, "m", "", 1, 1, 0, 0, 1),
    ]
    assert apart == [
        ("key", "day", day, "", 1, 1, 0, 0, 1),
        ("key", "day", day, "key_1", 3, 9, 3, 6, 0),
        ("key", "fortnight", 0, "", 1, 1, 0, 0, 1),
        ("key", "fortnight", 0, "key_1", 3, 9, 3, 6, 0),
        ("key", "hour", day, "key_1", 3, 9, 3, 6, 0),
        ("key", "hour", day + HOUR, "", 1, 1, 0, 0, 1),
        ("model", "day", day, "m", 3, 10, 3, 6, 1),
        ("model", "day", day, "n", 1, 0, 0, 0, 0),
        ("model", "fortnight", 0, "m", 3, 10, 3, 6, 1),
        ("model", "fortnight", 0, "n", 1, 0, 0, 0, 0),
        ("model", "hour", day, "m", 2, 9, 3, 6, 0),
        ("model", "hour", day, "n", 1, 0, 0, 0, 0),
        ("model", "hour", day + HOUR, "m", 1, 1, 0, 0, 1),
    ]
