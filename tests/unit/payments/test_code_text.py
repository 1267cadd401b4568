"""How redemption codes are written, read aloud and mistyped."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raseed.core.payments.code_text import ALPHABET, PREFIX, TEXT_CHARS_MAX, new_code, read_code

prefixes = st.from_regex(PREFIX, fullmatch=True)


@given(prefixes)
def test_a_code_is_read_as_it_was_made(prefix: str) -> None:
    """With its prefix in clear, four groups after it, and fourteen characters of chance."""
    code = new_code(prefix)
    assert re.fullmatch(rf"{prefix}(-[{ALPHABET}]{{4}}){{4}}", code.text)
    assert read_code(code.text) == code.canonical
    assert new_code(prefix).canonical != code.canonical
    assert code.text not in repr(code)
    assert code.canonical not in repr(code)


def test_how_it_is_typed_does_not_matter() -> None:
    """Case, separators, marks of direction, digits of Arabic, and letters that look like digits."""
    code = new_code("GIFT2O")
    arabic = code.text.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    for typed in (
        code.text.lower(),
        code.text.replace("-", ""),
        code.text.replace("-", " – "),
        f"\u200f{code.text}\u200e\n",
        arabic,
        code.text.replace("0", "O").replace("1", "l"),
        code.text.replace("0", "o").replace("1", "I"),
    ):
        assert read_code(typed) == code.canonical, typed


@given(prefixes, st.data())
def test_one_wrong_character_is_found(prefix: str, data: st.DataObject) -> None:
    """Every one, wherever it is: nobody is told that there is no such code because of a slip."""
    canonical = new_code(prefix).canonical
    place = data.draw(st.integers(0, len(canonical) - 1))
    wrong = data.draw(st.sampled_from([each for each in ALPHABET if each != canonical[place]]))
    assert read_code(canonical[:place] + wrong + canonical[place + 1 :]) is None


@given(prefixes, st.data())
def test_two_that_are_exchanged_are_found(prefix: str, data: st.DataObject) -> None:
    canonical = new_code(prefix).canonical
    place = data.draw(st.integers(0, len(canonical) - 2))
    one, other = canonical[place], canonical[place + 1]
    exchanged = canonical[:place] + other + one + canonical[place + 2 :]
    assert (read_code(exchanged) is None) == (one != other)


@pytest.mark.parametrize(
    "text",
    ["", "-", "GIFT", "GIFT-0000-0000-0000-0001", "٤", "é" * 20, "\0" * 20, "U" * 20, "A" * TEXT_CHARS_MAX],
)
def test_what_is_no_code(text: str) -> None:
    assert read_code(text) is None


def test_what_is_too_long_is_not_read() -> None:
    code = new_code("GIFT")
    assert read_code(code.text + " " * (TEXT_CHARS_MAX - len(code.text))) == code.canonical
    assert read_code(code.text + " " * TEXT_CHARS_MAX) is None
