"""What a member may spend of an organisation's credit: who says it, and that it binds his session and his keys."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from tests.contract.organisations.conftest import ON_BOTH
from tests.support.organisations import Person
from tests.unit.billing.builders import issue, place, settle

from raseed.adapters.sql.admin.tables import audit_log
from raseed.core.accounts.key_rules import KeySpec
from raseed.core.accounts.key_service import By
from raseed.core.accounts.model import Caller
from raseed.core.billing.commands import Held, Refused, Result
from raseed.core.billing.spend_caps import CapWindow, SpendCap
from raseed.core.errors import NotFound, PermissionDenied, RequestInvalid
from raseed.core.money import AMOUNT_MAX

ADA, BOB, CYD, DAN = "ada@example.com", "bob@example.com", "cyd@example.com", "dan@example.com"


async def caps(by: Person, of: Person, limit: int | None, window: CapWindow = CapWindow.LIFETIME):
    cap = None if limit is None else SpendCap(limit, window)
    return await by.club.office.service.set_cap(await by.caller(), await of.id(), cap)


async def spends(store, caller: Caller, hold: str, amount: int) -> Result:
    """As the services place holds for a caller."""
    command = place(
        hold,
        amount,
        account_id=caller.account_id,
        api_key_id=caller.api_key_id,
        parent_key_id=caller.parent_key_id,
        person_id=caller.spender_id,
    )
    results: list[Result] = await store.ledger.submit([command])
    [result] = results
    return result


@ON_BOTH
async def test_a_cap_binds_session_and_keys_and_everybody_sees_what_was_spent(club, store):
    owner = await club.founded(ADA)
    member, other = await owner.brings(BOB), await owner.brings(CYD)
    await store.ledger.submit([issue("g", 1_000, owner.organisation)])
    by = By.of(await member.caller())
    made = await club.office.keys.create(by, owner.organisation, KeySpec())
    key = await club.office.authenticator.authenticate(made.text)
    session = await member.caller()
    assert (key.spender_id, session.spender_id) == (await member.id(), await member.id())
    assert (await member.caller(account="")).spender_id is None
    assert (await caps(owner, member, 100, CapWindow.MONTH)).spend.charged_microcredits == 0

    assert isinstance(await spends(store, session, "h1", 60), Held)
    await store.ledger.submit([settle("h1", 50, owner.organisation)])
    assert isinstance(await spends(store, key, "h2", 30), Held)
    for who in (session, key):
        assert isinstance(await spends(store, who, f"h3 {who.api_key_id}", 21), Refused)
    assert isinstance(await spends(store, await other.caller(), "h4", 500), Held)

    spend = await club.office.service.own_spend(session)
    assert (spend.cap.limit_microcredits, spend.charged_microcredits, spend.held_microcredits) == (
        100,
        50,
        30,
    )
    listed = await club.office.service.members(await owner.caller(), "", 9)
    assert {each.person_id: each.spend for each in listed if each.spend} == {await member.id(): spend}
    assert (await caps(owner, member, None)).spend is None
    assert isinstance(await spends(store, session, "h5", 400), Held)
    rows = await store.database.read(
        lambda c: c.execute(select(audit_log.c.action).where(audit_log.c.subject == owner.organisation)).all()
    )
    assert [row.action for row in rows].count("organisation.cap") == 2


async def test_who_manages_a_role_caps_it_and_nobody_himself(club):
    owner = await club.founded(ADA)
    admin, second = await owner.brings(BOB, "admin"), await owner.brings(CYD, "admin")
    member = await owner.brings(DAN)
    await caps(owner, admin, 50)
    await caps(admin, member, 50)
    for by, of in ((owner, owner), (admin, admin), (admin, second), (admin, owner), (member, member)):
        with pytest.raises(PermissionDenied):
            await caps(by, of, None)
    with pytest.raises(PermissionDenied):
        await caps(member, admin, 5)
    for limit in (-1, AMOUNT_MAX + 1):
        with pytest.raises(RequestInvalid):
            await caps(owner, member, limit)
    stranger = await club.person("eve@example.com")
    with pytest.raises(NotFound):
        await caps(owner, stranger, 5)
    capped = await club.office.admin.set_cap(owner.organisation, ADA, SpendCap(7), actor="op_1")
    assert capped.spend.cap == SpendCap(7)


@ON_BOTH
async def test_a_cap_goes_with_the_member_unless_his_keys_stay(club, store):
    owner = await club.founded(ADA)
    for address, keep_keys in ((BOB, False), (CYD, True)):
        member = await owner.brings(address)
        await store.ledger.submit([issue(address, 100, owner.organisation)])
        made = await club.office.keys.create(By.of(await member.caller()), owner.organisation, KeySpec())
        await caps(owner, member, 5)
        key = await club.office.authenticator.authenticate(made.text)
        await owner.removes(member, keep_keys=keep_keys)
        assert isinstance(await spends(store, key, f"after {address}", 6), Refused if keep_keys else Held)
