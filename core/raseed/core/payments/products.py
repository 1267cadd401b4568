"""Which products of a provider's own catalogue stand for what the profile sells.

A profile may name them itself. A deployment may name others: its shops for tests and for money are two, with products of
their own, and sell by one profile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from raseed.core.billing.policy import PaymentProvider, Policy
from raseed.core.payments.model import ItemKind


def named(kind: ItemKind, item_id: str) -> str:
    """`topup`, `keys`, `pack:ID` or `plan:ID`."""
    return f"{kind.value}:{item_id}" if item_id else kind.value


def with_products(policy: Policy, provider: PaymentProvider, products: Mapping[str, str]) -> Policy:
    """The profile with these products, by name. Raises ValueError for what it does not sell through this provider."""
    sold = [name for name, _ in products_of(policy, provider)]
    for name in products:
        if name not in sold:
            raise ValueError(
                f"{name} is not sold through {provider} by profile {policy.profile}; "
                f"what is: {', '.join(sold) or 'nothing'}"
            )
    topup, keys = policy.topup, policy.extra_keys

    def product(kind: ItemKind, item_id: str, before: str) -> str:
        return products.get(named(kind, item_id), before)

    return replace(
        policy,
        packs=tuple(
            replace(each, product_id=product(ItemKind.PACK, each.id, each.product_id))
            for each in policy.packs
        ),
        plans=tuple(
            replace(each, product_id=product(ItemKind.PLAN, each.id, each.product_id))
            for each in policy.plans
        ),
        topup=topup and replace(topup, product_id=product(ItemKind.TOPUP, "", topup.product_id)),
        extra_keys=keys and replace(keys, product_id=product(ItemKind.KEYS, "", keys.product_id)),
    )


def products_of(policy: Policy, provider: PaymentProvider) -> Iterator[tuple[str, str]]:
    """What is sold through a provider, and as which product: empty if it has none."""
    for pack in policy.packs:
        if pack.provider is provider:
            yield named(ItemKind.PACK, pack.id), pack.product_id
    if policy.topup is not None and policy.topup.provider is provider:
        yield named(ItemKind.TOPUP, ""), policy.topup.product_id
    for plan in policy.plans:
        if plan.provider is provider:
            yield named(ItemKind.PLAN, plan.id), plan.product_id
    if policy.extra_keys is not None and policy.extra_keys.provider is provider:
        yield named(ItemKind.KEYS, ""), policy.extra_keys.product_id


def unsellable(policy: Policy, provider: PaymentProvider) -> list[str]:
    """What is offered, and cannot be bought because the provider has no product for it."""
    hidden = {named(ItemKind.PLAN, plan.id) for plan in policy.plans if not plan.is_public}
    return [
        name for name, product_id in products_of(policy, provider) if not product_id and name not in hidden
    ]
