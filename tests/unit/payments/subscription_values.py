"""Subscriptions and periods to change in one place."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from raseed.core.billing.calendar import Calendar
from raseed.core.clock import DAY, Microseconds
from raseed.core.ids import AccountId, SubscriptionId
from raseed.core.payments.subscription_model import Period, Role, Subscription, SubscriptionState

KUWAIT = Calendar("Asia/Kuwait")
GRACE_US = 3 * DAY


def at(text: str, zone: str = "Asia/Kuwait") -> Microseconds:
    """`2027-01-31` or `2027-01-31T10:00`, by the clocks of the zone."""
    return Microseconds(
        int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000
    )


def text_of(moment: Microseconds, zone: str = "Asia/Kuwait") -> str:
    return datetime.fromtimestamp(moment / 1_000_000, ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")


def subscription(**values: Any) -> Subscription:
    return Subscription(
        **{
            "id": SubscriptionId("sub_1"),
            "account_id": AccountId("acct_1"),
            "actor": "acct_1",
            "plan_id": "basic",
            "language": "en",
            "created_at": at("2027-01-31"),
            "state": SubscriptionState.PENDING,
            **values,
        }
    )


def period(number: int, begins: str, ends: str, **values: Any) -> Period:
    return Period(
        **{
            "id": f"pay_{number}",
            "subscription_id": SubscriptionId("sub_1"),
            "account_id": AccountId("acct_1"),
            "number": number,
            "plan_id": "basic",
            "role": Role.BEGIN if number == 1 else Role.NEXT,
            "begins_at": at(begins),
            "ends_at": at(ends),
            "anchor_at": at("2027-01-31"),
            "allotted_at": at(begins),
            "is_credited": True,
            "is_settled": True,
            **values,
        }
    )
