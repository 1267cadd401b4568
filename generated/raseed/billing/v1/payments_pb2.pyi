from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PaymentItem(_message.Message):
    __slots__ = ("kind", "id", "quantity")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    kind: str
    id: str
    quantity: int
    def __init__(self, kind: _Optional[str] = ..., id: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class ListPaymentMethodsRequest(_message.Message):
    __slots__ = ("item", "page_size", "page_token")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    item: PaymentItem
    page_size: int
    page_token: str
    def __init__(self, item: _Optional[_Union[PaymentItem, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPaymentMethodsResponse(_message.Message):
    __slots__ = ("methods", "next_page_token")
    METHODS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    methods: _containers.RepeatedCompositeFieldContainer[PaymentMethod]
    next_page_token: str
    def __init__(self, methods: _Optional[_Iterable[_Union[PaymentMethod, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PaymentMethod(_message.Message):
    __slots__ = ("code", "name_en", "name_ar")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_EN_FIELD_NUMBER: _ClassVar[int]
    NAME_AR_FIELD_NUMBER: _ClassVar[int]
    code: str
    name_en: str
    name_ar: str
    def __init__(self, code: _Optional[str] = ..., name_en: _Optional[str] = ..., name_ar: _Optional[str] = ...) -> None: ...

class CreateCheckoutRequest(_message.Message):
    __slots__ = ("request_id", "item", "method", "language")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    item: PaymentItem
    method: str
    language: str
    def __init__(self, request_id: _Optional[str] = ..., item: _Optional[_Union[PaymentItem, _Mapping]] = ..., method: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class CreateCheckoutResponse(_message.Message):
    __slots__ = ("payment",)
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    payment: Payment
    def __init__(self, payment: _Optional[_Union[Payment, _Mapping]] = ...) -> None: ...

class GetPaymentRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetPaymentResponse(_message.Message):
    __slots__ = ("payment",)
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    payment: Payment
    def __init__(self, payment: _Optional[_Union[Payment, _Mapping]] = ...) -> None: ...

class ListPaymentsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPaymentsResponse(_message.Message):
    __slots__ = ("payments", "next_page_token")
    PAYMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    payments: _containers.RepeatedCompositeFieldContainer[Payment]
    next_page_token: str
    def __init__(self, payments: _Optional[_Iterable[_Union[Payment, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Payment(_message.Message):
    __slots__ = ("id", "state", "item", "amount_minor", "currency", "credit_microcredits", "method", "mode", "url", "expires_at_us", "created_at_us", "paid_at_us", "credited_at_us", "refunded_minor", "disputed_minor")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CREDIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    PAID_AT_US_FIELD_NUMBER: _ClassVar[int]
    CREDITED_AT_US_FIELD_NUMBER: _ClassVar[int]
    REFUNDED_MINOR_FIELD_NUMBER: _ClassVar[int]
    DISPUTED_MINOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    state: str
    item: PaymentItem
    amount_minor: int
    currency: str
    credit_microcredits: int
    method: str
    mode: str
    url: str
    expires_at_us: int
    created_at_us: int
    paid_at_us: int
    credited_at_us: int
    refunded_minor: int
    disputed_minor: int
    def __init__(self, id: _Optional[str] = ..., state: _Optional[str] = ..., item: _Optional[_Union[PaymentItem, _Mapping]] = ..., amount_minor: _Optional[int] = ..., currency: _Optional[str] = ..., credit_microcredits: _Optional[int] = ..., method: _Optional[str] = ..., mode: _Optional[str] = ..., url: _Optional[str] = ..., expires_at_us: _Optional[int] = ..., created_at_us: _Optional[int] = ..., paid_at_us: _Optional[int] = ..., credited_at_us: _Optional[int] = ..., refunded_minor: _Optional[int] = ..., disputed_minor: _Optional[int] = ...) -> None: ...
