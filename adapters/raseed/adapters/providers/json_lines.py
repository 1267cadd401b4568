"""A JSON value on each line, within bounds: how Ollama streams."""

from __future__ import annotations

from raseed.adapters.providers.sse import EVENT_BYTES_MAX, Event, EventTooLong

JSON_LINES = "application/x-ndjson"


class JsonLinesParser:
    """Implements `wire.Parser`."""

    def __init__(self, bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._line = bytearray()
        self.lines = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """Raises EventTooLong."""
        first, *lines = chunk.split(b"\n")
        self._extend(first)
        whole = []
        for line in lines:
            whole.append(bytes(self._line))
            self._line = bytearray()
            self._extend(line)
        self.lines += len(whole)
        return [Event("", line) for line in whole if line.strip()]

    def end(self) -> list[Event]:
        line, self._line = bytes(self._line), bytearray()
        return [Event("", line)] if line.strip() else []

    def _extend(self, part: bytes) -> None:
        self._line += part
        if len(self._line) > self._bytes_max:
            raise EventTooLong
