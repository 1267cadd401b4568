"""What operators do with payments: see them, ask their providers, give money back, and decide what is in review."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TypeVar

from raseed.core.accounts.service import AccountService
from raseed.core.clock import DAY, SECOND, Clock, Microseconds
from raseed.core.errors import NotFound, RequestInvalid
from raseed.core.ids import PaymentId, RefundId
from raseed.core.payments.comparing import Comparing, Comparison
from raseed.core.payments.inbox import EventState, Inbox, InboxEntry
from raseed.core.payments.model import Payment, PaymentState, Refund
from raseed.core.payments.ports import Gateway, PaymentStore
from raseed.core.payments.refunds import Refunds
from raseed.core.payments.settling import Settling

State = TypeVar("State", PaymentState, EventState)


class PaymentAdmin:
    """What it changes is written into the audit log by those who do it. Raises GatewayError, which operators may read."""

    def __init__(
        self,
        store: PaymentStore,
        accounts: AccountService,
        settling: Settling,
        refunds: Refunds,
        comparing: Comparing,
        gateways: Sequence[Gateway],
        inbox: Inbox,
        clock: Clock,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._settling = settling
        self._refunds = refunds
        self._comparing = comparing
        self._gateways = gateways
        self._inbox = inbox
        self._clock = clock

    async def list(self, account: str, state: str, after: str, limit: int) -> Sequence[Payment]:
        """Newest first: of an account, in a state, or all. Raises NotFound, RequestInvalid for both."""
        wanted = None if not state else _one_of(PaymentState, state)
        if not account:
            return await self._store.in_state(wanted, after, limit)
        if wanted is not None:
            raise RequestInvalid("Name an account or a state, not both.", param="state")
        found = await self._accounts.find(account)
        return await self._store.of_account(found.id, after, limit)

    async def show(self, payment_id: PaymentId) -> tuple[Payment, Sequence[Refund]]:
        """Raises NotFound."""
        return await self._settling.read(payment_id), await self._store.refunds(payment_id)

    async def check(self, payment_id: PaymentId) -> Payment:
        """As its provider says now. Raises NotFound, Conflict. Safe to repeat."""
        return await self._settling.settle(payment_id)

    async def refund(
        self, payment_id: PaymentId, amount_minor: int | None, *, reason: str, request_key: str, actor: str
    ) -> tuple[Refund, Payment]:
        """As `Refunds.refund`, with the payment as it is then."""
        refund = await self._refunds.refund(
            payment_id, amount_minor, reason=reason, request_key=request_key, actor=actor
        )
        return refund, await self._settling.read(payment_id)

    async def mark_refund_failed(
        self, payment_id: PaymentId, refund_id: RefundId, *, reason: str, actor: str
    ) -> tuple[Refund, Payment]:
        """As `Refunds.mark_failed`, with the payment as it is then."""
        refund = await self._refunds.mark_failed(payment_id, refund_id, reason=reason, actor=actor)
        return refund, await self._settling.read(payment_id)

    async def accept(self, payment_id: PaymentId, *, reason: str, actor: str) -> Payment:
        return await self._refunds.accept(payment_id, reason=reason, actor=actor)

    async def reject(self, payment_id: PaymentId, *, reason: str, actor: str) -> Payment:
        return await self._refunds.reject(payment_id, reason=reason, actor=actor)

    async def report(self, day: date | None) -> Sequence[tuple[Gateway, date, Comparison | None]]:
        """A day, in UTC, of each provider, compared now; None: yesterday. No comparison: the provider has no list of what
        was paid. What is paid there and not credited here is looked at by the way. Nothing else is written down.
        """
        if day is None:
            day = datetime.fromtimestamp((self._clock.now() - DAY) / SECOND, UTC).date()
        begin = Microseconds(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND)
        return [
            (gateway, day, await self._comparing.compare(gateway, begin, Microseconds(begin + DAY)))
            for gateway in self._gateways
        ]

    async def events(self, state: str, after: str, limit: int) -> Sequence[InboxEntry]:
        """What providers told, newest first. Raises RequestInvalid."""
        return await self._inbox.events(None if not state else _one_of(EventState, state), after, limit)

    async def retry_event(self, event_id: str, *, actor: str) -> None:
        """Try a dead or ignored event again. Raises NotFound."""
        if not await self._inbox.retry(event_id, actor):
            raise NotFound(f"There is no dead or ignored event {event_id!r}.", metadata={"event": event_id})


def _one_of(kind: type[State], text: str) -> State:
    try:
        return kind(text)
    except ValueError as error:
        raise RequestInvalid(f"state must be one of {', '.join(kind)}.", param="state") from error
