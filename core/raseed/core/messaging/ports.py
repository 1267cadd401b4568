"""What the core needs to reach people, and how reaching them fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from raseed.core.ids import new_id

CODE_TEMPLATE = "code"
"""The template of one-time codes. Parameters: `code`, and `minutes`, for which it is valid."""

INVITATION_TEMPLATE = "invitation"
"""The template of invitations to organisations. Parameters: `organisation`, `code` which accepts it, and `days`, for which
it is valid."""

CONTACT_CHANGED_TEMPLATE = "contact_changed"
"""The template of what is sent to where an account was reached before it got another number or address. No parameters."""


class Channel(StrEnum):
    WHATSAPP = "whatsapp"
    EMAIL = "email"


class Language(StrEnum):
    ENGLISH = "en"
    ARABIC = "ar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one person. Address and parameters are personal or secret: neither is in its repr."""

    channel: Channel
    to: str = field(repr=False)
    """A telephone number in E.164 (`+96550123456`) for WhatsApp, else an e-mail address."""
    language: Language
    template: str
    """`code`, `invitation`, `contact_changed`, or a `NoticeKind`."""
    parameters: Mapping[str, str] = field(repr=False)
    """Text as people read it, with Western digits in every language; exactly those that the template declares."""
    id: str = field(default_factory=lambda: new_id("msg"))
    """For logs."""


class MessagingError(Exception):
    """Why a message was not sent, in words for the log: no address, parameter, URL or secret is in them."""


class Undeliverable(MessagingError):
    """Not to this person on this channel, however often it is tried: no WhatsApp there, an address that is refused."""


class MessengerBusy(MessagingError):
    """It was not sent, or that is unknown; later it may be. A time-out says this too."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        """Least wait that the provider asks for; None: it asks for none."""


class MessengerMisconfigured(MessagingError):
    """No message will be sent until an operator changes something: credentials, templates, a bill."""


class Messenger(Protocol):
    """A driver, or several behind one."""

    async def send(self, message: Message) -> str:
        """Hand a message over: accepted is not yet delivered. Returns the provider's id for it, empty if it has none.

        Ends within the driver's own deadline. Raises Undeliverable, MessengerBusy, MessengerMisconfigured and nothing
        else. Each call may send one more: only repeat what was not accepted.
        """
        ...
