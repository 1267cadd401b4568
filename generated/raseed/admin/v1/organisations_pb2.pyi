from raseed.accounts.v1 import accounts_pb2 as _accounts_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateOrganisationRequest(_message.Message):
    __slots__ = ("name", "owner", "tier")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    name: str
    owner: str
    tier: str
    def __init__(self, name: _Optional[str] = ..., owner: _Optional[str] = ..., tier: _Optional[str] = ...) -> None: ...

class CreateOrganisationResponse(_message.Message):
    __slots__ = ("organisation",)
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    organisation: Organisation
    def __init__(self, organisation: _Optional[_Union[Organisation, _Mapping]] = ...) -> None: ...

class ListOrganisationsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOrganisationsResponse(_message.Message):
    __slots__ = ("organisations", "next_page_token")
    ORGANISATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    organisations: _containers.RepeatedCompositeFieldContainer[Organisation]
    next_page_token: str
    def __init__(self, organisations: _Optional[_Iterable[_Union[Organisation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListOrganisationMembersRequest(_message.Message):
    __slots__ = ("organisation", "page_size", "page_token")
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    organisation: str
    page_size: int
    page_token: str
    def __init__(self, organisation: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOrganisationMembersResponse(_message.Message):
    __slots__ = ("members", "next_page_token")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[OrganisationMember]
    next_page_token: str
    def __init__(self, members: _Optional[_Iterable[_Union[OrganisationMember, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetOrganisationMemberRequest(_message.Message):
    __slots__ = ("organisation", "person", "role")
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    organisation: str
    person: str
    role: str
    def __init__(self, organisation: _Optional[str] = ..., person: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class SetOrganisationMemberResponse(_message.Message):
    __slots__ = ("member",)
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    member: OrganisationMember
    def __init__(self, member: _Optional[_Union[OrganisationMember, _Mapping]] = ...) -> None: ...

class SetOrganisationMemberCapRequest(_message.Message):
    __slots__ = ("organisation", "person", "cap_microcredits", "cap_window")
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    CAP_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CAP_WINDOW_FIELD_NUMBER: _ClassVar[int]
    organisation: str
    person: str
    cap_microcredits: int
    cap_window: str
    def __init__(self, organisation: _Optional[str] = ..., person: _Optional[str] = ..., cap_microcredits: _Optional[int] = ..., cap_window: _Optional[str] = ...) -> None: ...

class SetOrganisationMemberCapResponse(_message.Message):
    __slots__ = ("member",)
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    member: OrganisationMember
    def __init__(self, member: _Optional[_Union[OrganisationMember, _Mapping]] = ...) -> None: ...

class RemoveOrganisationMemberRequest(_message.Message):
    __slots__ = ("organisation", "person", "keep_keys")
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    KEEP_KEYS_FIELD_NUMBER: _ClassVar[int]
    organisation: str
    person: str
    keep_keys: bool
    def __init__(self, organisation: _Optional[str] = ..., person: _Optional[str] = ..., keep_keys: _Optional[bool] = ...) -> None: ...

class RemoveOrganisationMemberResponse(_message.Message):
    __slots__ = ("member",)
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    member: OrganisationMember
    def __init__(self, member: _Optional[_Union[OrganisationMember, _Mapping]] = ...) -> None: ...

class Organisation(_message.Message):
    __slots__ = ("id", "name", "tier", "status", "created_at_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    tier: str
    status: str
    created_at_us: int
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., tier: _Optional[str] = ..., status: _Optional[str] = ..., created_at_us: _Optional[int] = ...) -> None: ...

class OrganisationMember(_message.Message):
    __slots__ = ("person_id", "email", "phone", "role", "added_by", "joined_at_us", "spend_cap")
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ADDED_BY_FIELD_NUMBER: _ClassVar[int]
    JOINED_AT_US_FIELD_NUMBER: _ClassVar[int]
    SPEND_CAP_FIELD_NUMBER: _ClassVar[int]
    person_id: str
    email: str
    phone: str
    role: str
    added_by: str
    joined_at_us: int
    spend_cap: _accounts_pb2.SpendCap
    def __init__(self, person_id: _Optional[str] = ..., email: _Optional[str] = ..., phone: _Optional[str] = ..., role: _Optional[str] = ..., added_by: _Optional[str] = ..., joined_at_us: _Optional[int] = ..., spend_cap: _Optional[_Union[_accounts_pb2.SpendCap, _Mapping]] = ...) -> None: ...
