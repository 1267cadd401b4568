"""Documents as HTML: one page that needs nothing else, and prints."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from raseed.adapters.receipts.sheet import Sheet

if TYPE_CHECKING:
    import jinja2


def html_of(sheet: Sheet) -> bytes:
    return _template().render(sheet=sheet).encode()


@cache
def _template() -> jinja2.Template:
    import jinja2  # only where it is needed: most workers make no document

    text = (files("raseed.adapters.receipts") / "receipt.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)
