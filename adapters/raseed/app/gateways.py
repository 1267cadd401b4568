"""Which payment providers are configured, and the gateway to each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from raseed.adapters.policy.loader import PolicyError
from raseed.app.settings.configuration import Settings
from raseed.app.settings.reader import listed
from raseed.core.billing.policy import PaymentProvider, Policy
from raseed.core.clock import Clock
from raseed.core.payments.model import Mode
from raseed.core.payments.ports import Gateway
from raseed.core.payments.products import with_products


@dataclass(frozen=True, slots=True)
class _Parts:
    """What gateways are made of."""

    settings: Settings
    policy: Policy
    clock: Clock


@dataclass(frozen=True, slots=True)
class _Opener:
    is_configured: Callable[[Settings], bool]
    open: Callable[[_Parts], AbstractAsyncContextManager[Gateway]]


@asynccontextmanager
async def open_gateways(
    settings: Settings, policy: Policy, clock: Clock
) -> AsyncIterator[dict[PaymentProvider, Gateway]]:
    """Those whose credentials are set; nothing is asked of a provider yet."""
    parts = _Parts(settings, policy, clock)
    async with AsyncExitStack() as stack:
        yield {
            provider: await stack.enter_async_context(opener.open(parts))
            for provider, opener in _OPENERS.items()
            if opener.is_configured(settings)
        }


def with_own_products(policy: Policy, settings: Settings) -> Policy:
    """The profile with the products that `[creem] products` names. Raises PolicyError."""
    products = dict(product.split("=", 1) for product in settings.creem.products)
    try:
        return with_products(policy, PaymentProvider.CREEM, products)
    except ValueError as error:
        raise PolicyError(f"creem.products: {error}") from error


@asynccontextmanager
async def _myfatoorah(parts: _Parts) -> AsyncIterator[Gateway]:
    # Not at the top: an HTTP client is a fifth of a second of each start, and who sells nothing needs none.
    from raseed.adapters.payments.myfatoorah import open_myfatoorah
    from raseed.adapters.payments.myfatoorah_account import MyFatoorahAccount

    given = parts.settings.myfatoorah
    account = MyFatoorahAccount(
        mode=Mode(given.mode),
        country=given.country,
        token=given.token.text,
        webhook_secrets=listed(given.webhook_secret),
        version=3 if given.api == "v3" else 2,
        page_life_s=given.page_life_s,
        url=given.url,
    )
    async with open_myfatoorah(account, parts.clock, given.timeout_s, given.connections) as gateway:
        yield gateway


@asynccontextmanager
async def _creem(parts: _Parts) -> AsyncIterator[Gateway]:
    from raseed.adapters.payments.creem import URLS, CreemAccount, open_creem

    given, policy = parts.settings.creem, parts.policy
    mode = Mode(given.mode)
    account = CreemAccount(
        mode=mode,
        api_key=given.api_key.text,
        webhook_secrets=listed(given.webhook_secret),
        url=given.url or URLS[mode],
        **({"topup_unit_minor": policy.topup.step_minor} if policy.topup else {}),
    )
    async with open_creem(account, parts.clock, given.timeout_s, given.connections) as gateway:
        yield gateway


_OPENERS: Mapping[PaymentProvider, _Opener] = {
    PaymentProvider.MYFATOORAH: _Opener(lambda settings: bool(settings.myfatoorah.token), _myfatoorah),
    PaymentProvider.CREEM: _Opener(lambda settings: bool(settings.creem.api_key), _creem),
}
"""A new provider is a function above and a line here."""
