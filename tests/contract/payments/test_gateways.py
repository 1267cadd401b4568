"""What every gateway promises to the core, against a real server that fails in every way that we know of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest
from tests.emulators.faults import Fault, How
from tests.support.gateway_worlds import BUYER, FAKES, HASTY_S, KINDS, RETURN_URL, World, world_of

from raseed.core.errors import RaseedError, Unauthenticated, WebhookNotConfigured
from raseed.core.payments.model import Payment, Seen, SeenRefundState, SeenStatus
from raseed.core.payments.ports import (
    EventKind,
    GatewayError,
    GatewayRefused,
    GatewayUnavailable,
)
from raseed.core.payments.states import mismatches

SLACK_S = 5.0
"""How late a busy machine may notice that time is up."""


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with world_of(request.param) as made:
        yield made


@pytest.fixture(params=[kind for kind in KINDS if kind != "myfatoorah_knet"])
async def hasty(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with world_of(request.param, HASTY_S) as made:
        yield made


@pytest.fixture(params=[*KINDS, *FAKES])
async def any_world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with world_of(request.param) as made:
        yield made


def identity(seen: Seen) -> tuple[object, ...]:
    return (seen.provider, seen.mode, seen.reference, seen.amount_minor, seen.currency, seen.invoice_id)


async def test_what_was_ordered_is_what_is_seen(any_world: World) -> None:
    """Open at first, then paid, and every look says the same."""
    world = any_world
    assert await world.gateway.look_up(world.order) is None
    payment = await world.begin()
    assert payment.url.startswith("http")
    assert payment.invoice_id
    opened = await world.look(payment)
    assert (opened.status, mismatches(payment, opened)) == (SeenStatus.OPEN, {})
    paid_by = world.pay_newest()
    seen = await world.look(payment)
    assert (seen.status, seen.provider_payment_id, mismatches(payment, seen)) == (
        SeenStatus.PAID,
        paid_by,
        {},
    )
    assert seen.paid_at is not None
    known = replace(payment, provider_payment_id=paid_by)
    for again in (await world.look(known), await world.look(payment)):
        assert identity(again) == identity(seen)
        assert (again.status, mismatches(known, again)) == (SeenStatus.PAID, {})


async def test_an_order_whose_answer_was_lost_is_made_once(any_world: World) -> None:
    """It is found by our id, or made again under it; or else an event, or the browser, says which it was."""
    world = any_world
    world.lose("create", takes_effect=True)
    with pytest.raises(GatewayUnavailable):
        await world.begin()
    assert world.count_orders() == 1
    payment = world.order
    if world.gateway.is_creation_repeatable:
        payment = await world.begin()
    elif not world.asks_by_reference:
        assert await world.gateway.look_up(world.order) is None
    world.pay_newest()
    if not world.asks_by_reference:
        [(headers, body)] = world.events()
        payment = replace(payment, invoice_id=world.gateway.read_event(headers, body).invoice_id)
    seen = await world.look(payment)
    assert (seen.status, mismatches(payment, seen)) == (SeenStatus.PAID, {})
    assert world.count_orders() == 1


async def test_an_order_that_was_never_made_is_not_made_up(any_world: World) -> None:
    any_world.lose("create", takes_effect=False)
    with pytest.raises(GatewayUnavailable):
        await any_world.begin()
    assert any_world.count_orders() == 0
    assert await any_world.gateway.look_up(any_world.order) is None
    await any_world.begin()
    assert any_world.count_orders() == 1


def calls(world: World, payment: Payment) -> dict[str, Any]:
    """Each with the path on which it is hit."""
    return {
        world.create_path: lambda: world.gateway.create(world.order, BUYER, RETURN_URL),
        world.seen_path: lambda: world.gateway.look_up(payment),
        world.refund_path: lambda: world.gateway.refund(payment, world.refund),
    }


def shows_nothing(world: World, error: GatewayError) -> None:
    """Its text is for operators and for logs."""
    text = f"{error} {error!r}"
    for private in (
        *world.credentials,
        BUYER.name,
        BUYER.email,
        BUYER.phone_e164[4:],
        "127.0.0.1",
        "http:",
        "<html>",
    ):
        assert private not in text


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(how=How.STATUS, status=500), GatewayUnavailable),
        (Fault(how=How.STATUS, status=502, takes_effect=True), GatewayUnavailable),
        (Fault(how=How.STATUS, status=503), GatewayUnavailable),
        (Fault(how=How.STATUS, status=408), GatewayUnavailable),
        (Fault(how=How.STATUS, status=429, headers={"Retry-After": "7"}, body="{}"), GatewayUnavailable),
        (Fault(how=How.STATUS, status=400), GatewayRefused),
        (Fault(how=How.STATUS, status=401), GatewayRefused),
        (Fault(how=How.STATUS, status=403), GatewayRefused),
        (Fault(how=How.STATUS, status=200, body=""), GatewayUnavailable),
        (Fault(how=How.STATUS, status=200, body="null"), GatewayUnavailable),
        (Fault(how=How.STATUS, status=200, body="[]"), GatewayUnavailable),
        (Fault(how=How.STATUS, status=200, body="{}"), GatewayUnavailable),
        (Fault(how=How.STATUS, status=200, body="[" * 100_000), GatewayUnavailable),
        (Fault(how=How.STATUS, status=200, body='{"IsSuccess":true,"Data":{},"id":"x"}'), GatewayUnavailable),
        (Fault(how=How.STATUS, status=200, body='{"a":NaN}'), GatewayUnavailable),
        (Fault(how=How.GARBAGE, takes_effect=True), GatewayUnavailable),
        (Fault(how=How.RESET, times=2), GatewayUnavailable),
        (Fault(how=How.CUT), GatewayUnavailable),
        (Fault(how=How.HUGE), GatewayUnavailable),
        (Fault(how=How.REDIRECT), GatewayRefused),
    ],
    ids=lambda value: f"{value.how}-{value.status}-{value.body[:9]!r}" if isinstance(value, Fault) else "",
)
async def test_what_fails_is_never_taken_for_an_answer(
    world: World, fault: Fault, kind: type[GatewayError]
) -> None:
    payment = await world.paid()
    for path, call in calls(world, payment).items():
        world.served.faults.add(replace(fault, path=path))
        with pytest.raises(kind) as caught:
            await call()
        world.served.faults.clear()
        shows_nothing(world, caught.value)
        if fault.status == 429:
            assert isinstance(caught.value, GatewayUnavailable)
            assert caught.value.retry_after_s == 7.0
    assert world.served.asked_at("/elsewhere") == []


@pytest.mark.parametrize(("how", "takes_effect"), [(How.SILENT, False), (How.SILENT, True), (How.SLOW, True)])
async def test_every_wait_has_its_end(hasty: World, how: How, takes_effect: bool) -> None:
    payment = await hasty.paid()
    made = calls(hasty, payment)
    hasty.served.faults.add(*(Fault(how=how, takes_effect=takes_effect, path=path) for path in made))
    began = monotonic()
    ends = await asyncio.gather(*(call() for call in made.values()), return_exceptions=True)
    assert monotonic() - began < HASTY_S + SLACK_S
    for end in ends:
        assert isinstance(end, GatewayUnavailable)
        assert "in time" in str(end)
        shows_nothing(hasty, end)


async def test_nothing_that_was_asked_is_asked_twice(world: World) -> None:
    """A client that writes again by itself would order, or refund, twice."""
    payment = await world.paid()
    for path, call in calls(world, payment).items():
        if path == world.seen_path:
            continue
        before = [asked for asked in world.served.asked if asked.method == "POST" and asked.path == path]
        world.served.faults.add(Fault(how=How.RESET, takes_effect=True, path=path))
        with pytest.raises(GatewayUnavailable):
            await call()
        after = [asked for asked in world.served.asked if asked.method == "POST" and asked.path == path]
        assert len(after) == len(before) + 1


async def test_what_differs_is_told_as_it_is(world: World) -> None:
    """By the provider's own words: nothing is taken from what we sent, or from the row."""
    payment = await world.paid()
    assert {"amount", "currency", "reference"} <= set(world.edits)
    for name, edit in world.edits.items():
        world.served.faults.add(Fault(how=How.EDITED, edit=edit, path=world.seen_path, times=3))
        assert name in mismatches(payment, await world.look(payment))
        world.served.faults.clear()


