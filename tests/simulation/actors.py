"""Who lives in a world beside its workers: clients, an operator, mishaps, and somebody who repeats old commands."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from sqlalchemy import Connection
from tests.simulation.network import Link
from tests.simulation.workers import Reply, Request

from raseed.adapters.sql.accounts.accounts import set_debt_limit, set_status
from raseed.adapters.sql.accounts.api_keys import change_key
from raseed.adapters.sql.ledger.spend_caps import set_cap, set_member_cap
from raseed.core.accounts.model import AccountStatus, ApiKey
from raseed.core.billing.commands import (
    Command,
    ExpireCredit,
    ExtendHold,
    IssueGrant,
    PlaceHold,
    ReleaseHold,
    Result,
    SettleHold,
    SweepHold,
    TakeBack,
    TakenBack,
    TakeShortfall,
)
from raseed.core.billing.model import GrantSource, Measured, Meter, PriceSnapshot, Rate
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.billing.service import Payer
from raseed.core.billing.spend_caps import CapWindow, SpendCap, key_bucket, member_bucket
from raseed.core.clock import SECOND
from raseed.core.ids import AccountId, ApiKeyId, HoldId

if TYPE_CHECKING:
    from tests.simulation.world import World

POISON_KEY = ApiKeyId("key_of_nobody")
"""The tables refuse a hold that names it."""
REFUND_STEPS = 8
"""A refund that has to wait longer is left: whoever spends without an end is refunded when he pauses."""
PRICES = [
    PriceSnapshot(
        model=name,
        version="1",
        rates=(Rate(Meter.INPUT_TOKENS, prompt, per), Rate(Meter.OUTPUT_TOKENS, answer, per)),
    )
    for name, prompt, answer, per in [
        ("one", 1, 1, 1),
        ("two", 1, 2, 1),
        ("thirds", 2, 4, 3),
        ("free", 0, 0, 1),
    ]
]


async def client(world: World, name: str, requests: int) -> None:
    """Asks one thing after another; asks again, some other worker too, until it has heard the end of it."""
    chance = world.chance
    account_id = chance.choice(world.account_ids)
    for number in range(requests):
        await asyncio.sleep(chance.uniform(0, 4))
        answer_tokens = chance.choice([0, chance.randint(1, 18), chance.randint(1, 18)])
        request = Request(
            id=HoldId(f"{name}-{number}"),
            payer=chance.choice(payers(world, account_id)),
            price=chance.choices(PRICES, [4, 3, 3, 1])[0],
            input_hash=f"{name}-{number}",
            prompt_tokens=chance.randint(0, 4),
            max_tokens=max(1, answer_tokens + chance.choice([0, 0, 6, -3])),
            answer_tokens=answer_tokens,
            overrun_tokens=chance.choice([0, 0, 0, 3, 30]) if answer_tokens else 0,
            token_s=chance.choice([0.01, 0.1, 0.8, 2.0]),
        )
        for _ in range(chance.randint(1, 3)):
            asked = request
            if chance.random() < world.weather.chaos / 4:
                asked = replace(request, input_hash="other")
            reply = await _ask(world, asked)
            if reply is not None and reply.ending == "charged":
                world.journal.charged(request, reply.cost)
                break
            await asyncio.sleep(chance.uniform(0, 2))


def payers(world: World, account_id: AccountId) -> list[Payer]:
    """Who spends an account's credit: nobody that is known, a member by session, by his key, and by the one that made."""
    member, key = world.member_of[account_id], world.key_of[account_id]
    by_key = Payer(account_id=account_id, api_key_id=key, person_id=member)
    by_child = replace(by_key, api_key_id=world.child_of[account_id], parent_key_id=key)
    nobody = Payer(account_id=account_id, api_key_id=None)
    return [nobody, nobody, by_key, by_child, replace(nobody, person_id=member)]


async def _ask(world: World, request: Request) -> Reply | None:
    """None if the answer is lost, or the worker dies."""
    chance = world.chance
    worker = chance.choice(world.workers)
    await asyncio.sleep(world.latency())
    answer = worker.ask(request) if worker.alive else None
    if chance.random() < world.weather.doubled:
        other = chance.choice(world.workers)
        if other.alive:
            other.ask(request)
    if answer is None or chance.random() < world.weather.lost:
        return None
    done, _ = await asyncio.wait([answer], timeout=120)
    if not done and world.weather.is_calm and worker.alive:
        world.fail(f"{request.id} is not answered")
    return answer.result() if done and not answer.cancelled() else None


