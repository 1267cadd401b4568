from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UsageGroupBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USAGE_GROUP_BY_UNSPECIFIED: _ClassVar[UsageGroupBy]
    USAGE_GROUP_BY_DAY: _ClassVar[UsageGroupBy]
    USAGE_GROUP_BY_MODEL: _ClassVar[UsageGroupBy]
    USAGE_GROUP_BY_KEY: _ClassVar[UsageGroupBy]
    USAGE_GROUP_BY_MEMBER: _ClassVar[UsageGroupBy]
USAGE_GROUP_BY_UNSPECIFIED: UsageGroupBy
USAGE_GROUP_BY_DAY: UsageGroupBy
USAGE_GROUP_BY_MODEL: UsageGroupBy
USAGE_GROUP_BY_KEY: UsageGroupBy
USAGE_GROUP_BY_MEMBER: UsageGroupBy

class QueryUsageRequest(_message.Message):
    __slots__ = ("from_us", "to_us", "group_by", "page_size", "page_token")
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    from_us: int
    to_us: int
    group_by: UsageGroupBy
    page_size: int
    page_token: str
    def __init__(self, from_us: _Optional[int] = ..., to_us: _Optional[int] = ..., group_by: _Optional[_Union[UsageGroupBy, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class QueryUsageResponse(_message.Message):
    __slots__ = ("groups", "next_page_token", "from_us", "to_us", "time_zone")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[UsageGroup]
    next_page_token: str
    from_us: int
    to_us: int
    time_zone: str
    def __init__(self, groups: _Optional[_Iterable[_Union[UsageGroup, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., from_us: _Optional[int] = ..., to_us: _Optional[int] = ..., time_zone: _Optional[str] = ...) -> None: ...

class UsageGroup(_message.Message):
    __slots__ = ("name", "label", "request_count", "cost_microcredits", "prompt_token_count", "cached_token_count", "completion_token_count", "reasoning_token_count", "total_token_count", "other_quantities")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_COUNT_FIELD_NUMBER: _ClassVar[int]
    COST_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    CACHED_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    REASONING_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    OTHER_QUANTITIES_FIELD_NUMBER: _ClassVar[int]
    name: str
    label: str
    request_count: int
    cost_microcredits: int
    prompt_token_count: int
    cached_token_count: int
    completion_token_count: int
    reasoning_token_count: int
    total_token_count: int
    other_quantities: _containers.RepeatedCompositeFieldContainer[UsageQuantity]
    def __init__(self, name: _Optional[str] = ..., label: _Optional[str] = ..., request_count: _Optional[int] = ..., cost_microcredits: _Optional[int] = ..., prompt_token_count: _Optional[int] = ..., cached_token_count: _Optional[int] = ..., completion_token_count: _Optional[int] = ..., reasoning_token_count: _Optional[int] = ..., total_token_count: _Optional[int] = ..., other_quantities: _Optional[_Iterable[_Union[UsageQuantity, _Mapping]]] = ...) -> None: ...

class UsageQuantity(_message.Message):
    __slots__ = ("meter", "quantity")
    METER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    meter: str
    quantity: int
    def __init__(self, meter: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class ListCallsRequest(_message.Message):
    __slots__ = ("from_us", "to_us", "page_size", "page_token")
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    from_us: int
    to_us: int
    page_size: int
    page_token: str
    def __init__(self, from_us: _Optional[int] = ..., to_us: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCallsResponse(_message.Message):
    __slots__ = ("calls", "next_page_token")
    CALLS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    calls: _containers.RepeatedCompositeFieldContainer[UsageCall]
    next_page_token: str
    def __init__(self, calls: _Optional[_Iterable[_Union[UsageCall, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ExportUsageRequest(_message.Message):
    __slots__ = ("from_us", "to_us")
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    from_us: int
    to_us: int
    def __init__(self, from_us: _Optional[int] = ..., to_us: _Optional[int] = ...) -> None: ...

class ExportUsageResponse(_message.Message):
    __slots__ = ("calls",)
    CALLS_FIELD_NUMBER: _ClassVar[int]
    calls: _containers.RepeatedCompositeFieldContainer[UsageCall]
    def __init__(self, calls: _Optional[_Iterable[_Union[UsageCall, _Mapping]]] = ...) -> None: ...

class UsageCall(_message.Message):
    __slots__ = ("id", "at_us", "api_key_id", "model", "outcome", "finish_reason", "cost_microcredits", "prompt_token_count", "cached_token_count", "completion_token_count", "reasoning_token_count", "total_token_count", "lines", "latency_ms", "first_token_ms", "absorbed_microcredits")
    ID_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    API_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    COST_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    CACHED_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    REASONING_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_MS_FIELD_NUMBER: _ClassVar[int]
    ABSORBED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    id: str
    at_us: int
    api_key_id: str
    model: str
    outcome: str
    finish_reason: str
    cost_microcredits: int
    prompt_token_count: int
    cached_token_count: int
    completion_token_count: int
    reasoning_token_count: int
    total_token_count: int
    lines: _containers.RepeatedCompositeFieldContainer[UsageLine]
    latency_ms: int
    first_token_ms: int
    absorbed_microcredits: int
    def __init__(self, id: _Optional[str] = ..., at_us: _Optional[int] = ..., api_key_id: _Optional[str] = ..., model: _Optional[str] = ..., outcome: _Optional[str] = ..., finish_reason: _Optional[str] = ..., cost_microcredits: _Optional[int] = ..., prompt_token_count: _Optional[int] = ..., cached_token_count: _Optional[int] = ..., completion_token_count: _Optional[int] = ..., reasoning_token_count: _Optional[int] = ..., total_token_count: _Optional[int] = ..., lines: _Optional[_Iterable[_Union[UsageLine, _Mapping]]] = ..., latency_ms: _Optional[int] = ..., first_token_ms: _Optional[int] = ..., absorbed_microcredits: _Optional[int] = ...) -> None: ...

class UsageLine(_message.Message):
    __slots__ = ("meter", "quantity", "unit_price_microcredits", "per", "cost_microcredits")
    METER_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    UNIT_PRICE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PER_FIELD_NUMBER: _ClassVar[int]
    COST_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    meter: str
    quantity: int
    unit_price_microcredits: int
    per: int
    cost_microcredits: int
    def __init__(self, meter: _Optional[str] = ..., quantity: _Optional[int] = ..., unit_price_microcredits: _Optional[int] = ..., per: _Optional[int] = ..., cost_microcredits: _Optional[int] = ...) -> None: ...
