from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HoldModelRequest(_message.Message):
    __slots__ = ("triton_name",)
    TRITON_NAME_FIELD_NUMBER: _ClassVar[int]
    triton_name: str
    def __init__(self, triton_name: _Optional[str] = ...) -> None: ...

class HoldModelResponse(_message.Message):
    __slots__ = ("refusal",)
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    refusal: LeaseRefusal
    def __init__(self, refusal: _Optional[_Union[LeaseRefusal, _Mapping]] = ...) -> None: ...

class LeaseRefusal(_message.Message):
    __slots__ = ("message", "retry_after_s", "is_overloaded")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    IS_OVERLOADED_FIELD_NUMBER: _ClassVar[int]
    message: str
    retry_after_s: float
    is_overloaded: bool
    def __init__(self, message: _Optional[str] = ..., retry_after_s: _Optional[float] = ..., is_overloaded: _Optional[bool] = ...) -> None: ...

class SuspectModelRequest(_message.Message):
    __slots__ = ("triton_name",)
    TRITON_NAME_FIELD_NUMBER: _ClassVar[int]
    triton_name: str
    def __init__(self, triton_name: _Optional[str] = ...) -> None: ...

class SuspectModelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
