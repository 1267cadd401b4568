from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from raseed.adapters.wire.strict_json import has_too_many_nodes, is_too_deep, repeated_key

awkward_text = st.text(alphabet='a{}[]"\\é\n', max_size=6)
values = st.recursive(
    st.none() | st.integers() | awkward_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(awkward_text, inner, max_size=4),
    max_leaves=12,
)


def depth(value: Any) -> int:
    if isinstance(value, list | dict):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max((depth(part) for part in inner), default=0)
    return 0


@settings(max_examples=100)
@given(values, st.integers(1, 6), st.booleans())
def test_depth_is_counted_as_a_parser_would(value: Any, limit: int, ascii_only: bool):
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert is_too_deep(body, limit) == (depth(value) > limit)


def nodes(value: Any) -> int:
    """Objects, arrays, texts and keys."""
    if isinstance(value, dict):
        return 1 + len(value) + sum(map(nodes, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(nodes, value))
    return int(isinstance(value, str))


@settings(max_examples=100)
@given(values, st.integers(1, 12), st.booleans())
def test_nodes_are_counted_as_a_parser_would(value: Any, limit: int, ascii_only: bool):
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert has_too_many_nodes(body, limit) == (nodes(value) > limit)


def test_numbers_are_no_nodes():
    assert not has_too_many_nodes(json.dumps(list(range(1000))).encode(), 1)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from(["model", "n", "other"]), values), min_size=1, max_size=5),
    st.sampled_from([",", ", ", " ,\n"]),
    st.sampled_from([":", ": "]),
)
def test_a_repeated_key_is_found_and_nothing_else(pairs: list[tuple[str, Any]], comma: str, colon: str):
    body = "{" + comma.join(f'"{key}"{colon}{json.dumps(value)}' for key, value in pairs) + "}"
    names = [key for key, _ in pairs]
    expected = next((key for key in ("model", "n") if names.count(key) > 1), None)
    assert repeated_key(body.encode(), (("model", b'"model"'), ("n", b'"n"'))) == expected
