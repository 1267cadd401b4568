"""Accounts that are opened by a code: one for each person, welcomed once, whatever happens at once or in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update
from tests.contract.sign_in.conftest import AT_ONCE, ON_BOTH
from tests.support.sign_in import ADDRESS, AGREED, PHONE, House, in_turn

from raseed.adapters.sql.accounts.accounts import create_account, set_status
from raseed.adapters.sql.accounts.tables import accounts, consents, sessions, verified_identities
from raseed.adapters.sql.admin.tables import audit_log
from raseed.adapters.sql.ledger.tables import grants
from raseed.adapters.sql.messaging.tables import outbox
from raseed.core.accounts.code_limits import CodeLimits, Window
from raseed.core.accounts.identity import Identifier, IdentifierKind
from raseed.core.accounts.model import Account, AccountStatus, Tier
from raseed.core.accounts.sign_in import Consent
from raseed.core.clock import DAY, HOUR, MINUTE, Microseconds
from raseed.core.errors import (
    AccountSuspended,
    CodeRejected,
    Conflict,
    ReauthenticationNeeded,
    RequestInvalid,
    TermsNotAccepted,
    Unauthenticated,
)
from raseed.core.ids import AccountId
from raseed.core.messaging.ports import Language

OTHER = "+96599887766"
MANY = Window(1_000, DAY)
WIDE = CodeLimits(
    sends_to_one=(MANY,),
    sends_from_address=(MANY,),
    sends_from_network=(MANY,),
    sends_to_neighbours=(MANY,),
    failures_of_one=MANY,
    failures_from_network=MANY,
    completed_percent_min=0,
)


async def count(house: House, table) -> int:
    counted = select(func.count()).select_from(table)
    return await house.store.database.read(lambda c: c.scalar(counted) or 0)


async def rows(house: House, table) -> Sequence[Any]:
    return await house.store.database.read(lambda c: c.execute(select(table)).all())


async def spendable(house: House, account_id: AccountId) -> int:
    balance = await house.store.ledger.balance(account_id)
    assert balance is not None
    return balance.spendable_microcredits


@ON_BOTH
async def test_a_stranger_gets_an_account_with_its_welcome(house):
    entered = await house.enter()
    account = entered.account
    assert entered.is_new
    assert (account.phone_e164, account.email, account.tier) == (PHONE, None, Tier.FREE)
    assert account.language is Language.ENGLISH
    assert await spendable(house, account.id) == 1_000_000_000
    [consent] = await rows(house, consents)
    assert (consent.account_id, consent.terms_version, consent.minimum_age) == (account.id, "7", 18)

    house.clock.advance(MINUTE)
    again = await house.enter(consent=Consent())
    assert not again.is_new
    assert again.account == account
    assert again.token != entered.token
    assert await spendable(house, account.id) == 1_000_000_000


async def test_an_account_by_mail(house):
    entered = await house.enter("Ada@Example.com")
    assert (entered.account.email, entered.account.phone_e164) == ("ada@example.com", None)


@AT_ONCE
async def test_a_hundred_sign_ups_of_one_number_are_one_account_and_one_grant(store):
    """Each with a code of its own, at the same moment, on every worker."""
    house = House(store, workers=store.workers, limits=WIDE)
    given = [((await house.start()).challenge, house.code) for _ in range(100)]
    entered = await asyncio.gather(
        *(
            house.verify(challenge, code, door=in_turn(house.doors, number))
            for number, (challenge, code) in enumerate(given)
        )
    )
    assert len({each.account.id for each in entered}) == 1
    assert sum(each.is_new for each in entered) == 1
    for table in (accounts, grants, verified_identities, consents):
        assert await count(house, table) == 1, table.name
    assert await spendable(house, entered[0].account.id) == 1_000_000_000
    assert await count(house, sessions) == 50  # the oldest ones ended


@AT_ONCE
async def test_one_code_opens_one_session(house):
    """However often it is given back at once."""
    started = await house.start()

    async def give(number: int) -> bool:
        try:
            await house.verify(started.challenge, house.code, door=in_turn(house.doors, number))
        except CodeRejected:
            return False
        return True

    assert sum(await asyncio.gather(*(give(number) for number in range(100)))) == 1
    assert await count(house, sessions) == await count(house, accounts) == await count(house, grants) == 1


@AT_ONCE
async def test_of_five_who_give_the_right_code_one_enters(house):
    """All of them have been compared before the first one uses it up."""
    started = await house.start()
    together = asyncio.Barrier(5)
    for door in house.doors:
        door.sign_in._store = Meeting(door.sign_in._store, together)

    async def give(number: int) -> bool:
        try:
            await house.verify(started.challenge, house.code, door=in_turn(house.doors, number))
        except CodeRejected:
            return False
        return True

    entered = await asyncio.gather(*(give(number) for number in range(5)))
    assert len(house.peppers.compared) == 5
    assert sum(entered) == 1
    assert await count(house, sessions) == await count(house, accounts) == await count(house, grants) == 1


class Meeting:
    """A store whose callers go on when all of them are there."""

    def __init__(self, store: Any, together: asyncio.Barrier) -> None:
        self._store = store
        self._together = together

    async def account_of(self, proven: Any) -> Any:
        await self._together.wait()
        return await self._store.account_of(proven)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@ON_BOTH
async def test_a_grant_that_was_not_booked_is_booked_at_the_next_sign_in(house):
    house.welcome_fails = True
    entered = await house.enter()
    assert await spendable(house, entered.account.id) == 0
    assert house.alarms == ["welcome grant"]
    house.welcome_fails = False
    for _ in range(2):
        house.clock.advance(MINUTE)
        await house.enter()
        assert await spendable(house, entered.account.id) == 1_000_000_000
    assert await count(house, grants) == 1


async def leave(house: House, account_id: AccountId) -> None:
    """The account is closed and its number is free."""

    def work(connection):
        set_status(connection, account_id, AccountStatus.CLOSED)
        gone = {"phone_e164": None, "email": f"erased-{account_id}"}
        connection.execute(update(accounts).where(accounts.c.id == account_id).values(gone))

    await house.store.database.write(work)


@pytest.mark.parametrize(("to", "again"), [(PHONE, PHONE), ("ada@example.com", "ada+2@example.com")])
@ON_BOTH
async def test_a_number_is_welcomed_once_though_its_account_was_closed(house, to, again):
    first = await house.enter(to)
    await leave(house, first.account.id)
    house.clock.advance(HOUR)
    second = await house.enter(again)
    assert second.is_new
    assert second.account.id != first.account.id
    assert await spendable(house, second.account.id) == 0


async def test_a_welcome_that_was_never_booked_is_not_inherited(house):
    """It may have been booked, and its worker died before it could say so."""
    house.welcome_fails = True
    first = await house.enter()
    house.welcome_fails = False
    await leave(house, first.account.id)
    house.clock.advance(HOUR)
    second = await house.enter()
    assert await spendable(house, second.account.id) == 0


async def test_numbers_that_are_passed_on_are_not_welcomed_again(house):
    """From one number to the next, and back: each was a customer's before."""
    first = await house.enter()
    session, _ = await found(house, first.token)
    started = await house.door.sign_in.start_change(
        session, phone=OTHER, email="", language="", address=ADDRESS
    )
    await change(house, session, started)
    house.clock.advance(HOUR)
    second = await house.enter(PHONE)
    assert second.is_new
    assert await spendable(house, second.account.id) == 0


