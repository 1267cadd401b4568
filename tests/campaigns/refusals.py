"""Each refused request, held against what the ledger's own rows say of the moment at which it was refused.

A refusal writes no row. It does say how much was free and how much open holds kept when it was decided, and that is
enough to find its place: free and held together become less with every settlement and with nothing else, so they name
the two settlements that it lies between, and between these what is held grows with every hold that is opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.campaigns.books import Books


@dataclass(frozen=True, slots=True)
class Run:
    """A hold that has ended. Moments are the ledger's, amounts micro-credits."""

    opened_at: int
    closed_at: int
    amount: int
    """When it ended: it may have begun with less."""
    cost: int


@dataclass(frozen=True, slots=True)
class Refusal:
    required: int
    available: int
    held: int


def runs_of(books: Books, account_id: str) -> list[Run]:
    query = (
        "SELECT opened_at, closed_at, amount_microcredits, cost_microcredits FROM holds "
        "WHERE account_id = $1 ORDER BY opened_at, id"
    )
    return [Run(*row) for row in books.rows(query, account_id)]


def is_false(refusal: Refusal, grant: int, runs: Sequence[Run]) -> bool:
    """Whether what was free, and what the runs open at that moment were to give back, would have paid for it.

    Where the moment is not certain to the hold, at every moment that it may have been.
    """
    begin, end = _settlements_around(refusal.available + refusal.held, grant, runs)
    # Within one batch everything has the same time, so that the rows do not tell which came first.
    possible = [
        opened
        for at in sorted({begin, *(run.opened_at for run in runs if begin <= run.opened_at <= end)})
        if (opened := [run for run in runs if run.opened_at <= at])
    ] or [[]]
    kept = [sum(run.amount for run in opened if run.closed_at > begin) for opened in possible]
    exact = [opened for opened, held in zip(possible, kept, strict=True) if held == refusal.held]
    # A hold that grew was smaller before: then the place is any at which holds that end with more were open.
    near = [opened for opened, held in zip(possible, kept, strict=True) if held >= refusal.held]
    return all(
        grant - sum(run.cost for run in opened) >= refusal.required
        for opened in exact or near or possible[-1:]
    )


def _settlements_around(unspent: int, grant: int, runs: Sequence[Run]) -> tuple[int, int]:
    """When the last of the settlements that had happened was made, and the first of those that had not."""
    begin = min(run.opened_at for run in runs)
    for run in sorted(runs, key=lambda run: run.closed_at):
        grant -= run.cost
        if grant < unspent:
            return begin, run.closed_at
        begin = run.closed_at
    return begin, begin
