from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class FollowResponseRequest(_message.Message):
    __slots__ = ("account_id", "response_id")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    response_id: str
    def __init__(self, account_id: _Optional[str] = ..., response_id: _Optional[str] = ...) -> None: ...

class FollowResponseResponse(_message.Message):
    __slots__ = ("pieces",)
    PIECES_FIELD_NUMBER: _ClassVar[int]
    pieces: bytes
    def __init__(self, pieces: _Optional[bytes] = ...) -> None: ...

class CancelResponseRequest(_message.Message):
    __slots__ = ("account_id", "response_id")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    response_id: str
    def __init__(self, account_id: _Optional[str] = ..., response_id: _Optional[str] = ...) -> None: ...

class CancelResponseResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