async def test_an_operators_account_is_entered_and_not_welcomed_by_it(house):
    account = Account(
        id=AccountId("acct_operator"),
        email=None,
        phone_e164=PHONE,
        tier=Tier.PRO,
        status=AccountStatus.ACTIVE,
        tier_expires_at=None,
        created_at=Microseconds(0),
    )
    await house.store.database.write(lambda connection: create_account(connection, account))
    for _ in range(2):
        entered = await house.enter(consent=Consent())
        assert (entered.account.id, entered.is_new) == (account.id, False)
        assert await spendable(house, account.id) == 0
        house.clock.advance(MINUTE)


@ON_BOTH
async def test_a_stranger_has_to_agree_and_the_code_stays_valid(house):
    started = await house.start()
    for consent in (
        Consent(),
        Consent(terms_version="7"),
        Consent(is_of_age=True),
        Consent(terms_version="6", is_of_age=True),
    ):
        with pytest.raises(TermsNotAccepted) as caught:
            await house.verify(started.challenge, house.code, consent=consent)
        assert caught.value.metadata == {"terms_version": "7", "minimum_age": "18"}
    assert await count(house, accounts) == 0
    entered = await house.verify(started.challenge, house.code)
    assert entered.is_new


@ON_BOTH
async def test_terms_that_changed_are_accepted_when_its_holder_comes_or_later(house):
    """Nobody is kept out for it: whoever is in can be asked."""
    entered = await house.enter()
    assert entered.has_accepted_terms
    service, account = house.door.sign_in, entered.account.id
    newer = replace(service.policy.terms, terms_version="8", minimum_age=21)
    service.policy = replace(service.policy, terms=newer)
    house.clock.advance(MINUTE)
    assert not (await house.enter()).has_accepted_terms
    assert not await service.has_accepted_terms(account)
    for consent in (AGREED, Consent(terms_version="8"), Consent(is_of_age=True)):
        with pytest.raises(TermsNotAccepted):
            await service.accept_terms(account, consent)
    now = Consent(terms_version="8", is_of_age=True)
    for _ in range(2):
        await service.accept_terms(account, now)
        assert await service.has_accepted_terms(account)
    assert [row.terms_version for row in await rows(house, consents)] == ["7", "8"]

    service.policy = replace(service.policy, terms=replace(newer, terms_version="9"))
    house.clock.advance(MINUTE)
    again = await house.enter(consent=Consent(terms_version="9", is_of_age=True))
    assert again.has_accepted_terms
    assert await count(house, consents) == 3


