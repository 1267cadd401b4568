from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VersionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERSION_STATE_UNSPECIFIED: _ClassVar[VersionState]
    VERSION_STATE_DRAFT: _ClassVar[VersionState]
    VERSION_STATE_REFUSED: _ClassVar[VersionState]
    VERSION_STATE_CHECKED: _ClassVar[VersionState]
    VERSION_STATE_APPROVED: _ClassVar[VersionState]

class Place(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PLACE_UNSPECIFIED: _ClassVar[Place]
    PLACE_ABSENT: _ClassVar[Place]
    PLACE_LOADING: _ClassVar[Place]
    PLACE_READY: _ClassVar[Place]
    PLACE_DRAINING: _ClassVar[Place]
    PLACE_UNLOADING: _ClassVar[Place]
VERSION_STATE_UNSPECIFIED: VersionState
VERSION_STATE_DRAFT: VersionState
VERSION_STATE_REFUSED: VersionState
VERSION_STATE_CHECKED: VersionState
VERSION_STATE_APPROVED: VersionState
PLACE_UNSPECIFIED: Place
PLACE_ABSENT: Place
PLACE_LOADING: Place
PLACE_READY: Place
PLACE_DRAINING: Place
PLACE_UNLOADING: Place

class DeclareVersionRequest(_message.Message):
    __slots__ = ("model", "version", "artifacts")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: str
    artifacts: _containers.RepeatedCompositeFieldContainer[Artifact]
    def __init__(self, model: _Optional[str] = ..., version: _Optional[str] = ..., artifacts: _Optional[_Iterable[_Union[Artifact, _Mapping]]] = ...) -> None: ...

class DeclareVersionResponse(_message.Message):
    __slots__ = ("version", "parts")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    version: ModelVersion
    parts: _containers.RepeatedCompositeFieldContainer[ArtifactPart]
    def __init__(self, version: _Optional[_Union[ModelVersion, _Mapping]] = ..., parts: _Optional[_Iterable[_Union[ArtifactPart, _Mapping]]] = ...) -> None: ...

class UploadArtifactRequest(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: UploadHeader
    data: bytes
    def __init__(self, header: _Optional[_Union[UploadHeader, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class UploadHeader(_message.Message):
    __slots__ = ("version", "artifact", "offset")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    version: str
    artifact: str
    offset: int
    def __init__(self, version: _Optional[str] = ..., artifact: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class UploadArtifactResponse(_message.Message):
    __slots__ = ("stored_bytes",)
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    stored_bytes: int
    def __init__(self, stored_bytes: _Optional[int] = ...) -> None: ...

class ValidateVersionRequest(_message.Message):
    __slots__ = ("version", "files_only")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FILES_ONLY_FIELD_NUMBER: _ClassVar[int]
    version: str
    files_only: bool
    def __init__(self, version: _Optional[str] = ..., files_only: _Optional[bool] = ...) -> None: ...

class ValidateVersionResponse(_message.Message):
    __slots__ = ("version", "trial")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    version: ModelVersion
    trial: Trial
    def __init__(self, version: _Optional[_Union[ModelVersion, _Mapping]] = ..., trial: _Optional[_Union[Trial, _Mapping]] = ...) -> None: ...

class Trial(_message.Message):
    __slots__ = ("text", "first_answer_ms")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FIRST_ANSWER_MS_FIELD_NUMBER: _ClassVar[int]
    text: str
    first_answer_ms: int
    def __init__(self, text: _Optional[str] = ..., first_answer_ms: _Optional[int] = ...) -> None: ...

class GetVersionRequest(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: str
    def __init__(self, version: _Optional[str] = ...) -> None: ...

class GetVersionResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: ModelVersion
    def __init__(self, version: _Optional[_Union[ModelVersion, _Mapping]] = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("versions", "next_page_token")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[ModelVersion]
    next_page_token: str
    def __init__(self, versions: _Optional[_Iterable[_Union[ModelVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class KeepVersionRequest(_message.Message):
    __slots__ = ("version", "pinned", "keep_alive_s")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    KEEP_ALIVE_S_FIELD_NUMBER: _ClassVar[int]
    version: str
    pinned: bool
    keep_alive_s: int
    def __init__(self, version: _Optional[str] = ..., pinned: _Optional[bool] = ..., keep_alive_s: _Optional[int] = ...) -> None: ...

class KeepVersionResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: ModelVersion
    def __init__(self, version: _Optional[_Union[ModelVersion, _Mapping]] = ...) -> None: ...

class RemoveVersionRequest(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: str
    def __init__(self, version: _Optional[str] = ...) -> None: ...

class RemoveVersionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CollectArtifactsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CollectArtifactsResponse(_message.Message):
    __slots__ = ("file_count", "freed_bytes")
    FILE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    file_count: int
    freed_bytes: int
    def __init__(self, file_count: _Optional[int] = ..., freed_bytes: _Optional[int] = ...) -> None: ...

class ListAliasesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAliasesResponse(_message.Message):
    __slots__ = ("aliases",)
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    aliases: _containers.RepeatedCompositeFieldContainer[Alias]
    def __init__(self, aliases: _Optional[_Iterable[_Union[Alias, _Mapping]]] = ...) -> None: ...

class SetAliasRequest(_message.Message):
    __slots__ = ("alias", "version")
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    alias: str
    version: str
    def __init__(self, alias: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class SetAliasResponse(_message.Message):
    __slots__ = ("alias",)
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    alias: Alias
    def __init__(self, alias: _Optional[_Union[Alias, _Mapping]] = ...) -> None: ...

class RollBackAliasRequest(_message.Message):
    __slots__ = ("alias",)
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    alias: str
    def __init__(self, alias: _Optional[str] = ...) -> None: ...

class RollBackAliasResponse(_message.Message):
    __slots__ = ("alias",)
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    alias: Alias
    def __init__(self, alias: _Optional[_Union[Alias, _Mapping]] = ...) -> None: ...

class RemoveAliasRequest(_message.Message):
    __slots__ = ("alias",)
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    alias: str
    def __init__(self, alias: _Optional[str] = ...) -> None: ...

class RemoveAliasResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LoadVersionRequest(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: str
    def __init__(self, version: _Optional[str] = ...) -> None: ...

class LoadVersionResponse(_message.Message):
    __slots__ = ("resident",)
    RESIDENT_FIELD_NUMBER: _ClassVar[int]
    resident: Resident
    def __init__(self, resident: _Optional[_Union[Resident, _Mapping]] = ...) -> None: ...

class UnloadVersionRequest(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: str
    def __init__(self, version: _Optional[str] = ...) -> None: ...

class UnloadVersionResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: str
    def __init__(self, version: _Optional[str] = ...) -> None: ...

class PlanLoadRequest(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: str
    def __init__(self, version: _Optional[str] = ...) -> None: ...

class PlanLoadResponse(_message.Message):
    __slots__ = ("needed_bytes", "free_bytes", "budget_bytes", "evicted", "fits")
    NEEDED_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    BUDGET_BYTES_FIELD_NUMBER: _ClassVar[int]
    EVICTED_FIELD_NUMBER: _ClassVar[int]
    FITS_FIELD_NUMBER: _ClassVar[int]
    needed_bytes: int
    free_bytes: int
    budget_bytes: int
    evicted: _containers.RepeatedScalarFieldContainer[str]
    fits: bool
    def __init__(self, needed_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ..., budget_bytes: _Optional[int] = ..., evicted: _Optional[_Iterable[str]] = ..., fits: _Optional[bool] = ...) -> None: ...

class ListResidentsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListResidentsResponse(_message.Message):
    __slots__ = ("residents",)
    RESIDENTS_FIELD_NUMBER: _ClassVar[int]
    residents: _containers.RepeatedCompositeFieldContainer[Resident]
    def __init__(self, residents: _Optional[_Iterable[_Union[Resident, _Mapping]]] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("name", "sha256", "size_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    sha256: str
    size_bytes: int
    def __init__(self, name: _Optional[str] = ..., sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class ArtifactPart(_message.Message):
    __slots__ = ("artifact", "stored_bytes")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    artifact: Artifact
    stored_bytes: int
    def __init__(self, artifact: _Optional[_Union[Artifact, _Mapping]] = ..., stored_bytes: _Optional[int] = ...) -> None: ...

class ModelVersion(_message.Message):
    __slots__ = ("name", "state", "problem", "artifacts", "context_length", "vocab_size", "dtype", "estimated_bytes", "measured_bytes", "pinned", "keep_alive_s", "created_by", "created_at_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_LENGTH_FIELD_NUMBER: _ClassVar[int]
    VOCAB_SIZE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEASURED_BYTES_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    KEEP_ALIVE_S_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: VersionState
    problem: str
    artifacts: _containers.RepeatedCompositeFieldContainer[Artifact]
    context_length: int
    vocab_size: int
    dtype: str
    estimated_bytes: int
    measured_bytes: int
    pinned: bool
    keep_alive_s: int
    created_by: str
    created_at_us: int
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[VersionState, str]] = ..., problem: _Optional[str] = ..., artifacts: _Optional[_Iterable[_Union[Artifact, _Mapping]]] = ..., context_length: _Optional[int] = ..., vocab_size: _Optional[int] = ..., dtype: _Optional[str] = ..., estimated_bytes: _Optional[int] = ..., measured_bytes: _Optional[int] = ..., pinned: _Optional[bool] = ..., keep_alive_s: _Optional[int] = ..., created_by: _Optional[str] = ..., created_at_us: _Optional[int] = ...) -> None: ...

class Alias(_message.Message):
    __slots__ = ("name", "version", "previous_version", "changed_by", "changed_at_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_BY_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    previous_version: str
    changed_by: str
    changed_at_us: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., previous_version: _Optional[str] = ..., changed_by: _Optional[str] = ..., changed_at_us: _Optional[int] = ...) -> None: ...

class Resident(_message.Message):
    __slots__ = ("version", "place", "memory_bytes", "pinned", "in_flight_count", "waiting_count", "idle_ms", "expires_in_ms", "retry_in_ms")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_COUNT_FIELD_NUMBER: _ClassVar[int]
    WAITING_COUNT_FIELD_NUMBER: _ClassVar[int]
    IDLE_MS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_MS_FIELD_NUMBER: _ClassVar[int]
    RETRY_IN_MS_FIELD_NUMBER: _ClassVar[int]
    version: str
    place: Place
    memory_bytes: int
    pinned: bool
    in_flight_count: int
    waiting_count: int
    idle_ms: int
    expires_in_ms: int
    retry_in_ms: int
    def __init__(self, version: _Optional[str] = ..., place: _Optional[_Union[Place, str]] = ..., memory_bytes: _Optional[int] = ..., pinned: _Optional[bool] = ..., in_flight_count: _Optional[int] = ..., waiting_count: _Optional[int] = ..., idle_ms: _Optional[int] = ..., expires_in_ms: _Optional[int] = ..., retry_in_ms: _Optional[int] = ...) -> None: ...
