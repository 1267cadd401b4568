from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateCodeBatchRequest(_message.Message):
    __slots__ = ("credit_microcredits", "code_count", "uses_per_code", "expires_days", "credit_days", "prefix", "note")
    CREDIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CODE_COUNT_FIELD_NUMBER: _ClassVar[int]
    USES_PER_CODE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_DAYS_FIELD_NUMBER: _ClassVar[int]
    CREDIT_DAYS_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    credit_microcredits: int
    code_count: int
    uses_per_code: int
    expires_days: int
    credit_days: int
    prefix: str
    note: str
    def __init__(self, credit_microcredits: _Optional[int] = ..., code_count: _Optional[int] = ..., uses_per_code: _Optional[int] = ..., expires_days: _Optional[int] = ..., credit_days: _Optional[int] = ..., prefix: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class CreateCodeBatchResponse(_message.Message):
    __slots__ = ("batch", "codes")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    batch: CodeBatch
    codes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, batch: _Optional[_Union[CodeBatch, _Mapping]] = ..., codes: _Optional[_Iterable[str]] = ...) -> None: ...

class ListCodeBatchesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCodeBatchesResponse(_message.Message):
    __slots__ = ("batches", "next_page_token")
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    batches: _containers.RepeatedCompositeFieldContainer[CodeBatch]
    next_page_token: str
    def __init__(self, batches: _Optional[_Iterable[_Union[CodeBatch, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListCodesRequest(_message.Message):
    __slots__ = ("codes", "page_size", "page_token")
    CODES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    codes: str
    page_size: int
    page_token: str
    def __init__(self, codes: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCodesResponse(_message.Message):
    __slots__ = ("codes", "next_page_token")
    CODES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    codes: _containers.RepeatedCompositeFieldContainer[RedemptionCode]
    next_page_token: str
    def __init__(self, codes: _Optional[_Iterable[_Union[RedemptionCode, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RevokeCodesRequest(_message.Message):
    __slots__ = ("codes",)
    CODES_FIELD_NUMBER: _ClassVar[int]
    codes: str
    def __init__(self, codes: _Optional[str] = ...) -> None: ...

class RevokeCodesResponse(_message.Message):
    __slots__ = ("batch", "code")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    batch: CodeBatch
    code: RedemptionCode
    def __init__(self, batch: _Optional[_Union[CodeBatch, _Mapping]] = ..., code: _Optional[_Union[RedemptionCode, _Mapping]] = ...) -> None: ...

class CodeBatch(_message.Message):
    __slots__ = ("id", "prefix", "credit_microcredits", "code_count", "uses_per_code", "use_count", "expires_at_us", "credit_days", "note", "created_by", "created_at_us", "revoked_at_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    CREDIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CODE_COUNT_FIELD_NUMBER: _ClassVar[int]
    USES_PER_CODE_FIELD_NUMBER: _ClassVar[int]
    USE_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    CREDIT_DAYS_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    prefix: str
    credit_microcredits: int
    code_count: int
    uses_per_code: int
    use_count: int
    expires_at_us: int
    credit_days: int
    note: str
    created_by: str
    created_at_us: int
    revoked_at_us: int
    def __init__(self, id: _Optional[str] = ..., prefix: _Optional[str] = ..., credit_microcredits: _Optional[int] = ..., code_count: _Optional[int] = ..., uses_per_code: _Optional[int] = ..., use_count: _Optional[int] = ..., expires_at_us: _Optional[int] = ..., credit_days: _Optional[int] = ..., note: _Optional[str] = ..., created_by: _Optional[str] = ..., created_at_us: _Optional[int] = ..., revoked_at_us: _Optional[int] = ...) -> None: ...

class RedemptionCode(_message.Message):
    __slots__ = ("id", "batch_id", "use_count", "revoked_at_us", "accounts")
    ID_FIELD_NUMBER: _ClassVar[int]
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    USE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_US_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    batch_id: str
    use_count: int
    revoked_at_us: int
    accounts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., batch_id: _Optional[str] = ..., use_count: _Optional[int] = ..., revoked_at_us: _Optional[int] = ..., accounts: _Optional[_Iterable[str]] = ...) -> None: ...
