"""Refusals in OpenAI's words: message, `param` as a dotted path and `code` of each kind of bad input.

Wordings and codes as api.openai.com gives them, for example "Invalid 'messages': empty array. Expected an array with
minimum length 1, but got an empty array instead." with code `empty_array`.
"""

from __future__ import annotations

import re

import msgspec

from raseed.core.errors import RequestInvalid

_ECHO_CHARS_MAX = 64
"""Longest piece of the caller's own input that a message repeats."""

_WORDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a decimal",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_EXPECTED = re.compile(r"Expected `(?P<expected>[^`]+)`, got `(?P<got>[^`]+)`")
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]+)`")
_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


def not_json(detail: str) -> RequestInvalid:
    """`detail` is a clause without a capital or a full stop."""
    return RequestInvalid(f"We could not parse the JSON body of your request: {detail}.")


def missing(param: str) -> RequestInvalid:
    return RequestInvalid(
        f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def wrong_type(param: str, *, expected: str, got: str) -> RequestInvalid:
    """`expected` and `got` with their article: "a string"."""
    message = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    return RequestInvalid(message, param=param, code="invalid_type")


def invalid_value(param: str, *, got: str, supported: str) -> RequestInvalid:
    message = f"Invalid value: '{echo(got)}'. Supported values are: {supported}."
    return RequestInvalid(message, param=param, code="invalid_value")


def unsupported_value(param: str, reason: str) -> RequestInvalid:
    """The parameter is served, this value of it is not. `reason` is a sentence without its full stop."""
    return RequestInvalid(f"Unsupported value: '{param}'. {reason}.", param=param, code="unsupported_value")


def unsupported_parameter(param: str, reason: str) -> RequestInvalid:
    """The parameter is known and not served: dropping it in silence would answer another question."""
    return RequestInvalid(
        f"Unsupported parameter: '{param}'. {reason}.", param=param, code="unsupported_parameter"
    )


def only_with(param: str, other: str) -> RequestInvalid:
    return RequestInvalid(f"The '{param}' parameter is only allowed when '{other}' is enabled.", param=param)


def empty_array(param: str) -> RequestInvalid:
    message = (
        f"Invalid '{param}': empty array. "
        "Expected an array with minimum length 1, but got an empty array instead."
    )
    return RequestInvalid(message, param=param, code="empty_array")


def array_too_long(param: str, *, limit: int, length: int) -> RequestInvalid:
    message = (
        f"Invalid '{param}': array too long. "
        f"Expected an array with maximum length {limit}, but got an array with length {length} instead."
    )
    return RequestInvalid(message, param=param, code="array_above_max_length")


def empty_string(param: str) -> RequestInvalid:
    message = (
        f"Invalid '{param}': empty string. "
        "Expected a string with minimum length 1, but got an empty string instead."
    )
    return RequestInvalid(message, param=param, code="empty_string")


def string_too_long(param: str, *, limit: int, length: int) -> RequestInvalid:
    """Lengths in bytes of UTF-8."""
    message = (
        f"Invalid '{param}': string too long. "
        f"Expected a string with maximum length {limit} bytes, but got {length} bytes instead."
    )
    return RequestInvalid(message, param=param, code="string_above_max_length")


def pattern_mismatch(param: str, pattern: str) -> RequestInvalid:
    message = (
        f"Invalid '{param}': string does not match pattern. "
        f"Expected a string that matches the pattern '{pattern}'."
    )
    return RequestInvalid(message, param=param, code="invalid_value")


def too_deep(param: str, *, limit: int) -> RequestInvalid:
    message = f"Invalid '{param}': it is nested deeper than {limit} levels."
    return RequestInvalid(message, param=param, code="invalid_value")


def answers_no_call(param: str) -> RequestInvalid:
    message = f"Invalid '{param}': messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
    return RequestInvalid(message, param=param, code="invalid_value")


def check_length(param: str, text: str, limit_bytes: int) -> None:
    """Raises RequestInvalid for a text longer than the limit."""
    if len(text) * 4 > limit_bytes and (length := len(text.encode())) > limit_bytes:
        raise string_too_long(param, limit=limit_bytes, length=length)


def check_range(param: str, value: float, low: float, high: float, *, above_low: bool = False) -> None:
    """Raises RequestInvalid unless low ≤ value ≤ high (low < value with `above_low`).

    Integers and decimals have codes of their own: `integer_below_min_value`, `decimal_above_max_value`.
    """
    if low < value <= high or (value == low and not above_low):
        return
    kind = "integer" if isinstance(value, int) else "decimal"
    low_sign = ">" if above_low else ">="
    side, sign, bound = ("above", "<=", high) if value > high else ("below", low_sign, low)
    edge = "minimum" if side == "below" else "maximum"
    message = (
        f"Invalid '{param}': {kind} {side} {edge} value. "
        f"Expected a value {sign} {bound}, but got {echo(_plain(value))} instead."
    )
    raise RequestInvalid(message, param=param, code=f"{kind}_{side}_{edge[:3]}_value")


def echo(text: str) -> str:
    """The caller's own input, short and on one line, for a message."""
    shown = text if len(text) <= _ECHO_CHARS_MAX else text[:_ECHO_CHARS_MAX] + "…"
    return shown if shown.isprintable() else ascii(shown)[1:-1]


def from_validation(error: msgspec.ValidationError) -> RequestInvalid:
    """What msgspec found, told as OpenAI tells it. Never shows msgspec's own text."""
    text = str(error)
    at = _PATH.search(text)
    param = at["path"].replace("[", ".[") if at else ""
    if found := _MISSING.match(text):
        return missing(f"{param}.{found['field']}" if param else found["field"])
    found = _EXPECTED.match(text)
    if found is None:
        # Left are numbers that no 64-bit type holds ("Number out of range").
        return RequestInvalid(f"Invalid '{param}': number out of range.", param=param, code="invalid_value")
    if not param:
        return not_json(
            f"expected an object at the top, but got {_WORDS.get(found['got'], 'something else')}"
        )
    if found["got"] == "null" and not param.endswith("]"):
        return missing(param)  # an explicit null is the same as no value
    expected = [_WORDS[name] for name in found["expected"].split(" | ") if name in _WORDS and name != "null"]
    words = expected[0] if len(expected) == 1 else f"one of {' or '.join(expected)}"
    return wrong_type(param, expected=words, got=_WORDS.get(found["got"], "something else"))


def _plain(value: float) -> str:
    """2.0 as "2"; an integer of any size without str(), which refuses more than 4,300 digits."""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**_ECHO_CHARS_MAX else "a larger number"
    return f"{value:g}"
