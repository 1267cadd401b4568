"""Tokens that a client sends in place of text."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.openai.sampling_fields import INT32_MAX


def to_core_tokens(param: str, tokens: Sequence[str | int | list[int]]) -> tuple[int, ...]:
    """Raises RequestInvalid."""
    if not tokens:
        raise invalid.empty_array(param)
    ids = tuple([token for token in tokens if isinstance(token, int)])
    if len(ids) != len(tokens):
        raise invalid.wrong_type(param, expected="an array of integers", got="something else")
    invalid.check_range(param, min(ids), 0, INT32_MAX)
    invalid.check_range(param, max(ids), 0, INT32_MAX)
    return ids
