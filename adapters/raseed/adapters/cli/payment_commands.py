"""`raseed payments`: what customers paid, what providers told of it, refunds, and what an operator decides."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import FAILED, MISUSED, Output, fail
from raseed.adapters.cli.payment_output import (
    event_line,
    event_value,
    field_text,
    payment_line,
    payment_value,
    provider_value,
    refund_line,
    refund_value,
    report_lines,
)
from raseed.adapters.cli.values import Json, Reason
from raseed.admin.v1 import payments_pb2 as pb
from raseed.core.ids import new_id
from raseed.core.money import CURRENCY_DIGITS, whole_units

Payment = Annotated[str, typer.Argument(metavar="ID", help="Id of a payment.")]
PAGE = 100


def add_payment_commands(payments: typer.Typer, open_admin: OpenAdmin) -> None:
    @payments.command("list")
    def payments_list(
        account: Annotated[str, typer.Option(help="Id, e-mail address or telephone number.")] = "",
        state: Annotated[
            str,
            typer.Option(help="created, pending, paid, credited, failed, expired, review or rejected."),
        ] = "",
        limit: Annotated[int, typer.Option(help="Most payments to list.", min=1)] = PAGE,
        as_json: Json = False,
    ) -> None:
        """List payments, newest first: of an account, in a state, or all."""

        async def command(admin: AdminCalls) -> None:
            found: list[dict[str, Any]] = []
            token = ""
            while len(found) < limit:
                request = pb.ListAllPaymentsRequest(
                    account=account, state=state, page_size=min(PAGE, limit - len(found)), page_token=token
                )
                page = await admin.call("ListAllPayments", request)
                found += map(payment_value, page.payments)
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(found, lambda: [payment_line(each) for each in found] or ["none"])

        run_command(open_admin, command)

    @payments.command("show")
    def payments_show(payment: Payment, as_json: Json = False) -> None:
        """Show a payment with its refunds."""

        async def command(admin: AdminCalls) -> None:
            shown = await admin.call("ShowPayment", pb.ShowPaymentRequest(id=payment))
            value = {
                **payment_value(shown.payment),
                "refunds": [refund_value(each) for each in shown.refunds],
            }
            Output(as_json=as_json).show(
                value, lambda: [f"{name:20}{field_text(each)}" for name, each in value.items() if each]
            )

        run_command(open_admin, command)

    @payments.command("check")
    def payments_check(payment: Payment, as_json: Json = False) -> None:
        """Ask the provider now, and bring the payment in line with what it says."""

        async def command(admin: AdminCalls) -> None:
            checked = await admin.call("CheckPayment", pb.CheckPaymentRequest(id=payment))
            _show(checked.payment, as_json=as_json)

        run_command(open_admin, command)

    @payments.command("refund")
    def payments_refund(
        payment: Payment,
        reason: Reason,
        amount: Annotated[
            str, typer.Option(help="In the payment's currency, 0.500; else all that is left.")
        ] = "",
        request_id: Annotated[
            str, typer.Option(help="The same id refunds once. Else every call is a refund of its own.")
        ] = "",
        as_json: Json = False,
    ) -> None:
        """Ask the provider to give money back. The credit is taken back when it has done it."""

        async def command(admin: AdminCalls) -> None:
            shown = (await admin.call("ShowPayment", pb.ShowPaymentRequest(id=payment))).payment
            request = pb.RefundPaymentRequest(
                request_id=request_id or new_id("req"),
                id=payment,
                amount_minor=_minor(amount, shown.currency) if amount else None,
                reason=reason,
            )
            made = await admin.call("RefundPayment", request)
            value = refund_value(made.refund)
            Output(as_json=as_json).show(
                {"refund": value, "payment": payment_value(made.payment)},
                lambda: [refund_line(value, shown.currency)],
            )

        run_command(open_admin, command)

    @payments.command("refund-failed")
    def payments_refund_failed(
        payment: Payment,
        refund: Annotated[str, typer.Argument(metavar="REFUND", help="Id of one of its refunds.")],
        reason: Reason,
        as_json: Json = False,
    ) -> None:
        """Wait no longer for a refund that its provider gave up without a word."""

        async def command(admin: AdminCalls) -> None:
            request = pb.MarkRefundFailedRequest(id=payment, refund=refund, reason=reason)
            ended = await admin.call("MarkRefundFailed", request)
            value = refund_value(ended.refund)
            Output(as_json=as_json).show(
                {"refund": value, "payment": payment_value(ended.payment)},
                lambda: [refund_line(value, ended.payment.currency)],
            )

        run_command(open_admin, command)

    @payments.command("accept")
    def payments_accept(payment: Payment, reason: Reason, as_json: Json = False) -> None:
        """Credit a payment in review as it was ordered."""

        async def command(admin: AdminCalls) -> None:
            request = pb.AcceptPaymentRequest(id=payment, reason=reason)
            _show((await admin.call("AcceptPayment", request)).payment, as_json=as_json)

        run_command(open_admin, command)

    @payments.command("reject")
    def payments_reject(payment: Payment, reason: Reason, as_json: Json = False) -> None:
        """Never credit a payment in review. Giving the money back is another command: refund."""

        async def command(admin: AdminCalls) -> None:
            request = pb.RejectPaymentRequest(id=payment, reason=reason)
            _show((await admin.call("RejectPayment", request)).payment, as_json=as_json)

        run_command(open_admin, command)

    @payments.command("events")
    def payments_events(
        state: Annotated[str, typer.Option(help="new, done, ignored or dead.")] = "",
        retry: Annotated[str, typer.Option(metavar="ID", help="Try this dead or ignored event again.")] = "",
        limit: Annotated[int, typer.Option(help="Most events to list.", min=1)] = PAGE,
        as_json: Json = False,
    ) -> None:
        """List what providers told, newest first, or try an event again."""

        async def command(admin: AdminCalls) -> None:
            if retry:
                await admin.call("RetryPaymentEvent", pb.RetryPaymentEventRequest(id=retry))
                Output(as_json=as_json).show({"id": retry}, lambda: [f"{retry} is due now"])
                return
            found: list[dict[str, Any]] = []
            token = ""
            while len(found) < limit:
                request = pb.ListPaymentEventsRequest(
                    state=state, page_size=min(PAGE, limit - len(found)), page_token=token
                )
                page = await admin.call("ListPaymentEvents", request)
                found += map(event_value, page.events)
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(found, lambda: [event_line(each) for each in found] or ["none"])

        run_command(open_admin, command)

    @payments.command("report")
    def payments_report(
        day: Annotated[str, typer.Option(help="In UTC, 2026-05-01; else yesterday.")] = "",
        as_json: Json = False,
    ) -> None:
        """Compare what providers say was paid in a day with payments and ledger. Exit 1: something differs."""

        async def command(admin: AdminCalls) -> None:
            report = await admin.call("ReportPayments", pb.ReportPaymentsRequest(day=day))
            value = {"day": report.day, "providers": [provider_value(each) for each in report.providers]}
            Output(as_json=as_json).show(value, lambda: report_lines(value))
            if any(each["differences"] for each in value["providers"]):
                fail("what providers say was paid is not what is here", FAILED)

        run_command(open_admin, command)


def _show(payment: pb.CustomerPayment, *, as_json: bool) -> None:
    value = payment_value(payment)
    Output(as_json=as_json).show(value, lambda: [payment_line(value)])


def _minor(text: str, currency: str) -> int:
    try:
        return whole_units(Decimal(text), CURRENCY_DIGITS[currency])
    except (ValueError, ArithmeticError):
        fail(f"an amount of {currency} has up to {CURRENCY_DIGITS[currency]} decimals, not {text!r}", MISUSED)
