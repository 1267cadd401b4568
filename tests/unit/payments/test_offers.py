"""What an item costs and gives: the figures of the profile, whoever asks."""

from __future__ import annotations

import pytest

from raseed.adapters.policy.loader import load_policy
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.policy import PaymentProvider
from raseed.core.errors import RequestInvalid
from raseed.core.money import credits_text, price_text
from raseed.core.payments.model import Item, ItemKind
from raseed.core.payments.offers import offer_for

RESAYIL = load_policy("resayil", HoldPolicy())
KISSAPI = load_policy("kissapi", HoldPolicy())


@pytest.mark.parametrize(
    ("policy", "item", "price", "credits"),
    [
        (RESAYIL, Item(kind=ItemKind.PACK, id="pack_5000"), "2.000 KWD", "5000"),
        (RESAYIL, Item(kind=ItemKind.PLAN, id="starter"), "15.000 KWD", "5000"),
        (RESAYIL, Item(kind=ItemKind.PLAN, id="basic"), "25.000 KWD", "15000"),
        (RESAYIL, Item(kind=ItemKind.PLAN, id="pro"), "45.000 KWD", "50000"),
        (RESAYIL, Item(kind=ItemKind.KEYS, id="", quantity=3), "6.000 KWD", "0"),
        (KISSAPI, Item(kind=ItemKind.TOPUP, id="", quantity=1200), "12.00 USD", "12"),
        (KISSAPI, Item(kind=ItemKind.PLAN, id="monthly_20"), "19.00 USD", "20"),
    ],
    ids=lambda value: value.kind.value + value.id if isinstance(value, Item) else None,
)
def test_an_item_has_the_price_and_credit_of_the_profile(policy, item, price, credits):
    offer = offer_for(policy, item)
    assert offer.item == item
    assert f"{price_text(offer.amount_minor, offer.currency)} {offer.currency}" == price
    assert credits_text(offer.credit_microcredits) == credits
    assert offer.provider is (PaymentProvider.MYFATOORAH if policy is RESAYIL else PaymentProvider.CREEM)


@pytest.mark.parametrize(
    ("policy", "item", "param"),
    [
        (RESAYIL, Item(kind=ItemKind.PACK, id="pack_1"), "item"),
        (RESAYIL, Item(kind=ItemKind.PACK, id="starter"), "item"),
        (RESAYIL, Item(kind=ItemKind.PACK, id="pack_5000", quantity=2), "quantity"),
        (RESAYIL, Item(kind=ItemKind.PLAN, id=""), "item"),
        (RESAYIL, Item(kind=ItemKind.PLAN, id="pro", quantity=0), "quantity"),
        (RESAYIL, Item(kind=ItemKind.KEYS, id="pro"), "item"),
        (RESAYIL, Item(kind=ItemKind.KEYS, id="", quantity=0), "quantity"),
        (RESAYIL, Item(kind=ItemKind.KEYS, id="", quantity=11), "quantity"),
        (RESAYIL, Item(kind=ItemKind.TOPUP, id="", quantity=1000), "item"),
        (KISSAPI, Item(kind=ItemKind.TOPUP, id="", quantity=499), "quantity"),
        (KISSAPI, Item(kind=ItemKind.TOPUP, id="", quantity=550), "quantity"),
        (KISSAPI, Item(kind=ItemKind.TOPUP, id="x", quantity=500), "item"),
        (KISSAPI, Item(kind=ItemKind.KEYS, id="", quantity=1), "item"),
    ],
)
def test_what_is_not_sold_is_refused(policy, item, param):
    with pytest.raises(RequestInvalid) as caught:
        offer_for(policy, item)
    assert caught.value.param == param
