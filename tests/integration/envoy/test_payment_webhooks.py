"""Payment providers' webhooks through Envoy into a worker: what they signed is kept as it came, and nothing else is believed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import structlog
from sqlalchemy import delete, select, text
from tests.integration.envoy.checks import openai_error
from tests.integration.envoy.edge import run_edge
from tests.support.audit import refused_events
from tests.support.worker import Worker, running_worker

from raseed.adapters.payments.creem import CreemAccount, open_creem
from raseed.adapters.rpc.rest.webhook_bodies import BODY_BYTES_MAX
from raseed.adapters.sql.payments.tables import payment_events
from raseed.adapters.telemetry.log import configure_log, log
from raseed.adapters.telemetry.metrics import PAYMENT_EVENTS
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import SystemClock
from raseed.core.payments.model import Mode

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/webhooks/creem"
OLD, SECRET = "whsec_before_the_rotation", "whsec_of_these_days"
ANSWERED_WITHIN_S = 0.2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Worker, str]]:
    async with (
        running_worker(tmp_path_factory.mktemp("worker")) as worker,
        run_edge(tmp_path_factory.mktemp("edge"), [int(worker.address.rsplit(":", 1)[1])]) as edge,
    ):
        yield worker, edge.url


@pytest_asyncio.fixture(loop_scope="module")
async def http(served: tuple[Worker, str]) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(served[1]) as session:
        yield session


Selling = Callable[[tuple[str, ...], Mode], Awaitable[None]]


@pytest_asyncio.fixture(loop_scope="module")
async def selling(served: tuple[Worker, str]) -> AsyncIterator[Selling]:
    """Puts Creem's gateway with other secrets, or of another mode, into the place of the one that is there."""
    gateways = served[0].platform.payments.gateways
    async with AsyncExitStack() as stack:

        async def put(secrets: tuple[str, ...], mode: Mode) -> None:
            key = "creem_key" if mode is Mode.LIVE else "creem_test_key"
            account = CreemAccount(mode=mode, api_key=key, webhook_secrets=secrets, url="http://127.0.0.1:9")
            gateways[PaymentProvider.CREEM] = await stack.enter_async_context(
                open_creem(account, SystemClock(), 1.0, 1)
            )

        yield put
        gateways.clear()


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _live(served: tuple[Worker, str], selling: Selling) -> None:
    database = served[0].platform.database
    await database.write(lambda connection: connection.execute(delete(payment_events)).rowcount)
    await selling((OLD, SECRET), Mode.LIVE)


def event(id_: str = "evt_1", **values: Any) -> bytes:
    about = {"id": "ch_1", "mode": "prod", "request_id": "pay_1", "customer": {"name": "نور"}} | values
    # As a provider may write it: another order, and other spaces, than whoever parses and writes it again.
    return json.dumps({"object": about, "eventType": "checkout.completed", "id": id_}, indent=1).encode()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"creem-signature": digest, "content-type": "application/json"}


async def kept(worker: Worker) -> list[Any]:
    columns = payment_events.c
    query = select(columns.key, columns.mode, columns.reference, columns.body, columns.headers).order_by(
        columns.id
    )
    return [tuple(row) for row in await worker.platform.database.read(lambda it: it.execute(query).all())]


def counted(outcome: str) -> float:
    return float(PAYMENT_EVENTS.labels("creem", outcome)._value.get())


async def test_what_is_signed_is_kept_byte_for_byte(served, http):
    worker, _ = served
    before, body = counted("kept"), event()
    async with http.post(PATH, data=body, headers=signed(body)) as response:
        assert (response.status, await response.text()) == (200, "")
    assert await kept(worker) == [
        ("evt_1", "live", "pay_1", body, json.dumps({"creem-signature": signed(body)["creem-signature"]}))
    ]
    assert counted("kept") == before + 1


async def test_the_provider_is_answered_at_once(served, http):
    """The quickest of several: other programs on this machine may keep any one waiting."""

    async def took(body: bytes) -> float:
        began = time.monotonic()
        async with http.post(PATH, data=body, headers=signed(body)) as response:
            assert response.status == 200
        return time.monotonic() - began

    assert min([await took(event(f"evt_{number}")) for number in range(5)]) < ANSWERED_WITHIN_S
    assert len(await kept(served[0])) == 5


async def test_however_often_and_in_whatever_pieces_it_comes_it_is_one_event(served, http):
    worker, _ = served
    before, body = counted("repeated"), event(padding="x" * 100_000)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 30_000):
            yield body[start : start + 30_000]

    async def send(data: Any) -> int:
        async with http.post(PATH, data=data, headers=signed(body, OLD)) as response:
            return int(response.status)

    assert await asyncio.gather(*(send(each) for each in (body, pieces(), body, pieces()))) == [200] * 4
    assert [row[3] for row in await kept(worker)] == [body]
    assert counted("repeated") == before + 3


