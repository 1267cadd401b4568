"""docs/messaging.md lists every notice as it is, and every preset."""

from pathlib import Path

from raseed.adapters.messaging.dialect import PRESETS
from raseed.core.messaging.notices import NOTICE_TYPES
from raseed.core.messaging.outbox import PAUSES_US

PAGE = (Path(__file__).parents[3] / "docs/messaging.md").read_text(encoding="utf-8")


def test_every_notice_is_there_with_its_parameters_in_order() -> None:
    for kind, type_ in NOTICE_TYPES.items():
        told = "goes to the operators" if type_.is_for_operators else "no" if type_.is_essential else "yes"
        parameters = ", ".join(f"`{name}`" for name in type_.parameters) or "–"
        assert f"| `{kind}` | {parameters} | {told} |" in PAGE


def test_every_preset_is_there_with_its_address() -> None:
    for name, dialect in PRESETS.items():
        assert f"| `{name}` | `{dialect.url}` | `{dialect.header_name}: " in PAGE


def test_the_pauses_are_as_it_says() -> None:
    assert [pause // 1_000_000 for pause in PAUSES_US] == [30, 120, 600, 1800, 3600, 10800, 21600]
    assert "30 seconds, 2, 10 and 30 minutes, 1, 3 and 6 hours: eight times" in PAGE
