"""Which texts a database takes."""

from __future__ import annotations


def is_storable(text: str) -> bool:
    r"""Whether both databases take it: PostgreSQL has no NUL in a text, and neither takes half a surrogate pair.

    >>> is_storable("محمد"), is_storable("a\0b"), is_storable("\ud800")
    (True, False, False)
    """
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
