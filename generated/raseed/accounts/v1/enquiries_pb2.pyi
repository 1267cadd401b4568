from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class SendEnquiryRequest(_message.Message):
    __slots__ = ("reply_to", "text")
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    reply_to: str
    text: str
    def __init__(self, reply_to: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class SendEnquiryResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
