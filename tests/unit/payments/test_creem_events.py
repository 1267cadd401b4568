"""Which order Creem's events are about."""

from __future__ import annotations

import json
from typing import Any

import pytest

from raseed.adapters.payments.creem_events import read_event, read_return
from raseed.core.errors import RequestInvalid
from raseed.core.payments.model import Mode
from raseed.core.payments.ports import EventKind


def event(name: str, about: Any) -> bytes:
    return json.dumps({"id": "evt_1", "eventType": name, "created_at": 1, "object": about}).encode()


def test_a_checkout_that_is_completed() -> None:
    """Named by our id, its own and what paid it; amounts are not even read."""
    body = event(
        "checkout.completed",
        {
            "id": "ch_1",
            "mode": "test",
            "request_id": "pay_1",
            "order": {"id": "ord_1", "transaction": "tran_1", "amount": 1},
            "subscription": {"id": "sub_1"},
        },
    )
    read = read_event(body, Mode.TEST)
    assert (read.key, read.kind, read.name) == ("evt_1", EventKind.PAYMENT, "checkout.completed")
    assert (read.reference, read.invoice_id) == ("pay_1", "ch_1")
    assert (read.provider_payment_id, read.provider_subscription_id) == ("tran_1", "sub_1")


def test_our_id_is_in_the_metadata_too() -> None:
    read = read_event(
        event("checkout.completed", {"id": "ch_1", "metadata": {"payment_id": "pay_1"}}), Mode.TEST
    )
    assert read.reference == "pay_1"


@pytest.mark.parametrize(
    "name",
    [
        f"subscription.{name}"
        for name in [
            "active",
            "paid",
            "canceled",
            "scheduled_cancel",
            "past_due",
            "unpaid",
            "expired",
            "update",
            "trialing",
            "paused",
            "later",
        ]
    ],
)
def test_events_of_a_subscription(name: str) -> None:
    """All of them, and those that Creem adds: what is true is looked up. A renewal names no order of ours."""
    about = {
        "id": "sub_1",
        "mode": "prod",
        "last_transaction_id": "tran_2",
        "metadata": {"payment_id": "pay_1"},
    }
    read = read_event(event(name, about), Mode.LIVE)
    assert (read.kind, read.mode, read.reference) == (EventKind.SUBSCRIPTION, Mode.LIVE, "")
    assert (read.provider_subscription_id, read.provider_payment_id) == ("sub_1", "tran_2")


@pytest.mark.parametrize("name", ["refund.created", "dispute.created"])
def test_what_went_back_of_a_single_order(name: str) -> None:
    about = {
        "id": "ref_1",
        "transaction": {"id": "tran_1", "subscription": None},
        "checkout": {"id": "ch_1", "request_id": "pay_1"},
    }
    read = read_event(event(name, about), Mode.TEST)
    assert (read.kind, read.provider_payment_id) == (EventKind.REFUND, "tran_1")
    assert (read.reference, read.invoice_id) == ("pay_1", "ch_1")


@pytest.mark.parametrize("name", ["refund.created", "dispute.created"])
def test_what_went_back_of_a_period(name: str) -> None:
    """The checkout in it is that of the first period: taken by it, the wrong one would be looked up."""
    about = {
        "id": "ref_1",
        "transaction": {"id": "tran_7", "subscription": "sub_1"},
        "checkout": {"id": "ch_1", "request_id": "pay_1"},
    }
    read = read_event(event(name, about), Mode.TEST)
    assert (read.provider_payment_id, read.provider_subscription_id) == ("tran_7", "sub_1")
    assert (read.reference, read.invoice_id) == ("", "")


def test_other_events_are_of_no_interest() -> None:
    assert read_event(event("license.created", {"id": "lic_1"}), Mode.TEST).kind is EventKind.OTHER


@pytest.mark.parametrize(
    ("named", "secret_of", "expected"),
    [
        ({"mode": "test"}, Mode.LIVE, Mode.TEST),
        ({"mode": "local"}, Mode.LIVE, Mode.TEST),
        ({"mode": "prod"}, Mode.TEST, Mode.LIVE),
        ({}, Mode.LIVE, Mode.LIVE),
        ({}, Mode.TEST, Mode.TEST),
    ],
)
def test_the_mode_is_the_events_own(named: dict[str, str], secret_of: Mode, expected: Mode) -> None:
    """One that names none is of the mode whose secret signed it."""
    assert read_event(event("checkout.completed", {"id": "ch_1", **named}), secret_of).mode is expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"[" * 100_000,
        b"\xff",
        b"{}",
        b'{"id": 7, "eventType": "checkout.completed"}',
        b'{"id": "evt_1"}',
        b'{"id": "evt_\\u0000", "eventType": "checkout.completed"}',
        json.dumps({"id": "e" * 129, "eventType": "checkout.completed"}).encode(),
    ],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(RequestInvalid):
        read_event(body, Mode.TEST)


@pytest.mark.parametrize("about", [None, [], "text", 7, {"order": 7, "metadata": [], "request_id": {}}])
def test_an_event_about_nothing(about: Any) -> None:
    """Nothing is made up, and nothing breaks."""
    read = read_event(event("checkout.completed", about), Mode.TEST)
    assert (read.reference, read.invoice_id, read.provider_payment_id) == ("", "", "")


def test_a_browser_that_comes_back() -> None:
    read = read_return({"checkout_id": "ch_1", "request_id": "pay_1", "signature": "x"}, Mode.TEST)
    assert read is not None
    assert (read.kind, read.invoice_id, read.reference) == (EventKind.PAYMENT, "ch_1", "pay_1")


@pytest.mark.parametrize("query", [{}, {"paymentId": "1"}, {"checkout_id": "x"}, {"checkout_id": "ch_" * 60}])
def test_a_browser_that_brings_nothing_of_creems(query: dict[str, str]) -> None:
    assert read_return(query, Mode.TEST) is None
