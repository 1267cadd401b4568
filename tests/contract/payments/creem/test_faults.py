"""What goes wrong with calls to Creem, and what must not be mixed up."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from tests.emulators.clock import TurnedClock
from tests.emulators.creem.book import Refused
from tests.emulators.creem.emulator import (
    API_KEY,
    LIVE_API_KEY,
    TOPUP,
    WEBHOOK_SECRET,
)
from tests.emulators.faults import Fault, How
from tests.support.creem_shop import (
    BUYER,
    HASTY_S,
    RETURN_URL,
    TOPUP_ORDER,
    Opener,
    Shop,
    a_refund,
)

from raseed.adapters.payments.creem import CreemAccount, open_creem
from raseed.core.clock import Microseconds
from raseed.core.payments.model import (
    Mode,
    SeenStatus,
)
from raseed.core.payments.ports import GatewayRefused, GatewayUnavailable


async def test_an_answer_that_is_lost_makes_no_second_order(shop: Shop) -> None:
    """Whether it is there is not known: it can be found once an event has brought Creem's id."""
    shop.emulator.served.faults.add(Fault(how=How.CUT, path="/v1/checkouts"))
    with pytest.raises(GatewayUnavailable):
        await shop.begin()
    assert await shop.gateway.look_up(TOPUP_ORDER) is None
    [checkout] = shop.emulator.book.checkouts.values()
    shop.emulator.book.pay(checkout)
    [body] = shop.emulator.events
    event = shop.gateway.read_event({"creem-signature": shop.emulator.sign(body)}, body)
    assert event.reference == TOPUP_ORDER.id
    seen = await shop.look(replace(TOPUP_ORDER, invoice_id=event.invoice_id))
    assert (seen.status, seen.reference) == (SeenStatus.PAID, TOPUP_ORDER.id)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(how=How.STATUS, status=500), GatewayUnavailable),
        (Fault(how=How.STATUS, status=503), GatewayUnavailable),
        (Fault(how=How.STATUS, status=429, headers={"Retry-After": "7"}), GatewayUnavailable),
        (Fault(how=How.STATUS, status=400), GatewayRefused),
        (Fault(how=How.STATUS, status=401), GatewayRefused),
        (Fault(how=How.STATUS, status=403), GatewayRefused),
        (Fault(how=How.GARBAGE), GatewayUnavailable),
        (
            Fault(how=How.RESET, times=2),
            GatewayUnavailable,
        ),  # the client reads once more, and never writes so
        (Fault(how=How.CUT), GatewayUnavailable),
        (Fault(how=How.HUGE), GatewayUnavailable),
        (Fault(how=How.REDIRECT), GatewayRefused),
    ],
    ids=lambda value: f"{value.how}{value.status}" if isinstance(value, Fault) else "",
)
async def test_what_fails_is_never_taken_for_an_answer(
    shop: Shop, fault: Fault, kind: type[Exception]
) -> None:
    """For each call: no order is made up, none is forgotten, and the key goes nowhere else."""
    payment, _ = await shop.paid()
    gateway = shop.gateway
    refund = a_refund(1000)
    calls = (
        lambda: gateway.create(payment, BUYER, RETURN_URL),
        lambda: gateway.look_up(payment),
        lambda: gateway.refund(payment, refund),
        lambda: gateway.look_up_subscription("sub_1"),
        lambda: gateway.renewals("sub_1"),
        lambda: gateway.cancel_subscription("sub_1"),
        lambda: gateway.paid_between(Microseconds(0), Microseconds(1)),
    )
    for call in calls:
        shop.emulator.served.faults.add(fault)
        with pytest.raises(kind) as caught:
            await call()
        shop.emulator.served.faults.clear()
        assert API_KEY not in str(caught.value)
        if fault.status == 429:
            assert isinstance(caught.value, GatewayUnavailable)
            assert caught.value.retry_after_s == 7.0
    assert shop.emulator.served.asked_at("/elsewhere") == []
    writes = [asked.path for asked in shop.emulator.served.asked if asked.method == "POST"]
    assert writes == ["/v1/checkouts", "/v1/checkouts", "/v1/refunds"]


async def test_silence_is_no_answer(opener: Opener) -> None:
    shop = await opener.shop(timeout_s=HASTY_S)
    shop.emulator.served.faults.add(Fault(how=How.SILENT))
    with pytest.raises(GatewayUnavailable, match="in time"):
        await shop.begin()


async def test_nothing_of_a_shop_is_in_its_text(shop: Shop) -> None:
    """Of the key and the secrets."""
    account = CreemAccount(mode=Mode.TEST, api_key=API_KEY, webhook_secrets=(WEBHOOK_SECRET,), url="u")
    for text in (repr(account), repr(shop.gateway), repr(vars(shop.gateway))):
        assert API_KEY not in text
        assert WEBHOOK_SECRET not in text


async def test_test_and_live_are_two_shops(opener: Opener) -> None:
    """A key of one opens nothing in the other, and what is in one is not in the other."""
    test, live = await opener.shop(), await opener.shop(is_live=True)
    payment, _ = await test.paid()
    assert await live.gateway.look_up(replace(payment, mode=Mode.LIVE)) is None
    assert (await test.look(payment)).mode is Mode.TEST
    bought, _ = await live.paid(replace(TOPUP_ORDER, mode=Mode.LIVE))
    assert (await live.look(bought)).mode is Mode.LIVE


@pytest.mark.parametrize(
    ("mode", "api_key"),
    [(Mode.LIVE, API_KEY), (Mode.TEST, LIVE_API_KEY), (Mode.LIVE, "sk_live_1"), (Mode.LIVE, "")],
)
async def test_a_key_of_another_mode_opens_nothing(mode: Mode, api_key: str) -> None:
    with pytest.raises(ValueError, match="mode"):
        async with open_creem(
            CreemAccount(mode=mode, api_key=api_key, url="http://127.0.0.1:1"), TurnedClock(), 1.0, 1
        ):
            pass


async def test_an_answer_of_another_mode(opener: Opener) -> None:
    """A checkout of the test shop at the address of the live one: nobody is sent there, and its mode is told."""
    live = await opener.shop(is_live=True)
    payment = replace(TOPUP_ORDER, mode=Mode.LIVE)

    def in_test(found: Any) -> None:
        found["mode"] = "test"

    for path in ("/v1/products", "/v1/checkouts"):
        live.emulator.served.faults.add(Fault(how=How.EDITED, edit=in_test, path=path))
        with pytest.raises(GatewayRefused, match="mode"):
            await live.gateway.create(payment, BUYER, RETURN_URL)
    known, _ = await live.paid(payment)
    live.emulator.served.faults.add(Fault(how=How.EDITED, edit=in_test, times=2))
    assert (await live.look(known)).mode is Mode.TEST
    live.emulator.served.faults.add(Fault(how=How.EDITED, edit=in_test))
    with pytest.raises(GatewayUnavailable, match="two modes"):
        await live.gateway.look_up(known)


async def test_the_emulator_refuses_as_creem_does(shop: Shop) -> None:
    """Without a key 401, with another 403, and what is not there 404; each error has its message."""

    async with aiohttp.ClientSession() as session:
        for headers, status in (({}, 401), ({"x-api-key": LIVE_API_KEY}, 403), ({"x-api-key": API_KEY}, 404)):
            async with session.get(
                f"{shop.emulator.served.url}/v1/checkouts?checkout_id=ch_none", headers=headers
            ) as response:
                assert response.status == status
                assert json.loads(await response.read())["status"] == status
    with pytest.raises(Refused):
        shop.emulator.book.begin(TOPUP.id, 0)
