"""AuditService: pages and filters over the wire."""

from __future__ import annotations

import pytest
from tests.integration.rpc.test_admin_credits import refused
from tests.support.worker import Worker

from raseed.adapters.sql.admin.audit import SqlAuditStore
from raseed.admin.v1 import audit_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_pages_are_newest_first_and_complete(worker: Worker, new_client):
    client = await new_client()
    for number in range(4):
        await SqlAuditStore(worker.platform.database).record(
            "op_1", "note", client.account, f"number {number}"
        )
    found: list[pb.AuditRow] = []
    token = ""
    while True:
        request = pb.ListAuditRowsRequest(actor="op_1", subject=client.account, page_size=3, page_token=token)
        page = await worker.operators.call("ListAuditRows", request)
        found += page.rows
        token = page.next_page_token
        if not token:
            break
    assert [row.detail for row in found] == [f"number {number}" for number in (3, 2, 1, 0)]
    assert sorted((row.seq for row in found), reverse=True) == [row.seq for row in found]


async def test_what_is_asked_wrongly_is_refused(worker: Worker):
    wrong = pb.ListAuditRowsRequest(to="tomorrow"), pb.ListAuditRowsRequest(page_token="YWJj")
    for request in wrong:
        status = await refused(worker.operators.call("ListAuditRows", request))
        assert status == ("INVALID_ARGUMENT", "REQUEST_INVALID")
    other = pb.VerifyAuditLogRequest(since_head="ab")
    assert (await refused(worker.operators.call("VerifyAuditLog", other)))[1] == "REQUEST_INVALID"
    verified = await worker.operators.call("VerifyAuditLog", pb.VerifyAuditLogRequest())
    assert not verified.violations
