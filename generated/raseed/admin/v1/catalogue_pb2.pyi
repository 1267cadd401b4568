from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListPricesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPricesResponse(_message.Message):
    __slots__ = ("price_lists", "next_page_token", "notice_days")
    PRICE_LISTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    NOTICE_DAYS_FIELD_NUMBER: _ClassVar[int]
    price_lists: _containers.RepeatedCompositeFieldContainer[PriceList]
    next_page_token: str
    notice_days: int
    def __init__(self, price_lists: _Optional[_Iterable[_Union[PriceList, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., notice_days: _Optional[int] = ...) -> None: ...

class PriceList(_message.Message):
    __slots__ = ("version", "effective_at_us", "in_force", "models")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_AT_US_FIELD_NUMBER: _ClassVar[int]
    IN_FORCE_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    version: str
    effective_at_us: int
    in_force: bool
    models: _containers.RepeatedCompositeFieldContainer[PricedModel]
    def __init__(self, version: _Optional[str] = ..., effective_at_us: _Optional[int] = ..., in_force: _Optional[bool] = ..., models: _Optional[_Iterable[_Union[PricedModel, _Mapping]]] = ...) -> None: ...

class PricedModel(_message.Message):
    __slots__ = ("model", "tier", "multiplier_milli", "rates")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    MULTIPLIER_MILLI_FIELD_NUMBER: _ClassVar[int]
    RATES_FIELD_NUMBER: _ClassVar[int]
    model: str
    tier: str
    multiplier_milli: int
    rates: _containers.RepeatedCompositeFieldContainer[MeterRate]
    def __init__(self, model: _Optional[str] = ..., tier: _Optional[str] = ..., multiplier_milli: _Optional[int] = ..., rates: _Optional[_Iterable[_Union[MeterRate, _Mapping]]] = ...) -> None: ...

class MeterRate(_message.Message):
    __slots__ = ("meter", "unit_price_microcredits", "per")
    METER_FIELD_NUMBER: _ClassVar[int]
    UNIT_PRICE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PER_FIELD_NUMBER: _ClassVar[int]
    meter: str
    unit_price_microcredits: int
    per: int
    def __init__(self, meter: _Optional[str] = ..., unit_price_microcredits: _Optional[int] = ..., per: _Optional[int] = ...) -> None: ...

class ListTiersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTiersResponse(_message.Message):
    __slots__ = ("tiers",)
    TIERS_FIELD_NUMBER: _ClassVar[int]
    tiers: _containers.RepeatedCompositeFieldContainer[TierTerms]
    def __init__(self, tiers: _Optional[_Iterable[_Union[TierTerms, _Mapping]]] = ...) -> None: ...

class TierTerms(_message.Message):
    __slots__ = ("tier", "is_default", "requests_per_minute", "requests_per_day", "tokens_per_minute", "concurrency", "output_tokens_max", "key_count_max", "models", "priority")
    TIER_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_MAX_FIELD_NUMBER: _ClassVar[int]
    KEY_COUNT_MAX_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    tier: str
    is_default: bool
    requests_per_minute: int
    requests_per_day: int
    tokens_per_minute: int
    concurrency: int
    output_tokens_max: int
    key_count_max: int
    models: _containers.RepeatedScalarFieldContainer[str]
    priority: int
    def __init__(self, tier: _Optional[str] = ..., is_default: _Optional[bool] = ..., requests_per_minute: _Optional[int] = ..., requests_per_day: _Optional[int] = ..., tokens_per_minute: _Optional[int] = ..., concurrency: _Optional[int] = ..., output_tokens_max: _Optional[int] = ..., key_count_max: _Optional[int] = ..., models: _Optional[_Iterable[str]] = ..., priority: _Optional[int] = ...) -> None: ...
