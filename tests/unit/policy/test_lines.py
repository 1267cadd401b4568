"""Every key of a profile can be named with its line."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest

from raseed.adapters.policy.lines import Path, key_lines
from raseed.adapters.policy.source import key_text

AWKWARD = '''\
# a comment = "with an equals sign" [and.a.header]
top = """
inside = 1
[not.a.table]
""" # [[nor.this]]
dotted.in.one = 'it''s'
["quoted.table"."with \\"quotes\\""]
'literal "key"' = 1 # = 2

[[array]]
name = "first ] # \\" ="
list = [ # [
  "one",   # ]
  { x = 1, y = [2,
       3] },
]
[array.sub]
deep = {a = {b = "c,}"}, d = 1979-05-27T07:32:00Z}
[[array.inner]]
n = 1
[[array.inner]]
n = 2
[[array]]
name = \'\'\'second
[x]\'\'\'
[array.sub]
deep = -1.5e3
[after]
last = true'''
WHERE = {
    ("top",): 2,
    ("dotted", "in", "one"): 6,
    ("quoted.table", 'with "quotes"'): 7,
    ("quoted.table", 'with "quotes"', 'literal "key"'): 8,
    ("array", 0): 10,
    ("array", 0, "name"): 11,
    ("array", 0, "list", 0): 13,
    ("array", 0, "list", 1, "x"): 14,
    ("array", 0, "list", 1, "y", 1): 15,
    ("array", 0, "sub"): 17,
    ("array", 0, "sub", "deep", "a", "b"): 18,
    ("array", 0, "sub", "deep", "d"): 18,
    ("array", 0, "inner", 0, "n"): 20,
    ("array", 0, "inner", 1, "n"): 22,
    ("array", 1, "name"): 24,
    ("array", 1, "sub", "deep"): 27,
    ("after", "last"): 29,
}


def paths(value: Any, path: Path = ()) -> list[Path]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(found for key, item in inner for found in paths(item, (*path, key)))]


def test_awkward_toml_is_understood():
    lines = key_lines(AWKWARD.replace("'it''s'", "'its'"))
    assert {path: lines[path] for path in WHERE} == WHERE


def test_nothing_is_found_that_is_not_there():
    text = AWKWARD.replace("'it''s'", "'its'")
    assert set(key_lines(text)) == set(paths(tomllib.loads(text)))


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["resayil", "resayil-simple", "kissapi"])
def test_every_key_of_a_shipped_profile_is_on_its_line(name, ends):
    text = (files("raseed.adapters.policy") / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
    text = text.replace("\n", ends)
    lines, rows = key_lines(text), text.split(ends)
    for path in paths(tomllib.loads(text)):
        row = rows[lines[path] - 1]
        assert isinstance(path[-1], int) or path[-1] in row, path


def test_keys_are_shown_as_they_would_be_written():
    assert key_text(("models", "llama3.2:3b", "multiplier")) == 'models."llama3.2:3b".multiplier'
    assert key_text(("prices", "changes", 0, "version")) == "prices.changes[0].version"
