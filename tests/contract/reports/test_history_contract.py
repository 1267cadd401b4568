"""What every store of grants and top-ups promises."""

from __future__ import annotations

from tests.contract.ledger.conftest import SqlStore
from tests.unit.billing.builders import ALICE, BOB, DAY, issue, place, settle

from raseed.adapters.sql.ledger.history import SqlHistoryStore
from raseed.core.billing.commands import Granted, TakeBack
from raseed.core.billing.history import PastGrant
from raseed.core.billing.model import GrantSource, GrantStatus
from raseed.core.ids import GrantId


async def give(store: SqlStore, key: str, amount: int, **fields: object) -> GrantId:
    store.clock.advance(1_000)
    [granted] = await store.ledger.submit([issue(key, amount, **fields)])  # type: ignore[arg-type]
    assert isinstance(granted, Granted)
    return granted.grant_id


async def test_grants_of_every_state_newest_first(store):
    history = SqlHistoryStore(store.database)
    spent = await give(store, "spent", 5, priority=1)
    await store.ledger.submit([place("h", 5), settle("h", 5)])
    voided = await give(store, "voided", 7)
    await store.ledger.submit(
        [TakeBack(account_id=ALICE, take_key="t", grant_id=voided, amount_microcredits=None)]
    )
    over = await give(store, "over", 9, priority=99, expires_at=store.clock.now() + DAY)
    live = await give(store, "live", 11, source=GrantSource.RESTORE)
    store.clock.advance(2 * DAY)
    found: list[PastGrant] = []
    while page := await history.grants(ALICE, found[-1].id if found else "", 2):
        found += page
    states = {grant.id: grant.status_at(store.clock.now()) for grant in found}
    assert sorted(found, key=lambda grant: grant.id, reverse=True) == found
    assert len(found) == 5  # with the one that Alice has at first
    assert (states[spent], states[voided]) == (GrantStatus.EXHAUSTED, GrantStatus.VOIDED)
    assert (states[over], states[live]) == (GrantStatus.EXPIRED, GrantStatus.ACTIVE)
    [newest] = [grant for grant in found if grant.id == live]
    assert (newest.amount_microcredits, newest.source) == (11, GrantSource.RESTORE)
    assert len(await history.grants(BOB, "", 9)) == 1


async def test_topups_by_position_and_by_page(store):
    history = SqlHistoryStore(store.database)
    await give(store, "gift", 1, source=GrantSource.ADJUSTMENT)
    for number in range(3):
        await give(store, f"bought {number}", number + 1, cost_basis_minor=500 + number, currency="KWD")
    everything = await history.topups(ALICE, "", 9)
    assert len(everything) == 4  # with the one that Alice has at first
    newest = everything[0]
    assert sorted((grant.id for grant in everything), reverse=True) == [grant.id for grant in everything]
    assert GrantSource.ADJUSTMENT not in {grant.source for grant in everything}
    assert await history.topups(ALICE, newest.id, 2) == everything[1:3]
    assert await history.topups_from(ALICE, 1, 2) == (everything[1:3], 4)
    assert await history.topups_from(ALICE, 9, 2) == ([], 4)
    assert await history.topups_from(ALICE, 0, 0) == ([], 4)
    paid = {(grant.paid_minor, grant.currency) for grant in everything}
    assert paid == {(0, ""), (500, "KWD"), (501, "KWD"), (502, "KWD")}
