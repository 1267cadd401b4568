"""The fields of POST /v1/chat/completions that are read. Everything else in a body is skipped, at every level.

`None` stands for absent and for null, which mean the same (OpenAI's clients send both). Fields that are read only to
be refused are typed `object`: any value parses, and the refusal names the field.
"""

from __future__ import annotations

import msgspec


class FunctionCallBody(msgspec.Struct, frozen=True, gc=False):
    name: str
    arguments: str | None = None


class ToolCallBody(msgspec.Struct, frozen=True, gc=False):
    id: str
    type: str | None = None
    function: FunctionCallBody | None = None


class ImageUrl(msgspec.Struct, frozen=True, gc=False):
    url: str
    detail: str | None = None


class InputAudio(msgspec.Struct, frozen=True, gc=False):
    data: str
    format: str


class FileBody(msgspec.Struct, frozen=True, gc=False):
    file_data: str | None = None
    filename: str | None = None
    file_id: str | None = None


class ContentPart(msgspec.Struct, frozen=True, gc=False):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | str | None = None
    input_audio: InputAudio | None = None
    file: FileBody | None = None


class MessageBody(msgspec.Struct, frozen=True, gc=False):
    role: str
    content: str | list[ContentPart] | None = None
    name: str | None = None
    tool_calls: list[ToolCallBody] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None


class FunctionBody(msgspec.Struct, frozen=True, gc=False):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    """As written: a parsed schema would lose the order of its keys, which guides generation."""


class ToolBody(msgspec.Struct, frozen=True, gc=False):
    type: str | None = None
    function: FunctionBody | None = None


class StreamOptions(msgspec.Struct, frozen=True, gc=False):
    include_usage: bool | None = None


class JsonSchemaBody(msgspec.Struct, frozen=True, gc=False):
    name: str
    schema: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


class ResponseFormat(msgspec.Struct, frozen=True, gc=False):
    type: str
    json_schema: JsonSchemaBody | None = None


class ChatBody(msgspec.Struct, frozen=True, gc=False):
    model: str
    messages: list[MessageBody]
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[ToolBody] | None = None
    tool_choice: str | dict[str, object] | None = None
    parallel_tool_calls: bool | None = None
    n: int | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    functions: object = None
    modalities: list[str] | None = None
    web_search_options: object = None
