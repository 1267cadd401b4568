"""Events of MyFatoorah: whose signature counts, over what, and what they are about."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulators.myfatoorah.signing import signature, v1_text, v2_text

from raseed.adapters.payments.myfatoorah_account import SECRET_BYTES_MIN
from raseed.adapters.payments.myfatoorah_events import read_event, read_return
from raseed.core.errors import RaseedError, RequestInvalid, Unauthenticated, WebhookNotConfigured
from raseed.core.payments.model import Mode
from raseed.core.payments.ports import Event, EventKind

SECRET, NEXT_SECRET = "a-secret-of-the-portal", "the-secret-that-follows"
VECTOR_SECRET = "mf_test_secret"
# docs.myfatoorah.com/docs/webhook-v2-payment-status-data-model, cut to what is read, and more around it.
PAYMENT: dict[str, Any] = {
    "Event": {
        "Code": 1,
        "Name": "PAYMENT_STATUS_CHANGED",
        "CountryIsoCode": "KWT",
        "CreationDate": "2026-09-21T14:13:20.5900000Z",
        "Reference": "WH-000001",
    },
    "Data": {
        "Invoice": {
            "Id": "6548530",
            "Status": "PAID",
            "Reference": "2025060928",
            "ExternalIdentifier": "pay_01TEST",
        },
        "Transaction": {"Id": "1", "Status": "SUCCESS", "PaymentId": "07076548530334809573"},
        "Customer": {"Name": "Noor", "Reference": "pay_01CUSTOMER"},
        "Amount": {"ValueInBaseCurrency": "2.000", "BaseCurrency": "KWD"},
    },
}
REFUND: dict[str, Any] = {
    "Event": {"Code": 2, "Name": "REFUND_STATUS_CHANGED", "Reference": "WH-000002"},
    "Data": {
        "Refund": {"Id": 19, "Status": "REFUNDED"},
        "Amount": {"ValueInBaseCurrency": "5"},
        "ReferencedInvoice": {"Id": "2474"},
    },
}
# docs.myfatoorah.com/docs/transaction-data-model
PAYMENT_V1: dict[str, Any] = {
    "EventType": 1,
    "Event": "TransactionsStatusChanged",
    "DateTime": "04032021211615",
    "CountryIsoCode": "KWT",
    "Data": {
        "InvoiceId": 586170,
        "InvoiceReference": "2021000184",
        "CreatedDate": "04032021211555",
        "CustomerReference": "pay_01TEST",
        "CustomerName": "نور, a=b",
        "CustomerMobile": "96512345678",
        "CustomerEmail": "test@example.com",
        "TransactionStatus": "SUCCESS",
        "PaymentMethod": "KNET",
        "UserDefinedField": None,
        "ReferenceId": "106310001097",
        "TrackId": "04-03-2021_477336",
        "PaymentId": "100202106359084366",
        "AuthorizationId": "B68413",
        "InvoiceValueInBaseCurrency": "456.75",
        "BaseCurrency": "KWD",
        "InvoiceValueInDisplayCurreny": "456.75",
        "DisplayCurrency": "KWD",
        "InvoiceValueInPayCurrency": "456.75",
        "PayCurrency": "KWD",
    },
}
REFUND_V1: dict[str, Any] = {
    "EventType": 2,
    "Event": "RefundStatusChanged",
    "DateTime": "04032021211057",
    "CountryIsoCode": "KWT",
    "Data": {
        "RefundId": 2840,
        "RefundReference": "2021000019",
        "CreatedDate": "04032021210447",
        "RefundStatus": "REFUNDED",
        "Amount": "5",
        "Comments": "",
        "InvoiceId": "586170",
        "GatewayReference": {"PaymentId": "100202106359084366"},
    },
}


def signed(event: dict[str, Any], secret: str = SECRET, fifth: str = "Invoice.ExternalIdentifier") -> str:
    return signature(v1_text(event) if "EventType" in event else v2_text(event, fifth), secret)


def read(
    event: Any, given: str, secrets: tuple[str, ...] = (SECRET,), header: str = "myfatoorah-signature"
) -> Event:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return read_event({header: given, "myfatoorah-webhook-version": "v2"}, body, secrets, Mode.TEST)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            (
                "Invoice.Id=6548530,Invoice.Status=PAID,Transaction.Status=SUCCESS,"
                "Transaction.PaymentId=07076548530334809573,Invoice.ExternalIdentifier=pay_01TEST"
            ),
            "R0H1lrlFvSB+tRLC+KFBPFfFoWMvug+OYaBDq5Ce20E=",
        ),
        (
            "Refund.Id=19,Refund.Status=REFUNDED,Amount.ValueInBaseCurrency=5,ReferencedInvoice.Id=2474",
            "VzLngI4ZWNFl4RDY7ana22VdjMvnj1MH71oXSPUZHU8=",
        ),
    ],
)
def test_the_vectors(text: str, expected: str) -> None:
    """What is signed, letter by letter. Their secret is shorter than what we accept: so it is tried with another, too."""
    event = PAYMENT if text.startswith("Invoice") else REFUND
    assert v2_text(event) == text
    assert signature(text, VECTOR_SECRET) == expected
    own = base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()).decode()
    assert read(event, own).kind is (EventKind.PAYMENT if event is PAYMENT else EventKind.REFUND)


def test_what_a_payment_is_about() -> None:
    event = read(PAYMENT, signed(PAYMENT))
    assert (event.kind, event.name, event.mode) == (EventKind.PAYMENT, "PAYMENT_STATUS_CHANGED", Mode.TEST)
    assert (event.reference, event.invoice_id) == ("pay_01TEST", "6548530")
    assert event.provider_payment_id == "07076548530334809573"


def test_either_fifth_field_is_signed_and_only_that_one_is_believed() -> None:
    given = signed(PAYMENT, fifth="Customer.Reference")
    assert read(PAYMENT, given).reference == "pay_01CUSTOMER"
    other = deepcopy(PAYMENT)
    other["Data"]["Invoice"]["ExternalIdentifier"] = "pay_01OTHER"
    assert read(other, given).reference == "pay_01CUSTOMER"


def test_what_a_refund_is_about() -> None:
    event = read(REFUND, signed(REFUND))
    assert (event.kind, event.invoice_id, event.reference) == (EventKind.REFUND, "2474", "")


def test_version_1_signs_every_field() -> None:
    event = read(PAYMENT_V1, signed(PAYMENT_V1))
    assert (event.kind, event.name) == (EventKind.PAYMENT, "TransactionsStatusChanged")
    assert (event.reference, event.invoice_id) == ("pay_01TEST", "586170")
    assert event.provider_payment_id == "100202106359084366"
    refund = read(REFUND_V1, signed(REFUND_V1))
    assert (refund.kind, refund.invoice_id) == (EventKind.REFUND, "586170")


def test_version_1_sorts_without_regard_to_case() -> None:
    data = {"InvoiceId": 7, "iNVOICEReference": "b", "Amount": "1", "amountX": None}
    event = {"EventType": 1, "Event": "TransactionsStatusChanged", "Data": data}
    text = "Amount=1,amountX=,InvoiceId=7,iNVOICEReference=b"
    assert read(event, signature(text, SECRET)).invoice_id == "7"


def test_numbers_are_signed_as_they_are_written() -> None:
    body = b'{"EventType":1,"Event":"X","Data":{"InvoiceId":7,"Amount":2.500}}'
    assert read(body, signature("Amount=2.500,InvoiceId=7", SECRET)).invoice_id == "7"


def _leaves(value: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, each in value.items():
        found += _leaves(each, (*path, name)) if isinstance(each, dict) else [(*path, name)]
    return found


SIGNED_FIELDS = [
    *(
        (PAYMENT, path)
        for path in _leaves(PAYMENT["Data"])
        if ".".join(path) in v2_text(PAYMENT).replace("=", ",").split(",")
    ),
    *((REFUND, path) for path in _leaves(REFUND["Data"])),
    *((PAYMENT_V1, path) for path in _leaves(PAYMENT_V1["Data"])),
    *((REFUND_V1, path) for path in _leaves(REFUND_V1["Data"]) if path[0] != "GatewayReference"),
]


@pytest.mark.parametrize(
    ("event", "path"), SIGNED_FIELDS, ids=lambda each: ".".join(each) if isinstance(each, tuple) else ""
)
def test_one_bit_of_any_signed_field_is_refused(event: dict[str, Any], path: tuple[str, ...]) -> None:
    forged = deepcopy(event)
    place = forged["Data"]
    for name in path[:-1]:
        place = place[name]
    text = str(place[path[-1]] or "")
    place[path[-1]] = chr(ord(text[0]) ^ 1) + text[1:] if text else "1"
    with pytest.raises(Unauthenticated):
        read(forged, signed(event))


def test_a_field_more_or_less_is_refused() -> None:
    more, less = deepcopy(PAYMENT_V1), deepcopy(PAYMENT_V1)
    more["Data"]["Zone"] = None
    del less["Data"]["UserDefinedField"]
    for forged in (more, less):
        with pytest.raises(Unauthenticated):
            read(forged, signed(PAYMENT_V1))


def test_fields_cannot_be_moved_into_each_others_values() -> None:
    """The text that is signed has no quotes: an event cut in another place reads as nothing of ours."""
    moved = deepcopy(PAYMENT_V1)
    reference = moved["Data"].pop("CustomerReference")
    moved["Data"]["CustomerName"] += f",CustomerReference={reference}"
    assert v1_text(moved) == v1_text(PAYMENT_V1)
    assert read(moved, signed(PAYMENT_V1)).reference == ""
    across = {"EventType": 1, "Event": "X", "Data": {"Invoice.Id": "6548530"}}
    with pytest.raises(RequestInvalid):
        read(across, signature("Invoice.Id=6548530", SECRET))


@pytest.mark.parametrize(
    "given", ["", "x", "=" * 44, "ü" * 44, "R0H1lrlFvSB+tRLC+KFBPFfFoWMvug+OYaBDq5Ce20E="]
)
def test_without_the_right_signature_nothing_is_read(given: str) -> None:
    with pytest.raises(Unauthenticated):
        read(PAYMENT, given)
    with pytest.raises(Unauthenticated):
        read_event({}, json.dumps(PAYMENT).encode(), (SECRET,), Mode.TEST)


def test_every_active_secret_counts_and_no_other() -> None:
    both = (SECRET, NEXT_SECRET)
    assert read(PAYMENT, signed(PAYMENT, SECRET), both).invoice_id == "6548530"
    assert read(PAYMENT, signed(PAYMENT, NEXT_SECRET), both).invoice_id == "6548530"
    with pytest.raises(Unauthenticated):
        read(PAYMENT, signed(PAYMENT, SECRET), (NEXT_SECRET,))


@pytest.mark.parametrize(
    "secrets", [(), ("",), ("x" * (SECRET_BYTES_MIN - 1),), (SECRET, "short"), (SECRET, "")]
)
def test_without_a_secret_that_cannot_be_guessed_nothing_is_processed(secrets: tuple[str, ...]) -> None:
    """Even if it is signed with it: an HMAC under an empty key can be made by everybody."""
    for secret in (*secrets, SECRET, ""):
        with pytest.raises(WebhookNotConfigured):
            read(PAYMENT, signed(PAYMENT, secret), secrets)


def test_a_delivery_that_is_repeated_has_the_same_key_and_no_other_has_it() -> None:
    given = signed(PAYMENT)
    assert read(PAYMENT, given).key == read(PAYMENT, given).key
    both = read(PAYMENT, signed(PAYMENT, NEXT_SECRET), (SECRET, NEXT_SECRET))
    assert both.key == read(PAYMENT, given).key  # while the secret is changed
    # The event's id is not signed: another event under it takes nobody's place, and another id makes no other event.
    other = deepcopy(PAYMENT)
    other["Data"]["Invoice"]["Id"] = "1"
    assert read(other, signed(other)).key != read(PAYMENT, given).key
    renamed = deepcopy(PAYMENT)
    renamed["Event"]["Reference"] = "WH-000002"
    assert read(renamed, given).key == read(PAYMENT, given).key
    assert (
        read(PAYMENT_V1, signed(PAYMENT_V1)).key
        == read({**PAYMENT_V1, "DateTime": "1"}, signed(PAYMENT_V1)).key
    )


@pytest.mark.parametrize("code", [3, 4, 5])
def test_other_events_are_kept_and_nothing_follows(code: int) -> None:
    data = {
        "Deposit": {"Reference": "1", "ValueInBaseCurrency": "2", "NumberOfTransactions": 3},
        "Supplier": {"Code": 1},
        "KycDecision": {"Status": "APPROVED"},
        "Recurring": {"Id": "r", "Status": "ACTIVE", "InitialInvoiceId": "7"},
    }
    texts = {
        3: "Deposit.Reference=1,Deposit.ValueInBaseCurrency=2,Deposit.NumberOfTransactions=3",
        4: "Supplier.Code=1,KycDecision.Status=APPROVED",
        5: "Recurring.Id=r,Recurring.Status=ACTIVE,Recurring.InitialInvoiceId=7",
    }
    event = {"Event": {"Code": code, "Name": "N", "Reference": "WH-1"}, "Data": data}
    found = read(event, signature(texts[code], SECRET))
    assert (found.kind, found.reference, found.invoice_id) == (EventKind.OTHER, "", "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"Event":1}',
        b'{"Event":{"Code":1},"Data":[]}',
        b'{"Event":{"Code":9,"Reference":"a"},"Data":{}}',
        b'{"EventType":1,"Event":"X","Data":{"InvoiceId":{"a":1}}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_event_is_invalid(body: bytes) -> None:
    with pytest.raises(RequestInvalid):
        read(body, "x")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Event", "Data", "Code", "EventType", "Invoice", "Id"]) | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.text(max_size=50))
def test_whatever_comes_is_refused_in_our_words(event: Any, given: str) -> None:
    with pytest.raises(RaseedError):
        read(event, given)


def test_a_browser_that_comes_back_names_the_attempt() -> None:
    event = read_return({"paymentId": "07076548530334809573", "Id": "07076548530334809573"}, Mode.LIVE)
    assert event is not None
    assert (event.provider_payment_id, event.mode, event.reference) == ("07076548530334809573", Mode.LIVE, "")
    assert read_return({"Id": "7"}, Mode.LIVE) is not None
    for query in ({}, {"paymentId": ""}, {"paymentId": "a b"}, {"paymentId": "x" * 65}, {"other": "7"}):
        assert read_return(query, Mode.LIVE) is None
