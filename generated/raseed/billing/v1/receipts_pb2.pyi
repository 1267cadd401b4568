from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReceiptFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECEIPT_FORMAT_UNSPECIFIED: _ClassVar[ReceiptFormat]
    RECEIPT_FORMAT_HTML: _ClassVar[ReceiptFormat]
    RECEIPT_FORMAT_PDF: _ClassVar[ReceiptFormat]
RECEIPT_FORMAT_UNSPECIFIED: ReceiptFormat
RECEIPT_FORMAT_HTML: ReceiptFormat
RECEIPT_FORMAT_PDF: ReceiptFormat

class ListReceiptsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "payment")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    payment: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., payment: _Optional[str] = ...) -> None: ...

class ListReceiptsResponse(_message.Message):
    __slots__ = ("receipts", "next_page_token")
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedCompositeFieldContainer[Receipt]
    next_page_token: str
    def __init__(self, receipts: _Optional[_Iterable[_Union[Receipt, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetReceiptRequest(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: str
    def __init__(self, number: _Optional[str] = ...) -> None: ...

class GetReceiptResponse(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: Receipt
    def __init__(self, receipt: _Optional[_Union[Receipt, _Mapping]] = ...) -> None: ...

class RenderReceiptRequest(_message.Message):
    __slots__ = ("number", "format", "language")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    number: str
    format: ReceiptFormat
    language: str
    def __init__(self, number: _Optional[str] = ..., format: _Optional[_Union[ReceiptFormat, str]] = ..., language: _Optional[str] = ...) -> None: ...

class RenderReceiptResponse(_message.Message):
    __slots__ = ("content_type", "content")
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content_type: str
    content: bytes
    def __init__(self, content_type: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("number", "kind", "mode", "issued_at_us", "issued_on", "payment_id", "refund_id", "is_dispute", "refers_to", "item", "item_ar", "amount_minor", "currency", "currency_digits", "credit_microcredits", "provider", "method", "provider_payment_id", "period_begin", "period_end", "merchant", "merchant_orders_url")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_US_FIELD_NUMBER: _ClassVar[int]
    ISSUED_ON_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    REFUND_ID_FIELD_NUMBER: _ClassVar[int]
    IS_DISPUTE_FIELD_NUMBER: _ClassVar[int]
    REFERS_TO_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ITEM_AR_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_DIGITS_FIELD_NUMBER: _ClassVar[int]
    CREDIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    PERIOD_BEGIN_FIELD_NUMBER: _ClassVar[int]
    PERIOD_END_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ORDERS_URL_FIELD_NUMBER: _ClassVar[int]
    number: str
    kind: str
    mode: str
    issued_at_us: int
    issued_on: str
    payment_id: str
    refund_id: str
    is_dispute: bool
    refers_to: str
    item: str
    item_ar: str
    amount_minor: int
    currency: str
    currency_digits: int
    credit_microcredits: int
    provider: str
    method: str
    provider_payment_id: str
    period_begin: str
    period_end: str
    merchant: str
    merchant_orders_url: str
    def __init__(self, number: _Optional[str] = ..., kind: _Optional[str] = ..., mode: _Optional[str] = ..., issued_at_us: _Optional[int] = ..., issued_on: _Optional[str] = ..., payment_id: _Optional[str] = ..., refund_id: _Optional[str] = ..., is_dispute: _Optional[bool] = ..., refers_to: _Optional[str] = ..., item: _Optional[str] = ..., item_ar: _Optional[str] = ..., amount_minor: _Optional[int] = ..., currency: _Optional[str] = ..., currency_digits: _Optional[int] = ..., credit_microcredits: _Optional[int] = ..., provider: _Optional[str] = ..., method: _Optional[str] = ..., provider_payment_id: _Optional[str] = ..., period_begin: _Optional[str] = ..., period_end: _Optional[str] = ..., merchant: _Optional[str] = ..., merchant_orders_url: _Optional[str] = ...) -> None: ...
