from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Quantity(_message.Message):
    __slots__ = ("meter", "quantity")
    METER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    meter: str
    quantity: int
    def __init__(self, meter: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class Rate(_message.Message):
    __slots__ = ("meter", "unit_price_microcredits", "per")
    METER_FIELD_NUMBER: _ClassVar[int]
    UNIT_PRICE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PER_FIELD_NUMBER: _ClassVar[int]
    meter: str
    unit_price_microcredits: int
    per: int
    def __init__(self, meter: _Optional[str] = ..., unit_price_microcredits: _Optional[int] = ..., per: _Optional[int] = ...) -> None: ...

class PlaceHoldRequest(_message.Message):
    __slots__ = ("request_id", "model", "rates", "min", "want", "lease_s")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RATES_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    WANT_FIELD_NUMBER: _ClassVar[int]
    LEASE_S_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    model: str
    rates: _containers.RepeatedCompositeFieldContainer[Rate]
    min: _containers.RepeatedCompositeFieldContainer[Quantity]
    want: _containers.RepeatedCompositeFieldContainer[Quantity]
    lease_s: int
    def __init__(self, request_id: _Optional[str] = ..., model: _Optional[str] = ..., rates: _Optional[_Iterable[_Union[Rate, _Mapping]]] = ..., min: _Optional[_Iterable[_Union[Quantity, _Mapping]]] = ..., want: _Optional[_Iterable[_Union[Quantity, _Mapping]]] = ..., lease_s: _Optional[int] = ...) -> None: ...

class PlaceHoldResponse(_message.Message):
    __slots__ = ("hold_id", "amount_microcredits", "lease_until_us", "balance_microcredits", "is_open")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    LEASE_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    IS_OPEN_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    amount_microcredits: int
    lease_until_us: int
    balance_microcredits: int
    is_open: bool
    def __init__(self, hold_id: _Optional[str] = ..., amount_microcredits: _Optional[int] = ..., lease_until_us: _Optional[int] = ..., balance_microcredits: _Optional[int] = ..., is_open: _Optional[bool] = ...) -> None: ...

class ExtendHoldRequest(_message.Message):
    __slots__ = ("request_id", "cover", "used", "lease_s")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    COVER_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    LEASE_S_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    cover: _containers.RepeatedCompositeFieldContainer[Quantity]
    used: _containers.RepeatedCompositeFieldContainer[Quantity]
    lease_s: int
    def __init__(self, request_id: _Optional[str] = ..., cover: _Optional[_Iterable[_Union[Quantity, _Mapping]]] = ..., used: _Optional[_Iterable[_Union[Quantity, _Mapping]]] = ..., lease_s: _Optional[int] = ...) -> None: ...

class ExtendHoldResponse(_message.Message):
    __slots__ = ("amount_microcredits", "lease_until_us", "balance_microcredits")
    AMOUNT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    LEASE_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    amount_microcredits: int
    lease_until_us: int
    balance_microcredits: int
    def __init__(self, amount_microcredits: _Optional[int] = ..., lease_until_us: _Optional[int] = ..., balance_microcredits: _Optional[int] = ...) -> None: ...

class SettleHoldRequest(_message.Message):
    __slots__ = ("request_id", "used", "latency_ms")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    used: _containers.RepeatedCompositeFieldContainer[Quantity]
    latency_ms: int
    def __init__(self, request_id: _Optional[str] = ..., used: _Optional[_Iterable[_Union[Quantity, _Mapping]]] = ..., latency_ms: _Optional[int] = ...) -> None: ...

class SettleHoldResponse(_message.Message):
    __slots__ = ("cost_microcredits", "shortfall_microcredits", "balance_microcredits")
    COST_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    SHORTFALL_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    cost_microcredits: int
    shortfall_microcredits: int
    balance_microcredits: int
    def __init__(self, cost_microcredits: _Optional[int] = ..., shortfall_microcredits: _Optional[int] = ..., balance_microcredits: _Optional[int] = ...) -> None: ...

class ReleaseHoldRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class ReleaseHoldResponse(_message.Message):
    __slots__ = ("balance_microcredits",)
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    balance_microcredits: int
    def __init__(self, balance_microcredits: _Optional[int] = ...) -> None: ...
