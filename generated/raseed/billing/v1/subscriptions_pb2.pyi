from raseed.billing.v1 import payments_pb2 as _payments_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListPlansRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPlansResponse(_message.Message):
    __slots__ = ("plans", "next_page_token", "extra_keys")
    PLANS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXTRA_KEYS_FIELD_NUMBER: _ClassVar[int]
    plans: _containers.RepeatedCompositeFieldContainer[Plan]
    next_page_token: str
    extra_keys: ExtraKeys
    def __init__(self, plans: _Optional[_Iterable[_Union[Plan, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., extra_keys: _Optional[_Union[ExtraKeys, _Mapping]] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("id", "name_en", "name_ar", "tier", "credit_microcredits", "period", "price_minor", "currency", "trial_days", "trial_credit_microcredits", "rollover_cap_microcredits")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_EN_FIELD_NUMBER: _ClassVar[int]
    NAME_AR_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    CREDIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    PRICE_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    TRIAL_DAYS_FIELD_NUMBER: _ClassVar[int]
    TRIAL_CREDIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    ROLLOVER_CAP_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name_en: str
    name_ar: str
    tier: str
    credit_microcredits: int
    period: str
    price_minor: int
    currency: str
    trial_days: int
    trial_credit_microcredits: int
    rollover_cap_microcredits: int
    def __init__(self, id: _Optional[str] = ..., name_en: _Optional[str] = ..., name_ar: _Optional[str] = ..., tier: _Optional[str] = ..., credit_microcredits: _Optional[int] = ..., period: _Optional[str] = ..., price_minor: _Optional[int] = ..., currency: _Optional[str] = ..., trial_days: _Optional[int] = ..., trial_credit_microcredits: _Optional[int] = ..., rollover_cap_microcredits: _Optional[int] = ...) -> None: ...

class ExtraKeys(_message.Message):
    __slots__ = ("price_minor", "currency", "count_max")
    PRICE_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    COUNT_MAX_FIELD_NUMBER: _ClassVar[int]
    price_minor: int
    currency: str
    count_max: int
    def __init__(self, price_minor: _Optional[int] = ..., currency: _Optional[str] = ..., count_max: _Optional[int] = ...) -> None: ...

class GetPlanRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPlanResponse(_message.Message):
    __slots__ = ("subscription", "open_payment")
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OPEN_PAYMENT_FIELD_NUMBER: _ClassVar[int]
    subscription: PlanSubscription
    open_payment: _payments_pb2.Payment
    def __init__(self, subscription: _Optional[_Union[PlanSubscription, _Mapping]] = ..., open_payment: _Optional[_Union[_payments_pb2.Payment, _Mapping]] = ...) -> None: ...

class PlanSubscription(_message.Message):
    __slots__ = ("id", "plan", "state", "period_start_us", "period_end_us", "paid_until_us", "cancels_at_end", "next_plan", "renews_by_itself")
    ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PERIOD_START_US_FIELD_NUMBER: _ClassVar[int]
    PERIOD_END_US_FIELD_NUMBER: _ClassVar[int]
    PAID_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    CANCELS_AT_END_FIELD_NUMBER: _ClassVar[int]
    NEXT_PLAN_FIELD_NUMBER: _ClassVar[int]
    RENEWS_BY_ITSELF_FIELD_NUMBER: _ClassVar[int]
    id: str
    plan: str
    state: str
    period_start_us: int
    period_end_us: int
    paid_until_us: int
    cancels_at_end: bool
    next_plan: str
    renews_by_itself: bool
    def __init__(self, id: _Optional[str] = ..., plan: _Optional[str] = ..., state: _Optional[str] = ..., period_start_us: _Optional[int] = ..., period_end_us: _Optional[int] = ..., paid_until_us: _Optional[int] = ..., cancels_at_end: _Optional[bool] = ..., next_plan: _Optional[str] = ..., renews_by_itself: _Optional[bool] = ...) -> None: ...

class SubscribeRequest(_message.Message):
    __slots__ = ("request_id", "plan", "method", "language")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    plan: str
    method: str
    language: str
    def __init__(self, request_id: _Optional[str] = ..., plan: _Optional[str] = ..., method: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class SubscribeResponse(_message.Message):
    __slots__ = ("payment",)
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    payment: _payments_pb2.Payment
    def __init__(self, payment: _Optional[_Union[_payments_pb2.Payment, _Mapping]] = ...) -> None: ...

class StartTrialRequest(_message.Message):
    __slots__ = ("plan", "language")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    plan: str
    language: str
    def __init__(self, plan: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class StartTrialResponse(_message.Message):
    __slots__ = ("subscription",)
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    subscription: PlanSubscription
    def __init__(self, subscription: _Optional[_Union[PlanSubscription, _Mapping]] = ...) -> None: ...

class ChangePlanRequest(_message.Message):
    __slots__ = ("request_id", "plan", "method", "language")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    plan: str
    method: str
    language: str
    def __init__(self, request_id: _Optional[str] = ..., plan: _Optional[str] = ..., method: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class ChangePlanResponse(_message.Message):
    __slots__ = ("subscription", "payment")
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    subscription: PlanSubscription
    payment: _payments_pb2.Payment
    def __init__(self, subscription: _Optional[_Union[PlanSubscription, _Mapping]] = ..., payment: _Optional[_Union[_payments_pb2.Payment, _Mapping]] = ...) -> None: ...

class CancelPlanRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CancelPlanResponse(_message.Message):
    __slots__ = ("subscription",)
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    subscription: PlanSubscription
    def __init__(self, subscription: _Optional[_Union[PlanSubscription, _Mapping]] = ...) -> None: ...

class ResumePlanRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResumePlanResponse(_message.Message):
    __slots__ = ("subscription",)
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    subscription: PlanSubscription
    def __init__(self, subscription: _Optional[_Union[PlanSubscription, _Mapping]] = ...) -> None: ...
