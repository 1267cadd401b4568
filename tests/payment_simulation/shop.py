"""A provider's side of the world: orders, what buyers and banks do with them, and the events that tell of it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from tests.support.fake_gateway import Book, event_about

from raseed.core.billing.policy import PaymentProvider
from raseed.core.ids import PaymentId, RefundId
from raseed.core.payments.model import Mode, Seen, SeenRefund, SeenRefundState, SeenStatus
from raseed.core.payments.ports import EventKind

if TYPE_CHECKING:
    from tests.payment_simulation.world import World

PAGE_LIFE_S = 3_600.0
OTHER = "pay_of_somebody_else"


@dataclass(frozen=True, slots=True)
class Habits:
    """How this provider's API is."""

    provider: PaymentProvider
    is_creation_repeatable: bool
    keeps_references: bool
    """Of refunds."""
    asks_by_reference: bool
    refunds_end_later: bool
    tells_page: bool = False
    """Of an order whose page nobody knows."""
    tells_open_refunds: bool = True
    """Else what came to nothing is never heard of."""
    refunds_parts: bool = True
    """When we ask for it."""


HABITS = (
    Habits(PaymentProvider.MYFATOORAH, False, False, True, True),  # as MyFatoorah's version 2
    Habits(PaymentProvider.MYFATOORAH, True, False, True, True),  # as its version 3
    Habits(PaymentProvider.CREEM, False, False, False, True, True, False, False),  # as Creem
    Habits(PaymentProvider.MYFATOORAH, False, True, True, False, True),
)


class Fate(Enum):
    """What becomes of an order."""

    PAID = "paid"
    ABANDONED = "abandoned"
    EXPIRED_THEN_PAID = "paid after it had expired"
    FAILED_THEN_PAID = "paid after it had failed"
    OTHERWISE = "paid otherwise than ordered"
    SAME = "paid by another's transaction"


FATES = {
    Fate.PAID: 10,
    Fate.ABANDONED: 2,
    Fate.EXPIRED_THEN_PAID: 2,
    Fate.FAILED_THEN_PAID: 2,
    Fate.OTHERWISE: 4,
    Fate.SAME: 1,
}


def differences(order: Seen) -> dict[str, dict[str, Any]]:
    """By name: what the provider then says that is not as ordered."""
    other_provider = next(other for other in PaymentProvider if other is not order.provider)
    return {
        "less": {"amount_minor": max(order.amount_minor - 1, 1) if order.amount_minor > 1 else 2},
        "more": {"amount_minor": order.amount_minor * 10},
        "currency": {"currency": "USD" if order.currency != "USD" else "KWD"},
        "mode": {"mode": Mode.LIVE if order.mode is Mode.TEST else Mode.TEST},
        "provider": {"provider": other_provider},
        "reference": {"reference": OTHER},
        "product": {"product_id": "prod_cheap"},
    }


