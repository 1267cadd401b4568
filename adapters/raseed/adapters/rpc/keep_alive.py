"""Tells the writer of a stream that it has been silent, so that no client or proxy takes the stream for dead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SILENCE_S = 15.0
"""Longest silence of a server-sent stream. Some proxies close a connection after 30 s without a byte."""


class KeepAlive:
    """Calls `on_silence` when `wrote` was not called for 7.5 to 15 s. `close` it with the stream.

    A flag and a slow tick, not a timer for each piece: a piece costs one store.
    """

    __slots__ = ("_is_quiet", "_loop", "_on_silence", "_tick_s", "_timer")

    def __init__(self, on_silence: Callable[[], None], silence_s: float = SILENCE_S) -> None:
        self._on_silence = on_silence
        self._tick_s = silence_s / 2
        self._is_quiet = False
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(self._tick_s, self._tick)

    def wrote(self) -> None:
        self._is_quiet = False

    def close(self) -> None:
        self._timer.cancel()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._tick_s, self._tick)
        if self._is_quiet:
            self._on_silence()
        self._is_quiet = True
