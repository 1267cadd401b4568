"""Receiving what providers tell: believed by its signature alone, kept, and answered before anything follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from raseed.core.admin.audit import AuditStore
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import MINUTE, Clock, Microseconds
from raseed.core.errors import PermissionDenied, RequestInvalid, Unauthenticated, WebhookNotConfigured
from raseed.core.jobs import Job
from raseed.core.payments.inbox import Delivery, Inbox
from raseed.core.payments.ports import Event, Gateway
from raseed.core.texts import is_storable

ACTOR = "webhooks"
REFUSED = "payment_event.refuse"
"""The action in the audit log."""
WINDOW_US = 10 * MINUTE
"""The first refusal of a kind is in the audit log at once, the others of the next ten minutes together in one row: who
sends rubbish fills neither the log nor the time of those who read it."""
REFUSALS_INTERVAL_S = 60.0
ROUND_S = 60.0
ID_CHARS_MAX = 255
"""Of anything in an event that is kept as a text. Providers' ids have some dozens."""


class Outcome(StrEnum):
    """What became of a delivery."""

    KEPT = "kept"
    REPEATED = "repeated"
    """It was kept before."""
    NOT_CONFIGURED = "not_configured"
    """There is no secret to check it with."""
    UNSIGNED = "unsigned"
    """The signature is missing or wrong."""
    WRONG_MODE = "wrong_mode"
    """It is about money of play, and we take real money, or the other way round."""
    UNREADABLE = "unreadable"
    """It is signed, and nobody knows what it says."""


Note = Callable[[PaymentProvider, Outcome], None]
"""Told of each delivery, for the metrics."""


@dataclass(slots=True)
class _Window:
    begins_at: Microseconds
    count: int = 0
    """Refusals that no row has told of yet."""


class Refusals:
    """Tells the audit log of what was refused: rows at a bounded rate, each with a count."""

    def __init__(self, audit: AuditStore, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._windows: dict[tuple[PaymentProvider, Outcome], _Window] = {}

    async def add(self, provider: PaymentProvider, outcome: Outcome) -> None:
        now = self._clock.now()
        window = self._windows.get((provider, outcome))
        if window is not None and now < window.begins_at + WINDOW_US:
            window.count += 1
            return
        untold = window.count if window is not None else 0
        window = self._windows[provider, outcome] = _Window(now)  # those that come meanwhile are counted
        try:
            await self._record(provider, outcome, untold + 1)
        except Exception:
            window.count += untold + 1
            raise

    def job(self) -> Job:
        """Tells what is left of windows that are over. Each worker has refusals of its own."""
        return Job(
            name="tell refused events", batch=self._tell_rest, interval_s=REFUSALS_INTERVAL_S, round_s=ROUND_S
        )

    async def _tell_rest(self) -> bool:
        now = self._clock.now()
        for (provider, outcome), window in list(self._windows.items()):
            if now >= window.begins_at + WINDOW_US:
                if window.count:
                    await self._record(provider, outcome, window.count)
                self._windows.pop((provider, outcome), None)
        return False

    async def _record(self, provider: PaymentProvider, outcome: Outcome, count: int) -> None:
        await self._audit.record(ACTOR, REFUSED, provider.value, f"{outcome} count={count}")


class EventReceiver:
    """What the webhooks call."""

    def __init__(
        self,
        gateways: Mapping[PaymentProvider, Gateway],
        inbox: Inbox,
        refusals: Refusals,
        note: Note,
    ) -> None:
        self._gateways = gateways
        self._inbox = inbox
        self._refusals = refusals
        self._note = note

    async def refuse_unsigned(self, provider: PaymentProvider) -> None:
        """For what has no signature at all, so that nobody reads its body. Raises Unauthenticated, WebhookNotConfigured."""
        await self._gateway(provider)
        await self._refused(provider, Outcome.UNSIGNED)
        raise Unauthenticated("The signature is missing.")

    async def receive(self, provider: PaymentProvider, headers: Mapping[str, str], body: bytes) -> None:
        """Keep an event, once it is proved to be the provider's. When this returns it is not lost any more. Safe to repeat.

        `headers` are those of the provider's own, in lower case, and are kept with the body. Raises Unauthenticated,
        PermissionDenied for an event of the other mode, RequestInvalid, WebhookNotConfigured, and the errors of the
        database: then the provider sends it again.
        """
        gateway = await self._gateway(provider)
        try:
            event = gateway.read_event(headers, body)
        except WebhookNotConfigured:
            await self._refused(provider, Outcome.NOT_CONFIGURED)
            raise
        except Unauthenticated:
            await self._refused(provider, Outcome.UNSIGNED)
            raise
        except RequestInvalid:
            await self._refused(provider, Outcome.UNREADABLE)
            raise
        if not _can_be_kept(event):
            await self._refused(provider, Outcome.UNREADABLE)
            raise RequestInvalid("The event has ids that nobody can keep.")
        if event.mode is not gateway.mode:
            await self._refused(provider, Outcome.WRONG_MODE)
            raise PermissionDenied(f"Events of mode {event.mode} are not accepted here.")
        is_new = await self._inbox.add(Delivery(provider=provider, event=event, headers=headers, body=body))
        self._note(provider, Outcome.KEPT if is_new else Outcome.REPEATED)

    async def _gateway(self, provider: PaymentProvider) -> Gateway:
        gateway = self._gateways.get(provider)
        if gateway is None:
            await self._refused(provider, Outcome.NOT_CONFIGURED)
            raise WebhookNotConfigured("This webhook is not configured.")
        return gateway

    async def _refused(self, provider: PaymentProvider, outcome: Outcome) -> None:
        self._note(provider, outcome)
        await self._refusals.add(provider, outcome)


def _can_be_kept(event: Event) -> bool:
    return all(is_storable(text) and len(text) <= ID_CHARS_MAX for text in asdict(event).values())
