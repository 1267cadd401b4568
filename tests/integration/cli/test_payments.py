"""`raseed payments` by the admin listener, at an emulated MyFatoorah: what was paid is seen, asked for, given back, compared."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update
from tests.emulators.faults import Fault, How
from tests.emulators.myfatoorah.book import Invoice
from tests.emulators.myfatoorah.emulator import SECRET, TOKEN, MyFatoorah
from tests.emulators.server import serve
from tests.support.command_line import Outcome, run_cli
from tests.support.worker import Worker, running_worker

from raseed.adapters.sql.payments.tables import refunds
from raseed.admin.v1 import operators_pb2
from raseed.core.accounts.model import Caller, Tier
from raseed.core.admin.operators import OperatorScope
from raseed.core.billing.policy import PaymentProvider
from raseed.core.ids import AccountId, PersonId
from raseed.core.payments.inbox import Delivery, EventState
from raseed.core.payments.model import Item, ItemKind, Mode, Payment
from raseed.core.payments.ports import Event, EventKind

LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Office:
    """A platform with an operator, and a bank."""

    worker: Worker
    bank: MyFatoorah
    key_file: Path

    async def __call__(self, *arguments: str) -> Outcome:
        by = ("--server", self.worker.listener_address, "--key-file", str(self.key_file))
        said = await asyncio.to_thread(run_cli, {"RASEED_CONFIG": ""}, *by, *arguments)
        # The worker is in this process, and what it logs comes out here too.
        lines = said.out.splitlines(keepends=True)
        return replace(said, out="".join(line for line in lines if not LOGGED.match(line)))

    async def account(self, name: str) -> str:
        made = await self("accounts", "create", "--email", f"{name}@example.com", "--no-welcome", "--json")
        return str(made.value["id"])

    async def order(self, account: str) -> Payment:
        caller = Caller(account_id=AccountId(account), tier=Tier.FREE, person_id=PersonId(account))
        payment = await self.worker.platform.payments.buying.order(
            caller,
            Item(kind=ItemKind.PACK, id="pack_5000"),
            method="kn",
            language="en",
            request_key=f"order of {account}",
        )
        assert payment.url
        return payment

    def invoice(self, payment: Payment) -> Invoice:
        return self.bank.book.invoices[int(payment.invoice_id)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    folder = tmp_path_factory.mktemp("payments")
    bank = MyFatoorah(allows_localhost=True, has_auto_refund=True)
    async with serve(bank) as url:
        environ: dict[str, Any] = {
            "RASEED_MYFATOORAH_TOKEN": TOKEN,
            "RASEED_MYFATOORAH_WEBHOOK_SECRET": SECRET,
            "RASEED_MYFATOORAH_URL": url,
        }
        async with running_worker(folder, **environ) as worker:
            request = operators_pb2.CreateOperatorRequest(name="ada", scopes=list(OperatorScope))
            made = await worker.operators.call("CreateOperator", request)
            key_file = folder / "key"
            key_file.touch(0o600)
            key_file.write_text(made.key, encoding="utf-8")
            yield Office(worker, bank, key_file)


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _no_faults(office: Office) -> None:
    office.bank.served.faults.clear()


async def test_what_was_paid_and_nobody_told_us_is_found_by_asking(office):
    account = await office.account("asked")
    payment = await office.order(account)
    assert (await office("payments", "check", payment.id, "--json")).value["state"] == "pending"
    office.bank.pay(office.invoice(payment), "kn")
    checked = (await office("payments", "check", payment.id, "--json")).value
    assert (checked["state"], checked["credits"], checked["amount"]) == ("credited", 5000, "2.000")
    assert (await office("balance", account, "--json")).value["credits"]["balance"] == 5000
    [listed] = (await office("payments", "list", "--account", account, "--json")).value
    assert listed["id"] == payment.id
    assert payment.id in (await office("payments", "list", "--state", "credited")).out
    assert payment.id in (await office("payments", "list", "--limit", "1")).out
    shown = (await office("payments", "show", payment.id)).out
    assert "credited" in shown
    assert account in shown
    assert (await office("payments", "show", payment.id, "--json")).value["refunds"] == []


async def test_money_goes_back_once_for_each_request_and_the_credit_with_it(office):
    account = await office.account("refunded")
    payment = await office.order(account)
    office.bank.pay(office.invoice(payment), "kn")
    await office("payments", "check", payment.id)
    arguments = ("payments", "refund", payment.id, "--reason", "asked", "--request-id", "one")
    first = (await office(*arguments, "--amount", "0.500", "--json")).value
    assert (first["refund"]["state"], first["payment"]["refunded"]) == ("done", "0.500")
    assert (await office(*arguments, "--amount", "0.500", "--json")).value["refund"]["id"] == first["refund"][
        "id"
    ]
    assert (await office("balance", account, "--json")).value["credits"]["balance"] == 3750
    assert len(office.invoice(payment).refunds) == 1
    assert "0.600" not in (await office(*arguments, "--amount", "0.600")).refused()
    assert (
        "are left"
        in (await office("payments", "refund", payment.id, "--reason", "x", "--amount", "2")).refused()
    )
    (await office("payments", "refund", payment.id, "--reason", "x", "--amount", "0.0005")).refused(2)
    rest = (await office("payments", "refund", payment.id, "--reason", "the rest", "--json")).value
    assert rest["payment"]["refunded"] == "2.000"
    assert (await office("balance", account, "--json")).value["credits"]["balance"] == 0
    told = [row["detail"] for row in (await office("audit", "list", "--subject", payment.id, "--json")).value]
    assert any("asked" in (detail or "") for detail in told), told


async def test_a_refund_that_was_given_up_without_a_word_is_ended_by_an_operator(office):
    """The bank's people say on the telephone that they lost it; until then nobody ends what the bank says it is at."""
    payment = await office.order(await office.account("given up"))
    office.bank.pay(office.invoice(payment), "kn")
    await office("payments", "check", payment.id)
    office.bank.served.faults.add(Fault(how=How.RESET, path="/v2/MakeRefund"))
    asked = (await office("payments", "refund", payment.id, "--reason", "asked", "--json")).value["refund"]
    assert asked["state"] == "requested"
    end = ("payments", "refund-failed", payment.id, asked["id"], "--reason", "lost")
    assert "may be about to do this refund" in (await office(*end)).refused()
    database = office.worker.platform.database
    earlier = update(refunds).where(refunds.c.id == asked["id"]).values(asked_at=1)
    await database.write(lambda connection: connection.execute(earlier).rowcount)
    ended = (await office(*end, "--json")).value
    assert (ended["refund"]["state"], ended["payment"]["refunded"]) == ("failed", "0.000")
    assert asked["id"] in (await office(*end)).out, "said twice, it is the same"
    told = [row["detail"] for row in (await office("audit", "list", "--subject", payment.id, "--json")).value]
    assert f"{asked['id']} lost" in told
    again = (await office("payments", "refund", payment.id, "--reason", "asked", "--json")).value
    assert (again["refund"]["state"], again["payment"]["refunded"]) == ("done", "2.000")
    done = ("payments", "refund-failed", payment.id, again["refund"]["id"], "--reason", "lost")
    assert "This refund is done" in (await office(*done)).refused()
    (await office("payments", "refund-failed", payment.id, "rfd_none", "--reason", "x")).refused()


