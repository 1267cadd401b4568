"""Texts that must not lie anywhere, and the search that finds them however they were written down.

What is looked for: pieces of 12 characters, in the clear, in hexadecimal and in base64 (of both alphabets, at each of the
three places in which a byte can lie). Where: in the data as it is, and after escapes of JSON, Python, SQL and addresses
were undone, one within the other too. So a text that was cut is found if 23 characters of it are left.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

PIECE = 12
PASSES_MAX = 4
"""Escapes within escapes that are undone: JSON in JSON in a log line in JSON."""
_PAGE = 4096
"""Of a SQLite file and its log. A page that was written ten times is searched once."""
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrtbf])|([^ux]))")
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{10,}")
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


@dataclass(frozen=True, slots=True)
class Canary:
    name: str
    text: str
    is_number: bool = False
    """Whether it is a short run of digits, which counts only if no digit is beside it."""


@dataclass(frozen=True, slots=True)
class Found:
    canary: str
    place: str


def secret_part(credential: str) -> str:
    """What is secret of a credential: its beginning tells what it is, its id and its last four characters are shown."""
    return credential.rsplit("_", 1)[-1][:-4]


def search(canaries: Iterable[Canary], places: Iterable[tuple[str, bytes]]) -> set[Found]:
    """Which canary lies where."""
    sought = [(canary, _pieces(canary)) for canary in canaries]
    encoded = {piece: tuple(dict.fromkeys(_encoded(piece))) for _, pieces in sought for piece in pieces}
    found = set()
    for place, data in places:
        for view in _views(data):
            runs = b" ".join(_RUN.findall(view))  # where an encoding can be, which is not much of most texts
            for canary, pieces in sought:
                is_clear = any(_is_in(piece, view, is_number=canary.is_number) for piece in pieces)
                if is_clear or any(needle in runs for piece in pieces for needle in encoded[piece]):
                    found.add(Found(canary.name, place))
    return found


def pages(data: bytes) -> bytes:
    """A database file without what it says twice, and without what it does not say."""
    once = dict.fromkeys(data[start : start + _PAGE] for start in range(0, len(data), _PAGE))
    return re.sub(rb"\0{2,}", b"\0", b"".join(once))


def _pieces(canary: Canary) -> tuple[bytes, ...]:
    raw = canary.text.encode()
    if canary.is_number:
        return (raw,)
    assert len(raw) >= PIECE, f"{canary.name} is too short to be looked for"
    return tuple(raw[at : at + PIECE] for at in range(0, len(raw) - PIECE + 1, PIECE))


def _encoded(piece: bytes) -> Iterator[bytes]:
    yield piece.hex().encode()
    yield piece.hex().upper().encode()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + piece)
        # Characters that also have bits of what stands before or after are left out.
        inner = whole[(0, 2, 3)[before] : (before + len(piece)) * 8 // 6]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def _is_in(needle: bytes, view: bytes, *, is_number: bool) -> bool:
    return needle in view and (not is_number or _stands_alone(needle, view))


def _stands_alone(needle: bytes, view: bytes) -> bool:
    return re.search(rb"(?<![0-9])" + needle + rb"(?![0-9])", view) is not None


def _views(data: bytes) -> Iterator[bytes]:
    yield data
    for undo in (_unescaped, unquote_to_bytes, lambda view: unquote_to_bytes(_unescaped(view))):
        view = data
        for _ in range(PASSES_MAX):
            after = undo(view)
            if after == view:
                break
            view = after
            yield view


def _unescaped(data: bytes) -> bytes:
    def undone(match: re.Match[bytes]) -> bytes:
        code, byte, control, other = match.groups()
        if code is not None:
            return chr(int(code, 16)).encode(errors="replace")
        return bytes.fromhex(byte.decode()) if byte is not None else _CONTROLS.get(control, other)

    return _ESCAPE.sub(undone, data) if b"\\" in data else data
