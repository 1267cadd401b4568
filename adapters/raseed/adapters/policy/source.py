"""A profile file as read: its tables, and for every key the line to name when it is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from enum import EnumType
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from raseed.adapters.policy.lines import Path, key_lines
from raseed.core.money import whole_units

_T = TypeVar("_T")
_Table = TypeVar("_Table", bound=msgspec.Struct)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SYNTAX_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class PolicyError(Exception):
    """The profile cannot be used. One line for each problem: file, line, key, and what is wrong."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    tables: Mapping[str, Any]
    lines: Mapping[Path, int]

    def refusal(self, path: Path, why: str) -> PolicyError:
        """To be raised. A key that is missing is reported at the table in which it should be."""
        line = next(
            (self.lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in self.lines),
            1,
        )
        return PolicyError(f"{self.name}:{line}: {key_text(path)}: {why}")

    def at(self, path: Path) -> Any:
        """What stands at a path; None if nothing does."""
        value: Any = self.tables
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def names(self, path: Path) -> list[str]:
        """The keys of a table that holds tables by name. Raises PolicyError if it is none."""
        value = self.at(path)
        if value is None:
            return []
        if not isinstance(value, dict):
            raise self.refusal(path, "must be a table")
        return list(value)

    def table(self, path: Path, kind: type[_Table]) -> _Table:
        """A table as `kind`. Raises PolicyError with every key that is unknown, missing or of the wrong type."""
        given = self.at(path)
        if not isinstance(given, dict):
            raise self.refusal(path, "is missing" if given is None else "must be a table")
        hints = get_type_hints(kind, include_extras=True)
        required = {field.name for field in msgspec.structs.fields(kind) if field.required}
        values: dict[str, Any] = {}
        with collecting() as attempt:
            for key in given:
                with attempt():
                    if key not in hints:
                        raise self.refusal((*path, key), f"unknown key; known: {', '.join(hints)}")
                    values[key] = self._converted((*path, key), given[key], hints[key])
            for key in sorted(required - set(given)):
                with attempt():
                    raise self.refusal((*path, key), "is missing")
        return kind(**values)

    def convert(self, path: Path, kind: type[_T]) -> _T:
        """One value as `kind`. Raises PolicyError."""
        converted: _T = self._converted(path, self.at(path), kind)
        return converted

    def units(self, path: Path, number: Decimal, decimals: int, least: int, most: int) -> int:
        """A decimal number in its smallest units. Raises PolicyError unless it is one of `least` … `most` of them."""
        try:
            units = whole_units(number, decimals)
        except ValueError as error:
            raise self.refusal(path, str(error)) from error
        if units < least:
            raise self.refusal(path, f"must be {'above 0' if least == 1 else 'at least 0'}: {number}")
        if units > most:
            raise self.refusal(path, f"out of range: {number}")
        return units

    def _converted(self, path: Path, value: Any, hint: Any) -> Any:
        try:
            return msgspec.convert(value, hint)
        except msgspec.ValidationError as error:
            why = _choices(hint) or str(error).split(" - at `")[0]
            raise self.refusal(path, f"{why}, got {value!r}") from error


def _choices(hint: Any) -> str:
    """What a key with named values must be one of."""
    known = (
        list(hint) if isinstance(hint, EnumType) else get_args(hint) if get_origin(hint) is Literal else []
    )
    return f"must be one of {', '.join(map(str, known))}" if known else ""


def read_source(name_or_path: str) -> Source:
    """A shipped profile, by name, or a file, by path. Raises PolicyError."""
    if name_or_path.endswith(".toml"):
        path = FilePath(name_or_path)
        if not path.is_file():
            raise PolicyError(f"{name_or_path}: no such profile file")
        text, name = path.read_bytes(), name_or_path
    else:
        profiles = files("raseed.adapters.policy") / "profiles"
        resource = profiles / f"{name_or_path}.toml"
        known = sorted(entry.name.removesuffix(".toml") for entry in profiles.iterdir())
        if name_or_path not in known:
            raise PolicyError(f"unknown profile {name_or_path!r}; known: {', '.join(known)}")
        text, name = resource.read_bytes(), f"{name_or_path}.toml"
    return parse_source(name, text)


def parse_source(name: str, data: bytes) -> Source:
    """Raises PolicyError."""
    try:
        text = data.decode("utf-8")
        tables = tomllib.loads(text, parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise PolicyError(f"{name}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        raise PolicyError(f"{name}:{found[1]}: {error}" if found else f"{name}: {error}") from error
    return Source(name, tables, key_lines(text))


def key_text(path: Path) -> str:
    """A path as it would be written: `models."llama3.2:3b".multiplier`, `packs[0].id`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE_KEY.fullmatch(part) else f'"{part}"')
    return text


@contextmanager
def collecting() -> Iterator[Callable[[], Any]]:
    """Gathers the problems of several attempts, so that one start names them all. Raises PolicyError at the end."""
    problems: list[str] = []

    @contextmanager
    def attempt() -> Iterator[None]:
        try:
            yield
        except PolicyError as error:
            problems.extend(error.problems)

    yield attempt
    if problems:
        raise PolicyError(*problems)
