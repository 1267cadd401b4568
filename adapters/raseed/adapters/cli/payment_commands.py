"""`raseed payments`: what customers paid, what providers told of it, refunds, and what an operator decides."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import FAILED, MISUSED, Output, fail
from raseed.adapters.cli.values import Json, Reason, moment_text
from raseed.admin.v1 import payments_pb2 as pb
from raseed.core.ids import new_id
from raseed.core.money import CURRENCY_DIGITS, credits_number, price_text, whole_units

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
                found += map(_payment, page.payments)
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(found, lambda: [_line(each) for each in found] or ["none"])

        run_command(open_admin, command)

    @payments.command("show")
    def payments_show(payment: Payment, as_json: Json = False) -> None:
        """Show a payment with its refunds."""

        async def command(admin: AdminCalls) -> None:
            shown = await admin.call("ShowPayment", pb.ShowPaymentRequest(id=payment))
            value = {**_payment(shown.payment), "refunds": [_refund(each) for each in shown.refunds]}
            Output(as_json=as_json).show(
                value, lambda: [f"{name:20}{_text(each)}" for name, each in value.items() if each]
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
            value = _refund(made.refund)
            Output(as_json=as_json).show(
                {"refund": value, "payment": _payment(made.payment)},
                lambda: [_refund_line(value, shown.currency)],
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
                found += map(_event, page.events)
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(found, lambda: [_event_line(each) for each in found] or ["none"])

        run_command(open_admin, command)

    @payments.command("report")
    def payments_report(
        day: Annotated[str, typer.Option(help="In UTC, 2026-05-01; else yesterday.")] = "",
        as_json: Json = False,
    ) -> None:
        """Compare what providers say was paid in a day with payments and ledger. Exit 1: something differs."""

        async def command(admin: AdminCalls) -> None:
            report = await admin.call("ReportPayments", pb.ReportPaymentsRequest(day=day))
            value = {"day": report.day, "providers": [_provider(each) for each in report.providers]}
            Output(as_json=as_json).show(value, lambda: _report_lines(value))
            if any(each["differences"] for each in value["providers"]):
                fail("what providers say was paid is not what is here", FAILED)

        run_command(open_admin, command)


def _provider(report: pb.ProviderReport) -> dict[str, Any]:
    return {
        "provider": report.provider,
        "mode": report.mode,
        "compared": report.is_compared,
        "paid_there": report.seen_count,
        "paid_here": report.payment_count,
        "summary": report.summary or None,
        "differences": [{"subject": each.subject, "problem": each.problem} for each in report.differences],
    }


def _report_lines(report: dict[str, Any]) -> list[str]:
    lines = []
    for each in report["providers"]:
        told = each["summary"] or "has no list of what was paid: nothing is compared"
        lines.append(f"{each['provider']} {each['mode']}  {told}")
        lines += [f"  {found['subject']}: {found['problem']}" for found in each["differences"]]
    return lines or ["no payment provider is configured"]


def _minor(text: str, currency: str) -> int:
    try:
        return whole_units(Decimal(text), CURRENCY_DIGITS[currency])
    except (ValueError, ArithmeticError):
        fail(f"an amount of {currency} has up to {CURRENCY_DIGITS[currency]} decimals, not {text!r}", MISUSED)


def _show(payment: pb.CustomerPayment, *, as_json: bool) -> None:
    value = _payment(payment)
    Output(as_json=as_json).show(value, lambda: [_line(value)])


def _payment(payment: pb.CustomerPayment) -> dict[str, Any]:
    def moment(name: str) -> str | None:
        return moment_text(getattr(payment, name)) if payment.HasField(name) else None

    currency = payment.currency
    return {
        "id": payment.id,
        "account": payment.account,
        "actor": payment.actor,
        "provider": payment.provider,
        "mode": payment.mode,
        "state": payment.state,
        "item": {"kind": payment.item_kind, "id": payment.item_id, "quantity": payment.item_quantity},
        "amount": price_text(payment.amount_minor, currency),
        "currency": currency,
        "credits": credits_number(payment.credit_microcredits),
        "method": payment.method or None,
        "invoice_id": payment.invoice_id or None,
        "provider_payment_id": payment.provider_payment_id or None,
        "refunded": price_text(payment.refunded_minor, currency),
        "disputed": price_text(payment.disputed_minor, currency),
        "withdrawn_credits": credits_number(payment.withdrawn_microcredits),
        "problem": payment.problem or None,
        "checks": payment.check_count,
        "next_check_at": moment("next_check_at_us"),
        "created_at": moment_text(payment.created_at_us),
        "paid_at": moment("paid_at_us"),
        "credited_at": moment("credited_at_us"),
    }


def _refund(refund: pb.PaymentRefund) -> dict[str, Any]:
    return {
        "id": refund.id,
        "payment": refund.payment,
        "amount_minor": refund.amount_minor,
        "state": refund.state,
        "dispute": refund.is_dispute,
        "reason": refund.reason,
        "actor": refund.actor,
        "provider_refund_id": refund.provider_refund_id or None,
        "created_at": moment_text(refund.created_at_us),
        "ended_at": moment_text(refund.ended_at_us) if refund.HasField("ended_at_us") else None,
    }


def _event(event: pb.PaymentEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "provider": event.provider,
        "mode": event.mode,
        "name": event.name,
        "state": event.state,
        "tries": event.attempt_count,
        "error": event.error or None,
        "reference": event.reference or None,
        "invoice_id": event.invoice_id or None,
        "provider_subscription_id": event.provider_subscription_id or None,
        "payment": event.payment or None,
        "received_at": moment_text(event.received_at_us),
        "ended_at": moment_text(event.ended_at_us) if event.HasField("ended_at_us") else None,
    }


def _line(payment: dict[str, Any]) -> str:
    item = " ".join(str(part) for part in (payment["item"]["kind"], payment["item"]["id"]) if part)
    told = f"  {payment['problem']}" if payment["problem"] else ""
    price = f"{payment['amount']} {payment['currency']}"
    return (
        f"{payment['id']}  {payment['created_at'][:19]}  {payment['state']:9} {price:>14}  {item}  "
        f"{payment['account']}  {payment['provider']} {payment['mode']}{told}"
    )


def _refund_line(refund: dict[str, Any], currency: str) -> str:
    return f"{refund['id']}  {price_text(refund['amount_minor'], currency)} {currency}  {refund['state']}"


def _event_line(event: dict[str, Any]) -> str:
    about = event["payment"] or event["reference"] or event["invoice_id"] or "-"
    error = f"  {event['error']}" if event["error"] else ""
    return f"{event['id']}  {event['received_at'][:19]}  {event['state']:8} {event['provider']} {event['name']}  {about}{error}"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{each['id']} {each['state']}" for each in value)
    if isinstance(value, dict):
        return " ".join(f"{each}" for each in value.values() if each)
    return f"{value}"
