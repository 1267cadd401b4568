from raseed.accounts.v1 import accounts_pb2 as _accounts_pb2
from raseed.billing.v1 import usage_pb2 as _usage_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateAccountRequest(_message.Message):
    __slots__ = ("email", "phone", "tier", "credits_microcredits", "no_welcome")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    CREDITS_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    NO_WELCOME_FIELD_NUMBER: _ClassVar[int]
    email: str
    phone: str
    tier: str
    credits_microcredits: int
    no_welcome: bool
    def __init__(self, email: _Optional[str] = ..., phone: _Optional[str] = ..., tier: _Optional[str] = ..., credits_microcredits: _Optional[int] = ..., no_welcome: _Optional[bool] = ...) -> None: ...

class CreateAccountResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: AdminAccount
    def __init__(self, account: _Optional[_Union[AdminAccount, _Mapping]] = ...) -> None: ...

class GetAccountRequest(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    def __init__(self, account: _Optional[str] = ...) -> None: ...

class GetAccountResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: AdminAccount
    def __init__(self, account: _Optional[_Union[AdminAccount, _Mapping]] = ...) -> None: ...

class ListAccountsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "query", "status", "tier")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    query: str
    status: str
    tier: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., query: _Optional[str] = ..., status: _Optional[str] = ..., tier: _Optional[str] = ...) -> None: ...

