"""Reads sections of settings from a TOML file and from the environment; each problem is a line with its place."""

from __future__ import annotations

import re
import tomllib
import types
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

PREFIX = "RASEED"
SECRET_BYTES_MAX = 64 * 1024


class ConfigError(Exception):
    """The configuration cannot be used. One line for each problem, with file and line or the variable's name."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Secret:
    """A setting that nobody may read in a file, a log or an error: it comes from its environment variable, or from the
    file that the variable with `_FILE` at its end names.
    """

    text: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.text)


def listed(secret: Secret) -> tuple[str, ...]:
    """Several in one setting, with commas between: while one is changed, the old one is good too."""
    return tuple(part.strip() for part in secret.text.split(",")) if secret else ()


@dataclass(frozen=True, slots=True)
class Value:
    value: Any
    where: str
    is_text: bool
    """Whether it came from the environment, where numbers are text."""


Values = dict[str, dict[str, Value]]
"""By section and key."""


def file_values(settings: type[Any], file: Path, problems: list[str], apart: Collection[str] = ()) -> Values:
    """What a file says for the sections that `settings` has. Those in `apart` are read elsewhere."""
    text = file.read_text(encoding="utf-8")
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{file.name}: {error}")
        return {}
    known = get_type_hints(settings)
    values: Values = {}
    for section, entries in parsed.items():
        if section in apart:
            continue
        name = re.escape(section)
        line = _line_of(text, rf"^\s*\[\s*{name}\s*\]|^\s*{name}\s*=")
        if section not in known or not isinstance(entries, dict):
            problems.append(
                f"{file.name}:{line}: unknown section [{section}]; known: {', '.join((*known, *apart))}"
            )
            continue
        values[section] = {}
        for key, value in entries.items():
            where = f"{file.name}:{_line_of(text, _key_pattern(key), line)}"
            if get_type_hints(known[section]).get(key) is Secret:
                variable = _variable(section, key)
                problems.append(f"{where}: {section}.{key} is secret: set {variable} or {variable}_FILE")
                continue
            values[section][key] = Value(value, where, is_text=False)
    return values


def merge_environment(
    settings: type[Any], values: Values, environ: Mapping[str, str], aliases: Mapping[str, str], cwd: Path
) -> list[str]:
    """Put what the environment says over what the file says. Returns the problems."""
    problems: list[str] = []
    kinds = get_type_hints(settings)
    names = {
        _variable(section, key): (section, key)
        for section, kind in kinds.items()
        for key in kind.__struct_fields__
    }
    secrets = {
        f"{variable}_FILE": variable
        for variable, (section, key) in names.items()
        if get_type_hints(kinds[section]).get(key) is Secret
    }
    sections = (*aliases, *(f"{PREFIX}_{section.upper()}_" for section in kinds))
    for variable, text in environ.items():
        if not variable.startswith(sections):
            continue  # not a setting: clients may keep their key in RASEED_API_KEY, say
        setting = secrets.get(variable, aliases.get(variable, variable))
        place = names.get(setting)
        if place is None:
            problems.append(f"{variable}: there is no such setting")
            continue
        if variable in secrets:
            if setting in environ:
                problems.append(f"{variable}: {setting} is set too; one of them is enough")
                continue
            content = secret_file(cwd / text)
            if content is None:
                problems.append(f"{variable}: the file {text} cannot be read")
                continue
            text = content  # noqa: PLW2901 - the file stands for the variable
        section, key = place
        values.setdefault(section, {})[key] = Value(text, variable, is_text=True)
    return problems


def read_section(kind: type[Any], name: str, entries: Mapping[str, Value], problems: list[str]) -> Any:
    """The section with what was given, and defaults for the rest."""
    hints = get_type_hints(kind, include_extras=True)
    good: dict[str, Any] = {}
    for key, entry in entries.items():
        if key not in hints:
            problems.append(f"{entry.where}: unknown key {name}.{key}; known: {', '.join(hints)}")
            continue
        raw = entry.value
        if hints[key] is Secret:
            good[key] = Secret(str(raw).strip())
            continue
        if entry.is_text and _is_list(hints[key]):
            raw = [part.strip() for part in raw.split(",") if part.strip()]
        try:
            good[key] = msgspec.convert(raw, hints[key], strict=not entry.is_text)
        except msgspec.ValidationError as error:
            problems.append(f"{entry.where}: {name}.{key}: {_what_is_wrong(key, entry.value, error)}")
    return kind(**good)


def _what_is_wrong(key: str, given: Any, error: msgspec.ValidationError) -> str:
    """With what was given, except where that may be an address with a password in it."""
    if key.endswith("url"):
        return "no such address; / @ # ? and % in a password are written as %2F %40 %23 %3F and %25"
    return f"{str(error).removesuffix(' - at `$`')}, got {given!r}"


def where(values: Values, section: str, key: str) -> str:
    """Where a value came from, as the beginning of a line about it; nothing for a default."""
    entry = values.get(section, {}).get(key)
    return f"{entry.where}: " if entry else ""


def _variable(section: str, key: str) -> str:
    return f"{PREFIX}_{section}_{key}".upper()


def secret_file(path: Path) -> str | None:
    """What is in a file with a secret; None if it cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(SECRET_BYTES_MAX)
    except (OSError, UnicodeDecodeError):
        return None


def _key_pattern(key: str) -> str:
    return rf"^\s*{re.escape(key)}\s*="


def _line_of(text: str, pattern: str, after: int = 1) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if number >= after and re.match(pattern, line):
            return number
    return after


def _is_list(hint: Any) -> bool:
    if get_origin(hint) in (Annotated, Union, types.UnionType):
        return any(_is_list(part) for part in get_args(hint))
    return get_origin(hint) is tuple
