"""Which driver stands behind which channel, and where notices go."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from raseed.adapters.messaging.channels import ChannelMessenger
from raseed.adapters.messaging.outbox_file import OutboxFile
from raseed.adapters.telemetry.log import log
from raseed.app.layout import Home
from raseed.app.settings import Settings
from raseed.core.billing.policy import Policy
from raseed.core.messaging.outbox import Courier, DueNotice, Outbox, Routing
from raseed.core.messaging.ports import Channel, Message, MessagingError, Messenger


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


def courier(outbox: Outbox, messenger: Messenger, policy: Policy, settings: Settings) -> Courier:
    """Operators are reached on any channel, whatever the profile says of customers."""
    operators = {_channel_of(address): address for address in settings.messaging.operators}
    routing = Routing(channels=policy.channels, language=policy.language, operators=operators)
    return Courier(outbox, messenger, routing, _report)


def _channel_of(address: str) -> Channel:
    return Channel.EMAIL if "@" in address else Channel.WHATSAPP


def _report(due: DueNotice, error: Exception) -> None:
    log.warning("notice not sent", id=due.id, kind=due.kind, attempt=due.attempt, **_told(error))


def report_unsent(message: Message, error: Exception) -> None:
    """A code that was not sent: whoever waits for it asks again, and operators see that something is wrong."""
    log.error("not sent", id=message.id, channel=message.channel, template=message.template, **_told(error))


def _told(error: Exception) -> dict[str, str]:
    """The text of an error that is not ours may hold an address or a code: then only where it happened is told."""
    told = {"error": type(error).__name__}
    if isinstance(error, MessagingError):
        return {**told, "reason": str(error)}
    frames = traceback.extract_tb(error.__traceback__)
    return {**told, "at": f"{frames[-1].filename}:{frames[-1].lineno}"} if frames else told