@pytest.mark.parametrize("status", [AccountStatus.SUSPENDED, AccountStatus.CLOSED])
async def test_nobody_enters_an_account_that_is_not_active(house, status):
    entered = await house.enter()
    await house.store.database.write(lambda c: set_status(c, entered.account.id, status))
    house.clock.advance(MINUTE)
    before = await count(house, sessions)
    with pytest.raises(AccountSuspended):
        await house.enter()
    assert await count(house, sessions) == before


async def found(house: House, token: str):
    known = await house.door.authenticator.authenticate(token)
    return known.session, known.caller


async def change(house: House, session, started, code: str = ""):
    return await house.door.sign_in.verify_change(
        session, challenge=started.challenge, code=code or house.code, address=ADDRESS, user_agent=""
    )


@ON_BOTH
async def test_another_number_ends_every_session_and_is_the_way_in(house):
    first = await house.enter()
    house.clock.advance(MINUTE)
    other_device = await house.enter()
    session, _ = await found(house, other_device.token)
    started = await house.door.sign_in.start_change(
        session, phone=OTHER, email="", language="", address=ADDRESS
    )
    assert house.sent[-1].to == OTHER
    changed = await change(house, session, started)
    assert (changed.account.id, changed.account.phone_e164) == (first.account.id, OTHER)
    told = house.sent[-1]
    assert (told.to, told.template, told.language) == (PHONE, "contact_changed", Language.ENGLISH)
    for token in (first.token, other_device.token):
        with pytest.raises(Unauthenticated):
            await found(house, token)
    await found(house, changed.token)
    with pytest.raises(CodeRejected):
        await change(house, session, started)
    house.clock.advance(HOUR)
    assert (await house.enter(OTHER)).account.id == first.account.id


