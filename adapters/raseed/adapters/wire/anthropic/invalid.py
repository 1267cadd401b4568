"""Refusals in Anthropic's words: the path of the field with dots, a colon, and what is wrong with it.

For example "messages.0.content: Field required" and "max_tokens: Input should be greater than or equal to 1".
"""

from __future__ import annotations

import re

import msgspec

from raseed.adapters.wire.openai.invalid import echo
from raseed.core.errors import RequestInvalid

_WORDS = {
    "str": "a valid string",
    "int": "a valid integer",
    "float": "a valid number",
    "bool": "a valid boolean",
    "array": "a valid list",
    "object": "an object",
}
_EXPECTED = re.compile(r"Expected `(?P<expected>[^`]+)`, got `(?P<got>[^`]+)`")
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]+)`")
_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_INDEX = re.compile(r"\[(\d+)\]")


def at(param: str, reason: str) -> RequestInvalid:
    """`reason` is a sentence, or Anthropic's own words, which have no full stop."""
    return RequestInvalid(f"{param}: {reason}", param=param)


def missing(param: str) -> RequestInvalid:
    return at(param, "Field required")


def not_json(detail: str) -> RequestInvalid:
    """`detail` is a clause without a capital or a full stop."""
    return RequestInvalid(f"The request body could not be parsed: {detail}.")


def one_of(param: str, *, got: str, supported: str) -> RequestInvalid:
    """A discriminator, or an enumerated text, that is not one of `supported`."""
    return at(param, f"Input should be {supported}, but got '{echo(got)}'")


def check_range(param: str, value: float, low: float, high: float) -> None:
    """Raises RequestInvalid unless low ≤ value ≤ high."""
    if value < low:
        raise at(param, f"Input should be greater than or equal to {low}")
    if value > high:
        raise at(param, f"Input should be less than or equal to {high}")


def check_count(param: str, count: int, limit: int) -> None:
    if count > limit:
        raise at(param, f"List should have at most {limit} items, but it has {count}")


def check_length(param: str, text: str, limit: int) -> None:
    """Lengths in bytes of UTF-8."""
    if len(text) * 4 > limit and (length := len(text.encode())) > limit:
        raise at(param, f"String should have at most {limit} bytes, but it has {length}")


def json_object(param: str, raw: bytes) -> str:
    """The text of a JSON object as it was written; `raw` is empty where the field is absent."""
    if raw in {b"", b"null"}:
        raise missing(param)
    if not raw.startswith(b"{"):
        raise at(param, "Input should be an object")
    return raw.decode()


def from_validation(error: msgspec.ValidationError) -> RequestInvalid:
    """What msgspec found, told as Anthropic tells it. Never shows msgspec's own text."""
    text = str(error)
    found_at = _PATH.search(text)
    param = _INDEX.sub(r".\1", found_at["path"]).lstrip(".") if found_at else ""
    if found := _MISSING.match(text):
        return missing(f"{param}.{found['field']}" if param else found["field"])
    found = _EXPECTED.match(text)
    if found is None:
        # Left are numbers that no 64-bit type holds ("Number out of range").
        return at(param, "Input should be a smaller number")
    if not param:
        return not_json("it is not an object")
    if found["got"] == "null" and "[" not in param:
        return missing(param)
    names = (name for name in found["expected"].split(" | ") if name in _WORDS)
    return at(param, f"Input should be {' or '.join(_WORDS[name] for name in names)}")
