"""Errors, and when they happen. Every error a caller may see is here; anything else is a bug of ours.

RaseedError
├── RequestInvalid            the request cannot be served as it is written; `param` names the field
│   ├── PromptTooLong         prompt and room for one token exceed the model's context
│   ├── RequestTooLarge       the body is larger than its route allows
│   ├── CodeRejected          a one-time code is wrong, over, used or had its guesses: which one is not said
│   ├── InvitationRejected    an invitation is unknown, over, used or meant for somebody else: which one is not said
│   ├── RedemptionRejected    a redemption code is unknown, over, used up or revoked: `why` says which
│   └── TermsNotAccepted      the code was right, and a new account needs its holder's consent
├── AccessError
│   ├── Unauthenticated       no credential, or one that is not (or no longer) valid
│   ├── PermissionDenied      a valid credential that may not do this
│   │   ├── ScopeMissing      the API key was not given the scope for this
│   │   ├── AddressNotAllowed the API key may not be used from where the request came from
│   │   └── ModelNotAllowed   the model is sold, but not to this account's tier or key
│   ├── ReauthenticationNeeded   the session is valid, and a code must be given again for this
│   └── AccountSuspended      the account is closed or suspended
├── NotFound                  there is no such thing, or it is somebody else's
│   ├── ModelUnknown          the model does not exist or is not offered to this key
│   └── HoldUnknown           the account has no hold under this id
├── Conflict                  the thing is in another state than the request assumes
│   ├── RequestReusedWithOtherInput   an id that was used before, with other content
│   ├── RequestInProgress     the same request, by its id, is being answered now
│   ├── AlreadyAnswered       the same request was answered and charged, and the answer cannot be sent again
│   ├── HoldAlreadyResolved   the hold has ended, in another way than is asked
│   ├── KeyLimitReached       the account has as many API keys as its tier allows
│   ├── PaymentLimitReached   the account has as many unpaid orders as it may
│   ├── TooLittleToTakeBack   there is less credit that no open request holds
│   └── StorageQuotaExceeded  the account keeps as much content as it may
├── BillingError
│   ├── CreditExhausted       what is spendable does not pay for the smallest answer
│   ├── HeldByOpenRequests    it would, were it not held by the account's own open requests
│   ├── SpendCapReached       the key, or the member, has spent what it may in this window
│   ├── SettlementDelayed     the charge is queued but not yet durable
│   └── PriceUnknown          no price for this model: nothing is served unpriced
└── CapacityError             transient: the same request may succeed later
    ├── TooManyCodes          a one-time code was asked for too often: by whom and for whom is not said
    ├── TooManyInvitations    an organisation invites too many, or somebody is invited too often: which is not said
    ├── RateLimited           more requests than the account or the key may send
    │   └── TokensLimited     more tokens than it may
    │       └── RequestAboveLimit   this one alone needs more than it may ever: not transient
    ├── Overloaded            every slot is taken and the queue is full, or the wait was too long
    ├── BackendUnavailable    the model's engine cannot be reached, or failed before its first token
    ├── BackendLost           the engine failed after it had produced output
    ├── PaymentProviderUnavailable   the payment provider does not answer, or not in time
    ├── WebhookNotConfigured  there is no secret to check an event with: nothing is processed until there is
    └── DeadlineExceeded      the caller's or the server's time is up

Each class fixes its two faces: the HTTP status with OpenAI's `type` and `code`, and the gRPC status with
`ErrorInfo.reason`. A test walks this tree and fails on a class without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

INSUFFICIENT_CREDITS_MESSAGE = "Insufficient credits. Please top up your balance to continue."


class RaseedError(Exception):
    """`message` is shown to the caller: no host, path, key or engine text may be in it."""

    reason: ClassVar[str] = "INTERNAL"
    """ErrorInfo.reason: stable, programs branch on it."""
    grpc_code: ClassVar[str] = "INTERNAL"
    http_status: ClassVar[int] = 500
    openai_type: ClassVar[str] = "server_error"
    openai_code: ClassVar[str | int | None] = None
    is_transient: ClassVar[bool] = False
    """Whether the same request, sent again unchanged, may succeed."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        """The request field at fault, as a dotted path in the caller's own spelling."""
        self.code = code if code is not None else self.openai_code
        self.metadata: Mapping[str, str] = metadata or {}
        """Values that the message mentions, for programs (ErrorInfo.metadata)."""
        self.retry_after_s = retry_after_s