@ON_BOTH
async def test_operators_give_an_account_another_number(house):
    """For a holder who lost the one before: its sessions end, and nobody is welcomed again."""
    entered = await house.enter()
    store = house.door.sign_in._store
    number = Identifier(IdentifierKind.PHONE, OTHER)
    desk = house.door.sign_in._desk
    changed = await store.set_identifier(number, desk.identity(number), entered.account.id, "lost", "ada")
    assert (changed.account.id, changed.account.phone_e164) == (entered.account.id, OTHER)
    assert [identifier.value for identifier in changed.before] == [PHONE]
    again = await store.set_identifier(number, desk.identity(number), entered.account.id, "lost", "ada")
    assert again.before == ()
    house.door.authenticator.forget_account(entered.account.id)
    with pytest.raises(Unauthenticated):
        await found(house, entered.token)
    house.clock.advance(MINUTE)
    assert (await house.enter(OTHER)).account.id == entered.account.id
    stranger = await house.enter(PHONE)
    assert stranger.is_new
    assert await spendable(house, stranger.account.id) == 0
    with pytest.raises(Conflict):
        await store.set_identifier(number, desk.identity(number), stranger.account.id, "lost", "ada")
    nobody = AccountId("acct_nobody")
    assert await store.set_identifier(number, desk.identity(number), nobody, "lost", "ada") is None


async def test_a_change_needs_a_code_given_a_moment_ago(house):
    entered = await house.enter()
    house.clock.advance(5 * MINUTE + 1)
    session, _ = await found(house, entered.token)
    with pytest.raises(ReauthenticationNeeded):
        await house.door.sign_in.start_change(session, phone=OTHER, email="", language="", address=ADDRESS)


@ON_BOTH
async def test_a_number_of_another_account_is_refused_to_whoever_proves_it(house):
    await house.enter(OTHER)
    mine = await house.enter()
    session, _ = await found(house, mine.token)
    house.clock.advance(MINUTE)
    started = await house.door.sign_in.start_change(
        session, phone=OTHER, email="", language="", address=ADDRESS
    )
    with pytest.raises(Conflict):
        await change(house, session, started)
    await found(house, mine.token)


async def test_a_code_is_for_what_it_was_asked_for(house):
    """Not for signing in, if it was for a change; not for the change of another account."""
    mine, others = await house.enter(), await house.enter("+96566112233")
    session, _ = await found(house, mine.token)
    other, _ = await found(house, others.token)
    started = await house.door.sign_in.start_change(
        session, phone=OTHER, email="", language="", address=ADDRESS
    )
    with pytest.raises(CodeRejected):
        await house.verify(started.challenge, house.code)
    with pytest.raises(CodeRejected):
        await change(house, other, started)
    await change(house, session, started)


async def test_only_what_the_profile_knows_is_asked(house):
    house.door.sign_in.policy = replace(house.door.sign_in.policy, kinds=house.door.sign_in.policy.kinds[:1])
    with pytest.raises(RequestInvalid, match="telephone"):
        await house.start("ada@example.com")
    for phone, email in (("", ""), (PHONE, "ada@example.com")):
        with pytest.raises(RequestInvalid, match="not both"):
            await house.door.sign_in.start(phone=phone, email=email, language="", address=ADDRESS)
    with pytest.raises(RequestInvalid, match="language"):
        await house.start(language="fr")


async def test_a_new_device_is_told_and_a_known_one_is_not(house):
    first = await house.enter()
    assert await count(house, outbox) == 0
    house.clock.advance(MINUTE)
    await house.enter(user_agent="Mozilla/5.0 (Windows NT 10.0) Firefox/140.0")
    [told] = await rows(house, outbox)
    assert (told.kind, told.account_id) == ("new_device", first.account.id)
    assert "Firefox on Windows" in told.parameters
    house.clock.advance(MINUTE)
    started = await house.start(device_token=first.device_token)
    await house.verify(started.challenge, house.code)
    assert await count(house, outbox) == 1


async def test_the_audit_log_names_nobody(house):
    entered = await house.enter()
    written = repr(await rows(house, audit_log))
    assert entered.account.id in written
    assert PHONE not in written
    assert AGREED.terms_version
