from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SendNoticeRequest(_message.Message):
    __slots__ = ("kind", "version", "begins_on")
    KIND_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BEGINS_ON_FIELD_NUMBER: _ClassVar[int]
    kind: str
    version: str
    begins_on: str
    def __init__(self, kind: _Optional[str] = ..., version: _Optional[str] = ..., begins_on: _Optional[str] = ...) -> None: ...

class SendNoticeResponse(_message.Message):
    __slots__ = ("broadcast",)
    BROADCAST_FIELD_NUMBER: _ClassVar[int]
    broadcast: Broadcast
    def __init__(self, broadcast: _Optional[_Union[Broadcast, _Mapping]] = ...) -> None: ...

class ListBroadcastsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListBroadcastsResponse(_message.Message):
    __slots__ = ("broadcasts", "next_page_token")
    BROADCASTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    broadcasts: _containers.RepeatedCompositeFieldContainer[Broadcast]
    next_page_token: str
    def __init__(self, broadcasts: _Optional[_Iterable[_Union[Broadcast, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Broadcast(_message.Message):
    __slots__ = ("id", "kind", "version", "begins_on", "actor", "created_at_us", "account_count", "ended_at_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BEGINS_ON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_COUNT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    version: str
    begins_on: str
    actor: str
    created_at_us: int
    account_count: int
    ended_at_us: int
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., version: _Optional[str] = ..., begins_on: _Optional[str] = ..., actor: _Optional[str] = ..., created_at_us: _Optional[int] = ..., account_count: _Optional[int] = ..., ended_at_us: _Optional[int] = ...) -> None: ...

class ListFailedNoticesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListFailedNoticesResponse(_message.Message):
    __slots__ = ("notices", "next_page_token")
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    notices: _containers.RepeatedCompositeFieldContainer[FailedNotice]
    next_page_token: str
    def __init__(self, notices: _Optional[_Iterable[_Union[FailedNotice, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class FailedNotice(_message.Message):
    __slots__ = ("id", "kind", "account", "cause", "attempt_count", "error", "created_at_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    account: str
    cause: str
    attempt_count: int
    error: str
    created_at_us: int
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., account: _Optional[str] = ..., cause: _Optional[str] = ..., attempt_count: _Optional[int] = ..., error: _Optional[str] = ..., created_at_us: _Optional[int] = ...) -> None: ...

class RetryNoticeRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class RetryNoticeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