class Shop:
    """One provider in one mode, as everybody sees it."""

    def __init__(self, world: World, habits: Habits, mode: Mode) -> None:
        self.habits = habits
        self.mode = mode
        self.book = Book()
        self.is_down = False
        self.looked_at: dict[PaymentId, float] = {}
        """When the last look began that was answered."""
        self.asked_refunds: defaultdict[RefundId, list[SeenRefund]] = defaultdict(list)
        """Refunds of ours, each as often as it took it."""
        self.changed_at: dict[PaymentId, float] = {}
        self.wrong: dict[PaymentId, str] = {}
        """Orders that were paid otherwise than ordered, and how."""
        self._world = world
        self._told = 0

    def takes(self, payment_id: PaymentId) -> None:
        """A new order: it has a life of its own from now on."""
        self._world.shop_begins(self.live(payment_id))

    async def live(self, payment_id: PaymentId) -> None:
        world, chance = self._world, self._world.chance
        fate = chance.choices(list(FATES), list(FATES.values()))[0]
        await asyncio.sleep(world.a_while())
        if not self.habits.asks_by_reference and payment_id not in world.pages:
            return  # nobody knows where to pay
        order = self.book.order(payment_id)
        if order.status is SeenStatus.PAID:
            return
        if fate is Fate.ABANDONED:
            self._change(
                payment_id, chance.choice([{"status": SeenStatus.EXPIRED}, {"status": SeenStatus.FAILED}])
            )
            return
        if fate in {Fate.EXPIRED_THEN_PAID, Fate.FAILED_THEN_PAID}:
            is_failed = fate is Fate.FAILED_THEN_PAID
            self._change(payment_id, {"status": SeenStatus.FAILED if is_failed else SeenStatus.EXPIRED})
            await asyncio.sleep(world.a_while())
        values = self._payment_of(payment_id, fate)
        world.trace("%s is paid: %s %s", payment_id, fate.value, values)
        world.seen[fate.value] += 1
        self.book.pay(payment_id, world.clock.now(), **values)
        self._tell(EventKind.PAYMENT, payment_id)
        world.spawn(world.come_back(self, payment_id))
        for _ in range(chance.choice([0, 0, 0, 1, 1, 2])):
            await asyncio.sleep(chance.choice([0.0, 0.0, world.a_while()]))
            await self._give_back(payment_id)

    def _payment_of(self, payment_id: PaymentId, fate: Fate) -> dict[str, Any]:
        chance = self._world.chance
        if fate is Fate.OTHERWISE:
            name, values = chance.choice(list(differences(self.book.order(payment_id)).items()))
            self._world.seen[f"paid with another {name}"] += 1
            self.wrong[payment_id] = name
            return values
        transactions = [
            order.provider_payment_id
            for orders in self.book.orders.values()
            for order in orders
            if order.provider_payment_id
        ]
        if fate is Fate.SAME and transactions:
            return {"provider_payment_id": chance.choice(transactions)}
        return {}

    async def _give_back(self, payment_id: PaymentId) -> None:
        """The provider's own doing, or the buyer's bank."""
        chance, order = self._world.chance, self.book.order(payment_id)
        gone = sum(told.amount_minor for told in order.refunds if told.state is not SeenRefundState.CANCELED)
        left = order.amount_minor - gone
        if left <= 0:
            return
        amount = chance.choice([left, chance.randint(1, left)])
        is_dispute = chance.random() < 0.3
        pending = chance.random() < 0.4
        state = SeenRefundState.PENDING if pending else SeenRefundState.DONE
        told = self.book.give_back(payment_id, amount, state, is_dispute=is_dispute)
        self._world.seen["a dispute" if is_dispute else "a refund of the provider's"] += 1
        self._world.trace("%s: %s goes back", payment_id, told)
        self._tell(EventKind.REFUND, payment_id)
        if pending:
            await self.end_refund(payment_id, told.id)

    def took_refund(self, payment_id: PaymentId, refund_id: RefundId, told: SeenRefund) -> None:
        """One that we asked for."""
        self.asked_refunds[refund_id].append(told)
        self._world.seen["a refund of ours"] += 1
        self._tell(EventKind.REFUND, payment_id)
        if self.habits.refunds_end_later:
            self._world.shop_begins(self.end_refund(payment_id, told.id))

    def paid_by_the_same(self, order: Seen) -> set[PaymentId]:
        """Ours that the transaction of this order paid: more than one, if one was paid by another's."""
        return {
            payment_id
            for payment_id, orders in self.book.orders.items()
            if any(each.provider_payment_id == order.provider_payment_id for each in orders)
        }

    def paid_out_twice(self) -> set[RefundId]:
        """Refunds of ours that it carried out more than once: one that it gave up may have been asked for again."""
        done = {
            refund.id
            for orders in self.book.orders.values()
            for order in orders
            for refund in order.refunds
            if refund.state is not SeenRefundState.CANCELED
        }
        return {
            refund_id
            for refund_id, taken in self.asked_refunds.items()
            if sum(told.id in done for told in taken) > 1
        }

    async def end_refund(self, payment_id: PaymentId, provider_refund_id: str) -> None:
        await asyncio.sleep(self._world.a_while())
        state = self._world.chance.choice(
            [SeenRefundState.DONE, SeenRefundState.DONE, SeenRefundState.CANCELED]
        )
        self._world.trace("%s of %s is %s", provider_refund_id, payment_id, state)
        self._world.seen[f"a refund is {state}"] += 1
        self.book.end_refund(payment_id, provider_refund_id, state)
        self._tell(EventKind.REFUND, payment_id)

    def _change(self, payment_id: PaymentId, values: Mapping[str, Any]) -> None:
        self._world.trace("%s is %s", payment_id, values)
        self.book.change(payment_id, **values)
        self._tell(EventKind.PAYMENT, payment_id)

    # ------------------------------------------------------------------------------------------------- events

    def _tell(self, kind: EventKind, payment_id: PaymentId) -> None:
        self._told += 1
        self.changed_at[payment_id] = asyncio.get_running_loop().time()
        order = self.book.order(payment_id)
        content = event_about(order, f"ev_{self.habits.provider}_{self._told}", kind)
        # Who tells of it knows whose order it is, whatever is said of the order itself.
        self._world.postman.post(self, content | {"mode": self.mode.value, "reference": payment_id})
