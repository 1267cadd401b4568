"""What may be an idempotency key."""

from __future__ import annotations

import pytest

from raseed.core.errors import RequestInvalid
from raseed.core.idempotency import KEY_CHARS_MAX, checked_key


@pytest.mark.parametrize(
    "key", ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", '"quoted, and spaced"', "k" * 255]
)
def test_printable_ascii_is_taken_as_it_is(key):
    assert checked_key(key) == key


@pytest.mark.parametrize("key", ["", "k" * (KEY_CHARS_MAX + 1), "a\tb", "a\nb", "a\x7f", "clé", "\x00"])
def test_everything_else_is_refused(key):
    with pytest.raises(RequestInvalid, match="1 to 255 printable ASCII"):
        checked_key(key)
