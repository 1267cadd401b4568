"""Codes: sent at once and once, out of a bounded queue; never in a repr."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from raseed.core.messaging.express import ExpressLimits, ExpressQueue, send_first
from raseed.core.messaging.ports import (
    CODE_TEMPLATE,
    Channel,
    Language,
    Message,
    MessengerBusy,
    Undeliverable,
)


def code(channel: Channel = Channel.WHATSAPP, to: str = "+96550123456") -> Message:
    return Message(
        channel=channel,
        to=to,
        language=Language.ARABIC,
        template=CODE_TEMPLATE,
        parameters={"code": "424242", "minutes": "5"},
    )


BY_WHATSAPP, BY_EMAIL = code(), code(Channel.EMAIL, "a@example.com")


class Driver:
    def __init__(self, failures: dict[Channel, Exception] | None = None) -> None:
        self.failures = failures or {}
        self.asked: list[Message] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def send(self, message: Message) -> str:
        self.asked.append(message)
        await self.may_answer.wait()
        if message.channel in self.failures:
            raise self.failures[message.channel]
        return f"sent-{len(self.asked)}"


@contextmanager
def running(queue: ExpressQueue) -> Iterator[None]:
    task = asyncio.ensure_future(queue.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_neither_address_nor_code_is_in_the_repr() -> None:
    assert "424242" not in repr(code())
    assert "50123456" not in repr(code())


async def test_the_next_channel_is_tried_only_for_who_cannot_be_reached_on_the_first() -> None:
    driver = Driver({Channel.WHATSAPP: Undeliverable("not on WhatsApp")})
    assert await send_first(driver, (BY_WHATSAPP, BY_EMAIL)) == "sent-2"
    assert driver.asked == [BY_WHATSAPP, BY_EMAIL]

    busy = Driver({Channel.WHATSAPP: MessengerBusy("timed out")})
    with pytest.raises(MessengerBusy):
        await send_first(busy, (BY_WHATSAPP, BY_EMAIL))
    assert busy.asked == [BY_WHATSAPP]

    nowhere = Driver(dict.fromkeys(Channel, Undeliverable("nobody there")))
    with pytest.raises(Undeliverable):
        await send_first(nowhere, (BY_WHATSAPP, BY_EMAIL))
    assert nowhere.asked == [BY_WHATSAPP, BY_EMAIL]


async def test_what_fails_is_reported_and_not_sent_again_and_the_queue_goes_on() -> None:
    reported: list[tuple[Message, Exception]] = []
    error = ZeroDivisionError("a bug of the driver")
    driver = Driver({Channel.WHATSAPP: error})
    queue = ExpressQueue(driver, lambda *report: reported.append(report))
    with running(queue):
        for _ in range(20):
            assert queue.post(BY_WHATSAPP)
        assert queue.post(BY_EMAIL)
        await settled()
    assert reported == [(BY_WHATSAPP, error)] * 20
    assert driver.asked == [BY_WHATSAPP] * 20 + [BY_EMAIL]


async def test_a_driver_that_hangs_fills_the_queue_and_then_posts_are_refused_at_once() -> None:
    driver = Driver()
    driver.may_answer.clear()
    queue = ExpressQueue(driver, lambda *_: None, ExpressLimits(queue_max=3, senders=2))
    with running(queue):
        assert queue.post(BY_EMAIL)
        assert queue.post(BY_EMAIL)
        await settled()
        assert [queue.post(BY_EMAIL) for _ in range(5)] == [True, True, True, False, False]
        assert len(driver.asked) == 2
        driver.may_answer.set()
        await settled()
        assert len(driver.asked) == 5


async def test_a_code_that_waited_too_long_is_not_sent() -> None:
    reported: list[Exception] = []
    driver = Driver()
    queue = ExpressQueue(driver, lambda _, error: reported.append(error), ExpressLimits(wait_s=0.0))
    queue.post(BY_EMAIL)
    await asyncio.sleep(0.001)
    with running(queue), suppress(asyncio.CancelledError):
        await settled()
    assert [str(error) for error in reported] == ["waited too long to be sent"]
    assert driver.asked == []
