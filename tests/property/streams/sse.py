"""Server-sent events, read byte for byte and without mercy: whatever a strict reader could stumble over is an error."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Event:
    name: str | None
    data: str

    @property
    def json(self) -> Any:
        return json.loads(self.data)


def blocks(stream: bytes) -> list[list[str]]:
    """The lines of each event and each comment. The last one too ends with a blank line."""
    text = stream.decode("utf-8")  # raises for what is not UTF-8
    assert text.endswith("\n\n"), "the last event lacks its blank line"
    return [block.split("\n") for block in text.removesuffix("\n\n").split("\n\n")]


def is_comment(block: list[str]) -> bool:
    return all(line.startswith(":") for line in block)


def events(stream: bytes) -> list[Event]:
    found = []
    for block in blocks(stream):
        if is_comment(block):
            continue
        names = [line.removeprefix("event: ") for line in block if line.startswith("event: ")]
        [data] = [line.removeprefix("data: ") for line in block if line.startswith("data: ")]
        found.append(Event(names[0] if names else None, data))
    return found


def chunks(stream: bytes) -> list[Any]:
    """The objects of a stream of OpenAI's chat or completions, without `[DONE]`."""
    return [event.json for event in events(stream) if event.data != DONE]
