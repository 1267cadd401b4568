"""Who lives in a world beside its workers: buyers, operators, those who spend, and mishaps."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial
from typing import TYPE_CHECKING

from tests.payment_simulation.offers import ITEMS
from tests.payment_simulation.shop import Shop
from tests.unit.billing.builders import COMPLETED

from raseed.adapters.sql.accounts.accounts import set_status
from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.commands import Command, Held, IssueGrant, PlaceHold, Result, SettleHold
from raseed.core.billing.model import GrantSource, Measured, Meter, PriceSnapshot, Rate
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.clock import DAY
from raseed.core.ids import AccountId, HoldId, PaymentId
from raseed.core.payments.checkout import Order
from raseed.core.payments.inbox import EventState
from raseed.core.payments.model import Payment, PaymentState, Refund
from raseed.core.payments.ports import Buyer

if TYPE_CHECKING:
    from tests.payment_simulation.world import World

RETURN_URL = "https://portal.example/paid"
PRICE = PriceSnapshot(model="one", version="1", rates=(Rate(Meter.OUTPUT_TOKENS, 1, 1),))
OUTAGES_S = (900.0, 21_600.0)
_OPEN_REFUNDS = (
    "SELECT p.id, f.id FROM refunds f JOIN payments p ON p.id = f.payment_id"
    " WHERE f.state IN ('requested', 'pending')"
)


async def buyer(world: World, name: str) -> None:
    """Orders something, under one request key however often he has to ask, until he has a page to pay on."""
    chance = world.chance
    await asyncio.sleep(world.a_while())
    account_id = chance.choice(world.account_ids)
    order = Order(
        account_id=account_id,
        actor=account_id,
        item=chance.choice(list(ITEMS)),
        request_key=name,
        method="kn",
    )
    for _ in range(chance.randint(1, 5)):
        worker = world.any_worker()
        if worker is not None:
            payment = await worker.serve(partial(worker.checkout.start, order, Buyer(), RETURN_URL))
            world.trace("%s hears %s", name, payment)
            if isinstance(payment, Payment):
                world.oracle.acknowledged(payment)
                if payment.url:
                    world.pages.add(payment.id)
                if payment.url or payment.state is PaymentState.FAILED:
                    return
        await asyncio.sleep(chance.choice([1.0, 15.0, 300.0]))


async def browser(world: World, shop: Shop, payment_id: PaymentId) -> None:
    """Comes back from the provider's page, perhaps, and more than once."""
    chance = world.chance
    for _ in range(chance.choice([0, 1, 1, 2])):
        await asyncio.sleep(chance.choice([0.0, 0.0, 1.0, 30.0]))
        worker = world.any_worker()
        if worker is None:
            continue
        query = {"reference": payment_id, "invoice": shop.book.order(payment_id).invoice_id}
        world.seen["a browser comes back"] += 1
        await worker.serve(partial(worker.returns.look, shop.habits.provider, None, query))


async def operator(world: World) -> None:
    """Gives money back, decides what is in review, and has dead events tried again."""
    chance, number = world.chance, 0
    while not world.weather.is_calm:
        await asyncio.sleep(30 + world.a_while())
        number += 1
        known = sorted(world.oracle.orders)
        if not known:
            continue
        payment_id = chance.choice(known)
        match chance.randrange(9):
            case 0 | 1 | 2:
                await refund(world, payment_id, f"refund-{number}")
            case 3 | 4 | 5:
                await decide(world)
            case 6:
                await retry_events(world)
            case 7:
                await mark_failed(world, _OPEN_REFUNDS)
            case _ if chance.random() < 0.2:
                await close_account(world)


async def refund(world: World, payment_id: PaymentId, key: str) -> None:
    chance = world.chance
    amount = chance.choice([None, 1, 1, 2, 500])
    for _ in range(chance.randint(1, 4)):
        worker = world.any_worker()
        if worker is not None:
            answer = await worker.serve(
                partial(
                    worker.refunds.refund,
                    payment_id,
                    amount,
                    reason="asked for",
                    request_key=key,
                    actor="opr_1",
                )
            )
            world.trace("the operator hears %r", answer)
        await asyncio.sleep(chance.choice([0.0, 5.0, 60.0]))


async def give_up(world: World) -> None:
    """What the payment itself says that nobody waits for any more: its provider never says that it came to nothing."""
    await mark_failed(world, _OPEN_REFUNDS + " AND p.problem LIKE '%a refund waits%'")


