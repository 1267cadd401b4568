"""Figures, and the one table that they are printed in."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from statistics import median
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Budget:
    """What is allowed of a figure: at least, or at most."""

    kind: Literal["≥", "≤"]
    limit: float
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {number(self.limit)}{self.unit and ' '}{self.unit}"

    def verdict(self, value: float) -> str:
        missed = self.limit - value if self.kind == "≥" else value - self.limit
        if missed <= 0:
            return "met"
        part = missed / self.limit * 100
        return f"missed by {number(missed)}{self.unit and ' '}{self.unit} ({part:.0f} %)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `values` has one value for each round; the middle one is held against the budget."""

    what: str
    values: Sequence[float]
    unit: str = ""
    budget: Budget | None = None
    note: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    """More than the table shows, for the JSON file."""

    @property
    def value(self) -> float:
        return median(self.values)

    def measured(self) -> str:
        text = f"{number(self.value)}{self.unit and ' '}{self.unit}"
        if len(self.values) > 1:
            text += f" ({number(min(self.values))} to {number(max(self.values))})"
        return text

    def verdict(self) -> str:
        return "" if self.budget is None else self.budget.verdict(self.value)

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "unit": self.unit,
            "budget": None if self.budget is None else str(self.budget),
            "median": self.value,
            "values": list(self.values),
            "verdict": self.verdict(),
            "note": self.note,
            **self.detail,
        }


def number(value: float) -> str:
    """Three figures are all that a benchmark knows.

    >>> number(0.4567), number(12.34), number(12345.6), number(-0.04)
    ('0.457', '12.3', '12,300', '-0.04')
    """
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:,.3g}"


def table(rows: Sequence[Row]) -> str:
    """Budgets first in each line, so that a glance down the last column tells what is missed."""
    head = ("what", "budget", "measured: median (min to max)", "verdict", "")
    lines = [
        (row.what, "" if row.budget is None else str(row.budget), row.measured(), row.verdict(), row.note)
        for row in rows
    ]
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [head, *lines]
    ]
    return "\n".join([text[0], "─" * max(map(len, text)), *text[1:]])


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    load = os.getloadavg()
    return {
        "cpus": os.cpu_count(),
        "load_average": [round(each, 2) for each in load],
        "python": platform.python_version(),
        "grpcio": version("grpcio"),
        "sqlite": sqlite3.sqlite_version,
        "platform": sys.platform,
    }
