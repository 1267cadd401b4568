"""The caller's account as a whole: asking for its closing, what operators make of it, and taking its data away."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from tests.integration.rpc.test_admin_credits import refused
from tests.integration.rpc.test_auth import Metadata, bearer
from tests.integration.rpc.test_organisations import person
from tests.support.worker import Worker, error_of

from raseed.accounts.v1 import own_data_pb2 as pb
from raseed.accounts.v1 import own_data_pb2_grpc
from raseed.admin.v1 import account_admin_pb2, audit_pb2
from raseed.core.admin.standing_jobs import forfeit_job
from raseed.core.jobs import run_round
from raseed.core.messaging.notices import NoticeKind
from raseed.rest.v1 import own_data_pb2 as rest_pb
from raseed.rest.v1 import own_data_pb2_grpc as rest_pb_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ask(worker: Worker, metadata: Metadata, method: str, **fields: Any) -> Any:
    stub = own_data_pb2_grpc.OwnDataServiceStub(worker.channel)
    return await getattr(stub, method)(getattr(pb, f"{method}Request")(**fields), metadata=metadata)


async def rest(worker: Worker, metadata: Metadata, method: str, body: Any = None) -> tuple[int, bytes]:
    fields = {} if body is None else {"body": HttpBody(data=json.dumps(body).encode())}
    stub = rest_pb_grpc.OwnDataRestServiceStub(worker.channel)
    call = getattr(stub, method)(getattr(rest_pb, f"{method}Request")(**fields), metadata=metadata)
    headers = dict(await call.initial_metadata())
    parts = [part.data async for part in call]
    return int(headers.get("x-http-status", 200)), b"".join(parts)


async def waiting(worker: Worker) -> list[tuple[str, bool]]:
    request = account_admin_pb2.ListClosingRequestsRequest(page_size=1)
    found: list[tuple[str, bool]] = []
    while True:
        page = await worker.operators.call("ListClosingRequests", request)
        found += [(each.account, each.erase) for each in page.closing_requests]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


async def test_a_holder_asks_for_the_closing_and_operators_do_it(worker: Worker):
    holder = await person(worker)
    me = bearer(holder.token)
    assert not (await ask(worker, me, "GetClosingRequest")).HasField("closing_request")
    first = (await ask(worker, me, "RequestClosing", reason="moved on")).closing_request
    again = (await ask(worker, me, "RequestClosing", reason="moved on", erase=True)).closing_request
    assert (again.requested_at_us, again.erase) == (first.requested_at_us, True)
    assert (await ask(worker, me, "GetClosingRequest")).closing_request == again
    assert (holder.id, True) in await waiting(worker)
    due = await worker.platform.outbox.claim(100, 1)
    assert [each.account_id for each in due if each.kind is NoticeKind.CLOSING_REQUESTED] == [holder.id]

    close = account_admin_pb2.CloseAccountRequest(account=holder.id, reason="asked for")
    await worker.operators.call("CloseAccount", close)
    assert (holder.id, True) in await waiting(worker)  # there is something left to do
    await run_round(forfeit_job(worker.platform.standing, worker.platform.ledger))
    erase = account_admin_pb2.EraseAccountRequest(account=holder.id, reason="asked for")
    await worker.operators.call("EraseAccount", erase)
    assert holder.id not in [account for account, _ in await waiting(worker)]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(worker, me, "GetClosingRequest")
    assert error_of(caught.value)[0] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}


async def test_over_http_a_request_is_made_seen_and_taken_back(worker: Worker):
    holder = await person(worker)
    me = bearer(holder.token)
    status, made = await rest(worker, me, "RequestClosing", {"reason": "too dear"})
    wish = json.loads(made)["closing_request"]
    assert (status, wish["reason"], wish["erase"]) == (200, "too dear", False)
    assert json.loads((await rest(worker, me, "GetClosingRequest"))[1]) == {"closing_request": wish}
    for _ in range(2):
        assert await rest(worker, me, "WithdrawClosing") == (200, b'{"closing_request":null}')
    assert holder.id not in [account for account, _ in await waiting(worker)]
    asked = audit_pb2.ListAuditRowsRequest(subject=holder.id, actor=holder.id)
    rows = (await worker.operators.call("ListAuditRows", asked)).rows
    assert [row.action for row in rows][:2] == ["account.closing_withdrawn", "account.closing_requested"]
    status, refusal = await rest(worker, me, "RequestClosing", {"reason": "x" * 1001})
    assert (status, json.loads(refusal)["error"]["param"]) == (400, "reason")
    assert (await rest(worker, me, "RequestClosing", {"erase": "yes"}))[0] == 400


async def test_a_holder_takes_away_what_is_kept_but_not_what_operators_noted(worker: Worker):
    holder = await person(worker)
    note = account_admin_pb2.AddAccountNoteRequest(account=holder.id, text="be careful with this one")
    await worker.operators.call("AddAccountNote", note)
    me = bearer(holder.token)
    status, body = await rest(worker, me, "ExportOwnData")
    records = [json.loads(line) for line in body.splitlines()]
    assert status == 200
    assert records[0]["phone_e164"] == holder.phone
    assert {"account", "consent", "session", "grant", "ledger_transaction"} <= {
        each["record"] for each in records
    }
    assert b"careful" not in body
    assert holder.token.encode() not in body

    paged: list[str] = []
    token = ""
    while True:
        page = await ask(worker, me, "ExportOwnData", page_size=2, page_token=token)
        paged += page.records
        token = page.next_page_token
        if not token:
            break
    assert [json.loads(record)["record"] for record in paged] == [each["record"] for each in records]
    wrong = ask(worker, me, "ExportOwnData", page_token="YXVkaXQgWzFd")
    assert await refused(wrong) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
