from __future__ import annotations

from typing import Any

import msgspec
import pytest

from raseed.adapters.policy.loader import load_policy
from raseed.adapters.wire import usage as wire
from raseed.adapters.wire.billing import decode_page, encode_estimate, encode_packs, encode_topups
from raseed.adapters.wire.usage_query import decode_group_by, decode_query
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.history import Offers, PastGrant
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.model import GrantSource, GrantStatus, Measured, Meter, UsageLine
from raseed.core.billing.policy import Pack, PaymentProvider
from raseed.core.billing.usage import GroupBy, Span, UsageCall, UsageGroup, UsageReport, UsageSum
from raseed.core.clock import DAY, Microseconds
from raseed.core.errors import CapacityError, RequestInvalid
from raseed.core.ids import ApiKeyId, GrantId, HoldId
from raseed.core.inference.estimate import Estimate
from raseed.rest.v1.rest_pb2 import QueryUsageRequest

MARCH = Microseconds(1_740_824_520_000_000)


def topup(id_: str, credit: int, paid_minor: int, currency: str) -> PastGrant:
    return PastGrant(
        id=GrantId(id_),
        source=GrantSource.TOPUP,
        status=GrantStatus.ACTIVE,
        amount_microcredits=credit * 1_000_000,
        remaining_microcredits=0,
        held_microcredits=0,
        effective_at=MARCH,
        expires_at=None,
        created_at=MARCH,
        paid_minor=paid_minor,
        currency=currency,
    )


def pack(id_: str, credit: int, price_minor: int) -> Pack:
    return Pack(
        id=id_,
        name=f"{credit} credits",
        amount_microcredits=credit * 1_000_000,
        bonus_microcredits=500_000,
        price_minor=price_minor,
        currency="USD",
        provider=PaymentProvider.CREEM,
        is_popular=credit == 2000,
    )


def test_packs_of_the_documented_example(golden):
    packs = (pack("pack_500", 500, 500), pack("pack_2000", 2000, 1800), pack("pack_5000", 5000, 4000))
    body = encode_packs(Offers(packs, None))
    golden("topup_packs.json", body)
    assert b'"price":18.00,"currency":"USD"' in body


@pytest.mark.parametrize("profile", ["resayil", "kissapi"])
def test_packs_of_a_profile(golden, profile):
    policy = load_policy(profile, HoldPolicy())
    golden(f"topup_packs_{profile}.json", encode_packs(Offers(policy.packs, policy.topup)))


def test_history(golden):
    topups = [
        topup("txn_abc123", 2000, 1800, "USD"),
        topup("grant_2", 5000, 2000, "KWD"),
        topup("grant_1", 1, 0, ""),
    ]
    body = encode_topups(topups, page=1, total=5)
    golden("topup_history.json", body)
    decoded = msgspec.json.decode(body)
    assert list(decoded) == ["data", "current_page", "per_page", "total"]
    assert list(decoded["data"][0]) == ["id", "credits", "amount", "currency", "status", "created_at"]


def test_an_empty_page_of_history():
    assert msgspec.json.decode(encode_topups([], page=7, total=5)) == {
        "data": [],
        "current_page": 7,
        "per_page": 20,
        "total": 5,
    }


@pytest.mark.parametrize(("text", "number"), [("", 1), ("1", 1), ("042", 42), ("999999999", 999_999_999)])
def test_page_numbers(text, number):
    assert decode_page(text) == number


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", " 1", "1e3", "٣", "1000000000"])
def test_what_is_no_page_number(text):
    with pytest.raises(RequestInvalid) as caught:
        decode_page(text)
    assert caught.value.param == "page"


def test_estimate(golden):
    estimate = Estimate(
        model="m",
        prompt_tokens=12,
        max_completion_tokens=500,
        min_cost_microcredits=6_500_000,
        max_cost_microcredits=256_000_000,
        price_version="2026-03-01",
    )
    golden("estimate.json", encode_estimate(estimate))


GROUPS = (
    UsageGroup(
        name="key_1",
        label='=HYPERLINK("evil")',
        sum=UsageSum(
            request_count=2,
            cost_microcredits=732_500_000,
            measured=Measured(
                (
                    (Meter.INPUT_TOKENS, 100),
                    (Meter.CACHED_INPUT_TOKENS, 20),
                    (Meter.OUTPUT_TOKENS, 200),
                    (Meter.REASONING_TOKENS, 5),
                )
            ),
        ),
    ),
    UsageGroup(
        name="",
        sum=UsageSum(request_count=1, cost_microcredits=1, measured=Measured(((Meter.IMAGES, 3),))),
    ),
)


