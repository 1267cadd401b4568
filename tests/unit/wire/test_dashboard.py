from __future__ import annotations

import pytest

from raseed.adapters.wire.dashboard import encode_dashboard_subscription, encode_dashboard_usage
from raseed.core.clock import Microseconds

TIER_ENDS = Microseconds(1_748_736_000_999_999)


@pytest.mark.parametrize(("name", "until"), [("tier_ends", TIER_ENDS), ("tier_stays", None)])
def test_limits_are_what_was_used_and_what_is_left(golden, name: str, until: Microseconds | None):
    body = encode_dashboard_subscription(
        spendable_microcredits=732_500_000, used_microcredits=17_500_001, access_until=until
    )
    golden(f"dashboard_subscription_{name}.json", body)


def test_usage_is_in_hundredths_and_exact(golden):
    golden("dashboard_usage.json", encode_dashboard_usage(17_500_001))
    assert encode_dashboard_usage(0) == b'{"object":"list","total_usage":0}'
