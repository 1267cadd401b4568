"""What answers of MyFatoorah mean, and that none of them can mean something else by accident."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulators.clock import START
from tests.support.orders import ORDER

from raseed.adapters.payments.myfatoorah_account import MyFatoorahAccount
from raseed.adapters.payments.myfatoorah_seen import read_details, read_refunds, read_status, seen
from raseed.core.clock import HOUR, SECOND
from raseed.core.payments.model import Mode, Seen, SeenStatus
from raseed.core.payments.ports import GatewayUnavailable

ACCOUNT = MyFatoorahAccount(mode=Mode.TEST, country="KWT", token="t")
# docs.myfatoorah.com/docs/get-payment-status, cut to what is read.
STATUS: dict[str, Any] = {
    "InvoiceId": 613842,
    "InvoiceStatus": "Paid",
    "CustomerReference": "pay_1",
    "ExpiryDate": "September 21, 2026",
    "ExpiryTime": "18:13:20.107",
    "InvoiceValue": Decimal("2.000"),
    "InvoiceDisplayValue": "2.000 KWD",
    "InvoiceTransactions": [
        {"TransactionStatus": "Failed", "PaymentId": "070", "TransationValue": "2.000"},
        {
            "TransactionStatus": "Succss",
            "PaymentId": "071",
            "TransationValue": "2.000",
            "TransactionDate": "2026-09-21T17:13:21.5566667",
        },
    ],
}


def read(**changes: Any) -> Seen:
    return seen(ORDER, read_status(STATUS | changes), (), ACCOUNT, START)


def test_the_sample() -> None:
    found = read()
    assert (found.status, found.invoice_id, found.reference) == (SeenStatus.PAID, "613842", "pay_1")
    assert (found.amount_minor, found.currency, found.provider_payment_id) == (2_000, "KWD", "071")
    assert found.paid_at == START + SECOND
    assert found.expires_at == START + HOUR


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("2.000 KWD", (2_000, "KWD")),
        ("2.000 KD", (2_000, "KWD")),
        ("2 KWD", (2_000, "KWD")),
        ("1,234,567.891 KWD", (1_234_567_891, "KWD")),
        ("0.001 KWD", (1, "KWD")),
        ("12.34 USD", (1_234, "USD")),
        ("10.5 SAR", (1_050, "SAR")),
    ],
)
def test_amounts_are_read_to_the_last_digit(shown: str, expected: tuple[int, str]) -> None:
    found = read(InvoiceDisplayValue=shown, InvoiceTransactions=[])
    assert (found.amount_minor, found.currency) == expected


@pytest.mark.parametrize(
    "shown",
    [
        "2.0001 KWD",
        "2.001 USD",
        "-2.000 KWD",
        "2.000",
        "KWD",
        "2.000 KWD KWD",
        "2.0.0 KWD",
        "1e3 KWD",
        "٢ KWD",
        "",
        None,
        2,
    ],
)
def test_an_amount_that_cannot_be_read_is_none(shown: object) -> None:
    """Rather ask again than round."""
    with pytest.raises(GatewayUnavailable):
        read(InvoiceDisplayValue=shown)


@pytest.mark.parametrize("day", ["September 21, 2026", "Sep 21, 2026", "2026-09-21", "21/09/2026"])
@pytest.mark.parametrize("hour", ["18:13:20.107", "18:13:20", "18:13:20.1070000"])
def test_ends_are_in_kuwaits_time_however_they_are_written(day: str, hour: str) -> None:
    assert read(ExpiryDate=day, ExpiryTime=hour).expires_at == START + HOUR


@pytest.mark.parametrize(
    ("day", "hour"), [("soon", "18:13:20"), ("2026-09-21", "late"), (None, None), ("", "")]
)
def test_an_end_that_cannot_be_read_ends_nothing(day: Any, hour: Any) -> None:
    found = read(ExpiryDate=day, ExpiryTime=hour, InvoiceStatus="Pending", InvoiceTransactions=[])
    assert (found.expires_at, found.status) == (None, SeenStatus.OPEN)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Paid", SeenStatus.PAID),
        ("PAID", SeenStatus.PAID),
        ("DuplicatePayment", SeenStatus.PAID),
        ("Pending", SeenStatus.OPEN),
        ("Canceled", SeenStatus.FAILED),
        ("Unpaid", SeenStatus.OPEN),
        ("", SeenStatus.OPEN),
        (None, SeenStatus.OPEN),
    ],
)
def test_only_what_says_paid_is_paid(status: object, expected: SeenStatus) -> None:
    found = read(InvoiceStatus=status)
    assert found.status is expected
    assert bool(found.provider_payment_id) is (expected is SeenStatus.PAID)


NAMES = [
    *STATUS,
    *STATUS["InvoiceTransactions"][1],
    "Invoice",
    "Transaction",
    "Amount",
    "Id",
    "Status",
    "DisplayCurrency",
    "ValueInDisplayCurrency",
    "ValueInBaseCurrency",
    "RefundStatusResult",
    "RefundId",
    "Customer",
]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["Paid", "Succss", "2.000 KWD", "KWD", "9999-12-31", "0001-01-01", "00:00", "2.000"])
    | st.text(max_size=20)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=8),
    max_leaves=30,
)


@given(JSON, st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4))
def test_whatever_it_answers_is_read_or_asked_for_again(data: Any, changes: dict[str, Any]) -> None:
    """No other error, and no number that is not whole."""
    for each in (data, STATUS | changes, {"Invoice": data, "Amount": data, "Transaction": changes}):
        for reader in (read_status, read_details):
            try:
                invoice = reader(each)
                found = seen(ORDER, invoice, read_refunds(changes, invoice), ACCOUNT, START)
            except GatewayUnavailable:
                continue
            assert isinstance(found.amount_minor, int)
            assert all(isinstance(refund.amount_minor, int) for refund in found.refunds)
            json.dumps([found.reference, found.invoice_id, found.provider_payment_id]).encode("ascii")
