from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class RedeemCodeRequest(_message.Message):
    __slots__ = ("code",)
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: str
    def __init__(self, code: _Optional[str] = ...) -> None: ...

class RedeemCodeResponse(_message.Message):
    __slots__ = ("grant_id", "credit_microcredits", "expires_at_us", "redeemed_at_us", "was_redeemed", "balance_microcredits")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    CREDIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    REDEEMED_AT_US_FIELD_NUMBER: _ClassVar[int]
    WAS_REDEEMED_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    credit_microcredits: int
    expires_at_us: int
    redeemed_at_us: int
    was_redeemed: bool
    balance_microcredits: int
    def __init__(self, grant_id: _Optional[str] = ..., credit_microcredits: _Optional[int] = ..., expires_at_us: _Optional[int] = ..., redeemed_at_us: _Optional[int] = ..., was_redeemed: _Optional[bool] = ..., balance_microcredits: _Optional[int] = ...) -> None: ...
