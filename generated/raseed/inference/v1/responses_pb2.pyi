from raseed.inference.v1 import inference_pb2 as _inference_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResponseSpec(_message.Message):
    __slots__ = ("model", "input", "instructions", "previous_response_id", "max_output_tokens", "temperature", "top_p", "top_logprobs", "tools", "tool_choice", "required_tool_name", "parallel_tool_calls", "json_format", "truncate", "store", "background", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    TOP_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    TOOL_CHOICE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_TOOL_NAME_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    JSON_FORMAT_FIELD_NUMBER: _ClassVar[int]
    TRUNCATE_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    model: str
    input: _containers.RepeatedCompositeFieldContainer[ResponseItem]
    instructions: str
    previous_response_id: str
    max_output_tokens: int
    temperature: float
    top_p: float
    top_logprobs: int
    tools: _containers.RepeatedCompositeFieldContainer[_inference_pb2.Tool]
    tool_choice: str
    required_tool_name: str
    parallel_tool_calls: bool
    json_format: _inference_pb2.JsonFormat
    truncate: bool
    store: bool
    background: bool
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, model: _Optional[str] = ..., input: _Optional[_Iterable[_Union[ResponseItem, _Mapping]]] = ..., instructions: _Optional[str] = ..., previous_response_id: _Optional[str] = ..., max_output_tokens: _Optional[int] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., top_logprobs: _Optional[int] = ..., tools: _Optional[_Iterable[_Union[_inference_pb2.Tool, _Mapping]]] = ..., tool_choice: _Optional[str] = ..., required_tool_name: _Optional[str] = ..., parallel_tool_calls: _Optional[bool] = ..., json_format: _Optional[_Union[_inference_pb2.JsonFormat, _Mapping]] = ..., truncate: _Optional[bool] = ..., store: _Optional[bool] = ..., background: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ResponseItem(_message.Message):
    __slots__ = ("id", "message", "function_call", "function_call_output", "reasoning", "reference")
    ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_CALL_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_CALL_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    message: ResponseMessage
    function_call: _inference_pb2.ToolCall
    function_call_output: FunctionCallOutput
    reasoning: Reasoning
    reference: ItemReference
    def __init__(self, id: _Optional[str] = ..., message: _Optional[_Union[ResponseMessage, _Mapping]] = ..., function_call: _Optional[_Union[_inference_pb2.ToolCall, _Mapping]] = ..., function_call_output: _Optional[_Union[FunctionCallOutput, _Mapping]] = ..., reasoning: _Optional[_Union[Reasoning, _Mapping]] = ..., reference: _Optional[_Union[ItemReference, _Mapping]] = ...) -> None: ...

class ResponseMessage(_message.Message):
    __slots__ = ("role", "text", "logprobs", "parts")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    role: str
    text: str
    logprobs: _containers.RepeatedCompositeFieldContainer[_inference_pb2.TokenLogprob]
    parts: _containers.RepeatedCompositeFieldContainer[_inference_pb2.ContentPart]
    def __init__(self, role: _Optional[str] = ..., text: _Optional[str] = ..., logprobs: _Optional[_Iterable[_Union[_inference_pb2.TokenLogprob, _Mapping]]] = ..., parts: _Optional[_Iterable[_Union[_inference_pb2.ContentPart, _Mapping]]] = ...) -> None: ...

class FunctionCallOutput(_message.Message):
    __slots__ = ("call_id", "output")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    output: str
    def __init__(self, call_id: _Optional[str] = ..., output: _Optional[str] = ...) -> None: ...

class Reasoning(_message.Message):
    __slots__ = ("summaries", "text", "encrypted")
    SUMMARIES_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ENCRYPTED_FIELD_NUMBER: _ClassVar[int]
    summaries: _containers.RepeatedScalarFieldContainer[str]
    text: str
    encrypted: str
    def __init__(self, summaries: _Optional[_Iterable[str]] = ..., text: _Optional[str] = ..., encrypted: _Optional[str] = ...) -> None: ...

class ItemReference(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Response(_message.Message):
    __slots__ = ("id", "created_at_s", "status", "spec", "output", "usage", "incomplete_reason", "error_code", "error_message", "completed_at_s")
    ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_S_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    INCOMPLETE_REASON_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_S_FIELD_NUMBER: _ClassVar[int]
    id: str
    created_at_s: int
    status: str
    spec: ResponseSpec
    output: _containers.RepeatedCompositeFieldContainer[ResponseItem]
    usage: _inference_pb2.Usage
    incomplete_reason: str
    error_code: str
    error_message: str
    completed_at_s: int
    def __init__(self, id: _Optional[str] = ..., created_at_s: _Optional[int] = ..., status: _Optional[str] = ..., spec: _Optional[_Union[ResponseSpec, _Mapping]] = ..., output: _Optional[_Iterable[_Union[ResponseItem, _Mapping]]] = ..., usage: _Optional[_Union[_inference_pb2.Usage, _Mapping]] = ..., incomplete_reason: _Optional[str] = ..., error_code: _Optional[str] = ..., error_message: _Optional[str] = ..., completed_at_s: _Optional[int] = ...) -> None: ...

class ResponseEvent(_message.Message):
    __slots__ = ("sequence_number", "begun", "item_opened", "text_delta", "arguments_delta", "item_closed", "ended")
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    ITEM_OPENED_FIELD_NUMBER: _ClassVar[int]
    TEXT_DELTA_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_DELTA_FIELD_NUMBER: _ClassVar[int]
    ITEM_CLOSED_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    sequence_number: int
    begun: Response
    item_opened: ItemOpened
    text_delta: TextDelta
    arguments_delta: ArgumentsDelta
    item_closed: ItemClosed
    ended: Response
    def __init__(self, sequence_number: _Optional[int] = ..., begun: _Optional[_Union[Response, _Mapping]] = ..., item_opened: _Optional[_Union[ItemOpened, _Mapping]] = ..., text_delta: _Optional[_Union[TextDelta, _Mapping]] = ..., arguments_delta: _Optional[_Union[ArgumentsDelta, _Mapping]] = ..., item_closed: _Optional[_Union[ItemClosed, _Mapping]] = ..., ended: _Optional[_Union[Response, _Mapping]] = ...) -> None: ...

class ItemOpened(_message.Message):
    __slots__ = ("output_index", "item")
    OUTPUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    output_index: int
    item: ResponseItem
    def __init__(self, output_index: _Optional[int] = ..., item: _Optional[_Union[ResponseItem, _Mapping]] = ...) -> None: ...

class TextDelta(_message.Message):
    __slots__ = ("output_index", "text", "logprobs")
    OUTPUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    output_index: int
    text: str
    logprobs: _containers.RepeatedCompositeFieldContainer[_inference_pb2.TokenLogprob]
    def __init__(self, output_index: _Optional[int] = ..., text: _Optional[str] = ..., logprobs: _Optional[_Iterable[_Union[_inference_pb2.TokenLogprob, _Mapping]]] = ...) -> None: ...

class ArgumentsDelta(_message.Message):
    __slots__ = ("output_index", "arguments_json_delta")
    OUTPUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_JSON_DELTA_FIELD_NUMBER: _ClassVar[int]
    output_index: int
    arguments_json_delta: str
    def __init__(self, output_index: _Optional[int] = ..., arguments_json_delta: _Optional[str] = ...) -> None: ...

class ItemClosed(_message.Message):
    __slots__ = ("output_index", "item")
    OUTPUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    output_index: int
    item: ResponseItem
    def __init__(self, output_index: _Optional[int] = ..., item: _Optional[_Union[ResponseItem, _Mapping]] = ...) -> None: ...

class CreateResponseRequest(_message.Message):
    __slots__ = ("spec", "request_id")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    spec: ResponseSpec
    request_id: str
    def __init__(self, spec: _Optional[_Union[ResponseSpec, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateResponseResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: Response
    def __init__(self, response: _Optional[_Union[Response, _Mapping]] = ...) -> None: ...

class StreamResponseRequest(_message.Message):
    __slots__ = ("spec", "request_id")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    spec: ResponseSpec
    request_id: str
    def __init__(self, spec: _Optional[_Union[ResponseSpec, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class StreamResponseResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: ResponseEvent
    def __init__(self, event: _Optional[_Union[ResponseEvent, _Mapping]] = ...) -> None: ...

class GetResponseRequest(_message.Message):
    __slots__ = ("response_id",)
    RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    response_id: str
    def __init__(self, response_id: _Optional[str] = ...) -> None: ...

class GetResponseResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: Response
    def __init__(self, response: _Optional[_Union[Response, _Mapping]] = ...) -> None: ...

class FollowResponseRequest(_message.Message):
    __slots__ = ("response_id", "starting_after")
    RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    STARTING_AFTER_FIELD_NUMBER: _ClassVar[int]
    response_id: str
    starting_after: int
    def __init__(self, response_id: _Optional[str] = ..., starting_after: _Optional[int] = ...) -> None: ...

class FollowResponseResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: ResponseEvent
    def __init__(self, event: _Optional[_Union[ResponseEvent, _Mapping]] = ...) -> None: ...

class CancelResponseRequest(_message.Message):
    __slots__ = ("response_id",)
    RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    response_id: str
    def __init__(self, response_id: _Optional[str] = ...) -> None: ...

class CancelResponseResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: Response
    def __init__(self, response: _Optional[_Union[Response, _Mapping]] = ...) -> None: ...

class DeleteResponseRequest(_message.Message):
    __slots__ = ("response_id",)
    RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    response_id: str
    def __init__(self, response_id: _Optional[str] = ...) -> None: ...

class DeleteResponseResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListInputItemsRequest(_message.Message):
    __slots__ = ("response_id", "page_size", "page_token")
    RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    response_id: str
    page_size: int
    page_token: str
    def __init__(self, response_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListInputItemsResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[ResponseItem]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[ResponseItem, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CountInputTokensRequest(_message.Message):
    __slots__ = ("spec",)
    SPEC_FIELD_NUMBER: _ClassVar[int]
    spec: ResponseSpec
    def __init__(self, spec: _Optional[_Union[ResponseSpec, _Mapping]] = ...) -> None: ...

class CountInputTokensResponse(_message.Message):
    __slots__ = ("input_token_count",)
    INPUT_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    input_token_count: int
    def __init__(self, input_token_count: _Optional[int] = ...) -> None: ...
