from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListAllPaymentsRequest(_message.Message):
    __slots__ = ("account", "state", "page_size", "page_token")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account: str
    state: str
    page_size: int
    page_token: str
    def __init__(self, account: _Optional[str] = ..., state: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAllPaymentsResponse(_message.Message):
    __slots__ = ("payments", "next_page_token")
    PAYMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    payments: _containers.RepeatedCompositeFieldContainer[CustomerPayment]
    next_page_token: str
    def __init__(self, payments: _Optional[_Iterable[_Union[CustomerPayment, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CustomerPayment(_message.Message):
    __slots__ = ("id", "account", "actor", "provider", "mode", "state", "item_kind", "item_id", "item_quantity", "amount_minor", "currency", "credit_microcredits", "method", "invoice_id", "provider_payment_id", "refunded_minor", "disputed_minor", "withdrawn_microcredits", "problem", "check_count", "next_check_at_us", "created_at_us", "paid_at_us", "credited_at_us", "received_minor")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ITEM_KIND_FIELD_NUMBER: _ClassVar[int]
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CREDIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    INVOICE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    REFUNDED_MINOR_FIELD_NUMBER: _ClassVar[int]
    DISPUTED_MINOR_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWN_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    CHECK_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEXT_CHECK_AT_US_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    PAID_AT_US_FIELD_NUMBER: _ClassVar[int]
    CREDITED_AT_US_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_MINOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    account: str
    actor: str
    provider: str
    mode: str
    state: str
    item_kind: str
    item_id: str
    item_quantity: int
    amount_minor: int
    currency: str
    credit_microcredits: int
    method: str
    invoice_id: str
    provider_payment_id: str
    refunded_minor: int
    disputed_minor: int
    withdrawn_microcredits: int
    problem: str
    check_count: int
    next_check_at_us: int
    created_at_us: int
    paid_at_us: int
    credited_at_us: int
    received_minor: int
    def __init__(self, id: _Optional[str] = ..., account: _Optional[str] = ..., actor: _Optional[str] = ..., provider: _Optional[str] = ..., mode: _Optional[str] = ..., state: _Optional[str] = ..., item_kind: _Optional[str] = ..., item_id: _Optional[str] = ..., item_quantity: _Optional[int] = ..., amount_minor: _Optional[int] = ..., currency: _Optional[str] = ..., credit_microcredits: _Optional[int] = ..., method: _Optional[str] = ..., invoice_id: _Optional[str] = ..., provider_payment_id: _Optional[str] = ..., refunded_minor: _Optional[int] = ..., disputed_minor: _Optional[int] = ..., withdrawn_microcredits: _Optional[int] = ..., problem: _Optional[str] = ..., check_count: _Optional[int] = ..., next_check_at_us: _Optional[int] = ..., created_at_us: _Optional[int] = ..., paid_at_us: _Optional[int] = ..., credited_at_us: _Optional[int] = ..., received_minor: _Optional[int] = ...) -> None: ...

class PaymentRefund(_message.Message):
    __slots__ = ("id", "payment", "amount_minor", "state", "is_dispute", "reason", "actor", "provider_refund_id", "created_at_us", "ended_at_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    IS_DISPUTE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_REFUND_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    payment: str
    amount_minor: int
    state: str
    is_dispute: bool
    reason: str
    actor: str
    provider_refund_id: str
    created_at_us: int
    ended_at_us: int
    def __init__(self, id: _Optional[str] = ..., payment: _Optional[str] = ..., amount_minor: _Optional[int] = ..., state: _Optional[str] = ..., is_dispute: _Optional[bool] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ..., provider_refund_id: _Optional[str] = ..., created_at_us: _Optional[int] = ..., ended_at_us: _Optional[int] = ...) -> None: ...

class ShowPaymentRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ShowPaymentResponse(_message.Message):
    __slots__ = ("payment", "refunds")
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    REFUNDS_FIELD_NUMBER: _ClassVar[int]
    payment: CustomerPayment
    refunds: _containers.RepeatedCompositeFieldContainer[PaymentRefund]
    def __init__(self, payment: _Optional[_Union[CustomerPayment, _Mapping]] = ..., refunds: _Optional[_Iterable[_Union[PaymentRefund, _Mapping]]] = ...) -> None: ...

class CheckPaymentRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class CheckPaymentResponse(_message.Message):
    __slots__ = ("payment",)
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    payment: CustomerPayment
    def __init__(self, payment: _Optional[_Union[CustomerPayment, _Mapping]] = ...) -> None: ...

class RefundPaymentRequest(_message.Message):
    __slots__ = ("request_id", "id", "amount_minor", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    id: str
    amount_minor: int
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., id: _Optional[str] = ..., amount_minor: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class RefundPaymentResponse(_message.Message):
    __slots__ = ("refund", "payment")
    REFUND_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    refund: PaymentRefund
    payment: CustomerPayment
    def __init__(self, refund: _Optional[_Union[PaymentRefund, _Mapping]] = ..., payment: _Optional[_Union[CustomerPayment, _Mapping]] = ...) -> None: ...

class MarkRefundFailedRequest(_message.Message):
    __slots__ = ("id", "refund", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REFUND_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    refund: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., refund: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class MarkRefundFailedResponse(_message.Message):
    __slots__ = ("refund", "payment")
    REFUND_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    refund: PaymentRefund
    payment: CustomerPayment
    def __init__(self, refund: _Optional[_Union[PaymentRefund, _Mapping]] = ..., payment: _Optional[_Union[CustomerPayment, _Mapping]] = ...) -> None: ...

class AcceptPaymentRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class AcceptPaymentResponse(_message.Message):
    __slots__ = ("payment",)
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    payment: CustomerPayment
    def __init__(self, payment: _Optional[_Union[CustomerPayment, _Mapping]] = ...) -> None: ...

class RejectPaymentRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RejectPaymentResponse(_message.Message):
    __slots__ = ("payment",)
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    payment: CustomerPayment
    def __init__(self, payment: _Optional[_Union[CustomerPayment, _Mapping]] = ...) -> None: ...

class ListPaymentEventsRequest(_message.Message):
    __slots__ = ("state", "page_size", "page_token")
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    state: str
    page_size: int
    page_token: str
    def __init__(self, state: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPaymentEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[PaymentEvent]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[PaymentEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PaymentEvent(_message.Message):
    __slots__ = ("id", "provider", "mode", "name", "state", "attempt_count", "error", "reference", "invoice_id", "provider_subscription_id", "payment", "received_at_us", "ended_at_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    INVOICE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_US_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    provider: str
    mode: str
    name: str
    state: str
    attempt_count: int
    error: str
    reference: str
    invoice_id: str
    provider_subscription_id: str
    payment: str
    received_at_us: int
    ended_at_us: int
    def __init__(self, id: _Optional[str] = ..., provider: _Optional[str] = ..., mode: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[str] = ..., attempt_count: _Optional[int] = ..., error: _Optional[str] = ..., reference: _Optional[str] = ..., invoice_id: _Optional[str] = ..., provider_subscription_id: _Optional[str] = ..., payment: _Optional[str] = ..., received_at_us: _Optional[int] = ..., ended_at_us: _Optional[int] = ...) -> None: ...

class RetryPaymentEventRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class RetryPaymentEventResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReportPaymentsRequest(_message.Message):
    __slots__ = ("day",)
    DAY_FIELD_NUMBER: _ClassVar[int]
    day: str
    def __init__(self, day: _Optional[str] = ...) -> None: ...

class ReportPaymentsResponse(_message.Message):
    __slots__ = ("day", "providers")
    DAY_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    day: str
    providers: _containers.RepeatedCompositeFieldContainer[ProviderReport]
    def __init__(self, day: _Optional[str] = ..., providers: _Optional[_Iterable[_Union[ProviderReport, _Mapping]]] = ...) -> None: ...

class ProviderReport(_message.Message):
    __slots__ = ("provider", "mode", "is_compared", "seen_count", "payment_count", "summary", "differences")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    IS_COMPARED_FIELD_NUMBER: _ClassVar[int]
    SEEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    provider: str
    mode: str
    is_compared: bool
    seen_count: int
    payment_count: int
    summary: str
    differences: _containers.RepeatedCompositeFieldContainer[PaymentDifference]
    def __init__(self, provider: _Optional[str] = ..., mode: _Optional[str] = ..., is_compared: _Optional[bool] = ..., seen_count: _Optional[int] = ..., payment_count: _Optional[int] = ..., summary: _Optional[str] = ..., differences: _Optional[_Iterable[_Union[PaymentDifference, _Mapping]]] = ...) -> None: ...

class PaymentDifference(_message.Message):
    __slots__ = ("subject", "problem")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    subject: str
    problem: str
    def __init__(self, subject: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...