async def operator(world: World) -> None:
    """Gives credit, and suspends accounts for a while."""
    chance, link = world.chance, Link(world, "operator")
    for account_id in world.account_ids:
        for number in range(chance.randint(1, 3)):
            await give(world, link, account_id, f"first-{number}")
    number = 0
    while not world.weather.is_calm:
        await asyncio.sleep(chance.uniform(1, 8))
        number += 1
        account_id = chance.choice(world.account_ids)
        match chance.randrange(12):
            case 0:
                await set_account(world, link, account_id, AccountStatus.SUSPENDED)
                await asyncio.sleep(chance.uniform(0, 4))
                await set_account(world, link, account_id, AccountStatus.ACTIVE)
            case 1:
                await revoke(world, link, world.key_of[account_id])
            case 2 | 3:
                await take(world, link, account_id, f"take-{number}")
            case 4:
                await _insist(link, ExpireCredit(account_id=account_id))
            case 5 | 6:
                limit = chance.choice([None, 0, 15, 40, 80])
                await cap(world, link, account_id, limit, chance.choice(list(CapWindow)))
            case 7:
                await limit_debt(world, link, account_id, chance.choice([None, 0, 8, 40]))
            case 8 | 9:
                await refund(world, link, f"refund-{number}")
            case _:
                await give(world, link, account_id, f"grant-{number}")


async def give(world: World, link: Link, account_id: AccountId, key: str) -> None:
    chance, now = world.chance, world.clock.now()
    lasts = chance.choice([None, chance.randint(2, 12) * SECOND, chance.randint(1, 40) * SECOND])
    command = IssueGrant(
        account_id=account_id,
        grant_key=key,
        source=GrantSource.TOPUP,
        amount_microcredits=chance.choice([5, 20, 40, 80]),
        priority=chance.choice([1, 1, 2]),
        expires_at=None if lasts is None else type(now)(now + lasts),
        effective_at=chance.choice([None, None, type(now)(now + chance.randint(0, 10) * SECOND)]),
        cost_basis_minor=chance.choice([0, 100]),
    )
    await _insist(link, command)


async def take(world: World, link: Link, account_id: AccountId, key: str) -> None:
    chance = world.chance
    grant_id = chance.choice([None, None, *world.oracle.grants])
    amount = chance.choice([1, 10, 30, 60] if grant_id is None else [None, 1, 10])
    await _insist(
        link,
        TakeBack(account_id=account_id, take_key=key, grant_id=grant_id, amount_microcredits=amount),
    )


async def refund(world: World, link: Link, key: str) -> None:
    """A payment's, or a part of it: asked for again until nothing of it is left to do."""
    chance = world.chance
    if not world.oracle.grants:
        return
    grant_id = chance.choice(list(world.oracle.grants))
    left = chance.choice([5, 20, 40, 80])
    rest = chance.choice([TakeShortfall.DEBT, TakeShortfall.WRITE_OFF])
    for step in range(REFUND_STEPS):
        command = TakeBack(
            account_id=world.oracle.grants[grant_id][0],
            take_key=f"{key}:{step}",
            grant_id=grant_id,
            amount_microcredits=left,
            shortfall=rest,
        )
        result = await _insist(link, command)
        if not isinstance(result, TakenBack):
            return  # chaos had sent another one under this key
        left -= result.settled_microcredits
        if not left:
            return
        world.seen["a refund waits for open holds"] += 1
        await asyncio.sleep(chance.uniform(0.2, 4))


async def _insist(link: Link, command: Command) -> Result:
    while True:
        try:
            [result] = await link.submit([command])
        except LedgerUnavailable:
            await asyncio.sleep(0.3)
        else:
            return result


async def set_account(world: World, link: Link, account_id: AccountId, status: AccountStatus) -> None:
    def effect(found: bool) -> None:
        assert found
        world.oracle.accounts[account_id].is_active = status is AccountStatus.ACTIVE

    while True:
        try:
            await link.write(
                lambda: world.store.write(
                    lambda connection: set_status(connection, account_id, status), effect
                )
            )
        except LedgerUnavailable:
            await asyncio.sleep(0.3)
        else:
            return


async def cap(world: World, link: Link, account_id: AccountId, limit: int | None, window: CapWindow) -> None:
    """Of the account's member or one of its keys. What was charged there and is held already counts."""
    member = world.member_of[account_id]
    key_id = world.chance.choice([None, world.key_of[account_id], world.child_of[account_id]])
    bucket = member_bucket(account_id, member) if key_id is None else key_bucket(key_id)
    limited = None if limit is None else SpendCap(limit, window)

    def effect(at: int) -> None:
        world.oracle.accounts[account_id].cap(bucket, limit, window.value, at)

    def work(connection: Connection) -> int:
        now = world.clock.now()
        if key_id is None:
            assert set_member_cap(connection, account_id, member, limited, now)
        else:
            assert set_cap(connection, key_id, limited, now)
        return now

    while True:
        try:
            await link.write(lambda: world.store.write(work, effect))
        except LedgerUnavailable:
            await asyncio.sleep(0.3)
        else:
            return


async def limit_debt(world: World, link: Link, account_id: AccountId, limit: int | None) -> None:
    def effect(found: bool) -> None:
        assert found
        world.oracle.accounts[account_id].own_limit = limit

    while True:
        try:
            await link.write(
                lambda: world.store.write(
                    lambda connection: set_debt_limit(connection, account_id, limit), effect
                )
            )
        except LedgerUnavailable:
            await asyncio.sleep(0.3)
        else:
            return


