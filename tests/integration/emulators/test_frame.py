"""The emulators themselves: what tests of payments rely on when they say that something went wrong."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.emulators.clock import TurnedClock
from tests.emulators.courier import Bend
from tests.emulators.faults import Fault, How
from tests.emulators.myfatoorah.emulator import MyFatoorah
from tests.emulators.server import serve

HASTY = aiohttp.ClientTimeout(total=0.3)


@dataclass
class Inbox:
    """A platform's webhook."""

    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    def references(self) -> list[str]:
        return [json.loads(body)["Event"]["Reference"] for body in self.bodies]


@asynccontextmanager
async def inbox() -> AsyncIterator[Inbox]:
    found = Inbox()
    app = web.Application()
    app.router.add_post("/", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield found
    finally:
        await runner.cleanup()


@pytest.fixture
async def emulator() -> AsyncIterator[MyFatoorah]:
    made = MyFatoorah(TurnedClock())
    async with serve(made):
        yield made


async def send(emulator: MyFatoorah, **more: Any) -> tuple[int, Any]:
    body = {"InvoiceValue": 2.5, "CustomerName": "Noor", "NotificationOption": "LNK", **more}
    async with (
        aiohttp.ClientSession(timeout=HASTY) as session,
        session.post(
            f"{emulator.served.url}/v2/SendPayment",
            json=body,
            headers={"Authorization": f"Bearer {emulator.token}"},
            allow_redirects=False,
        ) as response,
    ):
        return response.status, json.loads(await response.read())


@pytest.mark.parametrize(
    ("how", "error", "takes_effect"),
    [
        (How.SILENT, TimeoutError, False),
        (How.SILENT, TimeoutError, True),
        (How.SLOW, TimeoutError, True),
        (How.RESET, aiohttp.ClientError, False),
        (How.RESET, aiohttp.ClientError, True),
        (How.GARBAGE, json.JSONDecodeError, True),
        (How.CUT, aiohttp.ClientError, True),  # half of an answer has had its effect
    ],
)
async def test_an_answer_is_lost_with_or_without_its_effect(
    emulator: MyFatoorah, how: How, error: type[Exception], takes_effect: bool
) -> None:
    emulator.served.faults.add(Fault(how=how, takes_effect=takes_effect, path="/v2/SendPayment"))
    with pytest.raises(error):
        await send(emulator)
    assert len(emulator.book.invoices) == takes_effect
    assert (await send(emulator))[0] == 200  # used up


async def test_statuses_headers_and_edits_are_as_scripted(emulator: MyFatoorah) -> None:
    def other_amount(answer: Any) -> None:
        answer["Data"]["InvoiceId"] = 1

    emulator.served.faults.add(
        Fault(how=How.STATUS, status=429, headers={"Retry-After": "7"}, body="{}", path="/v2/Send", times=2),
        Fault(how=How.EDITED, edit=other_amount),
    )
    assert [await send(emulator) for _ in range(2)] == [(429, {}), (429, {})]
    status, answer = await send(emulator)
    assert (status, answer["Data"]["InvoiceId"]) == (200, 1)
    assert (await send(emulator))[1]["Data"]["InvoiceId"] in emulator.book.invoices


async def test_localhost_is_refused_as_the_real_one_does(emulator: MyFatoorah) -> None:
    status, answer = await send(emulator, CallBackUrl="http://localhost:8080/return")
    assert status == 400
    assert answer["ValidationErrors"] == [{"Name": "CallBackUrl", "Error": "The localhost is not allowed."}]
    assert (await send(emulator, CallBackUrl="https://example.com/return"))[0] == 200


async def test_webhooks_come_again_on_the_schedule_and_then_no_more() -> None:
    clock = TurnedClock()
    emulator = MyFatoorah(clock)
    async with serve(emulator), inbox() as taken:
        emulator.served.courier.url = taken.url
        taken.statuses = [500] * 6
        emulator.pay(
            emulator.book.add(customer_reference="p", user_defined="", currency="KWD", value=Decimal(2))
        )
        for _ in range(6):
            assert await emulator.served.courier.deliver() == [500]
            assert await emulator.served.courier.deliver() == []
            clock.turn(180)
        assert await emulator.served.courier.deliver() == []
        assert len(set(taken.bodies)) == 1
        assert len(emulator.served.courier.lost) == 1


async def test_webhooks_are_dropped_copied_delayed_and_reordered() -> None:
    clock = TurnedClock()
    emulator = MyFatoorah(clock)
    courier = emulator.served.courier
    async with serve(emulator), inbox() as taken:
        courier.url = taken.url
        courier.bends = [Bend(drop=True), Bend(copies=2), Bend(delay_s=60), Bend()]
        invoice = emulator.book.add(customer_reference="p", user_defined="", currency="KWD", value=Decimal(2))
        for _ in range(4):
            emulator.decline(invoice)
        assert await courier.deliver(is_reversed=True) == [200] * 3
        assert taken.references() == ["WH-000004", "WH-000002", "WH-000002"]
        clock.turn(60)
        assert await courier.deliver() == [200]
        assert taken.references()[-1] == "WH-000003"


async def test_a_newcomer_presses_a_button(emulator: MyFatoorah) -> None:
    _status, answer = await send(
        emulator, CallBackUrl="https://example.com/return", ErrorUrl="https://example.com/no"
    )
    url = answer["Data"]["InvoiceURL"]
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as page:
            assert "Pay 2.5 KWD" in await page.text()
        async with session.post(
            url, data={"method": "kn", "action": "decline"}, allow_redirects=False
        ) as gone:
            assert gone.headers["Location"].startswith("https://example.com/no?paymentId=0707")
        async with session.post(url, data={"method": "kn", "action": "pay"}, allow_redirects=False) as gone:
            assert gone.headers["Location"].startswith("https://example.com/return?paymentId=0707")
        async with session.get(url) as page:
            assert "Paid" in await page.text()
    assert len(emulator.served.asked) == 1  # pages are no API


async def test_they_run_alone(tmp_path: Any) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.emulators",
        "--webhooks",
        "http://127.0.0.1:9",
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        told = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{told['myfatoorah']['url']}/people/orders") as answer,
        ):
            assert await answer.json() == {"orders": []}
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