class ListAccountsResponse(_message.Message):
    __slots__ = ("accounts", "next_page_token")
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[AdminAccount]
    next_page_token: str
    def __init__(self, accounts: _Optional[_Iterable[_Union[AdminAccount, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AdminAccount(_message.Message):
    __slots__ = ("id", "email", "phone", "tier", "status", "balance_microcredits", "held_microcredits", "grants", "tier_expires_at_us", "debt_microcredits", "debt_limit_microcredits", "own_debt_limit_microcredits", "created_at_us", "status_reason", "status_since_us", "second_of", "forfeited_microcredits", "kind", "owned_organisations")
    ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    TIER_EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    DEBT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    DEBT_LIMIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    OWN_DEBT_LIMIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    STATUS_REASON_FIELD_NUMBER: _ClassVar[int]
    STATUS_SINCE_US_FIELD_NUMBER: _ClassVar[int]
    SECOND_OF_FIELD_NUMBER: _ClassVar[int]
    FORFEITED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OWNED_ORGANISATIONS_FIELD_NUMBER: _ClassVar[int]
    id: str
    email: str
    phone: str
    tier: str
    status: str
    balance_microcredits: int
    held_microcredits: int
    grants: _containers.RepeatedCompositeFieldContainer[AdminGrant]
    tier_expires_at_us: int
    debt_microcredits: int
    debt_limit_microcredits: int
    own_debt_limit_microcredits: int
    created_at_us: int
    status_reason: str
    status_since_us: int
    second_of: str
    forfeited_microcredits: int
    kind: str
    owned_organisations: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., email: _Optional[str] = ..., phone: _Optional[str] = ..., tier: _Optional[str] = ..., status: _Optional[str] = ..., balance_microcredits: _Optional[int] = ..., held_microcredits: _Optional[int] = ..., grants: _Optional[_Iterable[_Union[AdminGrant, _Mapping]]] = ..., tier_expires_at_us: _Optional[int] = ..., debt_microcredits: _Optional[int] = ..., debt_limit_microcredits: _Optional[int] = ..., own_debt_limit_microcredits: _Optional[int] = ..., created_at_us: _Optional[int] = ..., status_reason: _Optional[str] = ..., status_since_us: _Optional[int] = ..., second_of: _Optional[str] = ..., forfeited_microcredits: _Optional[int] = ..., kind: _Optional[str] = ..., owned_organisations: _Optional[_Iterable[str]] = ...) -> None: ...

class AdminGrant(_message.Message):
    __slots__ = ("id", "source", "amount_microcredits", "remaining_microcredits", "held_microcredits", "expires_at_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    source: str
    amount_microcredits: int
    remaining_microcredits: int
    held_microcredits: int
    expires_at_us: int
    def __init__(self, id: _Optional[str] = ..., source: _Optional[str] = ..., amount_microcredits: _Optional[int] = ..., remaining_microcredits: _Optional[int] = ..., held_microcredits: _Optional[int] = ..., expires_at_us: _Optional[int] = ...) -> None: ...

class CreateApiKeyRequest(_message.Message):
    __slots__ = ("account", "name", "scopes", "cap_microcredits", "cap_window", "mode", "expires_at_us", "allowed_models", "allowed_addresses", "requests_per_minute", "tokens_per_minute", "concurrency", "request_id")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    CAP_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CAP_WINDOW_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_MODELS_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    account: str
    name: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    cap_microcredits: int
    cap_window: str
    mode: str
    expires_at_us: int
    allowed_models: _containers.RepeatedScalarFieldContainer[str]
    allowed_addresses: _containers.RepeatedScalarFieldContainer[str]
    requests_per_minute: int
    tokens_per_minute: int
    concurrency: int
    request_id: str
    def __init__(self, account: _Optional[str] = ..., name: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., cap_microcredits: _Optional[int] = ..., cap_window: _Optional[str] = ..., mode: _Optional[str] = ..., expires_at_us: _Optional[int] = ..., allowed_models: _Optional[_Iterable[str]] = ..., allowed_addresses: _Optional[_Iterable[str]] = ..., requests_per_minute: _Optional[int] = ..., tokens_per_minute: _Optional[int] = ..., concurrency: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateApiKeyResponse(_message.Message):
    __slots__ = ("id", "key")
    ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    key: str
    def __init__(self, id: _Optional[str] = ..., key: _Optional[str] = ...) -> None: ...

class RevokeApiKeyRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class RevokeApiKeyResponse(_message.Message):
    __slots__ = ("id", "revoked_at_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    revoked_at_us: int
    def __init__(self, id: _Optional[str] = ..., revoked_at_us: _Optional[int] = ...) -> None: ...

class ListApiKeysRequest(_message.Message):
    __slots__ = ("account", "page_size", "page_token")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account: str
    page_size: int
    page_token: str
    def __init__(self, account: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListApiKeysResponse(_message.Message):
    __slots__ = ("api_keys", "next_page_token")
    API_KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    api_keys: _containers.RepeatedCompositeFieldContainer[_accounts_pb2.ApiKey]
    next_page_token: str
    def __init__(self, api_keys: _Optional[_Iterable[_Union[_accounts_pb2.ApiKey, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetSpendCapRequest(_message.Message):
    __slots__ = ("id", "cap_microcredits", "cap_window")
    ID_FIELD_NUMBER: _ClassVar[int]
    CAP_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CAP_WINDOW_FIELD_NUMBER: _ClassVar[int]
    id: str
    cap_microcredits: int
    cap_window: str
    def __init__(self, id: _Optional[str] = ..., cap_microcredits: _Optional[int] = ..., cap_window: _Optional[str] = ...) -> None: ...

class SetSpendCapResponse(_message.Message):
    __slots__ = ("api_key",)
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    api_key: _accounts_pb2.ApiKey
    def __init__(self, api_key: _Optional[_Union[_accounts_pb2.ApiKey, _Mapping]] = ...) -> None: ...

class SetDebtLimitRequest(_message.Message):
    __slots__ = ("account", "limit_microcredits", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: str
    limit_microcredits: int
    reason: str
    def __init__(self, account: _Optional[str] = ..., limit_microcredits: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class SetDebtLimitResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: AdminAccount
    def __init__(self, account: _Optional[_Union[AdminAccount, _Mapping]] = ...) -> None: ...

class GrantCreditsRequest(_message.Message):
    __slots__ = ("account", "amount_microcredits", "reason", "request_id", "source", "paid_minor", "currency")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PAID_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    account: str
    amount_microcredits: int
    reason: str
    request_id: str
    source: str
    paid_minor: int
    currency: str
    def __init__(self, account: _Optional[str] = ..., amount_microcredits: _Optional[int] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ..., source: _Optional[str] = ..., paid_minor: _Optional[int] = ..., currency: _Optional[str] = ...) -> None: ...

class GrantCreditsResponse(_message.Message):
    __slots__ = ("grant_id", "balance_microcredits")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    balance_microcredits: int
    def __init__(self, grant_id: _Optional[str] = ..., balance_microcredits: _Optional[int] = ...) -> None: ...

class VerifyLedgerRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VerifyLedgerResponse(_message.Message):
    __slots__ = ("violations", "invariant_count", "entry_count", "sealed_count", "chain_head")
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    INVARIANT_COUNT_FIELD_NUMBER: _ClassVar[int]
    ENTRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEALED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHAIN_HEAD_FIELD_NUMBER: _ClassVar[int]
    violations: _containers.RepeatedCompositeFieldContainer[LedgerViolation]
    invariant_count: int
    entry_count: int
    sealed_count: int
    chain_head: str
    def __init__(self, violations: _Optional[_Iterable[_Union[LedgerViolation, _Mapping]]] = ..., invariant_count: _Optional[int] = ..., entry_count: _Optional[int] = ..., sealed_count: _Optional[int] = ..., chain_head: _Optional[str] = ...) -> None: ...

class LedgerViolation(_message.Message):
    __slots__ = ("invariant", "detail")
    INVARIANT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    invariant: str
    detail: str
    def __init__(self, invariant: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class ReplayLedgerRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReplayLedgerResponse(_message.Message):
    __slots__ = ("differences", "complete", "account_count", "grant_count", "open_hold_count", "entry_count")
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_COUNT_FIELD_NUMBER: _ClassVar[int]
    GRANT_COUNT_FIELD_NUMBER: _ClassVar[int]
    OPEN_HOLD_COUNT_FIELD_NUMBER: _ClassVar[int]
    ENTRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    differences: _containers.RepeatedCompositeFieldContainer[LedgerDifference]
    complete: bool
    account_count: int
    grant_count: int
    open_hold_count: int
    entry_count: int
    def __init__(self, differences: _Optional[_Iterable[_Union[LedgerDifference, _Mapping]]] = ..., complete: _Optional[bool] = ..., account_count: _Optional[int] = ..., grant_count: _Optional[int] = ..., open_hold_count: _Optional[int] = ..., entry_count: _Optional[int] = ...) -> None: ...

class LedgerDifference(_message.Message):
    __slots__ = ("figure", "id", "stored_microcredits", "rebuilt_microcredits")
    FIGURE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    STORED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    REBUILT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    figure: str
    id: str
    stored_microcredits: int
    rebuilt_microcredits: int
    def __init__(self, figure: _Optional[str] = ..., id: _Optional[str] = ..., stored_microcredits: _Optional[int] = ..., rebuilt_microcredits: _Optional[int] = ...) -> None: ...

class ListBackendsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListBackendsResponse(_message.Message):
    __slots__ = ("backends",)
    BACKENDS_FIELD_NUMBER: _ClassVar[int]
    backends: _containers.RepeatedCompositeFieldContainer[Backend]
    def __init__(self, backends: _Optional[_Iterable[_Union[Backend, _Mapping]]] = ...) -> None: ...

class Backend(_message.Message):
    __slots__ = ("model", "backend", "ready", "in_flight_count")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_COUNT_FIELD_NUMBER: _ClassVar[int]
    model: str
    backend: str
    ready: bool
    in_flight_count: int
    def __init__(self, model: _Optional[str] = ..., backend: _Optional[str] = ..., ready: _Optional[bool] = ..., in_flight_count: _Optional[int] = ...) -> None: ...

class AdjustCreditsRequest(_message.Message):
    __slots__ = ("account", "amount_microcredits", "grant_id", "reason", "request_id")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    account: str
    amount_microcredits: int
    grant_id: str
    reason: str
    request_id: str
    def __init__(self, account: _Optional[str] = ..., amount_microcredits: _Optional[int] = ..., grant_id: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class AdjustCreditsResponse(_message.Message):
    __slots__ = ("changes", "balance_microcredits")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[GrantChange]
    balance_microcredits: int
    def __init__(self, changes: _Optional[_Iterable[_Union[GrantChange, _Mapping]]] = ..., balance_microcredits: _Optional[int] = ...) -> None: ...

class GrantChange(_message.Message):
    __slots__ = ("grant_id", "amount_microcredits")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    amount_microcredits: int
    def __init__(self, grant_id: _Optional[str] = ..., amount_microcredits: _Optional[int] = ...) -> None: ...

class VoidGrantRequest(_message.Message):
    __slots__ = ("account", "grant_id", "reason", "request_id")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    account: str
    grant_id: str
    reason: str
    request_id: str
    def __init__(self, account: _Optional[str] = ..., grant_id: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class VoidGrantResponse(_message.Message):
    __slots__ = ("voided_microcredits", "held_microcredits", "balance_microcredits")
    VOIDED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    voided_microcredits: int
    held_microcredits: int
    balance_microcredits: int
    def __init__(self, voided_microcredits: _Optional[int] = ..., held_microcredits: _Optional[int] = ..., balance_microcredits: _Optional[int] = ...) -> None: ...

class QueryUsageRequest(_message.Message):
    __slots__ = ("account", "to", "group_by", "page_size", "page_token")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account: str
    to: str
    group_by: _usage_pb2.UsageGroupBy
    page_size: int
    page_token: str
    def __init__(self, account: _Optional[str] = ..., to: _Optional[str] = ..., group_by: _Optional[_Union[_usage_pb2.UsageGroupBy, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., **kwargs) -> None: ...

class QueryUsageResponse(_message.Message):
    __slots__ = ("groups", "next_page_token", "from_us", "to_us", "time_zone")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[_usage_pb2.UsageGroup]
    next_page_token: str
    from_us: int
    to_us: int
    time_zone: str
    def __init__(self, groups: _Optional[_Iterable[_Union[_usage_pb2.UsageGroup, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., from_us: _Optional[int] = ..., to_us: _Optional[int] = ..., time_zone: _Optional[str] = ...) -> None: ...
