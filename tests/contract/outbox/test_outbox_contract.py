"""What the outbox promises on every database: each cause once, each notice to one sender at a time, none lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update
from tests.contract.ledger.conftest import AT_ONCE_IN_SQL, SqlStore
from tests.unit.billing.builders import ALICE, BOB

from raseed.adapters.sql.accounts.closing_requests import SqlClosingRequestStore
from raseed.adapters.sql.accounts.tables import accounts
from raseed.adapters.sql.messaging.outbox import LOST, SqlOutbox, enqueue, erase_notices
from raseed.adapters.sql.messaging.tables import notice_preferences, outbox
from raseed.core.accounts.closing import ClosingRequests
from raseed.core.accounts.model import AccountStatus
from raseed.core.clock import DAY, SECOND
from raseed.core.ids import AccountId
from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.messaging.outbox import (
    ATTEMPTS_MAX,
    KEPT_DAYS,
    LEASE_S,
    PAUSES_US,
    Courier,
    Delivery,
    Routing,
)
from raseed.core.messaging.ports import (
    Channel,
    Language,
    Message,
    MessengerBusy,
    MessengerMisconfigured,
    Undeliverable,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
LEASE_US = LEASE_S * SECOND
ROUTING = Routing(
    channels=(Channel.WHATSAPP, Channel.EMAIL),
    language=Language.ARABIC,
    operators={Channel.EMAIL: "ops@example.com"},
)
PHONE = "+96550123456"


def key_made(number: int = 1, account_id: AccountId = ALICE) -> Notice:
    return Notice(
        kind=NoticeKind.KEY_CREATED,
        account_id=account_id,
        cause=f"key_{number}",
        parameters={"name": "laptop", "last4": "wxyz"},
    )


EXHAUSTED = Notice(kind=NoticeKind.CREDITS_EXHAUSTED, account_id=ALICE, cause="grant_1")


class Driver:
    """Fails as told, channel by channel."""

    def __init__(self, **failures: Exception) -> None:
        self.failures = failures
        self.sent: list[Message] = []
        self.asked: list[Channel] = []
        self.pause_s = 0.0
        self.was_asked = asyncio.Event()

    async def send(self, message: Message) -> str:
        self.asked.append(message.channel)
        self.was_asked.set()
        await asyncio.sleep(self.pause_s)
        if message.channel in self.failures:
            raise self.failures[message.channel]
        self.sent.append(message)
        return f"wamid.{len(self.sent)}"


class Office:
    """A courier on a store, and what it reported."""

    def __init__(self, store: SqlStore, driver: Driver | None = None, routing: Routing = ROUTING) -> None:
        self.store = store
        self.outbox = SqlOutbox(store.database)
        self.driver = driver or Driver()
        self.reported: list[Exception] = []
        self.courier = Courier(
            self.outbox, self.driver, routing, lambda _, error: self.reported.append(error)
        )

    async def rows(self) -> list[Any]:
        return list(
            await self.store.database.read(
                lambda connection: connection.execute(select(outbox).order_by(outbox.c.id)).all()
            )
        )

    async def row(self) -> Any:
        [row] = await self.rows()
        return row


@pytest.fixture
def office(store: SqlStore) -> Office:
    return Office(store)


async def give_phone(store: SqlStore, language: str = "") -> None:
    change = update(accounts).where(accounts.c.id == ALICE).values(phone_e164=PHONE, language=language)
    await store.database.write(lambda connection: connection.execute(change).rowcount)


@AT_ONCE_IN_SQL
async def test_a_cause_is_told_once_whoever_tells_it(store: SqlStore, office: Office) -> None:
    outboxes = [SqlOutbox(store.database) for _ in range(8)]
    told = await asyncio.gather(*(outbox.add(key_made()) for outbox in outboxes))
    assert sorted(told) == [False] * 7 + [True]
    assert not await office.outbox.add(key_made())
    assert await office.outbox.add(key_made(2))
    assert len(await office.rows()) == 2


async def test_a_notice_is_undone_with_its_cause(office: Office) -> None:
    def work(connection: Connection) -> None:
        assert enqueue(connection, key_made(), office.store.clock.now())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await office.store.database.write(work)
    assert await office.rows() == []


async def test_what_an_account_does_not_want_is_not_told_unless_it_is_essential(office: Office) -> None:
    unwanted = [
        {"account_id": ALICE, "kind": kind.value, "is_wanted": 0}
        for kind in (NoticeKind.CREDITS_EXHAUSTED, NoticeKind.KEY_CREATED)
    ]
    await office.store.database.write(
        lambda connection: connection.execute(insert(notice_preferences), unwanted).rowcount
    )
    assert not await office.outbox.add(EXHAUSTED)
    assert await office.outbox.add(key_made())
    assert await office.outbox.add(Notice(kind=NoticeKind.CREDITS_EXHAUSTED, account_id=BOB, cause="grant_2"))


@pytest.mark.parametrize("status", [AccountStatus.SUSPENDED, AccountStatus.CLOSED])
async def test_who_is_not_active_is_told_the_essential_alone(office: Office, status: AccountStatus) -> None:
    await office.store.set_status(ALICE, status)
    assert not await office.outbox.add(EXHAUSTED)
    assert await office.outbox.add(key_made())


async def test_it_is_sent_once_in_the_accounts_language_where_it_can_be_reached(office: Office) -> None:
    await give_phone(office.store, "en")
    await office.outbox.add(key_made())
    await office.outbox.add(key_made(2, BOB))
    assert not await office.courier.batch()
    assert not await office.courier.batch()
    alice, bob = sorted(office.driver.sent, key=lambda message: message.channel, reverse=True)
    assert (alice.channel, alice.to, alice.language) == (Channel.WHATSAPP, PHONE, Language.ENGLISH)
    assert (bob.channel, bob.to, bob.language) == (Channel.EMAIL, f"{BOB}@example.com", Language.ARABIC)
    assert alice.template == "key_created"
    assert alice.parameters == {"name": "laptop", "last4": "wxyz"}
    assert {row.state for row in await office.rows()} == {"sent"}


async def test_operators_are_told_at_their_own_address(office: Office) -> None:
    await office.outbox.add(
        Notice(
            kind=NoticeKind.NEW_ENTERPRISE, account_id=ALICE, cause="acct_1", parameters={"account": "acct_1"}
        )
    )
    await office.courier.batch()
    assert [message.to for message in office.driver.sent] == ["ops@example.com"]


async def test_who_cannot_be_reached_on_one_channel_is_reached_on_the_next(store: SqlStore) -> None:
    office = Office(store, Driver(whatsapp=Undeliverable("not on WhatsApp")))
    await give_phone(store)
    await office.outbox.add(key_made())
    await office.courier.batch()
    assert office.driver.asked == [Channel.WHATSAPP, Channel.EMAIL]
    row = await office.row()
    assert (row.state, row.channel) == ("sent", "email")


async def test_a_busy_channel_is_not_passed_over(store: SqlStore) -> None:
    office = Office(store, Driver(whatsapp=MessengerBusy("429", retry_after_s=100)))
    await give_phone(store)
    await office.outbox.add(key_made())
    await office.courier.batch()
    assert office.driver.asked == [Channel.WHATSAPP]
    row = await office.row()
    assert row.state == "pending"
    assert row.due_at == store.clock.now() + 100 * SECOND


async def test_nobody_can_be_reached(store: SqlStore) -> None:
    office = Office(store, Driver(email=Undeliverable("refused")))
    await office.outbox.add(key_made())
    nowhere = Notice(
        kind=NoticeKind.IP_BANNED,
        account_id=None,
        cause="ban_1",
        parameters={"address": "::1", "reason": "x"},
    )
    await Office(store, routing=Routing(channels=(Channel.EMAIL,), language=Language.ENGLISH)).outbox.add(
        nowhere
    )
    office.courier._routing = Routing(channels=(Channel.EMAIL,), language=Language.ENGLISH)
    await office.courier.batch()
    errors = {entry.kind: entry.error for entry in await office.outbox.failed("", 10)}
    assert errors == {"key_created": "refused", "ip_banned": "there is no address to send it to"}


@pytest.mark.parametrize(
    "failure",
    [MessengerBusy("503"), MessengerMisconfigured("bad token"), ZeroDivisionError("to +96550123456")],
)
async def test_it_is_tried_eight_times_with_growing_pauses_and_then_operators_see_it(
    store: SqlStore, failure: Exception
) -> None:
    office = Office(store, Driver(email=failure))
    await office.outbox.add(key_made())
    pauses = []
    for _ in range(ATTEMPTS_MAX - 1):
        await office.courier.batch()
        pauses.append((await office.row()).due_at - store.clock.now())
        store.clock.advance(pauses[-1] - 1)
        await office.courier.batch()  # a moment too early
        store.clock.advance(1)
    assert tuple(pauses) == PAUSES_US
    await office.courier.batch()
    await office.courier.batch()
    assert len(office.driver.asked) == len(office.reported) == ATTEMPTS_MAX == 8
    [entry] = await office.outbox.failed("", 10)
    assert (entry.kind, entry.cause, entry.attempts) == ("key_created", "key_1", 8)
    assert entry.error
    assert "+965" not in entry.error
    # An operator mends it, and has it sent again.
    office.driver.failures.clear()
    assert await office.outbox.retry(entry.id)
    assert not await office.outbox.retry(entry.id)
    await office.courier.batch()
    assert (await office.row()).state == "sent"
    assert await office.outbox.failed("", 10) == []


@AT_ONCE_IN_SQL
async def test_of_several_workers_one_sends_each_notice(store: SqlStore) -> None:
    offices = [Office(store) for _ in range(4)]
    for number in range(20):
        await offices[0].outbox.add(key_made(number))
    while any(await asyncio.gather(*(office.courier.batch() for office in offices))):
        pass
    sent = [message.id for office in offices for message in office.driver.sent]
    assert len(sent) == 20
    assert len(set(sent)) == 20


async def test_who_has_many_notices_does_not_keep_others_waiting(store: SqlStore, office: Office) -> None:
    for number in range(30):
        await office.outbox.add(key_made(number))
    store.clock.advance(1)
    for number in range(30, 32):
        await office.outbox.add(key_made(number, BOB))
    claimed = [await office.outbox.claim(4, LEASE_US) for _ in range(8)]
    assert [each.account_id for each in claimed[0]].count(BOB) == 2
    assert len({each.id for batch in claimed for each in batch}) == 32


async def test_operators_hear_once_a_day_that_an_account_shall_be_closed(
    store: SqlStore, office: Office
) -> None:
    requests = ClosingRequests(SqlClosingRequestStore(store.database), store.clock)

    async def ask_and_withdraw() -> None:
        await requests.request(ALICE, reason="", wants_erasure=False, actor="alice")
        await requests.withdraw(ALICE, actor="alice")

    store.clock.advance(DAY - store.clock.now() % DAY)
    for _ in range(3):
        await ask_and_withdraw()
    assert len(await office.rows()) == 1
    store.clock.advance(DAY)
    await ask_and_withdraw()
    assert len(await office.rows()) == 2


async def test_who_dies_while_sending_leaves_it_to_others_after_the_lease(office: Office) -> None:
    await office.outbox.add(key_made())
    [claimed] = await office.outbox.claim(8, LEASE_US)
    office.store.clock.advance(LEASE_US - 1)
    await office.courier.batch()
    assert office.driver.sent == []
    office.store.clock.advance(1)
    await office.courier.batch()
    assert [message.id for message in office.driver.sent] == [claimed.id]
    # The first one was not dead after all: what it says now changes nothing.
    await office.outbox.postpone(claimed, SECOND, "late")
    await office.outbox.mark_failed(claimed, "late")
    assert (await office.row()).state == "sent"


async def test_a_notice_that_ends_whoever_sends_it_is_given_up(office: Office) -> None:
    await office.outbox.add(key_made())
    for _ in range(ATTEMPTS_MAX):
        assert len(await office.outbox.claim(8, LEASE_US)) == 1
        office.store.clock.advance(LEASE_US)
    await office.courier.batch()
    assert office.driver.sent == []
    [entry] = await office.outbox.failed("", 10)
    assert entry.error == LOST


async def test_a_late_failure_does_not_end_what_somebody_else_sends_now(office: Office) -> None:
    await office.outbox.add(key_made())
    [claimed] = await office.outbox.claim(8, LEASE_US)
    office.store.clock.advance(LEASE_US)
    await office.outbox.claim(8, LEASE_US)
    await office.outbox.mark_failed(claimed, "late")
    assert (await office.row()).state == "pending"
    await office.outbox.mark_sent(claimed, Channel.EMAIL, "")  # but that it was sent is true for ever
    assert (await office.row()).state == "sent"


async def test_a_worker_that_stops_writes_down_what_is_on_its_way(office: Office) -> None:
    await office.outbox.add(key_made())
    office.driver.pause_s = 0.1
    batch = asyncio.ensure_future(office.courier.batch())
    await asyncio.wait_for(office.driver.was_asked.wait(), 5)
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
    assert (await office.row()).state == "sent"


async def test_a_notice_that_only_a_later_version_knows_waits_and_stops_nobody(office: Office) -> None:
    await office.outbox.add(key_made())
    await office.outbox.add(key_made(2))
    change = update(outbox).where(outbox.c.key == "key_created:key_1").values(kind="from_the_future")
    await office.store.database.write(lambda connection: connection.execute(change).rowcount)
    await office.courier.batch()
    assert sorted((row.kind, row.state) for row in await office.rows()) == [
        ("from_the_future", "pending"),
        ("key_created", "sent"),
    ]


async def sent_by_whatsapp(office: Office) -> None:
    await give_phone(office.store)
    await office.outbox.add(key_made())
    await office.courier.batch()


async def test_reports_of_delivery_come_in_any_order_and_any_number_of_times(office: Office) -> None:
    await sent_by_whatsapp(office)
    for delivery in (Delivery.DELIVERED, Delivery.SENT, Delivery.DELIVERED, Delivery.READ, Delivery.READ):
        assert await office.outbox.record_delivery("wamid.1", delivery, is_undeliverable=False)
    row = await office.row()
    assert (row.state, row.delivery, row.parameters) == ("sent", "read", "{}")
    assert not await office.outbox.record_delivery("wamid.2", Delivery.FAILED, is_undeliverable=True)
    assert not await office.outbox.record_delivery("", Delivery.FAILED, is_undeliverable=True)


async def test_what_was_delivered_has_not_failed_whatever_comes_late(office: Office) -> None:
    await sent_by_whatsapp(office)
    for delivery in (Delivery.DELIVERED, Delivery.FAILED):
        await office.outbox.record_delivery("wamid.1", delivery, is_undeliverable=True)
    row = await office.row()
    assert (row.state, row.delivery) == ("sent", "delivered")


async def test_what_whatsapp_could_not_deliver_after_all_goes_by_mail(office: Office) -> None:
    await sent_by_whatsapp(office)
    for _ in range(2):
        await office.outbox.record_delivery("wamid.1", Delivery.FAILED, is_undeliverable=True)
    await office.courier.batch()
    assert [message.channel for message in office.driver.sent] == [Channel.WHATSAPP, Channel.EMAIL]
    assert (await office.row()).state == "sent"


async def test_what_the_provider_refused_later_is_for_operators_to_see(office: Office) -> None:
    await sent_by_whatsapp(office)
    await office.outbox.record_delivery("wamid.1", Delivery.FAILED, is_undeliverable=False)
    [entry] = await office.outbox.failed("", 10)
    assert await office.outbox.retry(entry.id)
    await office.courier.batch()
    assert (await office.row()).provider_id == "wamid.2"


async def test_pages_of_failed_notices(office: Office) -> None:
    office.driver.failures = {"email": Undeliverable("refused")}
    for number in range(5):
        await office.outbox.add(key_made(number))
    await office.courier.batch()
    first = await office.outbox.failed("", 3)
    rest = await office.outbox.failed(first[-1].id, 3)
    ids = [entry.id for entry in (*first, *rest)]
    assert len(first) == 3
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 5


async def test_ended_notices_go_after_their_time_and_pending_ones_never(office: Office) -> None:
    for number in range(3):
        await office.outbox.add(key_made(number))
    await office.courier.batch()
    await office.outbox.add(key_made(4))
    office.store.clock.advance(KEPT_DAYS * DAY - 1)
    assert await office.outbox.purge(10) == 0
    office.store.clock.advance(1)
    assert [await office.outbox.purge(2), await office.outbox.purge(2)] == [2, 1]
    assert (await office.row()).state == "pending"


async def test_erasure_leaves_nothing_of_the_account(office: Office) -> None:
    await office.outbox.add(key_made())
    await office.outbox.add(key_made(2, BOB))
    await office.store.database.write(lambda connection: erase_notices(connection, ALICE))
    assert (await office.row()).account_id == BOB
