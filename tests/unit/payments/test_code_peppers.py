"""Codes and the peppers that come and go."""

from __future__ import annotations

from pathlib import Path

from raseed.app.layout import Home
from raseed.app.peppers import add_pepper, read_peppers
from raseed.core.payments.code_text import new_code
from raseed.core.payments.redeeming import digest_of, digests_of


def test_a_worker_knows_codes_that_others_make_with_a_newer_pepper(tmp_path: Path) -> None:
    """It began before there was one, and nobody restarted it."""
    home = Home(tmp_path / "home")
    home.prepare()
    old = read_peppers(home)
    code = new_code("GIFT").canonical
    made = [digest_of(old, code, 1)]
    assert digests_of(old, code) == made
    for version in (2, 3):
        add_pepper(home)
        made.append(digest_of(read_peppers(home), code, version))
    assert digests_of(old, code) == made
    assert len(set(made)) == 3
