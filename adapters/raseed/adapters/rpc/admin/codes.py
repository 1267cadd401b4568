"""CodeAdminService over gRPC, for operators."""

from __future__ import annotations

from typing import Any

import grpc

from raseed.adapters.rpc.call import acting
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.admin.v1 import codes_pb2 as pb
from raseed.admin.v1 import codes_pb2_grpc
from raseed.core.clock import DAY
from raseed.core.payments.code_admin import CodeAdmin
from raseed.core.payments.redemption import CodeBatch, CodeUse

BATCHES_PAGE_MAX = 100
CODES_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class CodeAdminServicer(codes_pb2_grpc.CodeAdminServiceServicer):
    def __init__(self, codes: CodeAdmin) -> None:
        self._codes = codes

    async def CreateCodeBatch(
        self, request: pb.CreateCodeBatchRequest, context: Context
    ) -> pb.CreateCodeBatchResponse:
        batch, texts = await self._codes.create(
            credit_microcredits=request.credit_microcredits,
            code_count=request.code_count or 1,
            uses_per_code=request.uses_per_code or 1,
            expires_days=request.expires_days,
            credit_days=request.credit_days,
            prefix=request.prefix,
            note=request.note,
            actor=acting(context).actor,
        )
        return pb.CreateCodeBatchResponse(batch=_batch(batch), codes=texts)

    async def ListCodeBatches(
        self, request: pb.ListCodeBatchesRequest, context: Context
    ) -> pb.ListCodeBatchesResponse:
        size = page_size(request.page_size, BATCHES_PAGE_MAX)
        found = await self._codes.batches(decode_token(request.page_token), size + 1)
        return pb.ListCodeBatchesResponse(
            batches=map(_batch, found[:size]),
            next_page_token=encode_token(found[size - 1].id) if len(found) > size else "",
        )

    async def ListCodes(self, request: pb.ListCodesRequest, context: Context) -> pb.ListCodesResponse:
        size = page_size(request.page_size, CODES_PAGE_MAX)
        found = await self._codes.codes(request.codes, decode_token(request.page_token), size + 1)
        return pb.ListCodesResponse(
            codes=map(_code, found[:size]),
            next_page_token=encode_token(found[size - 1].id) if len(found) > size else "",
        )

    async def RevokeCodes(self, request: pb.RevokeCodesRequest, context: Context) -> pb.RevokeCodesResponse:
        revoked = await self._codes.revoke(request.codes, actor=acting(context).actor)
        if isinstance(revoked, CodeBatch):
            return pb.RevokeCodesResponse(batch=_batch(revoked))
        return pb.RevokeCodesResponse(code=_code(revoked))


def _batch(batch: CodeBatch) -> pb.CodeBatch:
    return pb.CodeBatch(
        id=batch.id,
        prefix=batch.prefix,
        credit_microcredits=batch.credit_microcredits,
        code_count=batch.code_count,
        uses_per_code=batch.uses_per_code,
        use_count=batch.use_count,
        expires_at_us=batch.expires_at,
        credit_days=(batch.credit_life_us or 0) // DAY,
        note=batch.note,
        created_by=batch.created_by,
        created_at_us=batch.created_at,
        revoked_at_us=batch.revoked_at,
    )


def _code(code: CodeUse) -> pb.RedemptionCode:
    return pb.RedemptionCode(
        id=code.id,
        batch_id=code.batch_id,
        use_count=code.use_count,
        revoked_at_us=code.revoked_at,
        accounts=code.accounts,
    )
