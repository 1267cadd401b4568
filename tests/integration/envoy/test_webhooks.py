"""Meta's webhook through Envoy into a worker: signed bytes arrive as they were sent, and nothing else is believed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from sqlalchemy import select
from tests.integration.envoy.checks import openai_error
from tests.integration.envoy.edge import run_edge
from tests.support.worker import Worker, running_worker

from raseed.adapters.messaging.meta_webhook import SIGNATURE_HEADER
from raseed.adapters.rpc.call import ADDRESS_HEADER
from raseed.adapters.rpc.rest.webhook_bodies import BODIES_FROM_NETWORK_MAX, BODY_BYTES_MAX
from raseed.adapters.sql.messaging.outbox import SqlOutbox
from raseed.adapters.sql.messaging.tables import outbox
from raseed.adapters.telemetry.metrics import MESSAGE_REPORTS
from raseed.core.ids import AccountId
from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.messaging.ports import Channel
from raseed.rest.v1 import webhooks_pb2, webhooks_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/webhooks/whatsapp"
SECRET, TOKEN = "app-secret", "verify-token%/&=é"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Worker, str]]:
    environ: dict[str, Any] = {
        "RASEED_WHATSAPP_META_APP_SECRET": SECRET,
        "RASEED_WHATSAPP_META_VERIFY_TOKEN": TOKEN,
    }
    async with (
        running_worker(tmp_path_factory.mktemp("worker"), **environ) as worker,
        run_edge(tmp_path_factory.mktemp("edge"), [int(worker.address.rsplit(":", 1)[1])]) as edge,
    ):
        yield worker, edge.url


@pytest_asyncio.fixture(loop_scope="module")
async def http(served: tuple[Worker, str]) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(served[1]) as session:
        yield session


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={digest}", "content-type": "application/json"}


def report(provider_id: str, status: str, code: int | None = None) -> bytes:
    errors = [] if code is None else [{"code": code}]
    statuses = [{"id": provider_id, "status": status, "errors": errors, "name": "شكرا"}]
    body = {"entry": [{"changes": [{"value": {"statuses": statuses}}]}]}
    # Meta escapes what is not ASCII; a body that was parsed and written again would have other bytes.
    return json.dumps(body, indent=1).encode()


async def sent_notice(worker: Worker, cause: str) -> str:
    """A notice that was accepted by Meta: the provider's id for it."""
    client = await worker.client(cause)
    store, provider_id = SqlOutbox(worker.platform.database), f"wamid.{cause}"
    account_id = AccountId(client.account)
    await store.add(Notice(kind=NoticeKind.CREDITS_EXHAUSTED, account_id=account_id, cause=cause))
    for due in await store.claim(100, 60_000_000):
        ours = due.account_id == account_id and due.kind is NoticeKind.CREDITS_EXHAUSTED
        await store.mark_sent(due, Channel.WHATSAPP, provider_id if ours else "")
    return provider_id


async def state(worker: Worker, cause: str) -> tuple[str, str]:
    query = select(outbox).where(outbox.c.key == f"credits_exhausted:{cause}")
    row = await worker.platform.database.read(lambda connection: connection.execute(query).one())
    return row.state, row.delivery


async def test_what_meta_signed_is_believed_once(served, http):
    worker, _ = served
    provider_id = await sent_notice(worker, "delivered")
    counted = MESSAGE_REPORTS.labels("delivered")._value.get()
    for status in ("delivered", "sent", "delivered"):
        body = report(provider_id, status)
        async with http.post(PATH, data=body, headers=signed(body)) as response:
            assert (response.status, await response.text()) == (200, "")
    assert await state(worker, "delivered") == ("sent", "delivered")
    assert MESSAGE_REPORTS.labels("delivered")._value.get() == counted + 2


async def test_what_cannot_be_delivered_is_due_on_the_next_channel(served, http):
    worker, _ = served
    body = report(await sent_notice(worker, "unreachable"), "failed", 131026)
    async with http.post(PATH, data=body, headers=signed(body)) as response:
        assert response.status == 200
    assert (await state(worker, "unreachable"))[0] == "pending"


