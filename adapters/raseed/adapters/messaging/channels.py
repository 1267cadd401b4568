"""One messenger for every channel: each has its driver."""

from __future__ import annotations

from collections.abc import Mapping

from raseed.core.messaging.ports import Channel, Message, Messenger, Undeliverable


class ChannelMessenger:
    """Implements `core.messaging.ports.Messenger`."""

    def __init__(self, drivers: Mapping[Channel, Messenger]) -> None:
        self._drivers = drivers

    async def send(self, message: Message) -> str:
        driver = self._drivers.get(message.channel)
        if driver is None:
            raise Undeliverable(f"no driver serves the channel {message.channel}")
        return await driver.send(message)
