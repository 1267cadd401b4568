"""A log that a test reads, in the place of a module's own: what the process logs to may be fixed by an earlier test."""

from __future__ import annotations

from typing import Any


class LogLines(list[dict[str, Any]]):
    """One entry for each line: its fields, `event` and `level`."""

    def info(self, event: str, **fields: Any) -> None:
        self.append({"event": event, "level": "info", **fields})

    def warning(self, event: str, **fields: Any) -> None:
        self.append({"event": event, "level": "warning", **fields})

    def error(self, event: str, **fields: Any) -> None:
        self.append({"event": event, "level": "error", **fields})
