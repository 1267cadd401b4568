"""AuditService over gRPC, for operators."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.admin.v1 import audit_pb2 as pb
from raseed.admin.v1 import audit_pb2_grpc
from raseed.core.admin.audit import AuditEntry
from raseed.core.admin.audit_service import AuditService

ROWS_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class AuditServicer(audit_pb2_grpc.AuditServiceServicer):
    def __init__(self, audit: AuditService) -> None:
        self._audit = audit

    async def ListAuditRows(
        self, request: pb.ListAuditRowsRequest, context: Context
    ) -> pb.ListAuditRowsResponse:
        size = page_size(request.page_size, ROWS_PAGE_MAX)
        entries = await self._audit.entries(
            actor=request.actor,
            action=request.action,
            subject=request.subject,
            begin=getattr(request, "from"),
            end=request.to,
            before=decode_token(request.page_token),
            limit=size + 1,
        )
        return pb.ListAuditRowsResponse(
            rows=map(_row, entries[:size]),
            next_page_token=encode_token(str(entries[size - 1].row.seq)) if len(entries) > size else "",
        )

    async def VerifyAuditLog(
        self, request: pb.VerifyAuditLogRequest, context: Context
    ) -> pb.VerifyAuditLogResponse:
        verified = await self._audit.verify(request.since_head)
        return pb.VerifyAuditLogResponse(
            violations=[pb.AuditViolation(seq=seq, detail=detail) for seq, detail in verified.violations],
            row_count=verified.row_count,
            unsealed_count=verified.unsealed_count,
            erased_count=verified.erased_count,
            chain_head=verified.head.hex(),
        )


def _row(entry: AuditEntry) -> pb.AuditRow:
    row = entry.row
    return pb.AuditRow(
        seq=row.seq,
        at_us=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=entry.detail,
        sealed=entry.is_sealed,
    )
