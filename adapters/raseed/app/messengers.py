"""Which driver stands behind which channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from raseed.adapters.messaging.channels import ChannelMessenger
from raseed.adapters.messaging.outbox_file import OutboxFile
from raseed.app.layout import Home
from raseed.app.settings import Settings
from raseed.core.messaging.ports import Channel, Messenger


@asynccontextmanager
async def open_messenger(settings: Settings, home: Home) -> AsyncIterator[Messenger]:
    """The drivers that the settings name. A new one is a line here."""
    outbox = OutboxFile(home.outbox)
    drivers: dict[str, Messenger] = {"outbox": outbox}
    yield ChannelMessenger(
        {
            Channel.WHATSAPP: drivers[settings.messaging.whatsapp],
            Channel.EMAIL: drivers[settings.messaging.email],
        }
    )
