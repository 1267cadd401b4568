"""A browser comes back from a provider's page: which payment it is about, and what became of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import MINUTE, SECOND, Clock, Microseconds
from raseed.core.errors import RaseedError
from raseed.core.ids import PaymentId
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.model import OPEN_STATES, Payment
from raseed.core.payments.ports import GatewayError, PaymentStore
from raseed.core.payments.states import UNPAID

LOOK_S = 5.0
"""Longest wait for the provider while somebody looks at an empty page. What it says later is seen by the schedule."""
LOOK_AGAIN_US = 10 * SECOND
"""Least time between two looks at one payment for those who load its page."""
LOOKS_MAX = 8
"""Looks at a time, in each worker: whoever has the id of a payment may load its page as often as he likes. Beyond, the page
shows what is known."""
LOOKED_MAX = 1024
"""Payments whose last look is remembered."""
WATCHED_US = 15 * MINUTE
"""How long after the order the page loads itself again. After it, the buyer is told to write to support."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    payment: Payment
    is_named: bool
    """Whether the address had our id, which nobody guesses. Without it, it had a number of the provider's, which others may
    come by: then no more is shown than what became of the payment.
    """
    is_watched: bool
    """Whether it may change within moments."""


class Returns:
    def __init__(
        self,
        store: PaymentStore,
        gateways: Gateways,
        settle: Callable[[PaymentId, str], Awaitable[Payment]],
        clock: Clock,
    ) -> None:
        self._store = store
        self._gateways = gateways
        self._settle = settle
        self._clock = clock
        self._looked = OrderedDict[PaymentId, Microseconds]()
        self._looking = 0

    async def look(
        self, provider: PaymentProvider, payment_id: PaymentId | None, query: Mapping[str, str]
    ) -> Returned | None:
        """What became of the payment, after one look at its provider unless somebody looked a moment ago. Nothing in the
        address is believed but whose payment it is. None: there is no such payment.
        """
        meant = await self._meant(provider, payment_id, query)
        if meant is None:
            return None
        payment, is_named = meant
        if payment.state in UNPAID | OPEN_STATES and self._may_look(payment.id):
            payment = await self._look(payment, self._invoice_id(provider, query))
        is_young = self._clock.now() < payment.created_at + WATCHED_US
        is_watched = is_young and payment.state in OPEN_STATES
        return Returned(payment=payment, is_named=is_named, is_watched=is_watched)

    async def _meant(
        self, provider: PaymentProvider, payment_id: PaymentId | None, query: Mapping[str, str]
    ) -> tuple[Payment, bool] | None:
        if payment_id is not None:
            found = await self._store.payment(payment_id)
            return (found, True) if found is not None and found.provider is provider else None
        gateway = next((each for each in self._gateways.all if each.provider is provider), None)
        event = None if gateway is None else gateway.read_return(query)
        if gateway is None or event is None:
            return None
        if event.reference:
            return await self._meant(provider, PaymentId(event.reference), {})
        of = provider, gateway.mode
        if event.invoice_id:
            found = await self._store.find(*of, invoice_id=event.invoice_id)
        elif event.provider_payment_id:
            found = await self._store.find(*of, provider_payment_id=event.provider_payment_id)
        else:
            return None
        return None if found is None else (found, False)

    def _may_look(self, payment_id: PaymentId) -> bool:
        now = self._clock.now()
        last = self._looked.get(payment_id)
        if self._looking >= LOOKS_MAX or (last is not None and now < last + LOOK_AGAIN_US):
            return False
        self._looked[payment_id] = now
        self._looked.move_to_end(payment_id)
        while len(self._looked) > LOOKED_MAX:
            self._looked.popitem(last=False)
        return True

    def _invoice_id(self, provider: PaymentProvider, query: Mapping[str, str]) -> str:
        """Under which the provider may have an order whose id we never heard."""
        gateway = next((each for each in self._gateways.all if each.provider is provider), None)
        event = None if gateway is None else gateway.read_return(query)
        return "" if event is None else event.invoice_id

    async def _look(self, payment: Payment, invoice_id: str) -> Payment:
        self._looking += 1
        try:
            async with asyncio.timeout(LOOK_S):
                return await self._settle(payment.id, invoice_id)
        except (GatewayError, RaseedError, TimeoutError):
            return payment  # the schedule looks again
        finally:
            self._looking -= 1
