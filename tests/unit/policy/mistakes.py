"""What a mistake in a profile is checked for: that it is found, and that its line and key are named."""

from __future__ import annotations

import pytest
from tests.unit.policy.profile_text import policy_from

from raseed.adapters.policy.loader import PolicyError

HERE = "#!"
"""Marks the line that must be named. Where there is none, the key's whole section is missing."""


def check_named(text: str, key: str, why: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_from(text)
    first = caught.value.problems[0]
    line = next((number for number, line in enumerate(text.splitlines(), 1) if HERE in line), 1)
    assert first.startswith(f"small.toml:{line}: {key}: "), first
    assert why in first
