"""Redemption codes on both databases: each once for an account, never more often than the batch says, and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import DatabaseError
from tests.contract.ledger.conftest import POSTGRES, POSTGRES_3, SQLITE, SqlStore, open_store

from raseed.adapters.sql.accounts.tables import sign_in_tallies
from raseed.adapters.sql.admin.tables import audit_details, audit_log
from raseed.adapters.sql.payments.redemption import WAITING_MAX, SqlCodeStore
from raseed.adapters.sql.payments.redemption_tables import code_batches, redemption_codes, redemptions
from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.core.accounts.keys import Peppers
from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.commands import Command, Result
from raseed.core.billing.credit import CreditService
from raseed.core.billing.model import GrantSource
from raseed.core.billing.ports import LedgerUnavailable
from raseed.core.clock import DAY, HOUR, MINUTE
from raseed.core.errors import (
    AccountSuspended,
    NotFound,
    Overloaded,
    RaseedError,
    RateLimited,
    RedemptionRejected,
    RequestInvalid,
)
from raseed.core.ids import AccountId
from raseed.core.money import AMOUNT_MAX
from raseed.core.payments.code_admin import CODES_MAX, NOTE_CHARS_MAX, USES_MAX, CodeAdmin
from raseed.core.payments.code_text import new_code, read_code
from raseed.core.payments.redeeming import Redeemed, RedemptionService, digests_of
from raseed.core.payments.redemption import GUESSES_FROM_NETWORK, GUESSES_OF_ACCOUNT, Claim, Claimant

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = "192.0.2.7"
PEPPERS = Peppers({1: b"1" * 32, 2: b"2" * 32})
PRIORITY = 30
CREDIT = 5_000_000
NUMBERS = count(1)


class DeadLedger:
    """A ledger that nobody reaches."""

    async def submit(self, commands: Sequence[Command]) -> list[Result]:
        raise LedgerUnavailable


@dataclass
class Desk:
    """Operators and customers on one database, each call answered by the next of its workers."""

    store: SqlStore
    counted: list[str] = field(default_factory=list)

    def service(self, ledger: Any = None, peppers: Peppers = PEPPERS) -> RedemptionService:
        database, own = self.store.next_worker()
        return RedemptionService(
            SqlCodeStore(database),
            CreditService(ledger or own),
            peppers,
            lambda of: f"test:{of}",
            PRIORITY,
            self.store.clock,
            self.counted.append,
        )

    @property
    def admin(self) -> CodeAdmin:
        database, _ = self.store.next_worker()
        return CodeAdmin(SqlCodeStore(database), PEPPERS, self.store.clock)

    async def batch(self, **given: Any) -> tuple[Any, list[str]]:
        asked = {
            "credit_microcredits": CREDIT,
            "code_count": 1,
            "uses_per_code": 1,
            "expires_days": 0,
            "credit_days": 0,
            "prefix": "GIFT",
            "note": "for the fair",
            "actor": "op_1",
        }
        return await self.admin.create(**{**asked, **given})

    async def code(self, **given: Any) -> str:
        _, [text] = await self.batch(**given)
        return text

    async def account(self) -> AccountId:
        account_id = AccountId(f"acct_{next(NUMBERS):04}")
        await self.store.open_account(account_id)
        return account_id

    async def redeem(self, account_id: AccountId, text: str, address: str = HERE) -> Any:
        return await self.service().redeem(account_id, text, actor=f"pers_{account_id}", address=address)

    async def balance(self, account_id: AccountId) -> int:
        view = await self.store.ledger.balance(account_id)
        assert view is not None
        return view.spendable_microcredits


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[SQLITE, POSTGRES])
async def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SqlStore]:
    opened = await open_store(request.param, tmp_path_factory.mktemp("codes"))
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(store: SqlStore) -> Desk:
    def work(connection: Connection) -> None:
        for table in (redemptions, redemption_codes, code_batches, sign_in_tallies):
            connection.execute(delete(table))

    await store.database.write(work)
    return Desk(store)


async def test_a_code_gives_its_credit_once(desk: Desk) -> None:
    """To the account that comes first, under a key of its own; the same account is answered the same again."""
    account = await desk.account()
    text = await desk.code(credit_days=30)
    first = await desk.redeem(account, text.lower())
    again = await desk.redeem(account, text)
    assert (first.is_new, again.is_new) == (True, False)
    assert first.grant_id == again.grant_id
    assert first.redemption == again.redemption
    assert await desk.balance(account) == CREDIT
    view = await desk.store.ledger.balance(account)
    assert view is not None
    [grant] = view.grants
    assert (grant.source, grant.priority) == (GrantSource.ADJUSTMENT, PRIORITY)
    assert grant.expires_at == first.redemption.redeemed_at + 30 * DAY
    with pytest.raises(RedemptionRejected, match="used already") as caught:
        await desk.redeem(await desk.account(), text)
    assert caught.value.metadata == {"why": "used_up"}
    assert desk.counted == ["redeemed", "again", "used_up"]


async def test_several_accounts_may_use_one_code(desk: Desk) -> None:
    """As many as the batch says, each once."""
    text = await desk.code(uses_per_code=2)
    one, other, third = [await desk.account() for _ in range(3)]
    for account in (one, one, other):
        await desk.redeem(account, text)
    with pytest.raises(RedemptionRejected):
        await desk.redeem(third, text)
    assert [await desk.balance(each) for each in (one, other, third)] == [CREDIT, CREDIT, 0]


@pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)
async def test_all_at_once_get_no_more_than_there_is(desk: Desk) -> None:
    """Twelve accounts, twice each, over all workers, for a code of seven uses."""
    text = await desk.code(uses_per_code=7)
    accounts = [await desk.account() for _ in range(12)]
    outcomes = await asyncio.gather(
        *(desk.redeem(account, text) for account in accounts * 2), return_exceptions=True
    )
    assert {type(each) for each in outcomes} == {Redeemed, RedemptionRejected}
    assert sum(isinstance(each, Redeemed) and each.is_new for each in outcomes) == 7
    balances = [await desk.balance(account) for account in accounts]
    assert sorted(balances) == [0] * 5 + [CREDIT] * 7
    [code] = await desk.admin.codes(text, "", 10)
    assert code.use_count == 7
    assert set(code.accounts) == {
        account for account, balance in zip(accounts, balances, strict=True) if balance
    }


@pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)
async def test_one_account_at_once_gets_it_once(desk: Desk) -> None:
    """However many requests it sends, over all workers."""
    account = await desk.account()
    text = await desk.code(uses_per_code=100)
    answers = await asyncio.gather(*(desk.redeem(account, text) for _ in range(10)))
    assert sum(each.is_new for each in answers) == 1
    assert len({each.grant_id for each in answers}) == 1
    assert await desk.balance(account) == CREDIT


async def test_a_worker_lets_few_wait(desk: Desk) -> None:
    """Whoever comes when so many wait for the writer is told to come again, and loses nothing."""
    texts = [await desk.code(uses_per_code=100)] * (WAITING_MAX + 5)
    account = await desk.account()
    database, _ = desk.store.next_worker()
    store, turned_away = SqlCodeStore(database), asyncio.Semaphore(0)
    async with store._turn:  # as if a write were under way
        claims = [asyncio.create_task(_claim(store, account, text, turned_away)) for text in texts]
        for _ in range(5):
            await turned_away.acquire()
    outcomes = await asyncio.gather(*claims, return_exceptions=True)
    assert sum(isinstance(each, Overloaded) for each in outcomes) == 5
    assert sum(isinstance(each, Claim) and each.is_new for each in outcomes) == 1
    again = await store.claim(digests_of(PEPPERS, read(texts[0])), claimant(account))
    assert isinstance(again, Claim)
    assert not again.is_new


def claimant(account: AccountId) -> Claimant:
    return Claimant(account_id=account, actor="pers_1", guesses={})


def read(text: str) -> str:
    canonical = read_code(text)
    assert canonical is not None
    return canonical


async def _claim(store: SqlCodeStore, account: AccountId, text: str, turned_away: asyncio.Semaphore) -> Any:
    try:
        return await store.claim(digests_of(PEPPERS, read(text)), claimant(account))
    except Overloaded:
        turned_away.release()
        raise


async def test_the_table_itself_refuses_one_use_too_many(desk: Desk) -> None:
    """Whatever the code above it does."""
    await desk.code()

    def work(connection: Connection) -> None:
        connection.execute(redemption_codes.update().values(use_count=2))

    with pytest.raises((DatabaseError, DatabaseUnavailable)):
        await desk.store.database.write(work)


async def test_who_dies_between_the_row_and_the_credit(desk: Desk) -> None:
    """The job ends it, once, and not before whoever began it has had his time; nobody else can take the code."""
    account = await desk.account()
    text = await desk.code(credit_days=1)
    with pytest.raises(LedgerUnavailable):
        await desk.service(DeadLedger()).redeem(account, text, actor="pers_1", address=HERE)
    assert await desk.balance(account) == 0
    with pytest.raises(RedemptionRejected):
        await desk.redeem(await desk.account(), text)
    job = desk.service().job(lambda _redemption, _error: None)
    assert not await job.batch()
    assert await desk.balance(account) == 0
    desk.store.clock.advance(MINUTE)
    for _ in range(2):
        await job.batch()
    assert await desk.balance(account) == CREDIT
    answer = await desk.redeem(account, text)
    assert not answer.is_new
    view = await desk.store.ledger.balance(account)
    assert view is not None
    assert view.grants[0].expires_at == answer.redemption.redeemed_at + DAY


async def test_a_worker_that_was_killed_after_the_credit(desk: Desk) -> None:
    """The ledger has it: the job asks again, and nothing is given twice."""
    account = await desk.account()
    await desk.redeem(account, await desk.code())
    due = redemptions.update().values(due_at=0)
    await desk.store.database.write(lambda connection: connection.execute(due).rowcount)
    await desk.service().job(lambda _redemption, _error: None).batch()
    assert await desk.balance(account) == CREDIT
    left = select(redemptions.c.due_at)
    assert await desk.store.database.read(lambda connection: connection.scalars(left).all()) == [None]


async def test_what_the_ledger_refuses_is_tried_again_later(desk: Desk) -> None:
    """And does not keep others waiting: a balance cannot be larger than it can be."""
    rich, poor = await desk.account(), await desk.account()
    await desk.redeem(rich, await desk.code(credit_microcredits=AMOUNT_MAX))
    with pytest.raises(RaseedError):
        await desk.redeem(rich, await desk.code())
    with pytest.raises(LedgerUnavailable):
        await desk.service(DeadLedger()).redeem(poor, await desk.code(), actor="pers_1", address=HERE)
    desk.store.clock.advance(MINUTE)
    reported: list[AccountId] = []
    job = desk.service().job(lambda redemption, _error: reported.append(redemption.account_id))
    await job.batch()
    assert (reported, await desk.balance(poor)) == ([], CREDIT)
    desk.store.clock.advance(HOUR)
    await job.batch()
    await job.batch()
    assert reported == [rich]


async def test_codes_end(desk: Desk) -> None:
    """By their day, by an operator, alone or with their batch; who redeemed one keeps what it gave."""
    batch, texts = await desk.batch(code_count=4, uses_per_code=2, expires_days=10)
    account = await desk.account()
    await desk.redeem(account, texts[0])
    await desk.admin.revoke(texts[0], actor="op_2")
    [code, *_] = await desk.admin.codes(batch.id, "", 10)
    await desk.admin.revoke((await desk.admin.codes(texts[1], "", 1))[0].id, actor="op_2")
    for text in texts[:2]:
        with pytest.raises(RedemptionRejected) as caught:
            await desk.redeem(await desk.account(), text)
        assert caught.value.metadata == {"why": "revoked"}
    assert not (await desk.redeem(account, texts[0])).is_new
    assert await desk.balance(account) == CREDIT
    assert code.use_count == 1

    desk.store.clock.advance(10 * DAY)
    with pytest.raises(RedemptionRejected) as caught:
        await desk.redeem(account, texts[2])
    assert caught.value.metadata == {"why": "expired"}

    other, [fresh] = await desk.batch()
    for _ in range(2):
        assert (await desk.admin.revoke(other.id, actor="op_2")).revoked_at is not None
    with pytest.raises(RedemptionRejected):
        await desk.redeem(account, fresh)


async def test_nobody_guesses(desk: Desk) -> None:
    """Few wrong codes of an account in an hour, also at once, and few from a network; right ones are not counted."""
    account = await desk.account()
    hourly = GUESSES_OF_ACCOUNT[0].count
    for _ in range(hourly + 1):
        await desk.redeem(account, await desk.code())
    guesses = [desk.redeem(account, new_code("GIFT").text) for _ in range(2 * hourly)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(each, RedemptionRejected) for each in outcomes) == hourly
    assert sum(isinstance(each, RateLimited) for each in outcomes) == hourly
    text = await desk.code()
    with pytest.raises(RateLimited) as limited:
        await desk.redeem(account, text)
    assert limited.value.retry_after_s == 3600.0
    await desk.redeem(await desk.account(), text)
    desk.store.clock.advance(HOUR)
    await desk.redeem(account, await desk.code())


async def test_nobody_guesses_with_many_accounts(desk: Desk) -> None:
    """From one network, of which an account of somebody else may then not redeem either; from elsewhere it may."""
    for number in range(GUESSES_FROM_NETWORK[0].count):
        with pytest.raises(RedemptionRejected) as caught:
            await desk.redeem(await desk.account(), new_code("GIFT").text, f"192.0.2.{number}")
        assert caught.value.metadata == {"why": "unknown"}
    account, text = await desk.account(), await desk.code()
    with pytest.raises(RateLimited):
        await desk.redeem(account, text, "192.0.2.250")
    await desk.redeem(account, text, "198.51.100.1")


async def test_a_slip_of_the_finger_is_no_guess(desk: Desk) -> None:
    account = await desk.account()
    for _ in range(10 * GUESSES_OF_ACCOUNT[0].count):
        with pytest.raises(RequestInvalid) as caught:
            await desk.redeem(account, "GIFT-0000-0000-0000-0001")
        assert (caught.value.reason, caught.value.param) == ("REQUEST_INVALID", "code")
    await desk.redeem(account, await desk.code())


async def test_an_account_that_is_not_active_gets_nothing(desk: Desk) -> None:
    account = await desk.account()
    text = await desk.code()
    await desk.store.set_status(account, AccountStatus.SUSPENDED)
    with pytest.raises(AccountSuspended):
        await desk.redeem(account, text)
    await desk.redeem(await desk.account(), text)


async def test_codes_outlive_their_pepper(desk: Desk) -> None:
    """Those that were made with one before the newest are known, as long as it is there."""
    account = await desk.account()
    text = await desk.code()
    newer = Peppers({**PEPPERS.by_version, 3: b"3" * 32})
    redeemed = await desk.service(peppers=newer).redeem(account, text, actor="pers_1", address=HERE)
    assert redeemed.is_new
    with pytest.raises(RedemptionRejected):
        await desk.service(peppers=Peppers({3: b"3" * 32})).redeem(
            account, text, actor="pers_1", address=HERE
        )


async def test_no_code_is_stored(desk: Desk) -> None:
    """Neither in a table nor in the audit log, which names who made, revoked and redeemed."""
    batch, texts = await desk.batch(code_count=3)
    account = await desk.account()
    await desk.redeem(account, texts[0])
    await desk.admin.revoke(batch.id, actor="op_2")

    def everything(connection: Connection) -> str:
        tables = (code_batches, redemption_codes, redemptions, audit_log, audit_details, sign_in_tallies)
        return "\n".join(str(row) for table in tables for row in connection.execute(select(table)))

    stored = await desk.store.database.read(everything)
    for text in texts:
        secret = text.removeprefix("GIFT-")
        assert secret not in stored
        assert secret.replace("-", "") not in stored

    def actions(connection: Connection) -> set[tuple[str, str, str]]:
        columns = audit_log.c.actor, audit_log.c.action, audit_log.c.subject
        return {(row[0], row[1], row[2]) for row in connection.execute(select(*columns))}

    assert {
        ("op_1", "code_batch.create", batch.id),
        ("op_2", "code_batch.revoke", batch.id),
        (f"pers_{account}", "code.redeem", account),
    } <= await desk.store.database.read(actions)


async def test_what_operators_see(desk: Desk) -> None:
    """Batches with what was used of them, newest first, and their codes, by pages; a code by what a customer typed."""
    first, [text] = await desk.batch()
    second, texts = await desk.batch(code_count=3, uses_per_code=2, note="", expires_days=1, credit_days=2)
    account = await desk.account()
    await desk.redeem(account, texts[0])
    await desk.redeem(account, texts[1])
    listed = await desk.admin.batches("", 10)
    assert [each.id for each in listed] == sorted((first.id, second.id), reverse=True)
    assert [each.id for each in await desk.admin.batches(listed[0].id, 10)] == [listed[1].id]
    [newest] = [each for each in listed if each.id == second.id]
    assert (newest.use_count, newest.expires_at, newest.credit_life_us) == (2, second.expires_at, 2 * DAY)
    page = await desk.admin.codes(second.id, "", 2)
    rest = await desk.admin.codes(second.id, page[-1].id, 2)
    assert [each.use_count for each in (*page, *rest)] == [1, 1, 0]
    assert page[0].accounts == (account,)
    [found] = await desk.admin.codes(f" {text.lower()} ", "", 10)
    assert (found.batch_id, found.use_count) == (first.id, 0)
    assert await desk.admin.codes("batch_none", "", 10) == []
    for reference in ("batch_none", "code_none", "GIFT", new_code("GIFT").text):
        with pytest.raises(NotFound) as caught:
            await desk.admin.revoke(reference, actor="op_1")
        assert "GIFT" not in caught.value.message


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"credit_microcredits": 0}, "credit_microcredits"),
        ({"credit_microcredits": AMOUNT_MAX + 1}, "credit_microcredits"),
        ({"credit_microcredits": AMOUNT_MAX, "code_count": 2}, "credit_microcredits"),
        ({"code_count": 0}, "code_count"),
        ({"code_count": CODES_MAX + 1}, "code_count"),
        ({"uses_per_code": 0}, "uses_per_code"),
        ({"uses_per_code": USES_MAX + 1}, "uses_per_code"),
        ({"expires_days": -1}, "expires_days"),
        ({"expires_days": 3_651}, "expires_days"),
        ({"credit_days": 3_651}, "credit_days"),
        ({"prefix": "G"}, "prefix"),
        ({"prefix": "gift"}, "prefix"),
        ({"prefix": "G-1"}, "prefix"),
        ({"prefix": "G" * 13}, "prefix"),
        ({"note": "x" * (NOTE_CHARS_MAX + 1)}, "note"),
        ({"note": "\0"}, "note"),
    ],
)
async def test_what_no_batch_can_be(desk: Desk, given: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        await desk.batch(**given)
    assert caught.value.param == param
    assert await desk.admin.batches("", 10) == []


async def test_the_largest_batch_is_one_answer(desk: Desk) -> None:
    _, texts = await desk.batch(code_count=CODES_MAX)
    assert len(set(texts)) == CODES_MAX
    account = await desk.account()
    await desk.redeem(account, texts[-1])
    assert await desk.balance(account) == CREDIT
