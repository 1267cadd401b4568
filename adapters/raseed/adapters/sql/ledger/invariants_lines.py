"""The invariant of usage lines that no statement can say, because prices and checkpoints are JSON: a walk over holds."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from raseed.adapters.sql.ledger.invariants_books import OPEN
from raseed.adapters.sql.ledger.rows import measured_of, price_of
from raseed.adapters.sql.ledger.tables import holds, usage_lines
from raseed.core.billing.model import HoldState
from raseed.core.billing.pricing import price_lines

PAGE = 1_000
"""Holds that are looked at together: some hundred KiB."""

_Terms = set[tuple[str, int, int, int]]


def lines_follow_price_and_checkpoint(connection: Connection) -> Iterator[tuple[str, str]]:
    """The lines are the quantities of the hold's last checkpoint at the prices of its own snapshot; a release has none."""
    columns = (holds.c.id, holds.c.state, holds.c.price, holds.c.checkpoint)
    ended, after = select(*columns).where(~OPEN).order_by(holds.c.id).limit(PAGE), ""
    lines = usage_lines.c
    terms = select(lines.request_id, lines.meter, lines.quantity, lines.unit_price_microcredits, lines.per)
    while page := connection.execute(ended.where(holds.c.id > after)).all():
        stored: dict[str, _Terms] = {row.id: set() for row in page}
        for request_id, *line in connection.execute(
            terms.where(lines.request_id.between(page[0].id, page[-1].id))
        ):
            stored.setdefault(request_id, set()).add((line[0], line[1], line[2], line[3]))
        for row in page:
            expected: _Terms = set()
            if row.state != HoldState.RELEASED.value:
                expected = {
                    (line.meter.value, line.quantity, line.unit_price_microcredits, line.per)
                    for line in price_lines(price_of(row.price), measured_of(row.checkpoint))
                }
            if stored[row.id] != expected:
                differ = sorted(stored[row.id] ^ expected)
                yield row.id, f"lines differ from checkpoint and price in {differ}"
        after = page[-1].id
