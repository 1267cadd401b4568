from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListAuditRowsRequest(_message.Message):
    __slots__ = ("actor", "action", "subject", "to", "page_size", "page_token")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    actor: str
    action: str
    subject: str
    to: str
    page_size: int
    page_token: str
    def __init__(self, actor: _Optional[str] = ..., action: _Optional[str] = ..., subject: _Optional[str] = ..., to: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., **kwargs) -> None: ...

class ListAuditRowsResponse(_message.Message):
    __slots__ = ("rows", "next_page_token")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[AuditRow]
    next_page_token: str
    def __init__(self, rows: _Optional[_Iterable[_Union[AuditRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AuditRow(_message.Message):
    __slots__ = ("seq", "at_us", "actor", "action", "subject", "detail", "sealed")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    seq: int
    at_us: int
    actor: str
    action: str
    subject: str
    detail: str
    sealed: bool
    def __init__(self, seq: _Optional[int] = ..., at_us: _Optional[int] = ..., actor: _Optional[str] = ..., action: _Optional[str] = ..., subject: _Optional[str] = ..., detail: _Optional[str] = ..., sealed: _Optional[bool] = ...) -> None: ...

class VerifyAuditLogRequest(_message.Message):
    __slots__ = ("since_head",)
    SINCE_HEAD_FIELD_NUMBER: _ClassVar[int]
    since_head: str
    def __init__(self, since_head: _Optional[str] = ...) -> None: ...

class VerifyAuditLogResponse(_message.Message):
    __slots__ = ("violations", "row_count", "unsealed_count", "erased_count", "chain_head")
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNSEALED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERASED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHAIN_HEAD_FIELD_NUMBER: _ClassVar[int]
    violations: _containers.RepeatedCompositeFieldContainer[AuditViolation]
    row_count: int
    unsealed_count: int
    erased_count: int
    chain_head: str
    def __init__(self, violations: _Optional[_Iterable[_Union[AuditViolation, _Mapping]]] = ..., row_count: _Optional[int] = ..., unsealed_count: _Optional[int] = ..., erased_count: _Optional[int] = ..., chain_head: _Optional[str] = ...) -> None: ...

class AuditViolation(_message.Message):
    __slots__ = ("seq", "detail")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    seq: int
    detail: str
    def __init__(self, seq: _Optional[int] = ..., detail: _Optional[str] = ...) -> None: ...
