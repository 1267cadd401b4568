from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetNoticePreferencesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetNoticePreferencesResponse(_message.Message):
    __slots__ = ("preferences",)
    PREFERENCES_FIELD_NUMBER: _ClassVar[int]
    preferences: NoticePreferences
    def __init__(self, preferences: _Optional[_Union[NoticePreferences, _Mapping]] = ...) -> None: ...

class UpdateNoticePreferencesRequest(_message.Message):
    __slots__ = ("wanted", "language")
    class WantedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bool
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bool] = ...) -> None: ...
    WANTED_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    wanted: _containers.ScalarMap[str, bool]
    language: str
    def __init__(self, wanted: _Optional[_Mapping[str, bool]] = ..., language: _Optional[str] = ...) -> None: ...

class UpdateNoticePreferencesResponse(_message.Message):
    __slots__ = ("preferences",)
    PREFERENCES_FIELD_NUMBER: _ClassVar[int]
    preferences: NoticePreferences
    def __init__(self, preferences: _Optional[_Union[NoticePreferences, _Mapping]] = ...) -> None: ...

class NoticePreferences(_message.Message):
    __slots__ = ("notices", "language")
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    notices: _containers.RepeatedCompositeFieldContainer[NoticePreference]
    language: str
    def __init__(self, notices: _Optional[_Iterable[_Union[NoticePreference, _Mapping]]] = ..., language: _Optional[str] = ...) -> None: ...

class NoticePreference(_message.Message):
    __slots__ = ("kind", "wanted", "essential")
    KIND_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    ESSENTIAL_FIELD_NUMBER: _ClassVar[int]
    kind: str
    wanted: bool
    essential: bool
    def __init__(self, kind: _Optional[str] = ..., wanted: _Optional[bool] = ..., essential: _Optional[bool] = ...) -> None: ...
