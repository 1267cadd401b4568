"""Bodies of /api/auth: whatever is sent is understood or refused by its field."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raseed.adapters.wire.auth import decode_start, decode_terms, decode_verify
from raseed.core.errors import RequestInvalid

DECODERS = (decode_start, decode_verify, decode_terms)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused(body):
    for decode in DECODERS:
        with suppress(RequestInvalid):
            decode(body)


@given(st.sampled_from(["phone", "email", "language", "device_token"]), JSON)
def test_any_value_of_a_field_is_text_or_refused(name, value):
    body = json.dumps({name: value, "other": value}).encode()
    if isinstance(value, str):
        with suppress(RequestInvalid):  # lone surrogates
            assert getattr(decode_start(body), name) == value
        return
    with pytest.raises(RequestInvalid) as caught:
        decode_start(body)
    assert caught.value.param == name


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{}", "code"),
        (b'{"code": 123456}', "code"),
        (b'{"code": "1", "age_confirmed": "yes"}', "age_confirmed"),
    ],
)
def test_what_is_missing_or_wrong_is_named(body, param):
    with pytest.raises(RequestInvalid) as caught:
        decode_verify(body)
    assert caught.value.param == param


def test_a_code_may_not_be_given_twice():
    with pytest.raises(RequestInvalid, match="more than once"):
        decode_verify(b'{"code": "111111", "code": "222222"}')
