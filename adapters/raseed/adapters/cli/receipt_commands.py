"""`raseed payments receipt`: a receipt or credit note by its number, shown or written as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.files import write_private_file
from raseed.adapters.cli.output import Output
from raseed.adapters.cli.values import Json, moment_text
from raseed.admin.v1 import receipts_pb2 as pb
from raseed.billing.v1 import receipts_pb2
from raseed.core.messaging.ports import Language
from raseed.core.money import credits_number, price_text

_New = Annotated[Path | None, typer.Option(help="Write it there; the file must not exist.")]


def add_receipt_commands(payments: typer.Typer, open_admin: OpenAdmin) -> None:
    @payments.command("receipt")
    def payments_receipt(
        number: Annotated[str, typer.Argument(help="For example R-2026-000001.")],
        pdf: _New = None,
        html: _New = None,
        language: Annotated[
            Language | None, typer.Option(help="Of the files; else the one that it was ordered in.")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Show a receipt, credit note or confirmation, and write it as its buyer reads it."""
        wanted = {receipts_pb2.RECEIPT_FORMAT_PDF: pdf, receipts_pb2.RECEIPT_FORMAT_HTML: html}

        async def command(admin: AdminCalls) -> None:
            found = await admin.call("ShowReceipt", pb.ShowReceiptRequest(number=number))
            for form, path in wanted.items():
                if path is not None:
                    request = pb.RenderReceiptRequest(
                        number=number, format=form, language=language.value if language else ""
                    )
                    write_private_file(path, (await admin.call("RenderReceipt", request)).content)
            value = _value(found)
            Output(as_json=as_json).show(value, lambda: _lines(value))

        run_command(open_admin, command)


def _value(found: pb.ShowReceiptResponse) -> dict[str, Any]:
    receipt = found.receipt
    buyer = found.buyer if found.HasField("buyer") else None
    return {
        "number": receipt.number,
        "kind": receipt.kind,
        "mode": receipt.mode,
        "issued_at": moment_text(receipt.issued_at_us),
        "issued_on": receipt.issued_on,
        "account": found.account,
        "buyer": {"name": buyer.name, "email": buyer.email, "phone": buyer.phone} if buyer else None,
        "payment": receipt.payment_id,
        "refund": receipt.refund_id or None,
        "dispute": receipt.is_dispute,
        "refers_to": receipt.refers_to or None,
        "item": receipt.item,
        "amount": price_text(receipt.amount_minor, receipt.currency),
        "amount_minor": receipt.amount_minor,
        "currency": receipt.currency,
        "credits": credits_number(receipt.credit_microcredits),
        "provider": receipt.provider,
        "transaction": receipt.provider_payment_id,
    }


def _lines(value: dict[str, Any]) -> list[str]:
    lines = [
        f"{value['number']}  {value['kind']}  {value['issued_on']}  {value['amount']} {value['currency']}",
        f"{value['item']}  {value['account']}  {value['payment']}  {value['provider']} {value['transaction']}",
    ]
    if value["mode"] == "test":
        lines.append("a test: no money was moved")
    if value["refers_to"]:
        lines.append(f"refers to {value['refers_to']}{'; the bank took it back' if value['dispute'] else ''}")
    return lines
