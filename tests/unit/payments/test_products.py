"""Products of Creem's catalogue for what a profile sells."""

from __future__ import annotations

import pytest
from tests.emulators.creem.emulator import API_KEY

from raseed.adapters.policy.loader import PolicyError, load_policy
from raseed.app.gateways import open_gateways, with_own_products
from raseed.app.settings.configuration import Settings
from raseed.app.settings.payments import Creem
from raseed.app.settings.reader import Secret
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import SystemClock
from raseed.core.payments.model import Item, ItemKind, Mode
from raseed.core.payments.offers import offer_for
from raseed.core.payments.products import products_of, unsellable

KISSAPI = load_policy("kissapi", HoldPolicy())
RESAYIL = load_policy("resayil", HoldPolicy())


def test_a_deployment_names_its_products() -> None:
    """And offers have them; what it does not name keeps what the profile says."""
    settings = Settings(creem=Creem(products=("topup=prod_1", "plan:monthly_20=prod_2")))
    policy = with_own_products(KISSAPI, settings)
    offer = offer_for(policy, Item(kind=ItemKind.TOPUP, id="", quantity=500))
    assert (offer.product_id, offer.provider) == ("prod_1", PaymentProvider.CREEM)
    assert dict(products_of(policy, PaymentProvider.CREEM)) == {
        "topup": "prod_1",
        "plan:monthly_20": "prod_2",
    }
    assert with_own_products(policy, Settings()) == policy


def test_what_is_not_sold_through_creem_has_no_product() -> None:
    for product in ("pack:starter=prod_1", "plan:other=prod_1", "keys=prod_1"):
        with pytest.raises(PolicyError, match=r"^creem\.products: .* is not sold through creem"):
            with_own_products(KISSAPI, Settings(creem=Creem(products=(product,))))
    with pytest.raises(PolicyError, match=r"nothing$"):
        with_own_products(RESAYIL, Settings(creem=Creem(products=("topup=prod_1",))))


def test_what_cannot_be_bought_is_named() -> None:
    """A plan that nobody is offered need not have one."""
    assert unsellable(KISSAPI, PaymentProvider.CREEM) == ["topup"]
    named = with_own_products(KISSAPI, Settings(creem=Creem(products=("topup=prod_1",))))
    assert unsellable(named, PaymentProvider.CREEM) == []
    assert unsellable(RESAYIL, PaymentProvider.CREEM) == []


async def test_without_a_key_there_is_no_gateway() -> None:
    async with open_gateways(Settings(), KISSAPI, SystemClock()) as gateways:
        assert PaymentProvider.CREEM not in gateways
    async with open_gateways(
        Settings(creem=Creem(api_key=Secret(API_KEY))), KISSAPI, SystemClock()
    ) as gateways:
        gateway = gateways[PaymentProvider.CREEM]
        assert (gateway.provider, gateway.mode) == (PaymentProvider.CREEM, Mode.TEST)
