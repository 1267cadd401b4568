"""Which texts can be kept and sent, and what is made of others."""

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


def whole_text(text: str) -> str:
    """`text` without lone surrogates, which UTF-8 cannot hold: a broken engine must not break an answer."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
