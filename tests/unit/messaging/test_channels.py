"""Each channel has its driver, and what drivers say is counted."""

from __future__ import annotations

import pytest

from raseed.adapters.messaging.channels import ChannelMessenger
from raseed.adapters.telemetry.metrics import MESSAGES
from raseed.core.messaging.ports import (
    Channel,
    Language,
    Message,
    MessengerBusy,
    MessengerMisconfigured,
    Undeliverable,
)

MAIL = Message(
    channel=Channel.EMAIL, to="a@example.com", language=Language.ENGLISH, template="code", parameters={}
)


class Driver:
    failure: Exception | None = None

    async def send(self, message: Message) -> str:
        if self.failure is not None:
            raise self.failure
        return "sent"


def count(outcome: str) -> float:
    value: float = MESSAGES.labels("email", outcome)._value.get()
    return value


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (None, "accepted"),
        (Undeliverable("x"), "undeliverable"),
        (MessengerBusy("x"), "busy"),
        (MessengerMisconfigured("x"), "misconfigured"),
        (ZeroDivisionError(), "broken"),
    ],
)
async def test_what_a_driver_says_is_passed_on_and_counted(failure: Exception | None, outcome: str) -> None:
    driver = Driver()
    driver.failure = failure
    messenger, before = ChannelMessenger({Channel.EMAIL: driver}), count(outcome)
    if failure is None:
        assert await messenger.send(MAIL) == "sent"
    else:
        with pytest.raises(type(failure)):
            await messenger.send(MAIL)
    assert count(outcome) == before + 1


async def test_a_channel_without_a_driver_reaches_nobody() -> None:
    with pytest.raises(Undeliverable):
        await ChannelMessenger({Channel.WHATSAPP: Driver()}).send(MAIL)
