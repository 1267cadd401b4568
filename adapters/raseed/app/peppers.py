"""The peppers of API keys: files in RASEED_HOME/secrets, one for each version. New keys are made with the newest."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from raseed.app.layout import Home, make_private
from raseed.core.accounts.keys import Peppers

PEPPER_BYTES = 32
_FILE = re.compile(r"key-pepper-([1-9][0-9]{0,5})")


class PepperFiles(Mapping[int, bytes]):
    """By version: those of the start, and any other when a key asks for it. So a worker of before the newest pepper
    knows the keys that workers of after it make, and a file that is removed counts until the worker stops.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read = {version: _read(_path(folder, version)) for version in _versions(folder)}

    def __getitem__(self, version: int) -> bytes:
        if version not in self._read:
            try:
                self._read[version] = _read(_path(self._folder, version))
            except OSError as error:
                raise KeyError(version) from error
        return self._read[version]

    def __iter__(self) -> Iterator[int]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


def read_peppers(home: Home) -> Peppers:
    """The first start makes one. Losing them all makes every API key invalid."""
    if not _versions(home.secrets):
        make_private(_path(home.secrets, 1), secrets.token_hex(PEPPER_BYTES))
    return Peppers(PepperFiles(home.secrets))


def add_pepper(home: Home) -> Path:
    """A newer one than all that there are. Workers that start from now on make keys with it."""
    path = _path(home.secrets, max(_versions(home.secrets), default=0) + 1)
    make_private(path, secrets.token_hex(PEPPER_BYTES))
    return path


def _versions(folder: Path) -> list[int]:
    return [int(found[1]) for path in folder.iterdir() if (found := _FILE.fullmatch(path.name))]


def _path(folder: Path, version: int) -> Path:
    return folder / f"key-pepper-{version}"


def _read(path: Path) -> bytes:
    return bytes.fromhex(path.read_text(encoding="utf-8"))