async def mark_failed(world: World, query: str) -> None:
    reader, worker = world.store.reader, world.any_worker()
    if reader is None or worker is None:
        return
    for payment_id, refund_id in reader.execute(query).fetchall():
        use_case = partial(
            worker.refunds.mark_failed, payment_id, refund_id, reason="given up", actor="opr_1"
        )
        answer = await worker.serve(use_case)
        world.trace("%s is given up: %r", refund_id, answer)
        world.seen["an operator gives a refund up"] += isinstance(answer, Refund)


async def decide(world: World) -> None:
    chance, worker = world.chance, world.any_worker()
    if worker is None:
        return
    found = await worker.serve(partial(worker.payments.in_state, PaymentState.REVIEW, "", 10))
    if found is None or isinstance(found, Exception) or not found:
        return
    payment_id = chance.choice(found).id
    is_accepted = chance.random() < 0.6
    use_case = worker.refunds.accept if is_accepted else worker.refunds.reject
    (world.oracle.accepted if is_accepted else world.oracle.rejected).add(payment_id)
    answer = await worker.serve(partial(use_case, payment_id, reason="looked at", actor="opr_1"))
    world.trace("%s is decided: %r", payment_id, answer)
    world.seen["an operator accepts" if is_accepted else "an operator rejects"] += 1


async def retry_events(world: World) -> None:
    worker = world.any_worker()
    if worker is None:
        return
    for state in (EventState.DEAD, EventState.IGNORED):
        found = await worker.serve(partial(worker.inbox.events, state, "", 3))
        for entry in found if isinstance(found, list) else []:
            world.seen[f"a {state} event is tried again"] += 1
            await worker.serve(partial(worker.inbox.retry, entry.id, "opr_1"))


async def close_account(world: World) -> None:
    account_id = world.chance.choice(world.account_ids)
    world.oracle.closed.add(account_id)
    world.seen["an account is closed"] += 1
    while True:
        try:
            await world.store.write(
                lambda connection: set_status(connection, account_id, AccountStatus.CLOSED), lambda _: None
            )
        except (LedgerUnavailable, sqlite3.OperationalError):
            await asyncio.sleep(1)
        else:
            return


async def spender(world: World, account_id: AccountId) -> None:
    """Holds and spends what is there, and has some credit that nobody paid for."""
    chance = world.chance
    if chance.random() < 0.5:
        amount = chance.choice([10, 3_000])
        await _insist(
            world,
            IssueGrant(
                account_id=account_id,
                grant_key=f"welcome:{account_id}",
                source=GrantSource.WELCOME,
                amount_microcredits=amount,
                priority=chance.choice([0, 9]),
            ),
        )
    number = 0
    while not world.weather.is_calm:
        await asyncio.sleep(60 + world.a_while())
        number += 1
        held = await _insist(
            world,
            PlaceHold(
                account_id=account_id,
                hold_id=HoldId(f"hold_{account_id}_{number}"),
                api_key_id=None,
                price=PRICE,
                input_hash="x",
                min_microcredits=1,
                want_microcredits=chance.choice([1, 300, 5_000]),
                owner_instance="core",
                owner_epoch=1,
                lease_us=100 * DAY,
            ),
        )
        if not isinstance(held, Held):
            continue
        await asyncio.sleep(chance.choice([0.0, 60.0, 600.0]))
        used = chance.choice([0, held.amount_microcredits // 2, held.amount_microcredits])
        await _insist(
            world,
            SettleHold(
                account_id=account_id,
                hold_id=held.hold_id,
                owner_instance="core",
                owner_epoch=1,
                measured=Measured(((Meter.OUTPUT_TOKENS, used),)),
                run=COMPLETED,
            ),
        )


async def _insist(world: World, command: Command) -> Result:
    while True:
        try:
            [result] = await world.store.ask(lambda ledger: ledger.submit([command]))
        except LedgerUnavailable:
            await asyncio.sleep(0.5)
        else:
            return result


async def mishaps(world: World) -> None:
    chance = world.chance
    while not world.weather.is_calm:
        await asyncio.sleep(20 + world.a_while())
        match chance.randrange(6):
            case 0:
                world.store.kill()
            case 1:
                await world.store.restart()
            case 2 | 3:
                shop = chance.choice(world.shops)
                shop.is_down = True
                await asyncio.sleep(chance.choice([30.0, 600.0, 7_200.0]))
                shop.is_down = False
            case 4:
                worker = world.any_worker()
                if worker is not None:
                    worker.die()
            case _:
                await outage(world, chance.choice(OUTAGES_S))


async def outage(world: World, seconds: float) -> None:
    """Nobody of ours is there: neither events nor browsers are answered, and nothing is looked at."""
    world.seen["an outage"] += 1
    world.trace("an outage of %s s", seconds)
    world.is_away = True
    for worker in list(world.workers):
        worker.die()
    await asyncio.sleep(seconds)
    world.is_away = False
    world.revive()
