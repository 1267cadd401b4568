"""What a body must be before it is worth parsing: UTF-8, not nested deeper than `DEPTH_MAX`, of at most `NODES_MAX`
nodes, no repeated key.

msgspec itself refuses everything else that is not JSON (RFC 8259): NaN, Infinity, lone surrogates, a byte order mark,
trailing commas, control characters.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

DEPTH_MAX = 40
"""Deepest nesting of arrays and objects: a schema of 32 levels inside its tool. Every reader downstream recurses."""

NODES_MAX = 250_000
"""Most objects, arrays and texts (keys too): 25 for each of 10,000 messages. Each costs some hundred bytes once it is
parsed, and three in the body. Numbers are not counted: prompts are arrays of them."""

_OTHER_BYTES = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ONE_KIND = bytes.maketrans(b"[]", b"{}")

_top_level = msgspec.json.Decoder(dict[str, msgspec.Raw])


def is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def has_nul(body: bytes) -> bool:
    """Whether a text in it has a NUL, which JSON only has as an escape. `body` must have been parsed already."""
    return b"\\u0000" in body and b"\\u0000" in body.replace(b"\\\\", b"")


def has_too_many_nodes(body: bytes, limit: int = NODES_MAX) -> bool:
    """Whether `body` has more than `limit` objects, arrays and texts. Each step is one pass in C."""
    if body.count(b'"') // 2 + body.count(b"{") + body.count(b"[") <= limit:
        return False
    if b"\\" in body:
        body = _without_escapes(body)
    texts = body.count(b'"') // 2
    if texts > limit:
        return True  # before anything is made for each of them
    outside = b"".join(body.split(b'"')[::2])
    return texts + outside.count(b"{") + outside.count(b"[") > limit


def is_too_deep(body: bytes, limit: int = DEPTH_MAX) -> bool:
    """Whether arrays and objects nest deeper than `limit`. Broken JSON may count as shallow: the parser refuses it.

    Never recurses, and each step is one pass in C: almost every body ends at the first line.
    """
    if body.count(b"{") + body.count(b"[") <= limit:
        return False
    if b"\\" in body:
        body = _without_escapes(body)
    outside_strings = b"".join(body.split(b'"')[::2])
    brackets = outside_strings.translate(_ONE_KIND, _OTHER_BYTES)
    for _ in range(limit):
        outer = brackets.replace(b"{}", b"")  # takes the innermost level away
        if len(outer) == len(brackets):
            return False
        brackets = outer
    return b"{}" in brackets


def _without_escapes(body: bytes) -> bytes:
    """Pairs of backslashes go before escaped quotes, so that every quote left opens or closes a text."""
    return body.replace(b"\\\\", b"").replace(b'\\"', b"")


def repeated_key(body: bytes, keys: Iterable[tuple[str, bytes]]) -> str | None:
    """The first of `keys` that the top-level object of `body` has twice. `body` must have been parsed already.

    `keys` are pairs of the name and the quoted name. Parsers differ in which of two equal keys wins, so an auditor
    and this server could read two prices in one body. A key spelt with escapes is not found.
    """
    values = _top_level.decode(body)
    # Machines write JSON with no spaces, or with one after each colon and comma. A body exactly as long as that takes
    # for the keys that were kept has dropped none, and need not be searched.
    length = 1
    for name, value in values.items():
        length += len(name) + 4 + memoryview(value).nbytes
    if len(body) - length in {0, 2 * len(values) - 1}:
        return None
    for name, quoted in keys:
        seen = body.count(quoted)
        if seen > 1 and seen - sum(bytes(value).count(quoted) for value in values.values()) > 1:
            return name
    return None
