"""What is made of an answer's bytes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from raseed.adapters.payments.http import _ENCODER, ANSWER_BYTES_MAX, _json


def test_numbers_are_exact_both_ways() -> None:
    assert _json(b'{"a": 2.000, "b": 0.1, "c": 7}') == {"a": Decimal("2.000"), "b": Decimal("0.1"), "c": 7}
    assert str(_json(b"2.000")) == "2.000"
    assert _ENCODER.encode({"a": Decimal("2.000")}) == b'{"a":2.000}'


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"NaN", b'{"a": Infinity}', b"\xff", b"[" * 100_000, b"1" * 5_000, b"{} {}"]
)
def test_what_is_no_json_is_nothing(raw: bytes) -> None:
    assert _json(raw) is None


def test_what_was_not_read_to_its_end_is_nothing() -> None:
    """Even if it would make sense so far."""
    whole = b'{"a": 1}'.ljust(ANSWER_BYTES_MAX)
    assert _json(whole) == {"a": 1}
    assert _json(whole + b" ") is None