class RequestInvalid(RaseedError):
    reason = "REQUEST_INVALID"
    grpc_code = "INVALID_ARGUMENT"
    http_status = 400
    openai_type = "invalid_request_error"


class PromptTooLong(RequestInvalid):
    reason = "PROMPT_TOO_LONG"
    openai_code = "context_length_exceeded"


class RequestTooLarge(RequestInvalid):
    reason = "REQUEST_TOO_LARGE"
    http_status = 413
    openai_code = "content_too_large"


class CodeRejected(RequestInvalid):
    reason = "CODE_REJECTED"
    http_status = 422
    openai_code = "code_rejected"


class InvitationRejected(RequestInvalid):
    reason = "INVITATION_REJECTED"
    http_status = 422
    openai_code = "invitation_rejected"


class RedemptionRejected(RequestInvalid):
    reason = "REDEMPTION_REJECTED"
    http_status = 422
    openai_code = "redemption_rejected"


class TermsNotAccepted(RequestInvalid):
    reason = "TERMS_NOT_ACCEPTED"
    grpc_code = "FAILED_PRECONDITION"
    http_status = 422
    openai_code = "terms_not_accepted"


class AccessError(RaseedError):
    reason = "ACCESS_DENIED"
    grpc_code = "PERMISSION_DENIED"
    http_status = 403
    openai_type = "invalid_request_error"


class Unauthenticated(AccessError):
    reason = "UNAUTHENTICATED"
    grpc_code = "UNAUTHENTICATED"
    http_status = 401
    openai_code = "invalid_api_key"


class PermissionDenied(AccessError):
    reason = "PERMISSION_DENIED"
    openai_type = "permission_error"


class ScopeMissing(PermissionDenied):
    reason = "SCOPE_MISSING"


class ReauthenticationNeeded(AccessError):
    reason = "REAUTHENTICATION_NEEDED"
    openai_code = "reauthentication_needed"


class ModelNotAllowed(PermissionDenied):
    reason = "MODEL_NOT_ALLOWED"
    openai_code = "model_not_allowed"
    available_models: tuple[str, ...] = ()
    """What may be asked for instead."""


class AddressNotAllowed(PermissionDenied):
    reason = "ADDRESS_NOT_ALLOWED"
    openai_code = "address_not_allowed"


class AccountSuspended(AccessError):
    reason = "ACCOUNT_SUSPENDED"
    openai_type = "permission_error"
    openai_code = "account_suspended"


class NotFound(RaseedError):
    reason = "NOT_FOUND"
    grpc_code = "NOT_FOUND"
    http_status = 404
    openai_type = "invalid_request_error"


class ModelUnknown(NotFound):
    reason = "MODEL_UNKNOWN"
    openai_code = "model_not_found"


class HoldUnknown(NotFound):
    reason = "HOLD_UNKNOWN"


class Conflict(RaseedError):
    reason = "CONFLICT"
    grpc_code = "ABORTED"
    http_status = 409
    openai_type = "invalid_request_error"


class RequestReusedWithOtherInput(Conflict):
    reason = "REQUEST_REUSED_WITH_OTHER_INPUT"
    grpc_code = "ALREADY_EXISTS"
    http_status = 422
    openai_code = "idempotency_key_reused"


class RequestInProgress(Conflict):
    reason = "REQUEST_IN_PROGRESS"
    openai_code = "request_in_progress"
    is_transient = True


class AlreadyAnswered(Conflict):
    reason = "ALREADY_ANSWERED"
    openai_code = "already_answered"


class HoldAlreadyResolved(Conflict):
    reason = "HOLD_ALREADY_RESOLVED"
    grpc_code = "FAILED_PRECONDITION"


