from raseed.billing.v1 import subscriptions_pb2 as _subscriptions_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListAllPlansRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAllPlansResponse(_message.Message):
    __slots__ = ("plans", "next_page_token")
    PLANS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    plans: _containers.RepeatedCompositeFieldContainer[PlanOnSale]
    next_page_token: str
    def __init__(self, plans: _Optional[_Iterable[_Union[PlanOnSale, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PlanOnSale(_message.Message):
    __slots__ = ("plan", "provider", "product_id", "is_public")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    IS_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    plan: _subscriptions_pb2.Plan
    provider: str
    product_id: str
    is_public: bool
    def __init__(self, plan: _Optional[_Union[_subscriptions_pb2.Plan, _Mapping]] = ..., provider: _Optional[str] = ..., product_id: _Optional[str] = ..., is_public: _Optional[bool] = ...) -> None: ...

class ShowSubscriptionRequest(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    def __init__(self, account: _Optional[str] = ...) -> None: ...

class ShowSubscriptionResponse(_message.Message):
    __slots__ = ("subscription", "account_id", "end_reason", "periods")
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    END_REASON_FIELD_NUMBER: _ClassVar[int]
    PERIODS_FIELD_NUMBER: _ClassVar[int]
    subscription: _subscriptions_pb2.PlanSubscription
    account_id: str
    end_reason: str
    periods: _containers.RepeatedCompositeFieldContainer[SubscriptionPeriod]
    def __init__(self, subscription: _Optional[_Union[_subscriptions_pb2.PlanSubscription, _Mapping]] = ..., account_id: _Optional[str] = ..., end_reason: _Optional[str] = ..., periods: _Optional[_Iterable[_Union[SubscriptionPeriod, _Mapping]]] = ...) -> None: ...

class SubscriptionPeriod(_message.Message):
    __slots__ = ("payment_id", "plan", "role", "begins_at_us", "ends_at_us", "is_trial", "counts")
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    BEGINS_AT_US_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_US_FIELD_NUMBER: _ClassVar[int]
    IS_TRIAL_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    payment_id: str
    plan: str
    role: str
    begins_at_us: int
    ends_at_us: int
    is_trial: bool
    counts: bool
    def __init__(self, payment_id: _Optional[str] = ..., plan: _Optional[str] = ..., role: _Optional[str] = ..., begins_at_us: _Optional[int] = ..., ends_at_us: _Optional[int] = ..., is_trial: _Optional[bool] = ..., counts: _Optional[bool] = ...) -> None: ...

class CancelSubscriptionRequest(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    def __init__(self, account: _Optional[str] = ...) -> None: ...

class CancelSubscriptionResponse(_message.Message):
    __slots__ = ("subscription",)
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    subscription: _subscriptions_pb2.PlanSubscription
    def __init__(self, subscription: _Optional[_Union[_subscriptions_pb2.PlanSubscription, _Mapping]] = ...) -> None: ...

class EndSubscriptionRequest(_message.Message):
    __slots__ = ("account", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: str
    reason: str
    def __init__(self, account: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class EndSubscriptionResponse(_message.Message):
    __slots__ = ("subscription",)
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    subscription: _subscriptions_pb2.PlanSubscription
    def __init__(self, subscription: _Optional[_Union[_subscriptions_pb2.PlanSubscription, _Mapping]] = ...) -> None: ...
