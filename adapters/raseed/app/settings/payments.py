"""Payment providers, and who sells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from raseed.adapters.payments.creem_signature import SECRET_CHARS_MIN, is_guessable, key_mode
from raseed.adapters.payments.myfatoorah_account import SECRET_BYTES_MIN, is_live_url
from raseed.app.settings.reader import Secret, Values, listed, where
from raseed.app.settings.section import Section
from raseed.core.payments.model import Mode

CreemProduct = Annotated[
    str, Meta(pattern=r"^(topup|keys|(pack|plan):[a-z0-9_-]{1,64})=prod_[A-Za-z0-9]{1,64}$")
]
Line = Annotated[str, Meta(max_length=128)]
"""Of a document."""


class Myfatoorah(Section, frozen=True):
    """Payments through MyFatoorah: KNET, cards and wallets. Without a token nothing is sold through it."""

    mode: Literal["test", "live"] = "test"
    """No money moves in `test`, and what is bought there is credited all the same."""
    country: Literal["KWT", "BHR", "JOR", "OMN", "ARE", "SAU", "QAT", "EGY"] = "KWT"
    """Of the account: it decides where the live API is, and in which currency refunds are counted."""
    api: Literal["v2", "v3"] = "v2"
    """Version that makes orders. `v3` makes none twice, and leaves the way to pay to MyFatoorah's page."""
    token: Secret = Secret()
    """API key of its portal, one for each country and mode. Only in the environment."""
    webhook_secret: Secret = Secret()
    """Of the portal's webhook settings; while it is changed, the new and the old one with a comma between. Without it events are refused (503), and payments are seen by the schedule alone. Only in the environment."""
    page_life_s: Annotated[float, Meta(ge=1_800, le=3_600)] = 3_600.0
    """How long a page can be paid on. Shorter ones end while a bank's code is on its way; longer ones keep orders open that nobody wants."""
    timeout_s: Annotated[float, Meta(gt=0, le=20)] = 15.0
    """Longest time for one answer. Whoever buys waits for two at most, an event for two or three."""
    connections: Annotated[int, Meta(ge=1, le=64)] = 8
    """At a time, of each worker."""
    url: Annotated[str, Meta(pattern="^(https?://.+)?$")] = ""
    """Instead of `https://apitest.myfatoorah.com`: for tests, and in mode `test` only."""


class Creem(Section, frozen=True):
    """Payments through Creem, which sells in its own name. Without a key nothing is sold through it."""

    mode: Literal["test", "live"] = "test"
    """Which of its two shops: no money moves in `test`, and what is bought there is credited all the same."""
    api_key: Secret = Secret()
    """`creem_test_…` for `test`, `creem_…` for `live`. Only in the environment."""
    webhook_secret: Secret = Secret()
    """Of the webhook at `/webhooks/creem`; while it is changed, the new and the old one with a comma between. Only in the environment."""
    products: tuple[CreemProduct, ...] = ()
    """Which of the shop's products is what, over what the profile says: `topup=prod_…` (one step of a top-up), `pack:ID=prod_…`, `plan:ID=prod_…`, `keys=prod_…`."""
    timeout_s: Annotated[float, Meta(gt=0, le=30)] = 15.0
    """Longest time for one answer. Whoever buys waits for one, and an event for three at most."""
    connections: Annotated[int, Meta(ge=1, le=64)] = 8
    """At a time, of each worker."""
    url: Annotated[str, Meta(pattern="^(https?://.+)?$")] = ""
    """Instead of Creem's own address: for tests, and in mode `test` only."""


class Seller(Section, frozen=True):
    """Who sells, as it stands on receipts. A change holds for documents that are issued after it."""

    name: Line = ""
    """Legal name; empty: `messaging.service`."""
    name_ar: Line = ""
    """The same in Arabic; empty: as in English."""
    address: Annotated[tuple[Line, ...], Meta(max_length=6)] = ()
    """Its lines, up to six."""
    address_ar: Annotated[tuple[Line, ...], Meta(max_length=6)] = ()
    """The same in Arabic; empty: as in English."""
    tax_number: Annotated[str, Meta(max_length=64)] = ""
    """Empty: there is none. Not shown where a provider sells in its own name."""
    email: Line = ""
    """For questions about a receipt."""


def contradictions(myfatoorah: Myfatoorah, creem: Creem, values: Values) -> Iterator[str]:
    """Settings of providers that are possible each for itself, and not together."""
    yield from _of_myfatoorah(myfatoorah, values)
    yield from _of_creem(creem, values)


def _of_myfatoorah(myfatoorah: Myfatoorah, values: Values) -> Iterator[str]:
    mode = Mode(myfatoorah.mode)
    if myfatoorah.url and (mode is Mode.LIVE or is_live_url(myfatoorah.url)):
        yield f"{where(values, 'myfatoorah', 'url')}myfatoorah.url is for tests: money is paid at the country's own address only"
    if any(len(secret.encode()) < SECRET_BYTES_MIN for secret in listed(myfatoorah.webhook_secret)):
        yield (
            f"{where(values, 'myfatoorah', 'webhook_secret')}myfatoorah.webhook_secret: "
            f"each has at least {SECRET_BYTES_MIN} bytes"
        )


def _of_creem(creem: Creem, values: Values) -> Iterator[str]:
    mode = Mode(creem.mode)
    if creem.api_key and key_mode(creem.api_key.text) is not mode:
        yield f"{where(values, 'creem', 'api_key')}creem.api_key is no key of Creem's for creem.mode = {creem.mode}"
    if mode is Mode.LIVE and creem.url:
        yield f"{where(values, 'creem', 'url')}creem.url is for tests: money is paid at Creem's own address only"
    secrets = listed(creem.webhook_secret)
    if secrets and is_guessable(secrets):
        yield (
            f"{where(values, 'creem', 'webhook_secret')}creem.webhook_secret: "
            f"each has at least {SECRET_CHARS_MIN} characters"
        )
    names = [product.partition("=")[0] for product in creem.products]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{where(values, 'creem', 'products')}creem.products: {name} is named twice"
