"""What the inbox promises on every database: each event once, each to one worker at a time, none lost, none kept trying."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, delete, select
from tests.contract.ledger.conftest import AT_ONCE_IN_SQL, POSTGRES, SQLITE, SqlStore, open_store
from tests.unit.billing.builders import ALICE, BOB

from raseed.adapters.sql.admin.tables import audit_log
from raseed.adapters.sql.messaging.tables import outbox
from raseed.adapters.sql.payments.inbox import LOST, SqlInbox, forget_bodies
from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.adapters.sql.payments.tables import payment_events
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import DAY, HOUR, SECOND, Microseconds
from raseed.core.ids import PaymentId
from raseed.core.payments.inbox import (
    BODY_DAYS,
    LEASE_S,
    PAUSES_US,
    TRIES_MAX,
    Delivery,
    DueEvent,
    EventState,
    InboxWorker,
)
from raseed.core.payments.model import Item, ItemKind, Mode, Payment, PaymentState
from raseed.core.payments.ports import Event, EventKind, GatewayRefused, GatewayUnavailable

pytestmark = pytest.mark.asyncio(loop_scope="module")
LEASE_US = LEASE_S * SECOND
MYFATOORAH, CREEM = PaymentProvider.MYFATOORAH, PaymentProvider.CREEM


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[SQLITE, POSTGRES])
async def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SqlStore]:
    opened = await open_store(request.param, tmp_path_factory.mktemp("inbox"))
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _empty(store: SqlStore) -> None:
    def work(connection: Connection) -> None:
        connection.execute(delete(payment_events))
        connection.execute(delete(outbox))

    await store.database.write(work)


def paid(key: str = "event-1", **values: Any) -> Event:
    return Event(
        **{"key": key, "kind": EventKind.PAYMENT, "name": "PAYMENT_STATUS_CHANGED", "mode": Mode.TEST}
        | values
    )


def delivery(
    event: Event, provider: PaymentProvider = MYFATOORAH, body: bytes = b'{"a": "\xd8"}'
) -> Delivery:
    return Delivery(provider=provider, event=event, headers={"myfatoorah-signature": "sig"}, body=body)


def payment(number: int = 1) -> Payment:
    return Payment(
        id=PaymentId(f"pay_{number}"),
        account_id=ALICE,
        actor="psn_1",
        provider=MYFATOORAH,
        mode=Mode.TEST,
        item=Item(kind=ItemKind.PACK, id="p"),
        amount_minor=2000,
        currency="KWD",
        credit_microcredits=5_000_000_000,
        product_id="",
        method="",
        language="ar",
        subscription_id=None,
        period_start=None,
        period_end=None,
        created_at=Microseconds(0),
        state=PaymentState.PENDING,
        invoice_id=f"inv-{number}",
        provider_payment_id=f"attempt-{number}",
    )


class Payments:
    """What the worker asks of the payments, and what it does to them."""

    def __init__(self, *known: Payment) -> None:
        self.known = {each.id: each for each in known}
        self.settled: list[str] = []
        self.named: list[str] = []
        """What events call the orders."""
        self.subscriptions: list[str] = []
        self.known_subscriptions: set[str] = set()
        self.failure: Callable[[], Exception] | None = None

    async def payment(self, payment_id: PaymentId) -> Payment | None:
        return self.known.get(payment_id)

    async def find(
        self, provider: PaymentProvider, mode: Mode, *, invoice_id: str = "", provider_payment_id: str = ""
    ) -> Payment | None:
        for each in self.known.values():
            if (each.provider, each.mode) == (provider, mode) and (
                each.invoice_id == invoice_id
                if invoice_id
                else each.provider_payment_id == provider_payment_id
            ):
                return each
        return None

    async def settle(self, payment_id: PaymentId, invoice_id: str) -> None:
        if self.failure is not None:
            raise self.failure()
        self.settled.append(payment_id)
        self.named.append(invoice_id)

    async def follow(self, provider: PaymentProvider, event: Event) -> bool:
        self.subscriptions.append(event.provider_subscription_id)
        return event.provider_subscription_id in self.known_subscriptions


def worker(store: SqlStore, payments: Payments, reports: list[Any] | None = None) -> InboxWorker:
    def report(due: DueEvent, state: EventState, why: str) -> None:
        if reports is not None:
            reports.append((due.attempt, state, why))

    return InboxWorker(SqlInbox(store.database), payments, payments.settle, payments.follow, report)


async def states(store: SqlStore) -> dict[str, str]:
    entries = await SqlInbox(store.database).events(None, "", 100)
    return {each.event.key: each.state for each in entries}


async def told(store: SqlStore) -> list[Any]:
    query = select(outbox.c.key, outbox.c.account_id)
    return await store.database.read(lambda connection: list(connection.execute(query)))


@AT_ONCE_IN_SQL
async def test_an_event_is_kept_once_however_often_it_comes(store: SqlStore) -> None:
    inbox, event = SqlInbox(store.database), paid()
    kept = await asyncio.gather(*(inbox.add(delivery(event, body=b"%d" % number)) for number in range(8)))
    assert sorted(kept) == [False] * 7 + [True]
    others = [
        delivery(paid("event-2")),
        delivery(event, CREEM),
        delivery(replace(event, mode=Mode.LIVE)),
    ]
    assert [await inbox.add(each) for each in others] == [True] * 3
    await worker(store, Payments()).batch()
    store.clock.advance(365 * DAY)
    assert await inbox.add(delivery(event)) is False


async def test_bytes_and_signature_are_kept_as_they_came_for_ninety_days(store: SqlStore) -> None:
    inbox = SqlInbox(store.database)
    query = select(payment_events.c.body, payment_events.c.headers)

    async def kept() -> list[Any]:
        return [tuple(row) for row in await store.database.read(lambda it: it.execute(query).all())]

    await inbox.add(delivery(paid(), body=b"\x00\xff{"))
    store.clock.advance(BODY_DAYS * DAY - 1)
    assert await inbox.empty_bodies(10) == 0
    assert await kept() == [(b"\x00\xff{", '{"myfatoorah-signature": "sig"}')]
    store.clock.advance(1)
    assert await inbox.empty_bodies(10) == 1
    assert await kept() == [(None, None)]
    assert await inbox.empty_bodies(10) == 0
    assert await inbox.add(delivery(paid())) is False


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"reference": "pay_1"}, ["pay_1"]),
        ({"invoice_id": "inv-2"}, ["pay_2"]),
        ({"provider_payment_id": "attempt-1"}, ["pay_1"]),
        ({"reference": "pay_1", "invoice_id": "inv-2"}, ["pay_1"]),
        ({"reference": "pay_other", "invoice_id": "inv-2"}, ["pay_2"]),
        ({"reference": "pay_live", "invoice_id": "inv-live"}, []),
        ({"reference": "pay_creem", "provider_payment_id": "attempt-creem"}, []),
        ({}, []),
    ],
)
async def test_it_settles_the_order_that_is_meant_and_no_other(
    store: SqlStore, values: dict[str, str], expected: list[str]
) -> None:
    payments = Payments(
        payment(1),
        payment(2),
        replace(payment(3), id=PaymentId("pay_live"), mode=Mode.LIVE, invoice_id="inv-live"),
        replace(payment(4), id=PaymentId("pay_creem"), provider=CREEM, provider_payment_id="attempt-creem"),
    )
    await SqlInbox(store.database).add(delivery(paid(**values)))
    await worker(store, payments).batch()
    assert payments.settled == expected
    assert payments.named == [delivery(paid(**values)).event.invoice_id] * len(expected)
    [entry] = await SqlInbox(store.database).events(None, "", 10)
    assert (entry.state, entry.payment_id) == (
        (EventState.DONE, expected[0]) if expected else (EventState.NEW, None)
    )


async def test_subscriptions_are_followed_and_their_first_payment_settled(store: SqlStore) -> None:
    inbox, payments = SqlInbox(store.database), Payments(payment(1))
    payments.known_subscriptions = {"sub_1"}
    of = {"kind": EventKind.SUBSCRIPTION}
    await inbox.add(delivery(paid("first", reference="pay_1", provider_subscription_id="sub_0", **of)))
    await inbox.add(delivery(paid("renewal", provider_subscription_id="sub_1", **of)))
    await inbox.add(delivery(paid("unknown", provider_subscription_id="sub_2", **of)))
    await inbox.add(delivery(paid("other", kind=EventKind.OTHER, reference="pay_1")))
    await worker(store, payments).batch()
    assert payments.settled == ["pay_1"]
    assert sorted(payments.subscriptions) == ["sub_0", "sub_1", "sub_2"]
    assert await states(store) == {"first": "done", "renewal": "done", "unknown": "new", "other": "ignored"}


async def test_what_fails_is_tried_again_ever_later_and_is_dead_in_the_end(store: SqlStore) -> None:
    inbox, payments, reports = SqlInbox(store.database), Payments(payment(1)), list[Any]()
    payments.failure = lambda: GatewayUnavailable("no answer")
    await inbox.add(delivery(paid(reference="pay_1")))
    trying = worker(store, payments, reports)
    for pause_us in PAUSES_US:
        await trying.batch()
        store.clock.advance(pause_us - 1)
        assert not await inbox.claim(10, LEASE_US)
        assert await told(store) == []
        store.clock.advance(1)
    await trying.batch()
    assert [report[0] for report in reports] == list(range(1, TRIES_MAX + 1))
    assert reports[-1] == (TRIES_MAX, EventState.DEAD, "no answer")
    [entry] = await inbox.events(EventState.DEAD, "", 10)
    assert (entry.attempts, entry.error) == (TRIES_MAX, "no answer")
    [(key, account_id)] = await told(store)
    assert (key, account_id) == (f"payment_event_dead:myfatoorah:{store.clock.now() // HOUR}", None)
    store.clock.advance(DAY)
    await trying.batch()
    assert await states(store) == {"event-1": "dead"}


async def test_the_provider_says_how_long_to_wait(store: SqlStore) -> None:
    inbox, payments = SqlInbox(store.database), Payments(payment(1))
    await inbox.add(delivery(paid(reference="pay_1")))
    payments.failure = lambda: GatewayUnavailable("too many", retry_after_s=90.0)
    await worker(store, payments).batch()
    store.clock.advance(90 * SECOND - 1)
    assert not await inbox.claim(10, LEASE_US)
    store.clock.advance(1)
    assert await inbox.claim(10, LEASE_US)


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (lambda: GatewayRefused("no such invoice"), "no such invoice"),
        (lambda: ValueError("+96550123456"), "it broke: ValueError"),
        (TimeoutError, "it took too long"),
    ],
)
async def test_why_it_failed_is_said_without_what_is_nobodys_business(
    store: SqlStore, failure: Callable[[], Exception], why: str
) -> None:
    payments = Payments(payment(1))
    payments.failure = failure
    await SqlInbox(store.database).add(delivery(paid(reference="pay_1")))
    await worker(store, payments).batch()
    [entry] = await SqlInbox(store.database).events(EventState.NEW, "", 10)
    assert entry.error == why


async def test_what_is_about_nothing_we_know_is_ignored_after_its_tries_and_an_operator_may_try_again(
    store: SqlStore,
) -> None:
    inbox, payments = SqlInbox(store.database), Payments()
    await inbox.add(delivery(paid(reference="pay_1")))
    trying = worker(store, payments)
    for pause_us in (*PAUSES_US, 0):
        await trying.batch()
        store.clock.advance(pause_us)
    [entry] = await inbox.events(EventState.IGNORED, "", 10)
    assert await told(store) == []
    payments.known[PaymentId("pay_1")] = payment(1)
    assert await inbox.retry(entry.id, "op_1") is True
    assert await inbox.retry(entry.id, "op_1") is False
    query = select(audit_log.c.actor).where(audit_log.c.subject == entry.id)
    assert await store.database.read(lambda it: it.scalars(query).all()) == ["op_1"]
    await trying.batch()
    assert payments.settled == ["pay_1"]
    assert await states(store) == {"event-1": "done"}


async def test_who_dies_while_handling_is_followed_by_another(store: SqlStore) -> None:
    inbox, payments = SqlInbox(store.database), Payments(payment(1))
    await inbox.add(delivery(paid(reference="pay_1")))
    [due] = await inbox.claim(10, LEASE_US)
    assert not await inbox.claim(10, LEASE_US)
    store.clock.advance(LEASE_US)
    await worker(store, payments).batch()
    assert payments.settled == ["pay_1"]
    await inbox.end(due, EventState.DEAD, error="late")
    assert await states(store) == {"event-1": "done"}


async def test_a_late_failure_does_not_end_what_another_worker_handles(store: SqlStore) -> None:
    inbox = SqlInbox(store.database)
    await inbox.add(delivery(paid(reference="pay_1")))
    [first] = await inbox.claim(10, LEASE_US)
    store.clock.advance(LEASE_US)
    [second] = await inbox.claim(10, LEASE_US)
    await inbox.end(first, EventState.DEAD, error="late")
    await inbox.postpone(first, 0, "late")
    assert not await inbox.claim(10, LEASE_US)
    await inbox.end(second, EventState.DONE)
    assert await states(store) == {"event-1": "done"}


async def test_what_ends_every_worker_is_dead_too(store: SqlStore) -> None:
    inbox = SqlInbox(store.database)
    await inbox.add(delivery(paid(reference="pay_1")))
    for attempt in range(1, TRIES_MAX + 1):
        [due] = await inbox.claim(10, LEASE_US)
        assert due.attempt == attempt
        store.clock.advance(LEASE_US)
    assert not await inbox.claim(10, LEASE_US)
    [entry] = await inbox.events(EventState.DEAD, "", 10)
    assert entry.error == LOST
    assert len(await told(store)) == 1


@AT_ONCE_IN_SQL
async def test_several_workers_handle_each_event_once(store: SqlStore) -> None:
    inbox, payments = SqlInbox(store.database), Payments(*(payment(number) for number in range(20)))
    for number in range(20):
        await inbox.add(delivery(paid(f"event-{number}", reference=f"pay_{number}")))
    workers = [worker(store, payments) for _ in range(3)]
    for _ in range(10):
        await asyncio.gather(*(each.batch() for each in workers))
    assert sorted(payments.settled) == sorted(f"pay_{number}" for number in range(20))
    assert set((await states(store)).values()) == {"done"}


async def test_events_are_listed_newest_first_by_state_and_in_pages(store: SqlStore) -> None:
    inbox = SqlInbox(store.database)
    for number in range(3):
        await inbox.add(delivery(paid(f"event-{number}", reference=f"pay_{number}")))
    first = await inbox.events(None, "", 2)
    rest = await inbox.events(None, first[-1].id, 2)
    ids = [each.id for each in (*first, *rest)]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3
    assert await inbox.events(EventState.DEAD, "", 10) == []


async def test_an_erased_holder_is_in_no_body_any_more(store: SqlStore) -> None:
    payments, inbox = SqlPaymentStore(store.database), SqlInbox(store.database)
    for account_id in (ALICE, BOB):
        await store.open_account(account_id)
    hers, his = (
        replace(payment(number), id=PaymentId(f"pay_of_{owner}"), account_id=owner)
        for number, owner in ((101, ALICE), (102, BOB))
    )
    for each in (hers, his):
        await payments.add(each, each.id)
    about = {
        "by reference": paid("by reference", reference=hers.id),
        "by invoice": paid("by invoice", invoice_id=hers.invoice_id),
        "by transaction": paid("by transaction", provider_payment_id=hers.provider_payment_id),
        "another's": paid("another's", reference=his.id, invoice_id=his.invoice_id),
        "nobody's": paid("nobody's"),
    }
    for event in about.values():
        await inbox.add(delivery(event))
    await store.database.write(lambda connection: forget_bodies(connection, ALICE))
    query = select(payment_events.c.key).where(payment_events.c.body.is_not(None))
    kept = await store.database.read(lambda it: it.scalars(query).all())
    assert set(kept) == {"another's", "nobody's"}
