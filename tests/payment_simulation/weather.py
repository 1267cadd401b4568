"""What can go wrong between buyers, the provider, its events and our workers, and how often it does in one world."""

from __future__ import annotations

from dataclasses import dataclass, fields
from random import Random


@dataclass(frozen=True, slots=True)
class Weather:
    """Chances of each transaction, call or event."""

    fault: float = 0.0
    """Of a transaction, of any kind: see `tests.simulation.weather.Fault`."""
    worker_dies: float = 0.0
    """Of a write or call: before it is sent, or while it is under way."""
    call_lost: float = 0.0
    """A call to the provider never gets there."""
    call_late: float = 0.0
    """It gets there when the caller has given up."""
    answer_lost: float = 0.0
    answer_slow: float = 0.0
    """So slow that what it says may be old."""
    refused: float = 0.0
    """The provider does not want an order."""
    event_lost: float = 0.0
    event_late: float = 0.0
    """By up to half a day."""
    event_doubled: float = 0.0
    event_forged: float = 0.0
    """Of an event: somebody sends another like it, that is not the provider's, or is about something else."""

    @property
    def is_calm(self) -> bool:
        return self == CALM


CALM = Weather()

_RATES = {
    "fault": (0.01, 0.08),
    "worker_dies": (0.003, 0.03),
    "call_lost": (0.03, 0.2),
    "call_late": (0.02, 0.1),
    "answer_lost": (0.03, 0.2),
    "answer_slow": (0.05, 0.3),
    "refused": (0.02, 0.1),
    "event_lost": (0.1, 1.0),
    "event_late": (0.1, 0.5),
    "event_doubled": (0.1, 0.5),
    "event_forged": (0.1, 0.5),
}


def draw_weather(chance: Random) -> Weather:
    """Some things never happen in a world and others often: a defect that needs two of them is not drowned by a third."""
    rates = {}
    for field in fields(Weather):
        kind = chance.random()
        rates[field.name] = 0.0 if kind < 0.35 else _RATES[field.name][kind > 0.75]
    return Weather(**rates)
