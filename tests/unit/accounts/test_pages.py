"""docs/accounts.md names every scope and every field of a key, and what docs/security.md says of keys is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from raseed.adapters.wire import keys as wire
from raseed.core.accounts.keys import new_key
from raseed.core.accounts.scopes import Scope

DOCS = Path(__file__).parents[3] / "docs"
ACCOUNTS = (DOCS / "accounts.md").read_text(encoding="utf-8")
SECURITY = (DOCS / "security.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("scope", Scope)
def test_every_scope_is_explained(scope: Scope) -> None:
    table = ACCOUNTS[ACCOUNTS.index("### Scopes") :]
    assert f"`{scope}`" in table


@pytest.mark.parametrize(
    "field", sorted({*wire._NewKey.__struct_fields__, *wire._Key.__struct_fields__} - {"id"})
)
def test_every_field_of_a_key_is_explained(field: str) -> None:
    part = ACCOUNTS[ACCOUNTS.index("## API keys") : ACCOUNTS.index("### Scopes")]
    assert f"`{field}`" in part


def test_scanners_find_our_keys_and_nothing_else() -> None:
    [pattern] = re.findall(r"```regex\n(.*?)\n```", SECURITY)
    [code] = re.findall(r"```python\n(.*?)```", SECURITY, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    for mode in ("live", "test"):
        text = new_key(mode).text
        assert re.fullmatch(pattern, text)
        assert re.findall(f"({pattern})", f"KEY='{text}';")[0][0] == text
        assert names["is_key"](text)
        other = "A" if text[20] != "A" else "B"
        assert not names["is_key"](text[:20] + other + text[21:])