async def test_what_was_paid_is_not_what_was_ordered_until_somebody_decides(office):
    accepted, rejected = [await office.order(await office.account(name)) for name in ("accepted", "rejected")]
    for payment in (accepted, rejected):
        office.bank.pay(office.invoice(payment), "kn", value=Decimal("1.000"))
        office.invoice(payment).value = Decimal("1.000")
        assert (await office("payments", "check", payment.id, "--json")).value["state"] == "review"
    waiting = (await office("payments", "list", "--state", "review")).out
    assert accepted.id in waiting
    assert "amount" in waiting
    done = (
        await office("payments", "accept", accepted.id, "--reason", "his bank took a fee", "--json")
    ).value
    assert (done["state"], done["amount"], done["received"]) == ("credited", "2.000", "1.000")
    done = (await office("payments", "reject", rejected.id, "--reason", "no", "--json")).value
    assert done["state"] == "rejected"
    (await office("payments", "accept", rejected.id, "--reason", "after all")).refused()


async def test_what_cannot_be_is_one_line(office):
    for arguments in (
        ("show", "pay_nobody"),
        ("check", "pay_nobody"),
        ("list", "--state", "stolen"),
        ("list", "--account", "nobody@example.com"),
        ("events", "--state", "lost"),
        ("events", "--retry", "evt_nobody"),
        ("report", "--day", "yesterday"),
    ):
        assert (await office("payments", *arguments)).refused().count("\n") == 1
    payment = await office.order(await office.account("away"))
    office.bank.served.faults.add(Fault(how=How.STATUS, times=20))
    assert "The payment provider: " in (await office("payments", "check", payment.id)).refused()


async def test_what_providers_told_is_listed_and_tried_again(office):
    event = Event(key="event-1", kind=EventKind.PAYMENT, name="PAYMENT_STATUS_CHANGED", mode=Mode.TEST)
    told = Delivery(provider=PaymentProvider.MYFATOORAH, event=event, headers={}, body=b"{}")

    inbox = office.worker.platform.payments.inbox
    await inbox.add(told)
    [due] = await inbox.claim(1, 1)
    await inbox.end(due, EventState.DEAD, error="no answer")
    [dead] = (await office("payments", "events", "--state", "dead", "--json")).value
    assert (dead["name"], dead["tries"], dead["error"]) == ("PAYMENT_STATUS_CHANGED", 1, "no answer")
    assert "no answer" in (await office("payments", "events")).out
    assert (await office("payments", "events", "--retry", dead["id"])).status == 0
    assert (await office("payments", "events", "--state", "dead", "--json")).value == []
    (await office("payments", "events", "--retry", dead["id"])).refused()


async def test_a_provider_without_a_list_is_not_compared(office):
    report = (await office("payments", "report", "--json")).value
    [provider] = report["providers"]
    assert (provider["provider"], provider["compared"], provider["differences"]) == ("myfatoorah", False, [])
    assert "nothing is compared" in (await office("payments", "report", "--day", "2026-05-01")).out
