"""Documents as HTML: one page that needs nothing else, and prints."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import jinja2

from raseed.adapters.receipts.sheet import Sheet


def html_of(sheet: Sheet) -> bytes:
    return _template().render(sheet=sheet).encode()


@cache
def _template() -> jinja2.Template:
    text = (files("raseed.adapters.receipts") / "receipt.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)
