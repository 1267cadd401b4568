"""On which line a key of a TOML file stands. The standard library's reader says it only of broken syntax."""

from __future__ import annotations

import tomllib
from bisect import bisect_left

Path = tuple[str | int, ...]
"""Keys from the top of the file; a number is a position in an array."""

_SPACE = " \t\r\n"
_BARE_END = " \t\r\n.=]}"
_SCALAR_END = ",]}#\n"


def key_lines(text: str) -> dict[Path, int]:
    r"""The line of every table, key and array item of a text that `tomllib` has read.

    >>> key_lines('[a."x.y"]\nb = [1,\n 2]')
    {('a', 'x.y'): 1, ('a',): 1, ('a', 'x.y', 'b'): 2, ('a', 'x.y', 'b', 0): 2, ('a', 'x.y', 'b', 1): 3}
    """
    return _Scanner(text).scan()


class _Scanner:
    """Trusts the text to be valid: it looks for keys and skips values."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._breaks = [at for at, character in enumerate(text) if character == "\n"]
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}
        """Position of the last table of each array of tables."""

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip():
            if self._text.startswith("[[", self._at):
                table = self._header(2)
                self._tables[table] = position = self._tables.get(table, -1) + 1
                table = (*table, position)
                self._note(table)
            elif self._text[self._at] == "[":
                table = self._header(1)
                self._note(table)
            else:
                self._pair(table)
        return self._lines

    def _header(self, brackets: int) -> Path:
        self._at += brackets
        path: Path = ()
        for part in self._key():
            if path in self._tables:
                path = (*path, self._tables[path])
            path = (*path, part)
        self._at += brackets
        if brackets == 1 and path in self._tables:
            path = (*path, self._tables[path])
        return path

    def _pair(self, table: Path) -> None:
        key = self._key()
        for length in range(1, len(key) + 1):
            self._note((*table, *key[:length]))
        self._skip()
        self._at += 1  # the equals sign
        self._skip()
        self._value((*table, *key))

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip()
            if self._text[self._at] in "\"'":
                start, quote = self._at, self._text[self._at]
                self._string()
                part = self._text[start + 1 : self._at - 1]
                parts.append(part if quote == "'" or "\\" not in part else _unescaped(part))
            else:
                start = self._at
                while self._text[self._at] not in _BARE_END:
                    self._at += 1
                parts.append(self._text[start : self._at])
            self._skip()
            if self._text[self._at] != ".":
                return parts
            self._at += 1

    def _value(self, path: Path) -> None:
        first = self._text[self._at]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._at += 1
            position = 0
            while self._skip(",") and self._text[self._at] != "]":
                self._note((*path, position))
                self._value((*path, position))
                position += 1
            self._at += 1
        elif first == "{":
            self._at += 1
            while self._skip(",") and self._text[self._at] != "}":
                self._pair(path)
            self._at += 1
        else:
            while self._at < len(self._text) and self._text[self._at] not in _SCALAR_END:
                self._at += 1

    def _string(self) -> None:
        quote = self._text[self._at]
        fence = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        self._at += len(fence)
        while not self._text.startswith(fence, self._at):
            self._at += 2 if self._text[self._at] == "\\" and quote == '"' else 1
        self._at += len(fence)
        while len(fence) == 3 and self._text.startswith(quote, self._at):
            self._at += 1  # quotes that belong to the text may stand before the closing three

    def _skip(self, also: str = "") -> bool:
        """Past space, line ends and comments. Whether anything follows."""
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                self._at = end if (end := self._text.find("\n", self._at)) >= 0 else len(self._text)
            elif self._text[self._at] in _SPACE or self._text[self._at] in also:
                self._at += 1
            else:
                return True
        return False

    def _note(self, path: Path) -> None:
        line = bisect_left(self._breaks, self._at) + 1
        for length in range(len(path), 0, -1):
            self._lines.setdefault(path[:length], line)


def _unescaped(part: str) -> str:
    return next(iter(tomllib.loads(f'"{part}" = 0')))
