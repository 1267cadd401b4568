from raseed.billing.v1 import receipts_pb2 as _receipts_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ShowReceiptRequest(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: str
    def __init__(self, number: _Optional[str] = ...) -> None: ...

class ShowReceiptResponse(_message.Message):
    __slots__ = ("receipt", "account", "buyer")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    receipt: _receipts_pb2.Receipt
    account: str
    buyer: ReceiptBuyer
    def __init__(self, receipt: _Optional[_Union[_receipts_pb2.Receipt, _Mapping]] = ..., account: _Optional[str] = ..., buyer: _Optional[_Union[ReceiptBuyer, _Mapping]] = ...) -> None: ...

class ReceiptBuyer(_message.Message):
    __slots__ = ("name", "email", "phone")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    name: str
    email: str
    phone: str
    def __init__(self, name: _Optional[str] = ..., email: _Optional[str] = ..., phone: _Optional[str] = ...) -> None: ...

class RenderReceiptRequest(_message.Message):
    __slots__ = ("number", "format", "language")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    number: str
    format: _receipts_pb2.ReceiptFormat
    language: str
    def __init__(self, number: _Optional[str] = ..., format: _Optional[_Union[_receipts_pb2.ReceiptFormat, str]] = ..., language: _Optional[str] = ...) -> None: ...

class RenderReceiptResponse(_message.Message):
    __slots__ = ("content_type", "content")
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content_type: str
    content: bytes
    def __init__(self, content_type: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...