@pytest.mark.parametrize("group_by", list(GroupBy))
def test_report(golden, group_by):
    report = UsageReport(groups=GROUPS, next_after="x", span=Span(MARCH, Microseconds(MARCH + DAY)))
    golden(f"usage_by_{group_by}.json", wire.encode_report(report, group_by, "Asia/Kuwait", "eA=="))
    written = wire.report_csv_head(group_by) + wire.report_csv(GROUPS, group_by)
    golden(f"usage_by_{group_by}.csv", with_plain_ends(written))


def with_plain_ends(written: bytes) -> bytes:
    """Lines of CSV end with CR LF (RFC 4180); golden files with LF, as every file of the repository."""
    assert written.count(b"\n") == written.count(b"\r\n")
    return written.replace(b"\r\n", b"\n")


CALLS = (
    UsageCall(
        id=HoldId("run_2"),
        at=MARCH,
        api_key_id=ApiKeyId("key_1"),
        model="@model, with a comma",
        outcome="completed",
        finish_reason="stop",
        cost_microcredits=732_500_000,
        lines=(
            UsageLine(Meter.INPUT_TOKENS, 100, 2_441_667, 1, 244_166_700),
            UsageLine(Meter.OUTPUT_TOKENS, 200, 2_441_666, 1, 488_333_300),
        ),
        latency_ms=900,
        first_token_ms=80,
    ),
    UsageCall(
        id=HoldId("hold_1"),
        at=MARCH,
        api_key_id=None,
        model="painter",
        outcome="failed",
        finish_reason=None,
        cost_microcredits=0,
        lines=(UsageLine(Meter.IMAGES, 1, 1, 1, 1),),
        latency_ms=5,
        first_token_ms=None,
    ),
)


def test_calls(golden):
    golden("calls.json", wire.encode_calls(CALLS, ""))
    golden("calls.jsonl", wire.calls_as_lines(CALLS))
    golden("calls.csv", with_plain_ends(wire.calls_csv_head() + wire.calls_csv(CALLS)))


def test_an_export_that_broke_off_says_so():
    error = CapacityError("Please try again.")
    assert wire.csv_failure(error) == b"#error,Please try again.\r\n"
    assert msgspec.json.decode(wire.lines_failure(error)) == {
        "error": {"message": "Please try again.", "type": "server_error"}
    }


def query(**fields: Any) -> QueryUsageRequest:
    """`begin` stands for `from`, which is a word of Python."""
    return QueryUsageRequest(**({"from": fields.pop("begin")} if "begin" in fields else {}), **fields)


KUWAIT = Calendar("Asia/Kuwait")
FORMATS = ("json", "csv")


def test_a_query_without_anything():
    asked = decode_query(query(), KUWAIT, FORMATS)
    assert (asked.begin, asked.end, asked.limit, asked.format) == (None, None, None, "json")
    assert decode_group_by("") is GroupBy.DAY


def test_a_query_with_everything():
    asked = decode_query(query(begin="2026-03-01", to="2026-03-31", limit="7", format="csv"), KUWAIT, FORMATS)
    assert asked.begin is not None
    assert asked.end is not None
    assert (asked.end - asked.begin, asked.limit, asked.format) == (31 * DAY, 7, "csv")
    assert [decode_group_by(by) for by in GroupBy] == list(GroupBy)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (query(begin="yesterday"), "from"),
        (query(to="2026-13-01"), "to"),
        (query(limit="0"), "limit"),
        (query(limit="101"), "limit"),
        (query(limit="ten"), "limit"),
        (query(format="xml"), "format"),
    ],
)
def test_a_wrong_query_is_told_what_is_right(asked, param):
    with pytest.raises(RequestInvalid) as caught:
        decode_query(asked, KUWAIT, FORMATS)
    assert caught.value.param == param


def test_a_wrong_group():
    with pytest.raises(RequestInvalid, match="day, model, key, member") as caught:
        decode_group_by("week")
    assert caught.value.param == "group_by"
