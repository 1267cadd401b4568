"""What is sold in the simulated worlds: amounts small enough for a buyer to want a third of one back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raseed.core.billing.model import GrantSource
from raseed.core.payments.model import Item, ItemKind, Offer

if TYPE_CHECKING:
    from tests.payment_simulation.world import World

PRIORITIES = {source: number for number, source in enumerate(GrantSource)}
ITEMS = {
    Item(kind=ItemKind.PACK, id="pack_5000"): (2_000, 5_000),
    Item(kind=ItemKind.PACK, id="pack_odd"): (7, 1_001),
    Item(kind=ItemKind.TOPUP, id="", quantity=3): (3, 1_000),
    Item(kind=ItemKind.KEYS, id="", quantity=3): (900, 0),
}
"""Each with its price and what it gives."""


def offer_for(world: World, item: Item) -> Offer:
    amount_minor, credit = ITEMS[item]
    return Offer(
        item=item,
        amount_minor=amount_minor,
        currency="KWD",
        credit_microcredits=credit,
        provider=world.shops[list(ITEMS).index(item) % len(world.shops)].habits.provider,
    )