async def test_a_body_in_pieces_is_one_body(http):
    body = report("wamid.codes-are-unknown", "delivered") + b" " * 200_000

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    async with http.post(PATH, data=pieces(), headers=signed(body)) as response:
        assert response.status == 200


@pytest.mark.parametrize("how", ["missing", "wrong", "of another body", "empty"])
async def test_without_metas_signature_nothing_happens(served, http, how):
    worker, _ = served
    cause = f"forged {how}"
    body = report(await sent_notice(worker, cause.replace(" ", "-")), "failed", 131042)
    headers = {
        "missing": {"content-type": "application/json"},
        "wrong": signed(body, "another secret"),
        "of another body": signed(body + b" "),
        "empty": signed(body, "") | {"x-hub-signature-256": "sha256="},
    }[how]
    async with http.post(PATH, data=body, headers=headers) as response:
        await openai_error(response, 401)
    assert await state(worker, cause.replace(" ", "-")) == ("sent", "")


async def test_a_body_that_is_too_long_is_refused_before_it_is_there(http):
    body = b" " * (BODY_BYTES_MAX + 1)
    async with http.post(PATH, data=body, headers=signed(body)) as response:
        await openai_error(response, 413)


async def test_what_is_signed_and_no_json_is_refused(http):
    async with http.post(PATH, data=b"{", headers=signed(b"{")) as response:
        await openai_error(response, 400)


async def test_one_network_does_not_hold_the_places_of_all(served):
    """Bodies that never end, under any signature: the places are free again when their senders go."""
    stub, end = webhooks_pb2_grpc.WebhooksServiceStub(served[0].channel), asyncio.Event()
    body = report("wamid.codes-are-unknown", "delivered")
    piece = webhooks_pb2.ReceiveWhatsappReportsRequest(body=HttpBody(data=body))

    async def slow() -> AsyncIterator[webhooks_pb2.ReceiveWhatsappReportsRequest]:
        yield piece
        await end.wait()

    async def status(address: str) -> str:
        by = ((ADDRESS_HEADER, address), (SIGNATURE_HEADER, signed(body)[SIGNATURE_HEADER]))
        call = stub.ReceiveWhatsappReports(iter([piece]), metadata=by)
        return str(dict(await call.initial_metadata()).get("x-http-status", "200"))

    async def becomes(expected: str, address: str) -> None:
        for _ in range(200):  # the server hears of each call, and of its end, a moment later
            if await status(address) == expected:
                return
            await asyncio.sleep(0.01)
        pytest.fail(f"never {expected}")

    holding = [
        stub.ReceiveWhatsappReports(
            slow(), metadata=((ADDRESS_HEADER, f"192.0.2.{number}"), (SIGNATURE_HEADER, "sha256=x"))
        )
        for number in range(BODIES_FROM_NETWORK_MAX)
    ]
    try:
        await becomes("503", "192.0.2.77")
        assert await status("198.51.100.1") == "200"
    finally:
        for call in holding:
            call.cancel()
        end.set()
    await becomes("200", "192.0.2.77")


async def test_metas_question_is_answered_to_who_knows_the_token(http):
    params = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444"}
    async with http.get(PATH, params=params) as response:
        assert (response.status, await response.text()) == (200, "1158201444")
        assert response.content_type == "text/plain"
    for wrong in ({"hub.verify_token": "x"}, {"hub.mode": "unsubscribe"}, {"hub.verify_token": ""}):
        async with http.get(PATH, params=params | wrong) as response:
            await openai_error(response, 403)
    async with http.put(PATH, data=b"") as response:
        assert response.status == 405


async def test_preferences_over_http(served, http):
    worker, _ = served
    client = await worker.client("preferences", scopes=("account:read", "account:write"))
    headers = dict(client.metadata)
    async with http.patch(
        "/api/account/notices", json={"wanted": {"credit_warning": False}}, headers=headers
    ) as response:
        assert response.status == 200
    async with http.get("/api/account/notices", headers=headers) as response:
        answer = await response.json()
    assert answer["language"] == "ar"
    assert [each["kind"] for each in answer["notices"] if not each["wanted"]] == ["credit_warning"]
    async with http.get("/api/account/notices") as response:
        await openai_error(response, 401)
