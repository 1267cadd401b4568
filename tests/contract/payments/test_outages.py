"""We are away while buyers pay, and every try of the provider to tell us falls into that time: the schedule alone finds it.

Real are the provider's emulator over HTTP with its retries, the gateway, the store, the ledger and the job; the clock is
turned, and a worker that is away is one that was never started again before its time.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.contract.payments.test_myfatoorah_settling import Counter, counter_of
from tests.emulators.myfatoorah.book import Invoice
from tests.support.orders import CREDIT
from tests.support.till import PACK, RETURN_URL
from tests.unit.billing.builders import ALICE, BOB

from raseed.core.clock import HOUR, MINUTE
from raseed.core.jobs import run_round
from raseed.core.payments.checkout import Order
from raseed.core.payments.model import Payment, PaymentState
from raseed.core.payments.ports import Buyer
from raseed.core.payments.schedule import look_job

ORDERS = 6
STEP_US = 1 * MINUTE
PAID_EVERY = 2
"""Steps between two payments."""


def nobodys_address() -> str:
    """Where connections are refused."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{found.getsockname()[1]}/webhooks/myfatoorah"


async def order(counter: Counter, number: int) -> tuple[Payment, Invoice]:
    account_id = BOB if number % 2 else ALICE
    ordered = Order(account_id=account_id, actor=account_id, item=PACK, request_key=str(number))
    payment = await counter.workers[number % 3].checkout.start(ordered, Buyer(), RETURN_URL)
    return payment, counter.invoice()


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("outage_us", [15 * MINUTE, 6 * HOUR])
async def test_what_was_paid_while_we_were_away_is_credited_by_the_schedule_alone(
    tmp_path: Path, outage_us: int, version: int
):
    async with counter_of(tmp_path, version) as counter:
        courier = counter.emulator.served.courier
        courier.url = nobodys_address()
        orders = [await order(counter, number) for number in range(ORDERS)]
        unpaid = [invoice for _, invoice in orders]
        for step in range(outage_us // STEP_US):
            counter.store.clock.advance(STEP_US)
            if unpaid and step % PAID_EVERY == 0:
                counter.emulator.pay(unpaid.pop())
            await courier.deliver()
        assert not unpaid
        assert len(courier.posted) == ORDERS
        assert set(courier.answers) == {0}, "every try so far found nobody"
        assert outage_us < HOUR or len(courier.lost) == ORDERS, "and there is no other"
        courier.waiting.clear()  # of the short one: what is still to be tried never comes
        assert await counter.balance(ALICE) == await counter.balance(BOB) == 0

        back = counter.workers[0]
        failed: list[object] = []
        job = look_job(back.payments, back.settling, back.refunds, lambda *what: failed.append(what))
        await run_round(job)
        assert failed == []
        states = {(await back.settling.read(payment.id)).state for payment, _ in orders}
        assert states == {PaymentState.CREDITED}
        assert await counter.balance(ALICE) == await counter.balance(BOB) == ORDERS // 2 * CREDIT
        await run_round(job)
        assert await counter.balance(ALICE) == ORDERS // 2 * CREDIT
