"""Both faces of every error. A class that is not declared here fails the first test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import grpc
import msgspec
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from raseed.adapters.rpc.status import to_status, to_status_proto
from raseed.adapters.wire.openai.errors import encode_error, encode_stream_error
from raseed.core import errors
from raseed.core.errors import INSUFFICIENT_CREDITS_MESSAGE, RaseedError

INVALID, SERVER, SHORT = "invalid_request_error", "server_error", "insufficient_credits"


class Face(NamedTuple):
    status: int
    type: str
    code: str | int | None
    should_retry: str | None
    grpc_code: str
    reason: str


FACES = {
    errors.RaseedError: Face(500, SERVER, None, "false", "INTERNAL", "INTERNAL"),
    errors.RequestInvalid: Face(400, INVALID, None, None, "INVALID_ARGUMENT", "REQUEST_INVALID"),
    errors.PromptTooLong: Face(
        400, INVALID, "context_length_exceeded", None, "INVALID_ARGUMENT", "PROMPT_TOO_LONG"
    ),
    errors.RequestTooLarge: Face(
        413, INVALID, "content_too_large", None, "INVALID_ARGUMENT", "REQUEST_TOO_LARGE"
    ),
    errors.CodeRejected: Face(422, INVALID, "code_rejected", None, "INVALID_ARGUMENT", "CODE_REJECTED"),
    errors.InvitationRejected: Face(
        422, INVALID, "invitation_rejected", None, "INVALID_ARGUMENT", "INVITATION_REJECTED"
    ),
    errors.RedemptionRejected: Face(
        422, INVALID, "redemption_rejected", None, "INVALID_ARGUMENT", "REDEMPTION_REJECTED"
    ),
    errors.TermsNotAccepted: Face(
        422, INVALID, "terms_not_accepted", None, "FAILED_PRECONDITION", "TERMS_NOT_ACCEPTED"
    ),
    errors.AccessError: Face(403, INVALID, None, None, "PERMISSION_DENIED", "ACCESS_DENIED"),
    errors.Unauthenticated: Face(401, INVALID, "invalid_api_key", None, "UNAUTHENTICATED", "UNAUTHENTICATED"),
    errors.PermissionDenied: Face(
        403, "permission_error", None, None, "PERMISSION_DENIED", "PERMISSION_DENIED"
    ),
    errors.AddressNotAllowed: Face(
        403, "permission_error", "address_not_allowed", None, "PERMISSION_DENIED", "ADDRESS_NOT_ALLOWED"
    ),
    errors.KeyLimitReached: Face(
        409, "invalid_request_error", "key_limit_reached", "false", "FAILED_PRECONDITION", "KEY_LIMIT_REACHED"
    ),
    errors.ScopeMissing: Face(403, "permission_error", None, None, "PERMISSION_DENIED", "SCOPE_MISSING"),
    errors.ModelNotAllowed: Face(
        403, "permission_error", "model_not_allowed", None, "PERMISSION_DENIED", "MODEL_NOT_ALLOWED"
    ),
    errors.ReauthenticationNeeded: Face(
        403, INVALID, "reauthentication_needed", None, "PERMISSION_DENIED", "REAUTHENTICATION_NEEDED"
    ),
    errors.AccountSuspended: Face(
        403, "permission_error", "account_suspended", None, "PERMISSION_DENIED", "ACCOUNT_SUSPENDED"
    ),
    errors.NotFound: Face(404, INVALID, None, None, "NOT_FOUND", "NOT_FOUND"),
    errors.ModelUnknown: Face(404, INVALID, "model_not_found", None, "NOT_FOUND", "MODEL_UNKNOWN"),
    errors.HoldUnknown: Face(404, INVALID, None, None, "NOT_FOUND", "HOLD_UNKNOWN"),
    errors.Conflict: Face(409, INVALID, None, "false", "ABORTED", "CONFLICT"),
    errors.RequestReusedWithOtherInput: Face(
        422, INVALID, "idempotency_key_reused", None, "ALREADY_EXISTS", "REQUEST_REUSED_WITH_OTHER_INPUT"
    ),
    errors.RequestInProgress: Face(
        409, INVALID, "request_in_progress", None, "ABORTED", "REQUEST_IN_PROGRESS"
    ),
    errors.AlreadyAnswered: Face(409, INVALID, "already_answered", "false", "ABORTED", "ALREADY_ANSWERED"),
    errors.HoldAlreadyResolved: Face(
        409, INVALID, None, "false", "FAILED_PRECONDITION", "HOLD_ALREADY_RESOLVED"
    ),
    errors.PaymentLimitReached: Face(
        409, INVALID, "payment_limit_reached", "false", "FAILED_PRECONDITION", "PAYMENT_LIMIT_REACHED"
    ),
    errors.TooLittleToTakeBack: Face(
        409, INVALID, None, "false", "FAILED_PRECONDITION", "TOO_LITTLE_TO_TAKE_BACK"
    ),
    errors.StorageQuotaExceeded: Face(
        409, INVALID, "storage_quota_exceeded", "false", "RESOURCE_EXHAUSTED", "STORAGE_QUOTA_EXCEEDED"
    ),
    errors.BillingError: Face(402, SHORT, 402, None, "RESOURCE_EXHAUSTED", "BILLING_ERROR"),
    errors.CreditExhausted: Face(402, SHORT, 402, None, "RESOURCE_EXHAUSTED", "INSUFFICIENT_CREDITS"),
    errors.HeldByOpenRequests: Face(402, SHORT, 402, None, "RESOURCE_EXHAUSTED", "HELD_BY_OPEN_REQUESTS"),
    errors.SpendCapReached: Face(
        402, SHORT, "spend_cap_reached", None, "RESOURCE_EXHAUSTED", "SPEND_CAP_REACHED"
    ),
    errors.SettlementDelayed: Face(503, SERVER, None, "false", "UNAVAILABLE", "SETTLEMENT_DELAYED"),
    errors.PriceUnknown: Face(503, SERVER, None, "false", "FAILED_PRECONDITION", "PRICE_UNKNOWN"),
    errors.CapacityError: Face(503, SERVER, None, None, "UNAVAILABLE", "UNAVAILABLE"),
    errors.RateLimited: Face(
        429, "requests", "rate_limit_exceeded", None, "RESOURCE_EXHAUSTED", "RATE_LIMITED"
    ),
    errors.TokensLimited: Face(
        429, "tokens", "rate_limit_exceeded", None, "RESOURCE_EXHAUSTED", "TOKENS_LIMITED"
    ),
    errors.RequestAboveLimit: Face(
        429, "tokens", "rate_limit_exceeded", "false", "RESOURCE_EXHAUSTED", "REQUEST_ABOVE_LIMIT"
    ),
    errors.TooManyCodes: Face(
        429, "requests", "too_many_codes", None, "RESOURCE_EXHAUSTED", "TOO_MANY_CODES"
    ),
    errors.TooManyInvitations: Face(
        429, "requests", "too_many_invitations", None, "RESOURCE_EXHAUSTED", "TOO_MANY_INVITATIONS"
    ),
    errors.Overloaded: Face(
        503, "service_unavailable_error", "server_is_overloaded", None, "UNAVAILABLE", "OVERLOADED"
    ),
    errors.BackendUnavailable: Face(503, SERVER, None, None, "UNAVAILABLE", "BACKEND_UNAVAILABLE"),
    errors.BackendLost: Face(503, SERVER, None, "false", "ABORTED", "BACKEND_LOST"),
    errors.PaymentProviderUnavailable: Face(
        503, SERVER, None, None, "UNAVAILABLE", "PAYMENT_PROVIDER_UNAVAILABLE"
    ),
    errors.WebhookNotConfigured: Face(503, SERVER, None, None, "UNAVAILABLE", "WEBHOOK_NOT_CONFIGURED"),
    errors.DeadlineExceeded: Face(504, SERVER, None, "false", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"),
}
"""As declared by us, apart from the classes themselves: a change of either face is a change of the API."""


def tree(root: type[RaseedError]) -> Iterator[type[RaseedError]]:
    if root.__module__.startswith("raseed."):
        yield root
    for child in root.__subclasses__():
        yield from tree(child)


def info_of(status: status_pb2.Status) -> Any:
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info


def test_every_class_is_declared():
    assert {kind.__name__ for kind in tree(RaseedError)} == {kind.__name__ for kind in FACES}


def test_no_two_classes_share_a_reason():
    assert len({kind.reason for kind in tree(RaseedError)}) == len(list(tree(RaseedError)))


@pytest.mark.parametrize("kind", FACES, ids=lambda kind: kind.__name__)
def test_http_face(kind: type[RaseedError]):
    face = FACES[kind]
    status, headers, body = encode_error(kind("Text.", param="p"), request_id="req_1")
    error = msgspec.json.decode(body)["error"]
    assert (status, error["type"], error["code"]) == (face.status, face.type, face.code)
    assert dict(headers).get("x-should-retry") == face.should_retry
    assert list(error) == ["message", "type", "param", "code"]
    assert error["param"] == (None if status == 402 else "p")
    stream = encode_stream_error(kind("Text.", param="p"), request_id="req_1")
    assert stream == b"data: " + msgspec.json.encode({"error": error}) + b"\n\n"


@pytest.mark.parametrize("kind", FACES, ids=lambda kind: kind.__name__)
def test_grpc_face(kind: type[RaseedError]):
    face = FACES[kind]
    status = to_status_proto(kind("Text.", param="p", metadata={"limit": "5"}))
    info = info_of(status)
    assert (status.code, status.message) == (getattr(grpc.StatusCode, face.grpc_code).value[0], "Text.")
    assert (info.reason, info.domain) == (face.reason, "raseed")
    assert dict(info.metadata) == {"limit": "5", "param": "p"}
    assert len(status.details) == 1


def test_status_for_abort_with_status():
    status = to_status(errors.Overloaded("Busy.", retry_after_s=1.25))
    assert (status.code, status.details) == (grpc.StatusCode.UNAVAILABLE, "Busy.")
    [(key, value)] = status.trailing_metadata
    assert key == "grpc-status-details-bin"
    packed: list[any_pb2.Any] = list(status_pb2.Status.FromString(value).details)
    retry = error_details_pb2.RetryInfo()
    assert packed[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 1250


@pytest.mark.parametrize(("retry_after_s", "header"), [(0.0, "1"), (0.2, "1"), (5.0, "5"), (5.1, "6")])
def test_retry_after_is_whole_seconds_and_at_least_one(retry_after_s: float, header: str):
    _, headers, _ = encode_error(errors.Overloaded("Busy.", retry_after_s=retry_after_s), request_id="r")
    assert headers == (("retry-after", header),)


def test_out_of_credit_is_told_in_one_fixed_way(golden):
    status, headers, body = encode_error(errors.CreditExhausted("needs 5, has 3"), request_id="r")
    golden("error_402.json", body)
    assert (status, headers) == (402, ())
    expected = {"message": INSUFFICIENT_CREDITS_MESSAGE, "type": SHORT, "param": None, "code": 402}
    assert msgspec.json.decode(body) == {"error": expected}


def test_out_of_credit_as_a_quota(golden):
    status, headers, body = encode_error(
        errors.CreditExhausted("x"), request_id="r", credit_shortage="insufficient_quota"
    )
    golden("error_insufficient_quota.json", body)
    assert (status, headers) == (429, (("x-should-retry", "false"),))


def test_the_quota_setting_leaves_other_billing_errors_alone():
    delayed = errors.SettlementDelayed("Later.")
    assert encode_error(delayed, request_id="r", credit_shortage="insufficient_quota")[0] == 503


def test_a_refused_field_is_also_listed(golden):
    invalid = errors.RequestInvalid("Bad.", param="messages.[0].content", code="invalid_type")
    golden("error_400.json", encode_error(invalid, request_id="r").body)
    golden("error_404.json", encode_error(errors.ModelUnknown("No model."), request_id="r").body)


def test_of_a_foreign_exception_nothing_is_shown(golden):
    secret = ValueError("/srv/secret.key at 10.0.0.7")
    status, headers, body = encode_error(secret, request_id="req_42")
    golden("error_500.json", body)
    assert (status, headers) == (500, (("x-should-retry", "false"),))
    grpc_status = to_status_proto(secret, request_id="req_42")
    assert info_of(grpc_status).reason == "INTERNAL"
    assert dict(info_of(grpc_status).metadata) == {"request_id": "req_42"}
    for shown in (body, encode_stream_error(secret, request_id="req_42"), grpc_status.SerializeToString()):
        assert b"req_42" in shown
        assert b"secret" not in shown
        assert b"10.0.0.7" not in shown


def test_a_lack_of_credit_says_how_much_in_headers():
    figures = {"required_microcredits": "12500000", "available_microcredits": "0", "unit": "microcredits"}
    error = errors.CreditExhausted("Short.", metadata=figures)
    shortage = (("x-credits-required", "12.5"), ("x-credits-available", "0"))
    assert encode_error(error, request_id="r").headers == shortage
    assert encode_error(errors.PriceUnknown("?", metadata={"model": "m"}), request_id="r").headers == (
        ("x-should-retry", "false"),
    )
