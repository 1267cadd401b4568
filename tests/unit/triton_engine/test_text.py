from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raseed_engine.text import TextStream, token_bytes
from tokenizers import Tokenizer

TOKENIZER_JSON = (Path(__file__).parents[3] / "triton_models/raseed-tiny/tokenizer.json").read_text("utf-8")
TABLE = token_bytes(TOKENIZER_JSON)
BYTES = [bytes([n]) for n in range(256)]
"""A table in which every byte is a token: each character outside ASCII comes in pieces."""


def pieces(text: str, stop: tuple[str, ...] = ()) -> tuple[list[str], TextStream]:
    stream = TextStream(BYTES, stop)
    out = []
    for byte in text.encode():
        out.append(stream.push(byte))
        if stream.stop_string is not None:
            break
    return [*out, stream.finish()], stream


def reference(text: str, stop: tuple[str, ...]) -> tuple[str, str | None]:
    """Cuts where a stop string is complete for the first time; of those, where it began first."""
    for end in range(len(text) + 1):
        if found := [s for s in stop if text[:end].endswith(s)]:
            longest = max(found, key=len)
            return text[: end - len(longest)], longest
    return text, None


@given(
    st.text(alphabet="ab¿é字🎉", max_size=12),
    st.lists(st.text(alphabet="ab¿é字🎉", min_size=1, max_size=4), max_size=3),
)
def test_stop_strings_cut_like_a_search_in_the_whole_text(text, stop):
    out, stream = pieces(text, tuple(stop))
    assert ("".join(out), stream.stop_string) == reference(text, tuple(stop))


@given(st.text(max_size=30))
def test_no_piece_holds_half_a_character(text):
    out, _ = pieces(text)
    assert "".join(out) == text
    assert all("\ufffd" not in piece for piece in out) or "\ufffd" in text


def test_text_is_held_back_only_while_it_may_become_a_stop_string():
    out, _ = pieces("abcabd", ("abd",))
    assert out == ["", "", "abc", "", "", "", ""]
    out, _ = pieces("abx", ("abd",))
    assert out == ["", "", "abx", ""]


def test_what_is_held_back_comes_out_at_the_end():
    out, _ = pieces("hello wor", ("world",))
    assert (out[-1], "".join(out)) == ("wor", "hello wor")


def test_a_cut_character_becomes_a_replacement_at_the_end_only():
    stream = TextStream(BYTES)
    assert [stream.push(byte) for byte in "é".encode()[:1]] == [""]
    assert stream.finish() == "\ufffd"


def test_the_table_decodes_like_the_tokenizer():
    tokenizer = Tokenizer.from_str(TOKENIZER_JSON)
    for text in ("Hello! How can I help you?", "مرحبا، كيف حالك؟", "  tabs\t and\r\nlines 🎉 123"):
        ids = tokenizer.encode(text).ids
        assert b"".join(TABLE[token] for token in ids).decode() == text == tokenizer.decode(ids)


def test_special_tokens_have_no_text():
    assert [TABLE[token] for token in range(6)] == [b""] * 6


def test_a_tokenizer_of_another_kind_is_refused():
    other = json.loads(TOKENIZER_JSON) | {"decoder": {"type": "Metaspace"}}
    with pytest.raises(ValueError, match="ByteLevel"):
        token_bytes(json.dumps(other))