async def test_a_refund_is_asked_for_once_and_seen(any_world: World) -> None:
    world = any_world
    payment = await world.paid()
    asked = await world.gateway.refund(payment, world.refund)
    assert asked.amount_minor == world.refund.amount_minor
    assert world.count_refunds() == 1
    [seen] = (await world.look(payment)).refunds
    assert (seen.id, seen.amount_minor, seen.is_dispute) == (asked.id, asked.amount_minor, False)
    assert seen.state in {SeenRefundState.PENDING, SeenRefundState.DONE}


async def test_a_refund_whose_answer_was_lost_is_seen(any_world: World) -> None:
    world = any_world
    payment = await world.paid()
    world.lose("refund", takes_effect=True)
    with pytest.raises(GatewayUnavailable):
        await world.gateway.refund(payment, world.refund)
    [seen] = (await world.look(payment)).refunds
    assert seen.amount_minor == world.refund.amount_minor
    with pytest.raises(GatewayRefused):
        await world.gateway.refund(payment, replace(world.refund, amount_minor=payment.amount_minor + 1))
    assert world.count_refunds() == 1


async def test_an_event_says_which_order_it_is_about(any_world: World) -> None:
    world = any_world
    payment = await world.begin()
    paid_by = world.pay_newest()
    [(headers, body)] = world.events()
    event = world.gateway.read_event(headers, body)
    assert (event.kind, event.mode, event.reference) == (EventKind.PAYMENT, world.gateway.mode, payment.id)
    assert event.invoice_id == payment.invoice_id
    assert event.provider_payment_id in {paid_by, ""}
    assert world.gateway.read_event(headers, body) == event