class KeyLimitReached(Conflict):
    reason = "KEY_LIMIT_REACHED"
    grpc_code = "FAILED_PRECONDITION"
    openai_code = "key_limit_reached"


class PaymentLimitReached(Conflict):
    reason = "PAYMENT_LIMIT_REACHED"
    grpc_code = "FAILED_PRECONDITION"
    openai_code = "payment_limit_reached"


class TooLittleToTakeBack(Conflict):
    reason = "TOO_LITTLE_TO_TAKE_BACK"
    grpc_code = "FAILED_PRECONDITION"


class StorageQuotaExceeded(Conflict):
    reason = "STORAGE_QUOTA_EXCEEDED"
    grpc_code = "RESOURCE_EXHAUSTED"
    openai_code = "storage_quota_exceeded"


class BillingError(RaseedError):
    reason = "BILLING_ERROR"
    grpc_code = "RESOURCE_EXHAUSTED"
    http_status = 402
    openai_type = "insufficient_credits"
    openai_code: ClassVar[str | int | None] = 402


class CreditExhausted(BillingError):
    reason = "INSUFFICIENT_CREDITS"


class HeldByOpenRequests(BillingError):
    reason = "HELD_BY_OPEN_REQUESTS"
    is_transient = True


class SpendCapReached(BillingError):
    """The account may have credit: its owner has to raise the cap of the key, or of the member, or wait for the next window."""

    reason = "SPEND_CAP_REACHED"
    openai_code = "spend_cap_reached"


class SettlementDelayed(BillingError):
    reason = "SETTLEMENT_DELAYED"
    grpc_code = "UNAVAILABLE"
    http_status = 503
    openai_type = "server_error"
    openai_code = None


class PriceUnknown(BillingError):
    reason = "PRICE_UNKNOWN"
    grpc_code = "FAILED_PRECONDITION"
    http_status = 503
    openai_type = "server_error"
    openai_code = None


class CapacityError(RaseedError):
    reason = "UNAVAILABLE"
    grpc_code = "UNAVAILABLE"
    http_status = 503
    openai_type = "server_error"
    is_transient = True


class TooManyCodes(CapacityError):
    reason = "TOO_MANY_CODES"
    grpc_code = "RESOURCE_EXHAUSTED"
    http_status = 429
    openai_type = "requests"
    openai_code = "too_many_codes"


class TooManyInvitations(CapacityError):
    reason = "TOO_MANY_INVITATIONS"
    grpc_code = "RESOURCE_EXHAUSTED"
    http_status = 429
    openai_type = "requests"
    openai_code = "too_many_invitations"


class RateLimited(CapacityError):
    reason = "RATE_LIMITED"
    grpc_code = "RESOURCE_EXHAUSTED"
    http_status = 429
    openai_type = "requests"
    openai_code = "rate_limit_exceeded"


class TokensLimited(RateLimited):
    reason = "TOKENS_LIMITED"
    openai_type = "tokens"


class RequestAboveLimit(TokensLimited):
    reason = "REQUEST_ABOVE_LIMIT"
    is_transient = False


class Overloaded(CapacityError):
    reason = "OVERLOADED"
    openai_type = "service_unavailable_error"
    openai_code = "server_is_overloaded"


class BackendUnavailable(CapacityError):
    reason = "BACKEND_UNAVAILABLE"


class BackendLost(CapacityError):
    reason = "BACKEND_LOST"
    grpc_code = "ABORTED"  # not UNAVAILABLE, which gRPC clients retry: output was produced and is charged
    is_transient = False


class PaymentProviderUnavailable(CapacityError):
    reason = "PAYMENT_PROVIDER_UNAVAILABLE"


class WebhookNotConfigured(CapacityError):
    reason = "WEBHOOK_NOT_CONFIGURED"


class DeadlineExceeded(CapacityError):
    reason = "DEADLINE_EXCEEDED"
    grpc_code = "DEADLINE_EXCEEDED"
    http_status = 504
    is_transient = False
