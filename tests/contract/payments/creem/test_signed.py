"""What Creem tells by itself: events, and browsers that come back."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.emulators.creem.emulator import (
    RETRY_AFTER_S,
    TOPUP,
    WEBHOOK_SECRET,
)
from tests.support.creem_shop import (
    OTHER_SECRET,
    RETURN_URL,
    Opener,
    Shop,
)

from raseed.core.clock import DAY, SECOND
from raseed.core.errors import Unauthenticated, WebhookNotConfigured
from raseed.core.payments.model import (
    Mode,
)
from raseed.core.payments.ports import EventKind


async def test_events_of_others_are_refused(opener: Opener) -> None:
    """Altered, unsigned, signed with another secret or by the shop of another mode."""
    shop = await opener.shop(webhook_secrets=(OTHER_SECRET, WEBHOOK_SECRET))
    await shop.paid()
    [body] = shop.emulator.events
    good = {"creem-signature": shop.emulator.sign(body)}
    assert shop.gateway.read_event(good, body).kind is EventKind.PAYMENT
    shop.emulator.secret = "creem_another_secret"
    for headers, sent in (
        (good, body.replace(b"pay_1", b"pay_2")),
        (good, body + b" "),
        ({}, body),
        ({"creem-signature": ""}, body),
        ({"creem-signature": shop.emulator.sign(body)}, body),
    ):
        with pytest.raises(Unauthenticated):
            shop.gateway.read_event(headers, sent)


@pytest.mark.parametrize("secrets", [(), ("",), ("short",), (WEBHOOK_SECRET, "short")])
async def test_without_a_good_secret_nothing_is_believed(opener: Opener, secrets: tuple[str, ...]) -> None:
    """Not even what is signed with it."""
    shop = await opener.shop(webhook_secrets=secrets)
    await shop.paid()
    [body] = shop.emulator.events
    shop.emulator.secret = secrets[-1] if secrets else ""
    with pytest.raises(WebhookNotConfigured):
        shop.gateway.read_event({"creem-signature": shop.emulator.sign(body)}, body)


async def test_the_mode_of_an_event_is_told(opener: Opener) -> None:
    """Of one that the test shop signed with the live shop's secret, say: it is not live."""
    live = await opener.shop(is_live=True)
    live.emulator.book.mode = "test"
    checkout = live.emulator.book.begin(
        TOPUP.id, 1, request_id="pay_1", success_url="", metadata={}, email=""
    )
    live.emulator.book.pay(checkout)
    [body] = live.emulator.events
    assert live.gateway.read_event({"creem-signature": live.emulator.sign(body)}, body).mode is Mode.TEST


async def test_a_browser_that_comes_back(shop: Shop) -> None:
    """Signed or not, it names the order; with a wrong signature, nothing."""
    _, checkout = await shop.begin()
    shop.emulator.book.pay(checkout)
    url = urlsplit(shop.emulator.return_url(checkout))
    assert f"{url.scheme}://{url.netloc}{url.path}" == RETURN_URL
    query = dict(parse_qsl(url.query))
    read = shop.gateway.read_return(query)
    assert read is not None
    assert (read.invoice_id, read.reference, read.mode) == (checkout.id, "pay_1", Mode.TEST)
    assert shop.gateway.read_return({**query, "request_id": "pay_2"}) is None
    del query["signature"]
    assert shop.gateway.read_return(query) == read


async def test_events_are_sent_again_for_hours(shop: Shop) -> None:
    """After 30 s, 5 min, 30 min and 6 h, the same bytes with the same signature, until somebody answers 200."""
    answers = [500, 204, 302, 503, 200]
    received: list[tuple[bytes, str]] = []

    async def take(request: web.Request) -> web.Response:
        received.append((await request.read(), request.headers["creem-signature"]))
        return web.Response(status=answers[len(received) - 1])

    app = web.Application()
    app.router.add_post("/webhooks/creem", take)
    async with TestServer(app) as server:
        courier = shop.emulator.served.courier
        courier.url = str(server.make_url("/webhooks/creem"))
        await shop.paid()
        assert await courier.deliver() == [500]
        for wait_s, answer in zip(RETRY_AFTER_S, answers[1:], strict=True):
            shop.clock.turn(wait_s - 1)
            assert await courier.deliver() == []
            shop.clock.turn(1)
            assert await courier.deliver() == [answer]
        shop.clock.turn(DAY / SECOND)
        assert await courier.deliver() == []
    assert len(set(received)) == 1
    [(body, signature)] = set(received)
    assert shop.gateway.read_event({"creem-signature": signature}, body).reference == "pay_1"
