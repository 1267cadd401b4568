"""Buying, as people and programs ask for it: what an item costs now, how it can be paid, and the order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from raseed.core.accounts.model import Caller
from raseed.core.accounts.ports import AccountStore
from raseed.core.errors import NotFound, PaymentProviderUnavailable, PermissionDenied, RequestInvalid
from raseed.core.ids import AccountId
from raseed.core.messaging.ports import Language
from raseed.core.payments.checkout import Checkout, Order
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.model import Item, ItemKind, Offer, Payment
from raseed.core.payments.ports import Buyer, GatewayError, PaymentMethod

SOLD_ALONE = frozenset({ItemKind.PACK, ItemKind.TOPUP, ItemKind.KEYS})
"""What an order gives by itself. A plan is subscribed to: `subscriptions.Subscriptions`."""


class Buying:
    def __init__(
        self,
        checkout: Checkout,
        gateways: Gateways,
        accounts: AccountStore,
        offer_for: Callable[[Item], Offer],
        *,
        language: Language,
        allow_by_key: bool,
        return_url: str,
    ) -> None:
        self._checkout = checkout
        self._gateways = gateways
        self._accounts = accounts
        self._offer_for = offer_for
        self._language = language
        self._allow_by_key = allow_by_key
        self.return_url = return_url
        """Where browsers come back to, without the provider and the payment."""

    async def methods(self, item: Item) -> Sequence[PaymentMethod]:
        """Ways to pay for it now; empty: chosen on the provider's page. Raises RequestInvalid, PaymentProviderUnavailable."""
        offer = self._offer_for(item)
        gateway = self._gateways.selling(offer.provider)
        try:
            return await gateway.methods(offer.amount_minor, offer.currency)
        except GatewayError as error:
            raise PaymentProviderUnavailable(
                "The payment provider does not answer. Please try again."
            ) from error

    async def order(
        self, caller: Caller, item: Item, *, method: str, language: str, request_key: str
    ) -> Payment:
        """The order, with a page to pay on if the provider answered in time. Safe to repeat under the same request key.

        Raises PermissionDenied for an API key where only people buy, RequestInvalid, and as `Checkout.start`.
        """
        if item.kind not in SOLD_ALONE:
            raise RequestInvalid(f"What is bought here: {', '.join(sorted(SOLD_ALONE))}.", param="item.kind")
        order, buyer = await self.prepared(
            caller, item, method=method, language=language, request_key=request_key
        )
        return await self._checkout.start(order, buyer, self.return_url)

    async def prepared(
        self, caller: Caller, item: Item, *, method: str, language: str, request_key: str
    ) -> tuple[Order, Buyer]:
        """What a caller wants to buy, and what the provider is told of him.

        Raises PermissionDenied for an API key where only people buy, RequestInvalid for what is not sold, NotFound.
        """
        if caller.api_key_id is not None and not self._allow_by_key:
            raise PermissionDenied(
                "Nothing is sold to API keys here (`api.allow_checkout` is off): sign in and buy it there."
            )
        self._offer_for(item)
        account = await self._accounts.find_account(caller.account_id)
        if account is None:
            raise NotFound("This account no longer exists.")
        # An organisation has no telephone: who orders for it pays.
        person = None if caller.person_id is None else AccountId(caller.person_id)
        payer = (
            account if person in (None, account.id) else await self._accounts.find_account(person) or account
        )
        order = Order(
            account_id=caller.account_id,
            actor=caller.person_id or caller.api_key_id or caller.account_id,
            item=item,
            request_key=request_key,
            method=method,
            language=language or payer.language or self._language,
        )
        return order, Buyer(email=payer.email or "", phone_e164=payer.phone_e164 or "")
