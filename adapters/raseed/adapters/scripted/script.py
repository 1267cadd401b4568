"""The script language of the scripted backend: what the last user message may ask for.

A message that begins with `#script` is a script; any other is echoed. Words after it, in any order:

| word              | means                                                                            |
|-------------------|----------------------------------------------------------------------------------|
| `tokens=N`        | produce N tokens (default: exactly `max_tokens`), never more than `max_tokens`   |
| `pace_ms=X`       | wait X milliseconds before each piece (default: the backend's setting)           |
| `batch=N`         | N tokens in one piece (default 1)                                                |
| `tool=NAME`       | answer with a call of this function                                              |
| `args=JSON`       | its arguments, without a space in them (default `{"n":1}`)                       |
| `tools=N`         | N parallel calls                                                                 |
| `reason=N`        | the first N tokens are what the model thinks                                     |
| `json`            | answer with a JSON object; `json=JSON` with this one, which has no space in it    |
| `fail_at=N`       | the engine fails after N tokens (0: before the first)                            |
| `hang_at=N`       | the engine goes silent after N tokens                                            |
"""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "#script"
_ARGS = '{"n":1}'
_OBJECT = ('{"ok"', ":", "true", "}")
_WORDS = {"tokens", "pace_ms", "batch", "tool", "args", "tools", "reason", "json", "fail_at", "hang_at"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    tokens: int | None = None
    pace_ms: float | None = None
    batch: int = 1
    tool: str = ""
    args: str = _ARGS
    tools: int = 0
    json: tuple[str, ...] = ()
    """The pieces of the object; none: the answer is not JSON."""
    reason: int = 0
    fail_at: int | None = None
    hang_at: int | None = None


def parse_script(text: str) -> Script | None:
    """The script of a message, None if it is not one. Raises ValueError with the word at fault."""
    if not text.startswith(PREFIX):
        return None
    values: dict[str, str] = {}
    for word in text[len(PREFIX) :].split():
        name, _, value = word.partition("=")
        values[name] = value
    unknown = values.keys() - _WORDS
    if unknown:
        raise ValueError(f"unknown word in script: {min(unknown)}")

    def number(name: str) -> int | None:
        return int(values[name]) if name in values else None

    return Script(
        tokens=number("tokens"),
        pace_ms=float(values["pace_ms"]) if "pace_ms" in values else None,
        batch=max(1, number("batch") or 1),
        tool=values.get("tool", ""),
        args=values.get("args", _ARGS),
        tools=number("tools") or (1 if "tool" in values else 0),
        json=_OBJECT if values.get("json") == "" else tuple(filter(None, [values.get("json")])),
        reason=number("reason") or 0,
        fail_at=number("fail_at"),
        hang_at=number("hang_at"),
    )
