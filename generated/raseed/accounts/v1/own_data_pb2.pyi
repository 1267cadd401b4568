from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RequestClosingRequest(_message.Message):
    __slots__ = ("reason", "erase")
    REASON_FIELD_NUMBER: _ClassVar[int]
    ERASE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    erase: bool
    def __init__(self, reason: _Optional[str] = ..., erase: _Optional[bool] = ...) -> None: ...

class RequestClosingResponse(_message.Message):
    __slots__ = ("closing_request",)
    CLOSING_REQUEST_FIELD_NUMBER: _ClassVar[int]
    closing_request: ClosingRequest
    def __init__(self, closing_request: _Optional[_Union[ClosingRequest, _Mapping]] = ...) -> None: ...

class GetClosingRequestRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetClosingRequestResponse(_message.Message):
    __slots__ = ("closing_request",)
    CLOSING_REQUEST_FIELD_NUMBER: _ClassVar[int]
    closing_request: ClosingRequest
    def __init__(self, closing_request: _Optional[_Union[ClosingRequest, _Mapping]] = ...) -> None: ...

class WithdrawClosingRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WithdrawClosingResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClosingRequest(_message.Message):
    __slots__ = ("requested_at_us", "reason", "erase")
    REQUESTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ERASE_FIELD_NUMBER: _ClassVar[int]
    requested_at_us: int
    reason: str
    erase: bool
    def __init__(self, requested_at_us: _Optional[int] = ..., reason: _Optional[str] = ..., erase: _Optional[bool] = ...) -> None: ...

class ExportOwnDataRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ExportOwnDataResponse(_message.Message):
    __slots__ = ("records", "next_page_token")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedScalarFieldContainer[str]
    next_page_token: str
    def __init__(self, records: _Optional[_Iterable[str]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
