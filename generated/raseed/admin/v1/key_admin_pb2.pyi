from google.protobuf import field_mask_pb2 as _field_mask_pb2
from raseed.accounts.v1 import accounts_pb2 as _accounts_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetApiKeyRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetApiKeyResponse(_message.Message):
    __slots__ = ("api_key", "account_id")
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    api_key: _accounts_pb2.ApiKey
    account_id: str
    def __init__(self, api_key: _Optional[_Union[_accounts_pb2.ApiKey, _Mapping]] = ..., account_id: _Optional[str] = ...) -> None: ...

class UpdateApiKeyRequest(_message.Message):
    __slots__ = ("id", "settings", "update_mask")
    ID_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    id: str
    settings: _accounts_pb2.ApiKeySettings
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, id: _Optional[str] = ..., settings: _Optional[_Union[_accounts_pb2.ApiKeySettings, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateApiKeyResponse(_message.Message):
    __slots__ = ("api_key",)
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    api_key: _accounts_pb2.ApiKey
    def __init__(self, api_key: _Optional[_Union[_accounts_pb2.ApiKey, _Mapping]] = ...) -> None: ...

class RotateApiKeyRequest(_message.Message):
    __slots__ = ("id", "grace_s", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    GRACE_S_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    grace_s: int
    request_id: str
    def __init__(self, id: _Optional[str] = ..., grace_s: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class RotateApiKeyResponse(_message.Message):
    __slots__ = ("api_key", "key")
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    api_key: _accounts_pb2.ApiKey
    key: str
    def __init__(self, api_key: _Optional[_Union[_accounts_pb2.ApiKey, _Mapping]] = ..., key: _Optional[str] = ...) -> None: ...
