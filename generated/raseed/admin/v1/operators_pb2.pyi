from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateOperatorRequest(_message.Message):
    __slots__ = ("name", "scopes", "expires_days")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_DAYS_FIELD_NUMBER: _ClassVar[int]
    name: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    expires_days: int
    def __init__(self, name: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., expires_days: _Optional[int] = ...) -> None: ...

class CreateOperatorResponse(_message.Message):
    __slots__ = ("operator", "key")
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    operator: Operator
    key: str
    def __init__(self, operator: _Optional[_Union[Operator, _Mapping]] = ..., key: _Optional[str] = ...) -> None: ...

class ListOperatorsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOperatorsResponse(_message.Message):
    __slots__ = ("operators", "next_page_token")
    OPERATORS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    operators: _containers.RepeatedCompositeFieldContainer[Operator]
    next_page_token: str
    def __init__(self, operators: _Optional[_Iterable[_Union[Operator, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RotateOperatorKeyRequest(_message.Message):
    __slots__ = ("operator", "scopes", "grace_hours", "expires_days")
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    GRACE_HOURS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_DAYS_FIELD_NUMBER: _ClassVar[int]
    operator: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    grace_hours: int
    expires_days: int
    def __init__(self, operator: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., grace_hours: _Optional[int] = ..., expires_days: _Optional[int] = ...) -> None: ...

class RotateOperatorKeyResponse(_message.Message):
    __slots__ = ("operator", "key")
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    operator: Operator
    key: str
    def __init__(self, operator: _Optional[_Union[Operator, _Mapping]] = ..., key: _Optional[str] = ...) -> None: ...

class DisableOperatorRequest(_message.Message):
    __slots__ = ("operator",)
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    operator: str
    def __init__(self, operator: _Optional[str] = ...) -> None: ...

class DisableOperatorResponse(_message.Message):
    __slots__ = ("operator",)
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    operator: Operator
    def __init__(self, operator: _Optional[_Union[Operator, _Mapping]] = ...) -> None: ...

class Operator(_message.Message):
    __slots__ = ("id", "name", "created_at_us", "disabled_at_us", "keys")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    DISABLED_AT_US_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    created_at_us: int
    disabled_at_us: int
    keys: _containers.RepeatedCompositeFieldContainer[OperatorKey]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., created_at_us: _Optional[int] = ..., disabled_at_us: _Optional[int] = ..., keys: _Optional[_Iterable[_Union[OperatorKey, _Mapping]]] = ...) -> None: ...

class OperatorKey(_message.Message):
    __slots__ = ("id", "hint", "scopes", "created_at_us", "expires_at_us", "revoked_at_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    hint: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    created_at_us: int
    expires_at_us: int
    revoked_at_us: int
    def __init__(self, id: _Optional[str] = ..., hint: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., created_at_us: _Optional[int] = ..., expires_at_us: _Optional[int] = ..., revoked_at_us: _Optional[int] = ...) -> None: ...
