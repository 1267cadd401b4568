"""The payment providers that are configured, each in one mode."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.core.billing.policy import PaymentProvider
from raseed.core.errors import PaymentProviderUnavailable
from raseed.core.payments.model import Payment
from raseed.core.payments.ports import Gateway, GatewayMissing


class Gateways:
    """Which gateway is asked about what."""

    def __init__(self, gateways: Sequence[Gateway]) -> None:
        """Raises ValueError for two of one provider: it would not be known which mode is sold."""
        self._by_provider = {gateway.provider: gateway for gateway in gateways}
        if len(self._by_provider) != len(gateways):
            raise ValueError("each provider is configured in one mode")

    @property
    def all(self) -> Sequence[Gateway]:
        return tuple(self._by_provider.values())

    def of(self, payment: Payment) -> Gateway:
        """The one that the payment was ordered through: its provider in its mode. Raises GatewayMissing."""
        gateway = self._by_provider.get(payment.provider)
        if gateway is None or gateway.mode is not payment.mode:
            raise GatewayMissing(f"{payment.provider} is not configured for {payment.mode} payments")
        return gateway

    def selling(self, provider: PaymentProvider) -> Gateway:
        """The one that new orders go through. Raises PaymentProviderUnavailable."""
        gateway = self._by_provider.get(provider)
        if gateway is None:
            raise PaymentProviderUnavailable("This cannot be paid for at present.")
        return gateway
