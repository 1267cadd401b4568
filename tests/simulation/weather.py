"""What can go wrong, and how often it does in one simulated world. Every world has weather of its own."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum, auto
from random import Random


class Fault(Enum):
    """What happens to a transaction."""

    STATEMENT_FAILS = auto()
    """One statement fails, the transaction lives on."""
    TRANSACTION_LOST = auto()
    """A full disk or an I/O error: SQLite has rolled back on its own."""
    DIES_AT_STATEMENT = auto()
    COMMIT_FAILS = auto()
    """An error, and nothing was committed."""
    COMMIT_UNKNOWN = auto()
    """The same error, but it was committed."""
    DIES_BEFORE_COMMIT = auto()
    DIES_IN_COMMIT = auto()
    """The log on disk is torn at any byte of what the commit writes."""
    DIES_AFTER_COMMIT = auto()


@dataclass(frozen=True, slots=True)
class Weather:
    """Chances of each message, transaction or second."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    """Arrives long after the sender has given up."""
    fault: float = 0.0
    """Of a transaction, of any kind."""
    store_restarts: float = 0.0
    """Of a second: killed between transactions, or closed in good order."""
    worker_dies: float = 0.0
    worker_doubled: float = 0.0
    """Of a second: its next life begins while the last one still runs."""
    clock_turned: float = 0.0
    chaos: float = 0.0
    """Of a second: an old command is sent again, as it was or with other content."""

    @property
    def is_calm(self) -> bool:
        return self == CALM


CALM = Weather()

_RATES = {
    "lost": (0.03, 0.15),
    "doubled": (0.05, 0.2),
    "late": (0.02, 0.1),
    "fault": (0.03, 0.2),
    "store_restarts": (0.02, 0.08),
    "worker_dies": (0.03, 0.1),
    "worker_doubled": (0.02, 0.06),
    "clock_turned": (0.05, 0.3),
    "chaos": (0.2, 0.6),
}


def draw_weather(chance: Random) -> Weather:
    """Some things never happen in a world and others often: a defect that needs two of them is not drowned by a third."""
    rates = {}
    for field in fields(Weather):
        kind = chance.random()
        rates[field.name] = 0.0 if kind < 0.3 else _RATES[field.name][kind > 0.75]
    return Weather(**rates)
