"""Invariants of documents, for the proof of the ledger. Each function is a query that finds the rows which break one."""

from __future__ import annotations

from sqlalchemy import Select, Text, and_, cast, func, or_, union_all

from raseed.adapters.sql.ledger.invariants_books import finding
from raseed.adapters.sql.payments.receipt_tables import receipt_counters, receipts

_counters, _receipts = receipt_counters.c, receipts.c


def receipt_numbers_have_no_gap() -> Select[str, str]:
    """Each series of a year has as many documents as its counter says, the last of that number: none is counted twice, says
    the table itself.
    """
    of_counter = and_(_receipts.series == _counters.series, _receipts.year == _counters.year)
    count, last = func.count(_receipts.id), func.coalesce(func.max(_receipts.ordinal), 0)
    uneven = (
        finding(
            _counters.series.concat("-").concat(cast(_counters.year, Text)),
            *("counted to ", _counters.last_ordinal, ", has ", count, " up to ", last),
        )
        .join_from(receipt_counters, receipts, of_counter, isouter=True)
        .group_by(_counters.series, _counters.year, _counters.last_ordinal)
        .having(or_(count != _counters.last_ordinal, last != _counters.last_ordinal))
    )
    uncounted = (
        finding(_receipts.number, "no counter gave this number")
        .join_from(receipts, receipt_counters, of_counter, isouter=True)
        .where(_counters.series.is_(None))
    )
    return union_all(uneven, uncounted)  # type: ignore[return-value]
