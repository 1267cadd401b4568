"""Where an answer ends because of a stop sequence."""

from __future__ import annotations

from collections.abc import Sequence


class Stops:
    """Takes a text piece by piece, and holds back what may be the beginning of a stop sequence."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""

    def take(self, text: str) -> tuple[str, str | None]:
        """What may be shown now, and the sequence that ends the answer behind it, if one is whole.

        >>> stops = Stops(["END"])
        >>> stops.take("the E"), stops.take("N"), stops.take("emy EN"), stops.take("D.")
        (('the ', None), ('', None), ('ENemy ', None), ('', 'END'))
        """
        if not self._stops:
            return text, None
        held = self._held + text
        found = [(at, stop) for stop in self._stops if (at := held.find(stop)) >= 0]
        if found:
            at, stop = min(found)
            self._held = ""
            return held[:at], stop
        keep = max((_begun(held, stop) for stop in self._stops), default=0)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep], None

    def rest(self) -> str:
        """What was held back, when nothing more comes."""
        held, self._held = self._held, ""
        return held


def _begun(text: str, stop: str) -> int:
    """How much of `stop` stands at the end of `text`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