@pytest.mark.parametrize("how", ["missing", "wrong", "of another body", "empty", "of another provider"])
async def test_without_the_providers_signature_nothing_is_kept(served, http, how):
    worker, _ = served
    body = event()
    headers = {
        "missing": {"content-type": "application/json"},
        "wrong": signed(body, "another secret altogether"),
        "of another body": signed(body + b" "),
        "empty": signed(body) | {"creem-signature": ""},
        "of another provider": {"myfatoorah-signature": signed(body)["creem-signature"]},
    }[how]
    before = counted("unsigned")
    async with http.post(PATH, data=body, headers=headers) as response:
        await openai_error(response, 401)
    assert await kept(worker) == []
    assert counted("unsigned") == before + 1


async def test_forgeries_are_in_the_audit_log_and_do_not_fill_it(served, http):
    worker, _ = served
    body = event()
    for _ in range(20):
        async with http.post(PATH, data=body, headers=signed(body, "another secret altogether")) as response:
            assert response.status == 401
    assert (await refused_events(worker, "creem")).count("unsigned count=1") == 1
    assert len(await refused_events(worker, "creem")) <= 2


@pytest.mark.parametrize("secrets", [(), ("",), ("short",), (SECRET, "short")])
async def test_without_a_secret_or_with_one_that_could_be_guessed_nothing_is_processed(
    served, http, selling, secrets
):
    worker, _ = served
    await selling(secrets, Mode.LIVE)
    before = counted("not_configured")
    for secret in (*secrets, SECRET, ""):
        body = event()
        async with http.post(PATH, data=body, headers=signed(body, secret)) as response:
            await openai_error(response, 503)
    assert await kept(worker) == []
    assert counted("not_configured") == before + len(secrets) + 2
    assert (await refused_events(worker, "creem")).count("not_configured count=1") == 1, (
        "and once, not once for each"
    )


async def test_a_provider_that_is_not_configured_has_no_webhook(served, http):
    worker, _ = served
    for headers in ({}, {"myfatoorah-signature": "c2lnbmF0dXJl"}):
        async with http.post("/webhooks/myfatoorah", data=b"{}", headers=headers) as response:
            await openai_error(response, 503)
    assert await kept(worker) == []
    assert await refused_events(worker, "myfatoorah") == ["not_configured count=1"]


async def test_an_event_of_play_money_is_refused_where_money_is_real(served, http, selling):
    worker, _ = served
    body = event(mode="test")
    async with http.post(PATH, data=body, headers=signed(body)) as response:
        await openai_error(response, 403)
    assert await kept(worker) == []
    assert "wrong_mode count=1" in await refused_events(worker, "creem")
    await selling((SECRET,), Mode.TEST)
    async with http.post(PATH, data=body, headers=signed(body)) as response:
        assert response.status == 200
    assert [row[1] for row in await kept(worker)] == ["test"]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"", b'{"id": "evt_1"}', b'{"id": "evt_1", "eventType": "a\\u0000b", "object": {}}']
)
async def test_what_is_signed_and_says_nothing_is_refused(served, http, body):
    async with http.post(PATH, data=body, headers=signed(body)) as response:
        await openai_error(response, 400)
    assert await kept(served[0]) == []
    assert (await refused_events(served[0], "creem")).count("unreadable count=1") == 1


async def test_a_body_that_is_too_long_is_refused_before_it_is_there(http):
    body = b" " * (BODY_BYTES_MAX + 1)
    async with http.post(PATH, data=body, headers=signed(body)) as response:
        await openai_error(response, 413)


async def test_what_could_not_be_kept_is_sent_again(served, http):
    worker, _ = served
    body = event()

    async def rename(old: str, new: str) -> None:
        statement = text(f"ALTER TABLE {old} RENAME TO {new}")
        await worker.platform.database.write(lambda connection: connection.execute(statement) and None)

    await rename("payment_events", "away")
    configure_log("error")  # as JSON: a traceback for a terminal takes seconds
    try:
        async with http.post(PATH, data=body, headers=signed(body)) as response:
            assert response.status >= 500
    finally:
        structlog.reset_defaults()
        log.__dict__.pop("bind", None)  # where a logger that was used keeps what it was configured as
        await rename("away", "payment_events")
    async with http.post(PATH, data=body, headers=signed(body)) as response:
        assert response.status == 200
    assert len(await kept(worker)) == 1


async def test_only_posts_are_taken(http):
    async with http.get(PATH) as response:
        assert response.status == 405
