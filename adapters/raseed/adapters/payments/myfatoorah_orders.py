"""What MyFatoorah is sent for an order, in either version of its API.

By docs.myfatoorah.com/docs/{execute-payment, send-payment, v3-hosted-payment-page, idempotency}.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

import phonenumbers

from raseed.adapters.payments.myfatoorah_account import KUWAIT
from raseed.core.clock import SECOND, Microseconds
from raseed.core.money import price_text
from raseed.core.payments.model import Payment
from raseed.core.payments.ports import Buyer

MOBILE_DIGITS_MAX = 11
"""By its pages."""
NAME_CHARS_MAX = 100
"""Of which its pages say nothing: longer ones are cut, so that no name can make an order fail."""
UNKNOWN_NAME = "Customer"
"""SendPayment wants a name, and not everybody gave us one."""


def invoice(payment: Payment, buyer: Buyer, return_url: str, expires_at: Microseconds) -> dict[str, Any]:
    """What ExecutePayment and SendPayment have in common."""
    body: dict[str, Any] = {
        "InvoiceValue": amount_of(payment.amount_minor, payment.currency),
        "DisplayCurrencyIso": payment.currency,
        "CustomerName": _name(buyer),
        "CustomerReference": payment.id,
        "UserDefinedField": payment.id,
        "CallBackUrl": return_url,
        "ErrorUrl": return_url,
        "Language": payment.language,
        "ExpiryDate": _moment(expires_at, KUWAIT),
    }
    if buyer.email:
        body["CustomerEmail"] = buyer.email
    country_code, mobile = _phone(buyer.phone_e164)
    if mobile:
        body |= {"MobileCountryCode": country_code, "CustomerMobile": mobile}
    return body


def link(payment: Payment, buyer: Buyer, return_url: str, expires_at: Microseconds) -> dict[str, Any]:
    """A payment of version 3, for the buyer to choose how to pay on its page."""
    customer: dict[str, Any] = {"Reference": payment.id, "Name": _name(buyer)}
    if buyer.email:
        customer["Email"] = buyer.email
    country_code, mobile = _phone(buyer.phone_e164)
    if mobile:
        customer["Mobile"] = {"CountryCode": country_code, "Number": mobile}
    return {
        "Order": {
            "Amount": amount_of(payment.amount_minor, payment.currency),
            "Currency": payment.currency,
            "ExternalIdentifier": payment.id,
        },
        "OperationType": "PAY",
        "NotificationOption": "LINK",
        "Language": payment.language.upper(),
        "IntegrationUrls": {"Redirection": return_url},
        "PaymentExpiry": _moment(expires_at, UTC) + "Z",
        "Customer": customer,
    }


def amount_of(amount_minor: int, currency: str) -> Decimal:
    """With all decimals of its currency: 2.000 of dinars."""
    return Decimal(price_text(amount_minor, currency))


def _name(buyer: Buyer) -> str:
    return buyer.name[:NAME_CHARS_MAX] or UNKNOWN_NAME


def _phone(e164: str) -> tuple[str, str]:
    """Country code and number, if it can take both."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return "", ""
    national = phonenumbers.national_significant_number(number)
    return (f"+{number.country_code}", national) if len(national) <= MOBILE_DIGITS_MAX else ("", "")


def _moment(moment: Microseconds, zone: tzinfo) -> str:
    return datetime.fromtimestamp(moment // SECOND, zone).strftime("%Y-%m-%dT%H:%M:%S")
