"""Messages of AWS's event stream encoding out of bytes that come in any pieces, within bounds.

    total length (4) · length of the headers (4) · CRC of those two (4) · headers · payload · CRC of all before (4)

Big-endian, CRC-32 as in zlib; a header is its name (1 byte of length), a type (1) and its value, of which strings (type 7, 2
bytes of length) are all that is read here. By smithy.io/2.0/aws/amazon-eventstream.html.
"""

from __future__ import annotations

from binascii import crc32
from struct import Struct

from raseed.adapters.providers.sse import EVENT_BYTES_MAX, Event, EventTooLong
from raseed.adapters.providers.wire import NotUnderstood

EVENT_STREAM = "application/vnd.amazon.eventstream"
EXCEPTION = "exception:"
"""Before the name of an event that is an error."""
_PRELUDE = Struct(">III")
_CRC = Struct(">I")
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Of the values of headers of a fixed size: booleans, integers, a time, a UUID."""


class EventStreamParser:
    """Implements `wire.Parser`."""

    def __init__(self, bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._rest = bytearray()
        self._broken: Exception | None = None
        """What follows the last event."""
        self.lines = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """Raises EventTooLong, NotUnderstood, once the events before have been returned."""
        self._rest += chunk
        events: list[Event] = []
        try:
            while self._broken is None and (event := self._next()) is not None:
                events.append(event)
        except (EventTooLong, NotUnderstood) as error:
            self._broken = error
        self.lines += len(events)
        if self._broken is not None and not events:
            raise self._broken
        return events

    def end(self) -> list[Event]:
        """What is left of a message is none."""
        if self._broken is not None:
            raise self._broken
        return []

    def _next(self) -> Event | None:
        if len(self._rest) < _PRELUDE.size:
            return None
        total, headers, crc = _PRELUDE.unpack_from(self._rest)
        if crc32(self._rest[:8]) != crc:
            raise NotUnderstood
        if total > self._bytes_max:
            raise EventTooLong
        if len(self._rest) < total:
            return None
        message = bytes(self._rest[:total])
        del self._rest[:total]
        return _event(message, headers)


def _event(message: bytes, headers_bytes: int) -> Event:
    end = len(message) - _CRC.size
    payload_at = _PRELUDE.size + headers_bytes
    if payload_at > end or crc32(message[:end]) != _CRC.unpack_from(message, end)[0]:
        raise NotUnderstood
    headers = _headers(message[_PRELUDE.size : payload_at])
    payload = message[payload_at:end]
    if headers.get(":message-type") in {"exception", "error"}:
        kind = headers.get(":exception-type", headers.get(":error-code", ""))
        return Event(EXCEPTION + kind, payload)
    return Event(headers.get(":event-type", ""), payload)


def _headers(data: bytes) -> dict[str, str]:
    """Those that are strings."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            name_end = at + 1 + data[at]
            name, kind = data[at + 1 : name_end].decode(), data[name_end]
            at = name_end + 1
            if kind in _SIZES:
                at += _SIZES[kind]
                continue
            size = int.from_bytes(data[at : at + 2])
            value = data[at + 2 : at + 2 + size]
            at += 2 + size
            if kind == 7:
                found[name] = value.decode()
            elif kind != 6:
                raise NotUnderstood
    except (IndexError, UnicodeDecodeError) as error:
        raise NotUnderstood from error
    if at != len(data):
        raise NotUnderstood
    return found
