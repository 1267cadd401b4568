from raseed.billing.v1 import usage_pb2 as _usage_pb2
from raseed.inference.v1 import inference_pb2 as _inference_pb2
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
    __slots__ = ("tier", "status", "expires_at_us", "balance_microcredits", "held_microcredits", "grants", "debt_microcredits", "debt_limit_microcredits")
    TIER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    DEBT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    DEBT_LIMIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    tier: str
    status: str
    expires_at_us: int
    balance_microcredits: int
    held_microcredits: int
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    debt_microcredits: int
    debt_limit_microcredits: int
    def __init__(self, tier: _Optional[str] = ..., status: _Optional[str] = ..., expires_at_us: _Optional[int] = ..., balance_microcredits: _Optional[int] = ..., held_microcredits: _Optional[int] = ..., grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ..., debt_microcredits: _Optional[int] = ..., debt_limit_microcredits: _Optional[int] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("id", "source", "amount_microcredits", "remaining_microcredits", "expires_at_us", "held_microcredits", "effective_at_us", "created_at_us", "status")
    ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_AT_US_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    id: str
    source: str
    amount_microcredits: int
    remaining_microcredits: int
    expires_at_us: int
    held_microcredits: int
    effective_at_us: int
    created_at_us: int
    status: str
    def __init__(self, id: _Optional[str] = ..., source: _Optional[str] = ..., amount_microcredits: _Optional[int] = ..., remaining_microcredits: _Optional[int] = ..., expires_at_us: _Optional[int] = ..., held_microcredits: _Optional[int] = ..., effective_at_us: _Optional[int] = ..., created_at_us: _Optional[int] = ..., status: _Optional[str] = ...) -> None: ...

class GetBalanceRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetBalanceResponse(_message.Message):
    __slots__ = ("balance_microcredits", "held_microcredits", "debt_microcredits", "grants", "expires_next", "debt_limit_microcredits")
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    DEBT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_NEXT_FIELD_NUMBER: _ClassVar[int]
    DEBT_LIMIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    balance_microcredits: int
    held_microcredits: int
    debt_microcredits: int
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    expires_next: CreditExpiry
    debt_limit_microcredits: int
    def __init__(self, balance_microcredits: _Optional[int] = ..., held_microcredits: _Optional[int] = ..., debt_microcredits: _Optional[int] = ..., grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ..., expires_next: _Optional[_Union[CreditExpiry, _Mapping]] = ..., debt_limit_microcredits: _Optional[int] = ...) -> None: ...

class CreditExpiry(_message.Message):
    __slots__ = ("at_us", "amount_microcredits")
    AT_US_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    at_us: int
    amount_microcredits: int
    def __init__(self, at_us: _Optional[int] = ..., amount_microcredits: _Optional[int] = ...) -> None: ...

class ListGrantsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGrantsResponse(_message.Message):
    __slots__ = ("grants", "next_page_token")
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    next_page_token: str
    def __init__(self, grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListTopupPacksRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTopupPacksResponse(_message.Message):
    __slots__ = ("packs", "next_page_token", "open_topup")
    PACKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    OPEN_TOPUP_FIELD_NUMBER: _ClassVar[int]
    packs: _containers.RepeatedCompositeFieldContainer[TopupPack]
    next_page_token: str
    open_topup: OpenTopup
    def __init__(self, packs: _Optional[_Iterable[_Union[TopupPack, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., open_topup: _Optional[_Union[OpenTopup, _Mapping]] = ...) -> None: ...

class TopupPack(_message.Message):
    __slots__ = ("id", "name", "amount_microcredits", "bonus_microcredits", "price_minor", "currency", "is_popular")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    BONUS_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PRICE_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    IS_POPULAR_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    amount_microcredits: int
    bonus_microcredits: int
    price_minor: int
    currency: str
    is_popular: bool
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., amount_microcredits: _Optional[int] = ..., bonus_microcredits: _Optional[int] = ..., price_minor: _Optional[int] = ..., currency: _Optional[str] = ..., is_popular: _Optional[bool] = ...) -> None: ...

class OpenTopup(_message.Message):
    __slots__ = ("currency", "min_minor", "max_minor", "step_minor")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    MIN_MINOR_FIELD_NUMBER: _ClassVar[int]
    MAX_MINOR_FIELD_NUMBER: _ClassVar[int]
    STEP_MINOR_FIELD_NUMBER: _ClassVar[int]
    currency: str
    min_minor: int
    max_minor: int
    step_minor: int
    def __init__(self, currency: _Optional[str] = ..., min_minor: _Optional[int] = ..., max_minor: _Optional[int] = ..., step_minor: _Optional[int] = ...) -> None: ...

class ListTopupsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTopupsResponse(_message.Message):
    __slots__ = ("topups", "next_page_token", "total_count")
    TOPUPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    topups: _containers.RepeatedCompositeFieldContainer[Topup]
    next_page_token: str
    total_count: int
    def __init__(self, topups: _Optional[_Iterable[_Union[Topup, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_count: _Optional[int] = ...) -> None: ...

class Topup(_message.Message):
    __slots__ = ("id", "amount_microcredits", "paid_minor", "currency", "status", "created_at_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PAID_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    amount_microcredits: int
    paid_minor: int
    currency: str
    status: str
    created_at_us: int
    def __init__(self, id: _Optional[str] = ..., amount_microcredits: _Optional[int] = ..., paid_minor: _Optional[int] = ..., currency: _Optional[str] = ..., status: _Optional[str] = ..., created_at_us: _Optional[int] = ...) -> None: ...

class EstimatePriceRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: _inference_pb2.CreateChatCompletionRequest
    def __init__(self, request: _Optional[_Union[_inference_pb2.CreateChatCompletionRequest, _Mapping]] = ...) -> None: ...

class EstimatePriceResponse(_message.Message):
    __slots__ = ("model", "prompt_token_count", "max_completion_token_count", "min_cost_microcredits", "max_cost_microcredits", "price_version")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_COMPLETION_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    MIN_COST_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    MAX_COST_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PRICE_VERSION_FIELD_NUMBER: _ClassVar[int]
    model: str
    prompt_token_count: int
    max_completion_token_count: int
    min_cost_microcredits: int
    max_cost_microcredits: int
    price_version: str
    def __init__(self, model: _Optional[str] = ..., prompt_token_count: _Optional[int] = ..., max_completion_token_count: _Optional[int] = ..., min_cost_microcredits: _Optional[int] = ..., max_cost_microcredits: _Optional[int] = ..., price_version: _Optional[str] = ...) -> None: ...
