"""Renders documents for whoever asks: HTML at once, PDFs a few at a time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from raseed.adapters.receipts.html import html_of
from raseed.adapters.receipts.pdf import pdf_of
from raseed.adapters.receipts.sheet import lay_out
from raseed.core.errors import Overloaded
from raseed.core.messaging.ports import Language
from raseed.core.payments.receipts import IssuedReceipt

PDF_THREADS = 1
"""PDFs of one worker that are made at a time: one is done in some 25 ms, and requests need the other cores."""
PDFS_WAITING_MAX = 32
"""More than these would wait for a second; who asks then is asked to come again."""


class DocumentRenderer:
    """Implements `core.payments.receipts.ReceiptRenderer`. End with `close`."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(PDF_THREADS, thread_name_prefix="pdf")
        self._waiting = 0

    async def html(self, issued: IssuedReceipt, language: Language) -> bytes:
        return html_of(lay_out(issued, language))

    async def pdf(self, issued: IssuedReceipt, language: Language) -> bytes:
        if self._waiting >= PDFS_WAITING_MAX:
            raise Overloaded("Too many documents are being made. Try again in a moment.")
        self._waiting += 1
        try:
            sheet = lay_out(issued, language)
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, pdf_of, sheet, issued.receipt.issued_at
            )
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """What is being made is finished; what waits is not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)
