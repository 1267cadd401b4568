from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetSubscriptionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetSubscriptionResponse(_message.Message):
    __slots__ = ("tier", "status", "expires_at_us", "balance_microcredits", "held_microcredits", "grants")
    TIER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    tier: str
    status: str
    expires_at_us: int
    balance_microcredits: int
    held_microcredits: int
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    def __init__(self, tier: _Optional[str] = ..., status: _Optional[str] = ..., expires_at_us: _Optional[int] = ..., balance_microcredits: _Optional[int] = ..., held_microcredits: _Optional[int] = ..., grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("id", "source", "amount_microcredits", "remaining_microcredits", "expires_at_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    source: str
    amount_microcredits: int
    remaining_microcredits: int
    expires_at_us: int
    def __init__(self, id: _Optional[str] = ..., source: _Optional[str] = ..., amount_microcredits: _Optional[int] = ..., remaining_microcredits: _Optional[int] = ..., expires_at_us: _Optional[int] = ...) -> None: ...
