from raseed.admin.v1 import admin_pb2 as _admin_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SuspendAccountRequest(_message.Message):
    __slots__ = ("account", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: str
    reason: str
    def __init__(self, account: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SuspendAccountResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AdminAccount
    def __init__(self, account: _Optional[_Union[_admin_pb2.AdminAccount, _Mapping]] = ...) -> None: ...

class ReinstateAccountRequest(_message.Message):
    __slots__ = ("account", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: str
    reason: str
    def __init__(self, account: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ReinstateAccountResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AdminAccount
    def __init__(self, account: _Optional[_Union[_admin_pb2.AdminAccount, _Mapping]] = ...) -> None: ...

class CloseAccountRequest(_message.Message):
    __slots__ = ("account", "reason", "forfeit")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FORFEIT_FIELD_NUMBER: _ClassVar[int]
    account: str
    reason: str
    forfeit: bool
    def __init__(self, account: _Optional[str] = ..., reason: _Optional[str] = ..., forfeit: _Optional[bool] = ...) -> None: ...

class CloseAccountResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AdminAccount
    def __init__(self, account: _Optional[_Union[_admin_pb2.AdminAccount, _Mapping]] = ...) -> None: ...

class ListClosingRequestsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListClosingRequestsResponse(_message.Message):
    __slots__ = ("closing_requests", "next_page_token")
    CLOSING_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    closing_requests: _containers.RepeatedCompositeFieldContainer[AccountClosingRequest]
    next_page_token: str
    def __init__(self, closing_requests: _Optional[_Iterable[_Union[AccountClosingRequest, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AccountClosingRequest(_message.Message):
    __slots__ = ("account", "requested_at_us", "reason", "erase")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ERASE_FIELD_NUMBER: _ClassVar[int]
    account: str
    requested_at_us: int
    reason: str
    erase: bool
    def __init__(self, account: _Optional[str] = ..., requested_at_us: _Optional[int] = ..., reason: _Optional[str] = ..., erase: _Optional[bool] = ...) -> None: ...

class ExportAccountRequest(_message.Message):
    __slots__ = ("account", "page_size", "page_token")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account: str
    page_size: int
    page_token: str
    def __init__(self, account: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ExportAccountResponse(_message.Message):
    __slots__ = ("records", "next_page_token")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedScalarFieldContainer[str]
    next_page_token: str
    def __init__(self, records: _Optional[_Iterable[str]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class EraseAccountRequest(_message.Message):
    __slots__ = ("account", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: str
    reason: str
    def __init__(self, account: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class EraseAccountResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AdminAccount
    def __init__(self, account: _Optional[_Union[_admin_pb2.AdminAccount, _Mapping]] = ...) -> None: ...

class SetAccountTierRequest(_message.Message):
    __slots__ = ("account", "tier", "expires_at_us", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: str
    tier: str
    expires_at_us: int
    reason: str
    def __init__(self, account: _Optional[str] = ..., tier: _Optional[str] = ..., expires_at_us: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class SetAccountTierResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AdminAccount
    def __init__(self, account: _Optional[_Union[_admin_pb2.AdminAccount, _Mapping]] = ...) -> None: ...

class ApproveSecondAccountRequest(_message.Message):
    __slots__ = ("account", "second_of", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SECOND_OF_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: str
    second_of: str
    reason: str
    def __init__(self, account: _Optional[str] = ..., second_of: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ApproveSecondAccountResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AdminAccount
    def __init__(self, account: _Optional[_Union[_admin_pb2.AdminAccount, _Mapping]] = ...) -> None: ...

class SetAccountContactRequest(_message.Message):
    __slots__ = ("account", "phone", "email", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: str
    phone: str
    email: str
    reason: str
    def __init__(self, account: _Optional[str] = ..., phone: _Optional[str] = ..., email: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SetAccountContactResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AdminAccount
    def __init__(self, account: _Optional[_Union[_admin_pb2.AdminAccount, _Mapping]] = ...) -> None: ...

class AddAccountNoteRequest(_message.Message):
    __slots__ = ("account", "text")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    account: str
    text: str
    def __init__(self, account: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class AddAccountNoteResponse(_message.Message):
    __slots__ = ("note",)
    NOTE_FIELD_NUMBER: _ClassVar[int]
    note: AccountNote
    def __init__(self, note: _Optional[_Union[AccountNote, _Mapping]] = ...) -> None: ...

class ListAccountNotesRequest(_message.Message):
    __slots__ = ("account", "page_size", "page_token")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account: str
    page_size: int
    page_token: str
    def __init__(self, account: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAccountNotesResponse(_message.Message):
    __slots__ = ("notes", "next_page_token")
    NOTES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    notes: _containers.RepeatedCompositeFieldContainer[AccountNote]
    next_page_token: str
    def __init__(self, notes: _Optional[_Iterable[_Union[AccountNote, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AccountNote(_message.Message):
    __slots__ = ("id", "at_us", "actor", "text")
    ID_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    id: str
    at_us: int
    actor: str
    text: str
    def __init__(self, id: _Optional[str] = ..., at_us: _Optional[int] = ..., actor: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...