async def revoke(world: World, link: Link, key_id: ApiKeyId) -> None:
    """Of no meaning to the ledger: what is held goes on. A write among others."""

    def revoked(key: ApiKey, _parent: ApiKey | None) -> ApiKey:
        return replace(key, revoked_at=key.revoked_at or world.clock.now())

    try:
        await link.write(
            lambda: world.store.write(
                lambda connection: change_key(connection, key_id, revoked), lambda _: None
            )
        )
    except LedgerUnavailable:
        return


async def mishaps(world: World) -> None:
    chance = world.chance
    while True:
        await asyncio.sleep(1.0)
        weather = world.weather
        if chance.random() < weather.store_restarts:
            if chance.random() < 0.7:
                world.store.kill()
            else:
                world.spawn(world.store.restart())
        if chance.random() < weather.worker_dies:
            number = chance.randrange(len(world.workers))
            if world.workers[number].alive:
                world.workers[number].die()
        if chance.random() < weather.worker_dies * 3:
            world.revive()
        if chance.random() < weather.worker_doubled:
            world.double(chance.randrange(len(world.workers)))
        if chance.random() < weather.clock_turned:
            world.spawn(turn_clock(world))


async def turn_clock(world: World) -> None:
    """By so much, or to a moment at which something ends, a little before or after it; and often soon back again."""
    chance, ends = world.chance, world.oracle.moments()
    if not ends or chance.random() < 0.3:
        step = chance.choice([-20_000_000, -1_000_000, -1_000, 500_000, 9_000_000, 40_000_000])
    else:
        beside = chance.choice([-1_000_000, -1, 0, 1, 1_000_000, 1_000_000])
        step = chance.choice(ends) + beside - world.clock.now()
    world.turn_clock(step)
    if chance.random() < 0.8:
        await asyncio.sleep(chance.uniform(0.2, 3))
        world.turn_clock(-step)


async def chaos(world: World) -> None:
    """Sends commands again that were sent before, by anybody, as they were or nearly."""
    chance, link = world.chance, Link(world, "chaos")
    while True:
        await asyncio.sleep(0.5)
        if chance.random() >= world.weather.chaos or not world.sent:
            continue
        chosen = [chance.choice(world.sent) for _ in range(chance.choice([1, 1, 2, 4]))]
        world.spawn(_send(link, [c if chance.random() < 0.4 else altered(world, c) for c in chosen]))


async def _send(link: Link, commands: list[Command]) -> None:
    try:
        await link.submit(commands)
    except LedgerUnavailable:
        return


def altered(world: World, command: Command) -> Command:
    """Nearly the same command: of another account, life, worker, amount or usage."""
    chance = world.chance
    if chance.random() < 0.15:
        account_id = chance.choice([*world.account_ids, AccountId("acct_of_nobody")])
        if isinstance(command, PlaceHold):  # who asks has a key of the account, or none
            known = account_id in world.account_ids
            nobody = Payer(account_id=account_id, api_key_id=None)
            payer = chance.choice(payers(world, account_id)) if known else nobody
            return replace(
                command,
                account_id=account_id,
                api_key_id=payer.api_key_id,
                parent_key_id=payer.parent_key_id,
                person_id=payer.person_id,
            )
        return replace(command, account_id=account_id)
    other = chance.choice([-1, 0, 1, 7, 60])
    measured = Measured(((Meter.OUTPUT_TOKENS, chance.choice([other, 2])),))
    stranger = {
        "owner_instance": chance.choice(["core-0", "core-1", "core-9"]),
        "owner_epoch": chance.randint(0, 3),
    }
    match command:
        case IssueGrant():
            if chance.random() < 0.3:
                return replace(command, source=GrantSource.RESTORE)
            return replace(command, amount_microcredits=other)
        case PlaceHold():
            kind = chance.randrange(4)
            if kind == 0:
                return replace(command, hold_id=HoldId(f"chaos-{len(world.sent)}"), api_key_id=POISON_KEY)
            if kind == 1:
                return replace(command, hold_id=HoldId(f"chaos-{len(world.sent)}"), want_microcredits=other)
            return replace(command, input_hash="other") if kind == 2 else replace(command, **stranger)  # type: ignore[arg-type]
        case ExtendHold():
            if chance.random() < 0.3:
                return replace(command, **stranger)  # type: ignore[arg-type]
            if chance.random() < 0.3:
                return replace(command, debt_limit_microcredits=chance.choice([None, 30]))
            return replace(command, to_microcredits=other, checkpoint=measured)
        case SettleHold():
            if chance.random() < 0.3:
                return replace(command, **stranger)  # type: ignore[arg-type]
            return replace(command, measured=measured)
        case ReleaseHold():
            return replace(command, **stranger)  # type: ignore[arg-type]
        case SweepHold():
            if chance.random() < 0.3:
                return replace(command, hold_id=HoldId("hold_of_nobody"))
            return replace(command, sweeper_epoch=chance.randint(0, 5))
        case ExpireCredit():
            return command
        case TakeBack():
            if chance.random() < 0.3:
                return replace(command, shortfall=chance.choice(list(TakeShortfall)))
            return replace(command, amount_microcredits=chance.choice([None, other]))
        case _:
            assert_never(command)
