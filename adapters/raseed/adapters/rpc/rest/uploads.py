"""UploadsRestService: who sends a file is told that there is no place for it, before it has been read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from raseed.core.errors import NotFound
from raseed.rest.v1 import uploads_pb2 as pb
from raseed.rest.v1 import uploads_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class UploadsRestServicer(uploads_pb2_grpc.UploadsRestServiceServicer):
    async def RefuseUpload(
        self, request_iterator: AsyncIterator[pb.RefuseUploadRequest], context: Context
    ) -> None:
        raise NotFound(
            "Uploads of files, audio and images are not offered by this server.", code="unknown_url"
        )
