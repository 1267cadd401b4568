"""The schedule ends whatever was begun, alone; and a day at the provider is compared with ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.contract.ledger.conftest import POSTGRES, POSTGRES_3, SQLITE
from tests.support.fake_gateway import Fault
from tests.support.faulty_ledger import FaultyLedger, When
from tests.support.orders import CREDIT
from tests.support.till import Till, Worker
from tests.unit.billing.builders import BOB

from raseed.adapters.sql.admin.tables import audit_details, audit_log
from raseed.adapters.sql.payments.comparisons import SqlComparisonStore
from raseed.adapters.sql.payments.tables import payments as rows
from raseed.core.billing.commands import IssueGrant
from raseed.core.clock import DAY, HOUR, MINUTE, Microseconds
from raseed.core.ids import PaymentId
from raseed.core.jobs import run_round
from raseed.core.payments.comparing import AFTER_US, Comparing, Comparison
from raseed.core.payments.model import Mode, PaymentState, RefundState
from raseed.core.payments.ports import GatewayMissing, GatewayUnavailable
from raseed.core.payments.refunds import ASK_AGAIN_US
from raseed.core.payments.schedule import LEASE_US, LOOKS_MAX, look_job
from raseed.core.payments.states import LOOKS_MAX_US

ON_BOTH = pytest.mark.parametrize("store", [SQLITE, POSTGRES], indirect=True)
AT_ONCE = pytest.mark.parametrize("store", [SQLITE, POSTGRES_3], indirect=True)


class Looking:
    """The job of one worker, and what it reported."""

    def __init__(self, worker: Worker, **limits: Any) -> None:
        self.failed: list[tuple[PaymentId, str]] = []
        self.job = look_job(
            worker.payments,
            worker.settling,
            worker.refunds,
            lambda payment_id, error: self.failed.append((payment_id, type(error).__name__)),
            **limits,
        )

    async def round(self) -> None:
        """As `run_round`, without its pauses."""
        while await self.job.batch():
            pass


async def test_what_is_paid_is_credited_by_the_schedule_alone(till: Till):
    looking = Looking(till.workers[0])
    payments = [await till.place(number) for number in range(LOOKS_MAX + 3)]
    for payment in payments:
        till.pay(payment)
    await looking.round()
    assert await till.granted() == [], "nothing is due yet"
    till.store.clock.advance(MINUTE)
    await looking.round()
    assert await till.spendable() == len(payments) * CREDIT
    assert till.book.calls["look_up"] == len(payments)
    assert looking.failed == []


@pytest.mark.parametrize("outage_us", [15 * MINUTE, 6 * HOUR])
async def test_after_an_outage_of_ours_all_that_was_paid_is_credited(till: Till, outage_us: int):
    """No worker, no event and no browser: whatever came meanwhile was lost."""
    payments = [await till.place(number) for number in range(5)]
    till.store.clock.advance(outage_us // 2)
    for payment in payments:
        till.pay(payment)
    till.store.clock.advance(outage_us // 2)
    await Looking(till.workers[0]).round()
    assert await till.spendable() == len(payments) * CREDIT


async def test_what_nobody_pays_is_looked_at_ever_more_rarely(till: Till):
    looking = Looking(till.workers[0])
    await till.place(0)
    while (next_ := (await till.payment(PaymentId("pay_000"))).next_check_at) is not None:
        till.store.clock.advance(next_ - till.store.clock.now())
        await looking.round()
    assert till.book.calls["look_up"] == 5 + 71 + 27
    assert (await till.payment(PaymentId("pay_000"))).state is PaymentState.EXPIRED


@AT_ONCE
async def test_of_several_workers_one_looks(till: Till):
    for number in range(6):
        till.pay(await till.place(number))
    till.store.clock.advance(MINUTE)
    till.book.pace_s = 0.01
    looking = [Looking(worker) for worker in till.workers]
    for each in looking:
        await each.round()
    assert till.book.calls["look_up"] == 6
    assert await till.spendable() == 6 * CREDIT


async def test_one_that_cannot_be_looked_at_does_not_stop_the_others(till: Till):
    payments = [await till.place(number) for number in range(3)]
    for payment in payments:
        till.pay(payment)
    till.book.fail("look_up", Fault.BEFORE)
    till.store.clock.advance(MINUTE)
    looking = Looking(till.workers[0])
    await looking.round()
    assert [kind for _, kind in looking.failed] == [GatewayUnavailable.__name__]
    assert await till.spendable() == 2 * CREDIT
    till.store.clock.advance(MINUTE)
    await looking.round()
    assert await till.spendable() == 3 * CREDIT


async def test_one_that_hangs_is_given_up_and_due_again(till: Till):
    till.pay(await till.place(0))
    till.book.fail("look_up", Fault.LATE)
    till.store.clock.advance(MINUTE)
    looking = Looking(till.workers[0], look_s=0.05)
    await looking.round()
    assert [kind for _, kind in looking.failed] == ["TimeoutError"]
    till.store.clock.advance(LEASE_US)
    await Looking(till.workers[0]).round()
    assert await till.spendable() == CREDIT


@pytest.mark.parametrize("when", When)
async def test_what_a_ledger_that_was_down_left_is_credited_a_minute_later(till: Till, when: When):
    till.pay(await till.place(0))
    faulty = FaultyLedger(till.store.ledger)
    faulty.fail(IssueGrant, when)
    till.store.clock.advance(MINUTE)
    looking = Looking(till.worker(ledger=faulty))
    await looking.round()
    assert (await till.payment(PaymentId("pay_000"))).state is PaymentState.PAID
    till.store.clock.advance(MINUTE)
    await looking.round()
    assert await till.spendable() == CREDIT


async def test_a_payment_of_a_provider_that_is_not_configured_is_reported_and_left_alone(till: Till):
    """Reported at the moments of the schedule, and not whenever a worker is free: it may be so for good."""
    payment = await till.place(0)
    till.pay(payment)
    till.store.clock.advance(MINUTE)
    looking = Looking(till.worker(mode=Mode.LIVE))
    await looking.round()
    assert looking.failed == [(payment.id, GatewayMissing.__name__)]
    left = await till.payment(payment.id)
    assert left == replace(
        payment, version=left.version, next_check_at=Microseconds(payment.created_at + 2 * MINUTE)
    )
    till.store.clock.advance(LOOKS_MAX_US)
    await looking.round()
    assert (await till.payment(payment.id)).next_check_at == till.store.clock.now() + DAY
    assert till.book.calls["look_up"] == 0


async def test_a_refund_whose_answer_was_lost_is_ended_by_the_schedule(till: Till):
    payment = await till.order()
    till.pay(payment)
    await till.workers[0].settling.settle(payment.id)
    till.book.fail("refund", Fault.BEFORE)
    ask = till.workers[0].refunds.refund
    asked = await ask(payment.id, None, reason="asked for", request_key="r1", actor="op_1")
    assert asked.state is RefundState.REQUESTED
    till.store.clock.advance(ASK_AGAIN_US)
    await Looking(till.workers[0]).round()
    [ended] = await till.workers[0].payments.refunds(payment.id)
    assert ended.state is RefundState.DONE
    assert await till.spendable() == 0


class Day:
    """Comparisons of one worker."""

    def __init__(self, till: Till, worker: Worker) -> None:
        self.till = till
        self.found: list[Comparison] = []
        self.comparing = Comparing(
            worker.payments,
            SqlComparisonStore(till.store.database),
            worker.gateways,
            worker.settling,
            till.store.clock,
            self.found.append,
        )

    async def next(self) -> Comparison:
        """Of the day that it is now, once it is over."""
        clock = self.till.store.clock
        clock.advance(DAY - clock.now() % DAY + AFTER_US)
        await run_round(self.comparing.job())
        return self.found[-1]


@pytest.fixture
def day(till: Till) -> Day:
    clock = till.store.clock
    clock.advance(DAY - clock.now() % DAY + 12 * HOUR)
    return Day(till, till.workers[0])


def details(comparison: Comparison) -> list[tuple[str, str]]:
    return [(difference.subject, difference.detail) for difference in comparison.differences]


@ON_BOTH
async def test_a_day_without_differences_is_written_down_once(till: Till, day: Day):
    for number in range(3):
        payment = await till.place(number)
        till.pay(payment)
        await till.workers[0].settling.settle(payment.id)
    await till.place(9)
    compared = await day.next()
    assert details(compared) == []
    assert compared.summary == (
        f"{compared.day}: at the provider 3 paid (6.000 KWD), here 3 paid (6.000 KWD), differences: 0"
    )
    await run_round(day.comparing.job())
    other = Day(till, till.workers[1])
    await run_round(other.comparing.job())
    assert (len(day.found), other.found) == (1, [])
    assert await till.told() == []
    following = await day.next()
    assert (following.begin, following.seen_count) == (compared.end, 0)


async def test_what_is_late_is_credited_by_the_comparison(till: Till, day: Day):
    payment = await till.place(0)
    till.pay(payment)
    compared = await day.next()
    assert (details(compared), compared.payment_count) == ([], 1)
    assert await till.spendable() == CREDIT


async def test_one_order_that_cannot_be_settled_hides_no_other(till: Till, day: Day):
    stuck, late = [await till.place(number) for number in range(2)]
    for payment in (stuck, late):
        till.pay(payment)
    till.book.fail("look_up", Fault.REFUSED)
    compared = await day.next()
    assert details(compared) == [(stuck.id, "2.000 KWD paid at the provider, and here GatewayRefused")]
    assert await till.workers[0].payments.in_state(PaymentState.CREDITED, "", 9) == [
        await till.workers[0].payments.payment(late.id)
    ]


@ON_BOTH
async def test_each_difference_is_named_and_operators_are_told_once(till: Till, day: Day):
    store = till.workers[0].payments
    payments = [await till.place(number) for number in range(6)]
    odd, unknown, missing, ungranted, other, overdone = payments
    for payment in (odd, unknown, missing, ungranted, other, overdone):
        till.pay(payment)
    till.book.change(odd.id, amount_minor=1_999)
    for payment in payments:
        await till.workers[0].settling.settle(payment.id)
    till.book.change(
        unknown.id, reference="pay_elsewhere", invoice_id="inv_elsewhere", provider_payment_id="t9"
    )
    del till.book.orders[missing.id]

    def spoil(connection: Any) -> None:
        def change(payment: PaymentId, **values: Any) -> None:
            connection.execute(update(rows).where(rows.c.id == payment).values(values))

        change(ungranted.id, account_id=BOB)
        change(other.id, granted_microcredits=1)
        change(overdone.id, state="review", credited_at=None)

    await till.store.database.write(spoil)
    compared = await day.next()
    assert sorted(details(compared)) == [
        ("inv_elsewhere", "2.000 KWD paid at the provider, and no such payment here"),
        (odd.id, "amount: ordered 2000, seen 1999"),
        (unknown.id, "2.000 KWD paid here, and not in the provider's list"),
        (missing.id, "2.000 KWD paid here, and not in the provider's list"),
        (ungranted.id, "credited, and the ledger has no grant for it"),
        (other.id, "the ledger has a grant of another amount for it"),
        (overdone.id, "2.000 KWD paid at the provider, and review here"),
        (overdone.id, "the ledger has a grant for it, and it is not credited"),
    ]

    def audited(connection: Any) -> list[Any]:
        query = (
            select(audit_log.c.action, audit_log.c.subject, audit_details.c.detail)
            .join_from(audit_log, audit_details, audit_details.c.seq == audit_log.c.seq)
            .where(audit_log.c.action.like("payments.%"))
            .order_by(audit_log.c.seq)
        )
        return [tuple(row) for row in connection.execute(query)]

    summary, *each = await till.store.database.read(audited)
    assert summary == ("payments.compared", "myfatoorah:test", compared.summary)
    assert [(subject, detail) for _, subject, detail in each] == details(compared)
    told = await till.told()
    assert told.count("payment_to_review") == 2, "one when the odd one came, one for the day"
    assert (await store.payment(odd.id)) is not None


async def test_a_provider_that_does_not_answer_is_asked_again_for_the_same_day(till: Till, day: Day):
    till.book.fail("paid_between", Fault.BEFORE)
    with pytest.raises(GatewayUnavailable):
        await day.next()
    await run_round(day.comparing.job())
    assert [comparison.differences for comparison in day.found] == [()]


async def test_after_days_without_a_worker_each_day_is_compared(till: Till, day: Day):
    await day.next()
    till.store.clock.advance(3 * DAY)
    await run_round(day.comparing.job())
    ends = [comparison.end for comparison in day.found]
    assert ends == [Microseconds(ends[0] + number * DAY) for number in range(4)]
