"""Secrets on disk: made once, whoever starts first."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from raseed.app.layout import Home, make_private
from raseed.app.lone_secrets import read_content_keys
from raseed.app.peppers import add_pepper, read_peppers


def test_of_many_who_make_a_file_one_does(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    def make(number: int) -> str:
        make_private(path, f"{number}" * 64)
        return path.read_text(encoding="utf-8")

    with ThreadPoolExecutor(16) as pool:
        [text] = set(pool.map(make, range(64)))
    assert text in {f"{number}" * 64 for number in range(64)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_is_the_same_at_every_start(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    first = read_content_keys(home), read_peppers(home)
    assert (read_content_keys(home), read_peppers(home)) == first
    [key] = first[0].values()
    assert len(key) == 32


def test_a_newer_pepper_is_added_and_older_ones_stay(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    before = read_peppers(home)
    digest = before.digest("secret", before.current)
    added = add_pepper(home)
    assert stat.S_IMODE(added.stat().st_mode) == 0o600
    assert before.current == 1
    after = read_peppers(home)
    assert after.current == 2
    newer = after.digest("secret", 2)
    assert newer != digest
    for peppers in (before, after):  # a worker of before the change knows the keys of after it
        assert peppers.matches("secret", 1, digest)
        assert peppers.matches("secret", 2, newer)
        assert not peppers.matches("secret", 3, newer)
    (home.secrets / "key-pepper-1").unlink()
    assert not read_peppers(home).matches("secret", 1, digest)
    assert read_peppers(home).current == 2
