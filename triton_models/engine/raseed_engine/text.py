"""Tokens to text, piece by piece: no broken characters, no text of a stop string."""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from dataclasses import dataclass, field


def token_bytes(tokenizer_json: str) -> list[bytes]:
    """The bytes of every token of a byte-level tokenizer; special tokens have none.

    Raises ValueError for a tokenizer of another kind, whose tokens cannot be decoded one by one.
    """
    tokenizer = json.loads(tokenizer_json)
    if (tokenizer.get("decoder") or {}).get("type") != "ByteLevel":
        raise ValueError("the engine needs a tokenizer with a ByteLevel decoder")
    byte_of = {char: byte for byte, char in enumerate(_byte_level_alphabet())}
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    added = {entry["id"]: entry for entry in tokenizer.get("added_tokens", [])}
    table = [b""] * (max([*vocabulary.values(), *added], default=-1) + 1)
    for text, token in vocabulary.items():
        if token not in added:
            table[token] = bytes(byte_of[char] for char in text)
    for token, entry in added.items():
        table[token] = b"" if entry["special"] else entry["content"].encode()
    return table


def _byte_level_alphabet() -> list[str]:
    """The printable character that stands for each byte in byte-level vocabularies."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    alphabet, next_char = [], 0x100
    for byte in range(256):
        if byte in printable:
            alphabet.append(chr(byte))
        else:
            alphabet.append(chr(next_char))
            next_char += 1
    return alphabet


@dataclass(slots=True)
class TextStream:
    """The text of one request. Feed every token to `push`, then call `finish` once."""

    table: Sequence[bytes]
    stop: tuple[str, ...] = ()
    stop_string: str | None = None
    """Set when a stop string was found; nothing may be pushed after that."""
    _held: str = ""
    """Text that may still turn out to be the start of a stop string."""
    _prefixes: frozenset[str] = frozenset()
    _decode: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def __post_init__(self) -> None:
        self._prefixes = frozenset(text[:end] for text in self.stop for end in range(1, len(text)))

    def push(self, token: int) -> str:
        """The text that is now certain; often empty."""
        text = self._held + self._decode.decode(self.table[token])
        if not self.stop:
            return text
        found = min(((at, -len(s), s) for s in self.stop if (at := text.find(s)) >= 0), default=None)
        if found is not None:
            self.stop_string, self._held = found[2], ""
            return text[: found[0]]
        keep = self._hold_back_chars(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """What was held back; a character cut in the middle becomes U+FFFD. Empty after a stop string."""
        if self.stop_string is not None:
            return ""
        rest, self._held = self._held + self._decode.decode(b"", final=True), ""
        return rest

    def _hold_back_chars(self, text: str) -> int:
        """Length of the longest end of `text` that begins a stop string."""
        longest = min(max(map(len, self.stop)) - 1, len(text))
        return next((n for n in range(longest, 0, -1) if text[-n:] in self._prefixes), 0)