async def test_only_who_has_the_secret_is_believed(any_world: World) -> None:
    """Nothing without a signature, with another's, or with a bit turned round in it; nothing at all without a secret."""
    world = any_world
    await world.paid()
    [(headers, body)] = world.events()
    [(name, given)] = [(key, value) for key, value in headers.items() if key.endswith("signature")]
    turned = chr(ord(given[0]) ^ 1) + given[1:]
    for wrong in ("", "x", given[:-1], given + "=", turned, given.swapcase()):
        with pytest.raises(Unauthenticated):
            world.gateway.read_event({**headers, name: wrong}, body)
    with pytest.raises(Unauthenticated):
        world.gateway.read_event({key: value for key, value in headers.items() if key != name}, body)
    for secrets in ((), ("",), ("short",), ("a-long-enough-secret", "short")):
        gateway = await world.without_secret(secrets)
        with pytest.raises(WebhookNotConfigured):
            gateway.read_event(headers, body)
    other = await world.without_secret(("another-secret-of-some-length",))
    with pytest.raises(Unauthenticated):
        other.read_event(headers, body)
    both = await world.without_secret(("another-secret-of-some-length", world.credentials[1]))
    assert both.read_event(headers, body) == world.gateway.read_event(headers, body)


async def test_every_order_has_events_of_its_own(any_world: World) -> None:
    world = any_world
    await world.paid()
    world.order = replace(world.order, id=type(world.order.id)("pay_2"))
    await world.paid()
    events = [world.gateway.read_event(headers, body) for headers, body in world.events()]
    assert len({event.key for event in events}) == len(events) == 2
    assert {event.reference for event in events} == {"pay_1", "pay_2"}


@pytest.mark.parametrize(
    ("kind", "of"), [("myfatoorah_v2", "creem"), ("myfatoorah_v3", "creem"), ("creem", "myfatoorah_v2")]
)
async def test_no_provider_speaks_for_another(kind: str, of: str) -> None:
    """Its events are refused there, even with all headers it has."""
    async with world_of(kind) as here, world_of(of) as there:
        await there.paid()
        await here.paid()
        [(headers, body)] = there.events()
        [(own, _body)] = here.events()
        for sent in (headers, own, headers | own):
            with pytest.raises(RaseedError):
                here.gateway.read_event(sent, body)


async def test_a_browser_that_comes_back_names_its_order(any_world: World) -> None:
    world = any_world
    payment = await world.paid()
    hint = world.gateway.read_return(world.return_query())
    assert hint is not None
    assert hint.mode is world.gateway.mode
    assert payment.provider_payment_id == hint.provider_payment_id or payment.id == hint.reference
    for query in ({}, {"paymentId": "<script>"}, {"checkout_id": "x" * 1000}, {"unknown": "1"}):
        assert world.gateway.read_return(query) is None


async def test_who_gives_up_waiting_leaves_nothing_to_others(world: World) -> None:
    """The answer to a call that was cancelled is nobody's: the next one on the same session gets its own."""
    payment = await world.paid()
    other = await world.begin_another()
    world.served.faults.add(Fault(how=How.SLOW, path=world.seen_path))
    waiting = asyncio.create_task(world.gateway.look_up(payment))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    seen = await asyncio.gather(*(world.look(each) for each in (other, payment) * 4))
    assert [each.reference for each in seen] == [other.id, payment.id] * 4


async def test_credentials_go_in_headers_alone(world: World) -> None:
    payment = await world.paid()
    await world.look(payment)
    await world.gateway.refund(payment, world.refund)
    for asked in world.served.asked:
        assert any(world.credentials[0] in value for value in asked.headers.values())
        assert asked.headers["accept-encoding"] == "identity"
        assert "cookie" not in asked.headers
        for credential in world.credentials:
            assert credential not in asked.path + json.dumps(asked.query) + asked.body.decode()
    for credential in world.credentials:
        assert credential not in repr(world.gateway) + repr(vars(world.gateway))
