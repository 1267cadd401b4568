from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ListReceiptsRequest(_message.Message):
    __slots__ = ("limit", "cursor", "payment")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    limit: str
    cursor: str
    payment: str
    def __init__(self, limit: _Optional[str] = ..., cursor: _Optional[str] = ..., payment: _Optional[str] = ...) -> None: ...

class GetReceiptRequest(_message.Message):
    __slots__ = ("document", "lang")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    LANG_FIELD_NUMBER: _ClassVar[int]
    document: str
    lang: str
    def __init__(self, document: _Optional[str] = ..., lang: _Optional[str] = ...) -> None: ...
