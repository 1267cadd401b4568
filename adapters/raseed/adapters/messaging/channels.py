"""One messenger for every channel: each has its driver."""

from __future__ import annotations

from collections.abc import Mapping

from raseed.adapters.telemetry.metrics import MESSAGES
from raseed.core.messaging.ports import (
    Channel,
    Message,
    MessagingError,
    Messenger,
    MessengerBusy,
    MessengerMisconfigured,
    Undeliverable,
)

_OUTCOMES: Mapping[type[MessagingError], str] = {
    Undeliverable: "undeliverable",
    MessengerBusy: "busy",
    MessengerMisconfigured: "misconfigured",
}


class ChannelMessenger:
    """Implements `core.messaging.ports.Messenger`."""

    def __init__(self, drivers: Mapping[Channel, Messenger]) -> None:
        self._drivers = drivers

    async def send(self, message: Message) -> str:
        driver = self._drivers.get(message.channel)
        if driver is None:
            raise Undeliverable(f"no driver serves the channel {message.channel}")
        outcome = "broken"
        try:
            sent = await driver.send(message)
            outcome = "accepted"
        except MessagingError as error:
            outcome = _OUTCOMES[type(error)]
            raise
        finally:
            MESSAGES.labels(message.channel, outcome).inc()
        return sent
