"""Server-sent events out of bytes that come in any pieces (WHATWG HTML, 9.2.6), within bounds."""

from __future__ import annotations

from dataclasses import dataclass

SSE = "text/event-stream"
EVENT_BYTES_MAX = 1024 * 1024
"""Longest event, and longest line. A chunk of an answer has some hundred bytes; one with a whole answer some hundred
kilobytes."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    data: bytes


class EventTooLong(Exception):
    """A line or an event is longer than anything that a provider means to send."""


class SseParser:
    def __init__(self, bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._line = bytearray()
        """The beginning of a line whose end has not come."""
        self._after_return = False
        self._is_first_line = True
        self._name = ""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self.lines = 0
        """Whole ones so far, comments included: who counts no more of them is silent."""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that are whole now. Raises EventTooLong."""
        if (
            chunk.endswith(b"\n\n")
            and self._is_between_events()
            and (events := self._plain(chunk)) is not None
        ):
            self.lines += 2 * len(events)
            return events
        if self._after_return or b"\r" in chunk:
            chunk = self._with_newlines(chunk)
        if b"\n" not in chunk:
            self._extend(chunk)
            return []
        first, *lines = chunk.split(b"\n")
        self._extend(first)
        lines.insert(0, bytes(self._line))
        self._line = bytearray()
        self._extend(lines.pop())
        return [event for line in lines if (event := self._take(line)) is not None]

    def end(self) -> list[Event]:
        """What is left when the bytes end: many servers leave out the last blank line."""
        events = [self._take(bytes(self._line)), self._take(b"")]
        self._line = bytearray()
        return [event for event in events if event is not None]

    def _is_between_events(self) -> bool:
        return not (self._line or self._data or self._name or self._after_return or self._is_first_line)

    def _plain(self, chunk: bytes) -> list[Event] | None:
        """The events of a chunk that is nothing but whole ones of one line of data, as most are; None: it is more than
        that.
        """
        events = []
        for event in chunk[:-2].split(b"\n\n"):
            if not event.startswith(b"data: ") or b"\n" in event or b"\r" in event:
                return None
            if len(event) > self._bytes_max:
                return None
            events.append(Event("", event[6:]))
        return events

    def _with_newlines(self, chunk: bytes) -> bytes:
        """A return, alone or before a newline, ends a line as well."""
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        if chunk:
            self._after_return = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _extend(self, part: bytes) -> None:
        self._line += part
        if len(self._line) > self._bytes_max:
            raise EventTooLong

    def _take(self, line: bytes) -> Event | None:
        self.lines += 1
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._event()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
            if self._data_bytes > self._bytes_max:
                raise EventTooLong
        elif field == b"event":
            self._name = value.decode(errors="replace")
        return None

    def _event(self) -> Event | None:
        name, data = self._name, self._data
        self._name, self._data, self._data_bytes = "", [], 0
        return Event(name, data[0] if len(data) == 1 else b"\n".join(data)) if data else None
