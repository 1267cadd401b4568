from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetAccountLimitsRequest(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    def __init__(self, account: _Optional[str] = ...) -> None: ...

class GetAccountLimitsResponse(_message.Message):
    __slots__ = ("limits",)
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    limits: AccountLimits
    def __init__(self, limits: _Optional[_Union[AccountLimits, _Mapping]] = ...) -> None: ...

class SetAccountLimitsRequest(_message.Message):
    __slots__ = ("account", "limits", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: str
    limits: _containers.RepeatedCompositeFieldContainer[AccountLimit]
    reason: str
    def __init__(self, account: _Optional[str] = ..., limits: _Optional[_Iterable[_Union[AccountLimit, _Mapping]]] = ..., reason: _Optional[str] = ...) -> None: ...

class SetAccountLimitsResponse(_message.Message):
    __slots__ = ("limits",)
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    limits: AccountLimits
    def __init__(self, limits: _Optional[_Union[AccountLimits, _Mapping]] = ...) -> None: ...

class AccountLimits(_message.Message):
    __slots__ = ("account_id", "tier", "limits")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    tier: str
    limits: _containers.RepeatedCompositeFieldContainer[AccountLimit]
    def __init__(self, account_id: _Optional[str] = ..., tier: _Optional[str] = ..., limits: _Optional[_Iterable[_Union[AccountLimit, _Mapping]]] = ...) -> None: ...

class AccountLimit(_message.Message):
    __slots__ = ("name", "value", "is_own")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    IS_OWN_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: int
    is_own: bool
    def __init__(self, name: _Optional[str] = ..., value: _Optional[int] = ..., is_own: _Optional[bool] = ...) -> None: ...
