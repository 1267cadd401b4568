"""`raseed payments receipt` on a stopped system."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

from tests.support.receipts import terms
from tests.support.receipts_issued import issued

from raseed.adapters.sql.sqlite.database import Database
from raseed.core.payments.receipts import Receipt


def receipt_of(home: Path, account: str) -> Receipt:
    async def make() -> Receipt:
        database = await Database.open(home / "home" / "raseed.db")
        try:
            return (await issued(database, terms(), account))[0]
        finally:
            await database.close()

    return asyncio.run(make())


def test_a_receipt_is_shown_and_written(raseed, account, home, tmp_path):
    receipt = receipt_of(home, account)
    found = raseed("payments", "receipt", receipt.number, "--json").value
    assert (found["number"], found["amount"], found["currency"]) == (receipt.number, "2.000", "KWD")
    assert (found["account"], found["payment"]) == (account, receipt.payment_id)
    assert found["buyer"]["email"].endswith("@example.com")
    pdf, page = tmp_path / "r.pdf", tmp_path / "r.html"
    shown = raseed(
        "payments", "receipt", receipt.number, "--pdf", str(pdf), "--html", str(page), "--language", "en"
    )
    assert shown.out.startswith(f"{receipt.number}  receipt  2026-11-21  2.000 KWD\n")
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert "<h1>Receipt</h1>" in page.read_text(encoding="utf-8")
    assert stat.S_IMODE(pdf.stat().st_mode) == 0o600
    raseed("payments", "receipt", receipt.number, "--pdf", str(pdf)).refused(2)


def test_a_number_that_there_is_not_is_refused(raseed, account):
    raseed("payments", "receipt", "R-1999-000001").refused()
