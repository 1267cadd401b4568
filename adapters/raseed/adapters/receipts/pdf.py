"""Documents as PDF/A, tagged for readers, with both scripts of one font in them; the same sheet gives the same bytes."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from raseed.adapters.receipts.sheet import Sheet
from raseed.core.clock import SECOND, Microseconds

if TYPE_CHECKING:
    import typst


def pdf_of(sheet: Sheet, issued_at: Microseconds) -> bytes:
    """Takes some 25 ms, without holding the interpreter's lock; the first one loads the fonts and takes 300."""
    import typst

    pdf = typst.compile(
        _template(),
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"sheet": json.dumps(asdict(sheet), ensure_ascii=False)},
        format="pdf",
        pdf_standards=["a-2a"],
        timestamp=issued_at // SECOND,
    )
    assert isinstance(pdf, bytes)
    return pdf


@cache
def _template() -> bytes:
    return (files("raseed.adapters.receipts") / "receipt.typ").read_bytes()


@cache
def _fonts() -> typst.Fonts:
    """Read from files once, which then may go: the library keeps what a first document has used."""
    import typst
    from pymupdf_fonts import FiraGO_Bold, FiraGO_Regular

    with tempfile.TemporaryDirectory(prefix="raseed-fonts-") as folder:
        for name, font in (("Regular", FiraGO_Regular), ("Bold", FiraGO_Bold)):
            (Path(folder) / f"FiraGO-{name}.ttf").write_bytes(font.fontbuffer)
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])
        typst.compile(b'#set text(font: "FiraGO")\na *b*', font_paths=fonts, ignore_system_fonts=True)
    return fonts
