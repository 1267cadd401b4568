"""PaymentAdminService over gRPC, for operators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import grpc

from raseed.adapters.rpc.call import acting
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.admin.v1 import payments_pb2 as pb
from raseed.admin.v1 import payments_pb2_grpc
from raseed.core.errors import Conflict, PaymentProviderUnavailable, RequestInvalid
from raseed.core.ids import PaymentId, RefundId
from raseed.core.payments.administration import PaymentAdmin
from raseed.core.payments.comparing import Comparison
from raseed.core.payments.inbox import InboxEntry
from raseed.core.payments.model import Payment, Refund
from raseed.core.payments.ports import Gateway, GatewayError, GatewayRefused

PAYMENTS_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class PaymentAdminServicer(payments_pb2_grpc.PaymentAdminServiceServicer):
    def __init__(self, payments: PaymentAdmin) -> None:
        self._payments = payments

    async def ListAllPayments(
        self, request: pb.ListAllPaymentsRequest, context: Context
    ) -> pb.ListAllPaymentsResponse:
        size = page_size(request.page_size, PAYMENTS_PAGE_MAX)
        after = decode_token(request.page_token)
        found = await self._payments.list(request.account, request.state, after, size + 1)
        return pb.ListAllPaymentsResponse(
            payments=map(_payment, found[:size]),
            next_page_token=encode_token(found[size - 1].id) if len(found) > size else "",
        )

    async def ShowPayment(self, request: pb.ShowPaymentRequest, context: Context) -> pb.ShowPaymentResponse:
        payment, refunds = await self._payments.show(PaymentId(request.id))
        return pb.ShowPaymentResponse(payment=_payment(payment), refunds=map(_refund, refunds))

    async def CheckPayment(
        self, request: pb.CheckPaymentRequest, context: Context
    ) -> pb.CheckPaymentResponse:
        with _for_operators():
            payment = await self._payments.check(PaymentId(request.id))
        return pb.CheckPaymentResponse(payment=_payment(payment))

    async def RefundPayment(
        self, request: pb.RefundPaymentRequest, context: Context
    ) -> pb.RefundPaymentResponse:
        with _for_operators():
            refund, payment = await self._payments.refund(
                PaymentId(request.id),
                request.amount_minor if request.HasField("amount_minor") else None,
                reason=request.reason,
                request_key=request.request_id,
                actor=acting(context).actor,
            )
        return pb.RefundPaymentResponse(refund=_refund(refund), payment=_payment(payment))

    async def MarkRefundFailed(
        self, request: pb.MarkRefundFailedRequest, context: Context
    ) -> pb.MarkRefundFailedResponse:
        with _for_operators():
            refund, payment = await self._payments.mark_refund_failed(
                PaymentId(request.id),
                RefundId(request.refund),
                reason=request.reason,
                actor=acting(context).actor,
            )
        return pb.MarkRefundFailedResponse(refund=_refund(refund), payment=_payment(payment))

    async def AcceptPayment(
        self, request: pb.AcceptPaymentRequest, context: Context
    ) -> pb.AcceptPaymentResponse:
        with _for_operators():
            payment = await self._payments.accept(
                PaymentId(request.id), reason=request.reason, actor=acting(context).actor
            )
        return pb.AcceptPaymentResponse(payment=_payment(payment))

    async def RejectPayment(
        self, request: pb.RejectPaymentRequest, context: Context
    ) -> pb.RejectPaymentResponse:
        payment = await self._payments.reject(
            PaymentId(request.id), reason=request.reason, actor=acting(context).actor
        )
        return pb.RejectPaymentResponse(payment=_payment(payment))

    async def ListPaymentEvents(
        self, request: pb.ListPaymentEventsRequest, context: Context
    ) -> pb.ListPaymentEventsResponse:
        size = page_size(request.page_size, PAYMENTS_PAGE_MAX)
        found = await self._payments.events(request.state, decode_token(request.page_token), size + 1)
        return pb.ListPaymentEventsResponse(
            events=map(_event, found[:size]),
            next_page_token=encode_token(found[size - 1].id) if len(found) > size else "",
        )

    async def RetryPaymentEvent(
        self, request: pb.RetryPaymentEventRequest, context: Context
    ) -> pb.RetryPaymentEventResponse:
        await self._payments.retry_event(request.id, actor=acting(context).actor)
        return pb.RetryPaymentEventResponse()

    async def ReportPayments(
        self, request: pb.ReportPaymentsRequest, context: Context
    ) -> pb.ReportPaymentsResponse:
        with _for_operators():
            reports = await self._payments.report(_day(request.day))
        shown = [_report(gateway, comparison) for gateway, _, comparison in reports]
        return pb.ReportPaymentsResponse(
            day=next((day.isoformat() for _, day, _ in reports), request.day), providers=shown
        )


@contextmanager
def _for_operators() -> Iterator[None]:
    """What a gateway says is written for operators: they read it, and nobody else does."""
    try:
        yield
    except GatewayRefused as error:
        raise Conflict(f"The payment provider: {error}.") from error
    except GatewayError as error:
        raise PaymentProviderUnavailable(f"The payment provider: {error}.") from error


def _payment(payment: Payment) -> pb.CustomerPayment:
    return pb.CustomerPayment(
        id=payment.id,
        account=payment.account_id,
        actor=payment.actor,
        provider=payment.provider.value,
        mode=payment.mode.value,
        state=payment.state.value,
        item_kind=payment.item.kind.value,
        item_id=payment.item.id,
        item_quantity=payment.item.quantity,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        credit_microcredits=payment.credit_microcredits,
        method=payment.method,
        invoice_id=payment.invoice_id,
        provider_payment_id=payment.provider_payment_id,
        refunded_minor=payment.refunded_minor,
        disputed_minor=payment.disputed_minor,
        withdrawn_microcredits=payment.withdrawn_microcredits,
        problem=payment.problem,
        check_count=payment.check_count,
        next_check_at_us=payment.next_check_at,
        created_at_us=payment.created_at,
        paid_at_us=payment.paid_at,
        credited_at_us=payment.credited_at,
        received_minor=payment.received_minor,
    )


def _refund(refund: Refund) -> pb.PaymentRefund:
    return pb.PaymentRefund(
        id=refund.id,
        payment=refund.payment_id,
        amount_minor=refund.amount_minor,
        state=refund.state.value,
        is_dispute=refund.is_dispute,
        reason=refund.reason,
        actor=refund.actor,
        provider_refund_id=refund.provider_refund_id,
        created_at_us=refund.created_at,
        ended_at_us=refund.ended_at,
    )


def _event(entry: InboxEntry) -> pb.PaymentEvent:
    event = entry.event
    return pb.PaymentEvent(
        id=entry.id,
        provider=entry.provider.value,
        mode=event.mode.value,
        name=event.name,
        state=entry.state.value,
        attempt_count=entry.attempts,
        error=entry.error,
        reference=event.reference,
        invoice_id=event.invoice_id,
        provider_subscription_id=event.provider_subscription_id,
        payment=entry.payment_id or "",
        received_at_us=entry.received_at,
        ended_at_us=entry.ended_at,
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise RequestInvalid("A day is written as 2026-05-01.", param="day") from error


def _report(gateway: Gateway, comparison: Comparison | None) -> pb.ProviderReport:
    report = pb.ProviderReport(provider=gateway.provider.value, mode=gateway.mode.value)
    if comparison is not None:
        report.is_compared = True
        report.seen_count, report.payment_count = comparison.seen_count, comparison.payment_count
        report.summary = comparison.summary
        report.differences.extend(
            pb.PaymentDifference(subject=each.subject, problem=each.detail) for each in comparison.differences
        )
    return report
