from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetSignInOptionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetSignInOptionsResponse(_message.Message):
    __slots__ = ("identifiers", "terms_version", "minimum_age")
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    TERMS_VERSION_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_AGE_FIELD_NUMBER: _ClassVar[int]
    identifiers: _containers.RepeatedScalarFieldContainer[str]
    terms_version: str
    minimum_age: int
    def __init__(self, identifiers: _Optional[_Iterable[str]] = ..., terms_version: _Optional[str] = ..., minimum_age: _Optional[int] = ...) -> None: ...

class StartSignInRequest(_message.Message):
    __slots__ = ("phone", "email", "language", "device_token")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    phone: str
    email: str
    language: str
    device_token: str
    def __init__(self, phone: _Optional[str] = ..., email: _Optional[str] = ..., language: _Optional[str] = ..., device_token: _Optional[str] = ...) -> None: ...

class StartSignInResponse(_message.Message):
    __slots__ = ("challenge_id", "channel", "expires_in_s", "resend_after_s")
    CHALLENGE_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_S_FIELD_NUMBER: _ClassVar[int]
    RESEND_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    challenge_id: str
    channel: str
    expires_in_s: int
    resend_after_s: int
    def __init__(self, challenge_id: _Optional[str] = ..., channel: _Optional[str] = ..., expires_in_s: _Optional[int] = ..., resend_after_s: _Optional[int] = ...) -> None: ...

class VerifySignInRequest(_message.Message):
    __slots__ = ("challenge_id", "code", "terms_version", "age_confirmed", "language")
    CHALLENGE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    TERMS_VERSION_FIELD_NUMBER: _ClassVar[int]
    AGE_CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    challenge_id: str
    code: str
    terms_version: str
    age_confirmed: bool
    language: str
    def __init__(self, challenge_id: _Optional[str] = ..., code: _Optional[str] = ..., terms_version: _Optional[str] = ..., age_confirmed: _Optional[bool] = ..., language: _Optional[str] = ...) -> None: ...

class VerifySignInResponse(_message.Message):
    __slots__ = ("session_token", "session", "account_id", "is_new", "device_token", "has_accepted_terms")
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    IS_NEW_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HAS_ACCEPTED_TERMS_FIELD_NUMBER: _ClassVar[int]
    session_token: str
    session: Session
    account_id: str
    is_new: bool
    device_token: str
    has_accepted_terms: bool
    def __init__(self, session_token: _Optional[str] = ..., session: _Optional[_Union[Session, _Mapping]] = ..., account_id: _Optional[str] = ..., is_new: _Optional[bool] = ..., device_token: _Optional[str] = ..., has_accepted_terms: _Optional[bool] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("id", "device", "created_at_us", "last_used_at_us", "expires_at_us", "is_current")
    ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_US_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    IS_CURRENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    device: str
    created_at_us: int
    last_used_at_us: int
    expires_at_us: int
    is_current: bool
    def __init__(self, id: _Optional[str] = ..., device: _Optional[str] = ..., created_at_us: _Optional[int] = ..., last_used_at_us: _Optional[int] = ..., expires_at_us: _Optional[int] = ..., is_current: _Optional[bool] = ...) -> None: ...

class SignOutRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SignOutResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StartIdentifierChangeRequest(_message.Message):
    __slots__ = ("phone", "email", "language")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    phone: str
    email: str
    language: str
    def __init__(self, phone: _Optional[str] = ..., email: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class StartIdentifierChangeResponse(_message.Message):
    __slots__ = ("challenge_id", "channel", "expires_in_s", "resend_after_s")
    CHALLENGE_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_S_FIELD_NUMBER: _ClassVar[int]
    RESEND_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    challenge_id: str
    channel: str
    expires_in_s: int
    resend_after_s: int
    def __init__(self, challenge_id: _Optional[str] = ..., channel: _Optional[str] = ..., expires_in_s: _Optional[int] = ..., resend_after_s: _Optional[int] = ...) -> None: ...

class VerifyIdentifierChangeRequest(_message.Message):
    __slots__ = ("challenge_id", "code")
    CHALLENGE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    challenge_id: str
    code: str
    def __init__(self, challenge_id: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class VerifyIdentifierChangeResponse(_message.Message):
    __slots__ = ("session_token", "session", "device_token")
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    session_token: str
    session: Session
    device_token: str
    def __init__(self, session_token: _Optional[str] = ..., session: _Optional[_Union[Session, _Mapping]] = ..., device_token: _Optional[str] = ...) -> None: ...

class AcceptTermsRequest(_message.Message):
    __slots__ = ("terms_version", "age_confirmed")
    TERMS_VERSION_FIELD_NUMBER: _ClassVar[int]
    AGE_CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    terms_version: str
    age_confirmed: bool
    def __init__(self, terms_version: _Optional[str] = ..., age_confirmed: _Optional[bool] = ...) -> None: ...

class AcceptTermsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions", "next_page_token")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[Session]
    next_page_token: str
    def __init__(self, sessions: _Optional[_Iterable[_Union[Session, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RevokeSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class RevokeSessionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RevokeOtherSessionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RevokeOtherSessionsResponse(_message.Message):
    __slots__ = ("revoked_count",)
    REVOKED_COUNT_FIELD_NUMBER: _ClassVar[int]
    revoked_count: int
    def __init__(self, revoked_count: _Optional[int] = ...) -> None: ...
