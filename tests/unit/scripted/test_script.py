"""Words of the script language."""

from __future__ import annotations

import pytest

from raseed.adapters.scripted.script import Script, parse_script


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("anything else", None),
        ("#script", Script()),
        ("#script tool=f", Script(tool="f", tools=1, args='{"n":1}')),
        ('#script tool=f tools=2 args={"a":"b=c"}', Script(tool="f", tools=2, args='{"a":"b=c"}')),
        ("#script json", Script(json=('{"ok"', ":", "true", "}"))),
        ('#script json={"a":1} tokens=1', Script(json=('{"a":1}',), tokens=1)),
    ],
)
def test_words(text, script):
    assert parse_script(text) == script


def test_an_unknown_word_is_named():
    with pytest.raises(ValueError, match="args2"):
        parse_script("#script args2=1")
