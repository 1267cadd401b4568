"""Reports of providers: a failure that comes before its notice is marked as sent is found all the same."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support.virtual_time import VirtualTimeLoop

from raseed.core.messaging.outbox import Delivery
from raseed.core.messaging.ports import Language
from raseed.core.messaging.service import REPORTS_MAX, UNKNOWN_WAIT_S, DeliveryReport, NoticeService


class Outbox:
    """Knows what it was told it had sent."""

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.asked: list[str] = []
        self.recorded: list[tuple[str, Delivery, bool]] = []

    async def record_delivery(self, provider_id: str, delivery: Delivery, *, is_undeliverable: bool) -> bool:
        self.asked.append(provider_id)
        if provider_id not in self.sent:
            return False
        self.recorded.append((provider_id, delivery, is_undeliverable))
        return True


def service(outbox: Any) -> NoticeService:
    return NoticeService(outbox, None, Language.ENGLISH)  # type: ignore[arg-type]


def report(provider_id: str, delivery: Delivery, *, is_undeliverable: bool = False) -> DeliveryReport:
    return DeliveryReport(provider_id=provider_id, delivery=delivery, is_undeliverable=is_undeliverable)


def test_a_failure_is_looked_for_once_more_and_nothing_else_is() -> None:
    outbox = Outbox()
    outbox.sent.add("known")

    async def work() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(UNKNOWN_WAIT_S / 2, outbox.sent.add, "early")
        began = loop.time()
        reports = [
            report("known", Delivery.DELIVERED),
            report("early", Delivery.FAILED, is_undeliverable=True),
            report("a code", Delivery.DELIVERED),
            report("another code", Delivery.FAILED),
        ]
        await service(outbox).record(reports)
        return loop.time() - began

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(work()) == UNKNOWN_WAIT_S
    assert outbox.recorded == [("known", Delivery.DELIVERED, False), ("early", Delivery.FAILED, True)]
    assert outbox.asked == ["known", "early", "a code", "another code", "early", "another code"]


def test_nobody_waits_for_deliveries_of_codes_and_reports_are_bounded() -> None:
    outbox = Outbox()

    async def work() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await service(outbox).record([report(str(n), Delivery.READ) for n in range(REPORTS_MAX + 5)])
        return loop.time() - began

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(work()) == 0
    assert len(outbox.asked) == REPORTS_MAX
