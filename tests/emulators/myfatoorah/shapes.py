"""The JSON of MyFatoorah, spelled as it is spelled.

Sources: docs.myfatoorah.com/docs/{initiate-payment, execute-payment, send-payment, get-payment-status, make-refund,
getrefundstatus, get-payment-details, idempotency, transaction-data-model, refund-data-model,
webhook-v2-payment-status-data-model, webhook-v2-refund-data-model}; the names of `InvoiceTransactions` that these leave
out (`TransationValue`, sic) from the models of the vendor's Flutter SDK.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web
from tests.emulators.myfatoorah.book import DIGITS, KUWAIT, METHODS, Attempt, Invoice, Refund, Refused

from raseed.core.clock import SECOND, Microseconds

_ENCODER = msgspec.json.Encoder(decimal_format="number")
WEBHOOK_STATUS = {"Succss": "SUCCESS", "Failed": "FAILED", "Canceled": "CANCELED", "Authorize": "AUTHORIZE"}


def answered(data: Any, status: int = 200, message: str = "") -> web.Response:
    return _json({"IsSuccess": True, "Message": message, "ValidationErrors": None, "Data": data}, status)


def refused(error: Refused) -> web.Response:
    return _json(
        {
            "IsSuccess": False,
            "Message": "Invalid data",
            "ValidationErrors": [{"Name": error.name, "Error": error.error}],
            "Data": None,
        },
        error.status,
    )


def _json(body: Any, status: int) -> web.Response:
    return web.Response(body=_ENCODER.encode(body), status=status, content_type="application/json")


def methods(amount: Decimal, currency: str) -> dict[str, Any]:
    """InitiatePayment."""
    return {
        "PaymentMethods": [
            {
                "PaymentMethodId": method.id,
                "PaymentMethodAr": method.name_ar,
                "PaymentMethodEn": method.name_en,
                "PaymentMethodCode": method.code,
                "IsDirectPayment": False,
                "ServiceCharge": Decimal("0.101"),
                "TotalAmount": amount,
                "CurrencyIso": currency,
                "ImageUrl": f"https://demo.myfatoorah.com/imgs/payment-methods/{method.code}.png",
                "IsEmbeddedSupported": method.code != "kn",
                "PaymentCurrencyIso": "KWD",
            }
            for method in METHODS
        ]
    }


def status(invoice: Invoice) -> dict[str, Any]:
    """GetPaymentStatus."""
    expires = _kuwait(invoice.expires_at)
    return {
        "InvoiceId": invoice.id,
        "InvoiceStatus": invoice.status,
        "InvoiceReference": invoice.reference,
        "CustomerReference": invoice.customer_reference or None,
        "CreatedDate": _kuwait(invoice.created_at).strftime("%Y-%m-%dT%H:%M:%S.107"),
        "ExpiryDate": f"{expires:%B} {expires.day}, {expires.year}",
        "ExpiryTime": expires.strftime("%H:%M:%S.000"),
        "InvoiceValue": invoice.base_value,
        "Comments": None,
        "CustomerName": invoice.customer.get("name", ""),
        "CustomerMobile": invoice.customer.get("mobile", ""),
        "CustomerEmail": invoice.customer.get("email"),
        "UserDefinedField": invoice.user_defined or None,
        "InvoiceDisplayValue": f"{invoice.value:,.{DIGITS[invoice.currency]}f} {invoice.currency}",
        "DueDeposit": Decimal("0.000"),
        "DepositStatus": "Not Deposited",
        "InvoiceItems": [],
        "InvoiceTransactions": [_transaction(attempt) for attempt in invoice.attempts],
        "Suppliers": [],
    }


def _transaction(attempt: Attempt) -> dict[str, Any]:
    return {
        "TransactionDate": _kuwait(attempt.at).strftime("%Y-%m-%dT%H:%M:%S.107"),
        "PaymentGateway": attempt.method.name_en,
        "ReferenceId": f"{attempt.number:012d}",
        "TrackId": f"{_kuwait(attempt.at):%d-%m-%Y}_{attempt.number}",
        "TransactionId": str(attempt.number),
        "PaymentId": attempt.payment_id,
        "AuthorizationId": f"B{attempt.number}",
        "TransactionStatus": attempt.status,
        "TransationValue": f"{attempt.value:.3f}",
        "CustomerServiceCharge": "0.000",
        "TotalServiceCharge": "0.101",
        "DueValue": f"{attempt.value:.3f}",
        "PaidCurrency": attempt.currency,
        "PaidCurrencyValue": f"{attempt.value:.3f}",
        "VatAmount": "0.000",
        "IpAddress": "198.51.100.7",
        "Country": "Kuwait",
        "Currency": attempt.currency,
        "Error": attempt.error or None,
        "CardNumber": None,
        "ErrorCode": "MF001" if attempt.error else "",
        "ECI": "",
        "Card": None,
    }


def refund_asked(refund: Refund, key: str) -> dict[str, Any]:
    """MakeRefund."""
    return {
        "Key": key,
        "RefundId": refund.id,
        "RefundReference": refund.reference,
        "RefundInvoiceId": refund.invoice_id,
        "Amount": refund.amount,
        "Comment": refund.comment,
        "ExternalIdentifier": refund.external_identifier or None,
    }


def refund_statuses(refunds: list[Refund]) -> dict[str, Any]:
    """GetRefundStatus."""
    return {
        "RefundStatusResult": [
            {
                "RefundId": refund.id,
                "RefundStatus": refund.status,
                "InvoiceId": refund.invoice_id,
                "Amount": refund.amount,
                "RefundReference": refund.reference,
                "RefundAmount": refund.amount,
            }
            for refund in refunds
        ]
    }


def details(invoice: Invoice, attempt: Attempt | None) -> dict[str, Any]:
    """GET /v3/payments/{paymentId}, and `Data` of a payment webhook V2."""
    return {
        "Invoice": {
            "Id": str(invoice.id),
            "Status": "PAID" if invoice.paid_attempts else "PENDING",
            "Reference": invoice.reference,
            "CreationDate": _utc(invoice.created_at),
            "ExpirationDate": _utc(invoice.expires_at),
            "ExternalIdentifier": invoice.customer_reference or None,
            "UserDefinedField": invoice.user_defined,
            "MetaData": None,
        },
        "Transaction": None if attempt is None else _v3_transaction(attempt),
        "Customer": {
            "Name": invoice.customer.get("name", ""),
            "Mobile": invoice.customer.get("mobile", ""),
            "Email": invoice.customer.get("email", ""),
            "Reference": invoice.customer.get("reference", ""),
        },
        "Amount": {
            "BaseCurrency": "KWD",
            "ValueInBaseCurrency": f"{invoice.base_value:.3f}",
            "ServiceCharge": "0.101",
            "ServiceChargeVAT": "0.000",
            "ReceivableAmount": f"{invoice.base_value - Decimal('0.101'):.3f}",
            "DisplayCurrency": invoice.currency,
            "ValueInDisplayCurrency": f"{invoice.value:.{DIGITS[invoice.currency]}f}",
            "PayCurrency": "KWD" if attempt is None else attempt.currency,
            "ValueInPayCurrency": f"{invoice.base_value if attempt is None else attempt.value:.3f}",
        },
        "Suppliers": [],
    }


def _v3_transaction(attempt: Attempt) -> dict[str, Any]:
    return {
        "Id": str(attempt.number),
        "Status": WEBHOOK_STATUS.get(attempt.status, "INPROGRESS"),
        "PaymentMethod": attempt.method.name_en,
        "PaymentId": attempt.payment_id,
        "ReferenceId": f"{attempt.number:012d}",
        "TrackId": f"{_kuwait(attempt.at):%d-%m-%Y}_{attempt.number}",
        "AuthorizationId": f"B{attempt.number}",
        "TransactionDate": _utc(attempt.at),
        "ECI": "",
        "IP": {"Address": "198.51.100.7", "Country": "KWT"},
        "Error": {"Code": "MF001", "Message": attempt.error} if attempt.error else None,
        "Card": None,
    }


def webhook_v1(invoice: Invoice, attempt: Attempt, now: Microseconds) -> dict[str, Any]:
    return {
        "EventType": 1,
        "Event": "TransactionsStatusChanged",
        "DateTime": _digits(now),
        "CountryIsoCode": "KWT",
        "Data": {
            "InvoiceId": invoice.id,
            "InvoiceReference": invoice.reference,
            "CreatedDate": _digits(invoice.created_at),
            "CustomerReference": invoice.customer_reference or None,
            "CustomerName": invoice.customer.get("name", ""),
            "CustomerMobile": invoice.customer.get("mobile", ""),
            "CustomerEmail": invoice.customer.get("email"),
            "TransactionStatus": WEBHOOK_STATUS[attempt.status],
            "PaymentMethod": attempt.method.name_en,
            "UserDefinedField": invoice.user_defined or None,
            "ReferenceId": f"{attempt.number:012d}",
            "TrackId": f"{_kuwait(attempt.at):%d-%m-%Y}_{attempt.number}",
            "PaymentId": attempt.payment_id,
            "AuthorizationId": f"B{attempt.number}",
            "InvoiceValueInBaseCurrency": f"{invoice.base_value.normalize():f}",
            "BaseCurrency": "KWD",
            "InvoiceValueInDisplayCurreny": f"{invoice.value.normalize():f}",
            "DisplayCurrency": invoice.currency,
            "InvoiceValueInPayCurrency": f"{attempt.value.normalize():f}",
            "PayCurrency": attempt.currency,
        },
    }


def refund_webhook_v1(invoice: Invoice, refund: Refund, now: Microseconds) -> dict[str, Any]:
    return {
        "EventType": 2,
        "Event": "RefundStatusChanged",
        "DateTime": _digits(now),
        "CountryIsoCode": "KWT",
        "Data": {
            "RefundId": refund.id,
            "RefundReference": refund.reference,
            "CreatedDate": _digits(refund.at),
            "RefundStatus": refund.status.upper(),
            "Amount": f"{refund.amount.normalize():f}",
            "Comments": refund.comment,
            "InvoiceId": str(invoice.id),
            "GatewayReference": {
                "PaymentId": invoice.paid_attempts[0].payment_id,
                "RefundAmount": f"{refund.amount:.3f}",
                "Currency": "KWD",
            },
        },
    }


def webhook_v2(
    code: int, name: str, reference: str, data: dict[str, Any], now: Microseconds
) -> dict[str, Any]:
    return {
        "Event": {
            "Code": code,
            "Name": name,
            "CountryIsoCode": "KWT",
            "CreationDate": _utc(now),
            "Reference": reference,
        },
        "Data": data,
    }


def refund_data_v2(invoice: Invoice, refund: Refund) -> dict[str, Any]:
    return {
        "Refund": {
            "Id": refund.id,
            "Reference": refund.reference,
            "Status": refund.status.upper(),
            "CreationDate": _utc(refund.at),
            "Comments": refund.comment,
            "ExternalIdentifier": refund.external_identifier or None,
        },
        "Amount": {"BaseCurrency": "KWD", "ValueInBaseCurrency": f"{refund.amount.normalize():f}"},
        "ReferencedInvoice": {
            "Id": str(invoice.id),
            "Reference": invoice.reference,
            "ExternalIdentifier": invoice.customer_reference or None,
        },
    }


def _kuwait(moment: Microseconds) -> datetime:
    return datetime.fromtimestamp(moment // SECOND, KUWAIT)


def _utc(moment: Microseconds) -> str:
    return datetime.fromtimestamp(moment // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S.5900000Z")


def _digits(moment: Microseconds) -> str:
    return _kuwait(moment).strftime("%d%m%Y%H%M%S")
