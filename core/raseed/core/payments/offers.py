"""What an item costs and gives now, by the profile."""

from __future__ import annotations

from typing import assert_never

from raseed.core.billing.policy import ExtraKeys, OpenTopup, Pack, Plan, Policy
from raseed.core.errors import RequestInvalid
from raseed.core.payments.model import Item, ItemKind, Offer


def offer_for(policy: Policy, item: Item) -> Offer:
    """The offer that a payment freezes. Of a top-up, the quantity is the amount in the currency's minor unit.

    Also for a plan that is sold no more: who has it renews it. Raises RequestInvalid for what the profile does not sell.
    """
    if item.kind not in (ItemKind.TOPUP, ItemKind.KEYS) and item.quantity != 1:
        raise RequestInvalid("This is sold one at a time.", param="quantity")
    match item.kind:
        case ItemKind.PACK:
            pack = next((pack for pack in policy.packs if pack.id == item.id), None)
            return _pack(item, pack)
        case ItemKind.TOPUP:
            return _topup(item, policy.topup)
        case ItemKind.PLAN:
            return _plan(item, policy.plan(item.id))
        case ItemKind.KEYS:
            return _keys(item, policy.extra_keys)
        case _:
            assert_never(item.kind)


def _pack(item: Item, pack: Pack | None) -> Offer:
    if pack is None:
        raise RequestInvalid(f"There is no pack {item.id!r}.", param="item")
    return Offer(
        item=item,
        amount_minor=pack.price_minor,
        currency=pack.currency,
        credit_microcredits=pack.amount_microcredits + pack.bonus_microcredits,
        provider=pack.provider,
        product_id=pack.product_id,
    )


def _topup(item: Item, topup: OpenTopup | None) -> Offer:
    if topup is None or item.id:
        raise RequestInvalid("Credit is not sold by the amount here.", param="item")
    try:
        credit = topup.microcredits_for(item.quantity)
    except ValueError as error:
        raise RequestInvalid("This is not an amount on offer.", param="quantity") from error
    return Offer(
        item=item,
        amount_minor=item.quantity,
        currency=topup.currency,
        credit_microcredits=credit,
        provider=topup.provider,
        product_id=topup.product_id,
    )


def _plan(item: Item, plan: Plan | None) -> Offer:
    if plan is None:
        raise RequestInvalid(f"There is no plan {item.id!r}.", param="item")
    return Offer(
        item=item,
        amount_minor=plan.price_minor,
        currency=plan.currency,
        credit_microcredits=plan.amount_microcredits,
        provider=plan.provider,
        product_id=plan.product_id,
    )


def _keys(item: Item, extra: ExtraKeys | None) -> Offer:
    if extra is None or item.id:
        raise RequestInvalid("Room for more keys is not sold here.", param="item")
    if not 1 <= item.quantity <= extra.max_count:
        raise RequestInvalid(f"1 to {extra.max_count} keys in one order.", param="quantity")
    return Offer(
        item=item,
        amount_minor=extra.price_minor * item.quantity,
        currency=extra.currency,
        credit_microcredits=0,
        provider=extra.provider,
        product_id=extra.product_id,
    )
