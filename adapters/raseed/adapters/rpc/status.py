"""Errors on gRPC: `google.rpc.Status` with ErrorInfo, and RetryInfo where a time to wait is known (AIP-193)."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from raseed.core.errors import RaseedError

DOMAIN = "raseed"
_MICROSECONDS = 1_000_000


def to_status(error: Exception, *, request_id: str = "") -> grpc.Status:
    """For `context.abort_with_status`."""
    status: grpc.Status = rpc_status.to_status(to_status_proto(error, request_id=request_id))
    return status


def to_status_proto(error: Exception, *, request_id: str = "") -> status_pb2.Status:
    """Of an exception that is not ours nothing is shown but INTERNAL and the id of the request.

    ErrorInfo: `reason` is the class's, `domain` is "raseed", `metadata` holds the values that the message mentions and
    `param`, the field at fault, if there is one.
    """
    if not isinstance(error, RaseedError):
        return _status(
            code="INTERNAL",
            message=f"The server had an error while processing your request. Request id: {request_id}.",
            info=error_details_pb2.ErrorInfo(
                reason=RaseedError.reason, domain=DOMAIN, metadata={"request_id": request_id}
            ),
        )
    metadata = dict(error.metadata)
    if error.param is not None:
        metadata["param"] = error.param
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    status = _status(code=error.grpc_code, message=error.message, info=info)
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMicroseconds(max(0, round(error.retry_after_s * _MICROSECONDS)))
        _add(status, error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def _status(*, code: str, message: str, info: error_details_pb2.ErrorInfo) -> status_pb2.Status:
    status = status_pb2.Status(code=code_pb2.Code.Value(code), message=message)
    _add(status, info)
    return status


def _add(
    status: status_pb2.Status, detail: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo
) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status.details.append(packed)
