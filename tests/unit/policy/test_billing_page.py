"""docs/billing.md names every key that a profile may have, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from raseed.adapters.policy import loader, models, offers, plans, price_lists, tiers
from raseed.core.billing.holds import OnShortfall, Reserve
from raseed.core.billing.model import GrantSource, Meter
from raseed.core.billing.policy import Identity
from raseed.core.billing.pricing import Basis
from raseed.core.money import Rounding

PAGE = (Path(__file__).parents[3] / "docs" / "billing.md").read_text(encoding="utf-8")
TABLES: dict[str, type[msgspec.Struct]] = {
    "Top of the file": loader._Profile,
    "[billing]": loader._Billing,
    "[accounts]": loader._Accounts,
    "[api]": loader._Api,
    "[groups.NAME]": loader._Group,
    "[tiers.NAME]": tiers._Tier,
    "[[packs]]": offers._Pack,
    "[topup]": offers._Topup,
    "[[plans]]": plans._Plan,
    "[extra_keys]": plans._ExtraKeys,
    "[models.ID]": models._Model,
    "[prices]": price_lists._Prices,
}
SECTIONS = {
    "billing", "accounts", "api", "grants", "groups", "prices", "model_tiers", "models", "price_classes", "packs", "tiers", "topup",
    "plans", "extra_keys",
}  # fmt: skip


def documented(heading: str) -> dict[str, str]:
    """Keys of the table under a heading, with their defaults."""
    section = PAGE.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    rows = re.findall(r"^\| (`.+?`) \| (.+?) \|", section, re.MULTILINE)
    return {key: default for keys, default in rows for key in re.findall(r"`([^`]+)`", keys)}


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_is_on_the_page_and_required_where_it_is(heading):
    rows = {key: default for key, default in documented(heading).items() if not key.startswith("changes.")}
    fields = {field.encode_name: field for field in msgspec.structs.fields(TABLES[heading])}
    if heading == "Top of the file":
        fields = {name: field for name, field in fields.items() if name not in SECTIONS}
    if heading == "[models.ID]":
        fields = {name: field for name, field in fields.items() if name != "removed"}
    assert set(rows) == set(fields)
    for name, field in fields.items():
        assert (rows[name] == "required") is field.required, name


def test_every_section_has_its_heading():
    headings = set(re.findall(r"\[+(\w+)", "".join(re.findall(r"^### (.+)$", PAGE, re.MULTILINE))))
    assert headings == SECTIONS


def test_the_keys_of_changes_tiers_classes_and_grants():
    changes = {key.removeprefix("changes.") for key in documented("[prices]") if key.startswith("changes.")}
    assert changes == {*price_lists._Change.__struct_fields__, "models.ID.removed"}
    shelves = set(documented("[model_tiers.NAME] and [price_classes.NAME]"))
    assert shelves == {*models._Tier.__struct_fields__, *models._Class.__struct_fields__}
    grants = {key.removeprefix("welcome.") for key in documented("[grants]")}
    assert grants == {*loader._Grants.__struct_fields__, *loader._Welcome.__struct_fields__}


@pytest.mark.parametrize("name", [*Meter, *GrantSource, *Rounding, *Basis, *Identity, *Reserve, *OnShortfall])
def test_every_value_is_on_the_page(name):
    assert f"`{name}`" in PAGE
