"""Which driver stands behind which channel, and where notices go."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from raseed.adapters.messaging.channels import ChannelMessenger
from raseed.adapters.messaging.outbox_file import OutboxFile
from raseed.adapters.messaging.texts import Texts, read_texts
from raseed.adapters.sql.ledger.credit_feed import SqlCreditFeed
from raseed.adapters.sql.messaging.outbox import SqlOutbox
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.telemetry.log import log
from raseed.app.layout import Home
from raseed.app.settings.configuration import Settings
from raseed.app.settings.messaging import chosen_dialect
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.policy import Policy, UnitOfAccount
from raseed.core.jobs import Job
from raseed.core.messaging.credit_watch import activity_job, expiring_job
from raseed.core.messaging.outbox import Courier, DueNotice, Routing, purge_notices_job
from raseed.core.messaging.ports import Channel, Message, MessagingError, Messenger


@dataclass(frozen=True, slots=True)
class _Parts:
    """What drivers are made of."""

    settings: Settings
    home: Home
    texts: Texts


@asynccontextmanager
async def open_messenger(settings: Settings, home: Home, unit: UnitOfAccount) -> AsyncIterator[Messenger]:
    """The drivers that the settings name; each is opened once."""
    messaging = settings.messaging
    parts = _Parts(settings, home, read_texts(messaging.service, messaging.portal_url, unit))
    async with AsyncExitStack() as stack:
        drivers = {
            name: await stack.enter_async_context(_DRIVERS[name](parts))
            for name in {messaging.whatsapp, messaging.email}
        }
        yield ChannelMessenger(
            {Channel.WHATSAPP: drivers[messaging.whatsapp], Channel.EMAIL: drivers[messaging.email]}
        )


@asynccontextmanager
async def _outbox(parts: _Parts) -> AsyncIterator[Messenger]:
    yield OutboxFile(parts.home.outbox, parts.texts)


@asynccontextmanager
async def _whatsapp_meta(parts: _Parts) -> AsyncIterator[Messenger]:
    # These imports are not at the top: an HTTP client is a fifth of a second of each start, and the default needs none.
    from raseed.adapters.messaging.http_call import open_calls
    from raseed.adapters.messaging.whatsapp_meta import MetaAccount, MetaMessenger

    given, messaging = parts.settings.whatsapp_meta, parts.settings.messaging
    account = MetaAccount(
        url=given.url,
        api_version=given.api_version,
        phone_number_id=given.phone_number_id,
        token=given.token.text,
        template_prefix=given.template_prefix,
    )
    async with open_calls(messaging.timeout_s, messaging.connections) as calls:
        yield MetaMessenger(calls, account, parts.texts)


@asynccontextmanager
async def _whatsapp_http(parts: _Parts) -> AsyncIterator[Messenger]:
    from raseed.adapters.messaging.http_call import open_calls
    from raseed.adapters.messaging.whatsapp_http import HttpMessenger

    given, messaging = parts.settings.whatsapp_http, parts.settings.messaging
    async with open_calls(messaging.timeout_s, messaging.connections) as calls:
        yield HttpMessenger(calls, chosen_dialect(given), given.token.text, parts.texts)


@asynccontextmanager
async def _smtp(parts: _Parts) -> AsyncIterator[Messenger]:
    from raseed.adapters.messaging.smtp import MailServer, open_smtp

    given, messaging = parts.settings.smtp, parts.settings.messaging
    server = MailServer(
        host=given.host,
        port=given.port,
        security=given.security,
        username=given.username,
        password=given.password.text,
        sender=given.sender,
    )
    async with open_smtp(server, parts.texts, messaging.timeout_s, messaging.connections) as messenger:
        yield messenger


_DRIVERS: Mapping[str, Callable[[_Parts], AbstractAsyncContextManager[Messenger]]] = {
    "outbox": _outbox,
    "whatsapp_meta": _whatsapp_meta,
    "whatsapp_http": _whatsapp_http,
    "smtp": _smtp,
}
"""A new driver is a function above and a line here."""


def message_jobs(
    database: SqlDatabase, messenger: Messenger, policy: Policy, settings: Settings, *, is_first: bool
) -> list[Job]:
    """Sending notices is every worker's; finding them and clearing up is the first one's."""
    outbox = SqlOutbox(database)
    # Operators are reached on any channel, whatever the profile says of customers.
    operators = {_channel_of(address): address for address in settings.messaging.operators}
    routing = Routing(
        channels=_reachable_first(policy.channels, settings), language=policy.language, operators=operators
    )
    sending = [Courier(outbox, messenger, routing, _report).job()]
    if not is_first:
        return sending
    credit, clock = SqlCreditFeed(database), database.clock
    return [
        *sending,
        activity_job(credit, clock),
        expiring_job(credit, clock, Calendar(policy.time_zone)),
        purge_notices_job(outbox),
    ]


def _reachable_first(channels: Sequence[Channel], settings: Settings) -> tuple[Channel, ...]:
    """Channels whose messages go to a file come last: who has another address is to be told."""
    drivers = {Channel.WHATSAPP: settings.messaging.whatsapp, Channel.EMAIL: settings.messaging.email}
    return tuple(sorted(channels, key=lambda channel: drivers[channel] == "outbox"))


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
