"""The fields of POST /v1/responses that are read. Everything else in a body is skipped, at every level.

`None` stands for absent and for null, which mean the same. Fields that are read only to be refused are typed `object`.
An item is one of many kinds, told apart by `type`: here all their fields side by side.
"""

from __future__ import annotations

import msgspec


class PartBody(msgspec.Struct, frozen=True, gc=False):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None


class ItemBody(msgspec.Struct, frozen=True, gc=False):
    type: str | None = None
    """Absent: a message."""
    id: str | None = None
    role: str | None = None
    content: str | list[PartBody] | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | None = None
    output: str | list[PartBody] | None = None
    summary: list[PartBody] | None = None
    encrypted_content: str | None = None


class ToolBody(msgspec.Struct, frozen=True, gc=False):
    type: str
    name: str | None = None
    description: str | None = None
    parameters: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    """As written: a parsed schema would lose the order of its keys, which guides generation."""
    strict: bool | None = None
    tools: list[ToolBody] | None = None
    """Of a namespace."""


class FormatBody(msgspec.Struct, frozen=True, gc=False):
    type: str
    name: str | None = None
    schema: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    description: str | None = None
    strict: bool | None = None


class TextBody(msgspec.Struct, frozen=True, gc=False):
    format: FormatBody | None = None
    verbosity: str | None = None


class ReasoningBody(msgspec.Struct, frozen=True, gc=False):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class StreamOptionsBody(msgspec.Struct, frozen=True, gc=False):
    include_obfuscation: bool | None = None


class ResponseBody(msgspec.Struct, frozen=True, gc=False):
    model: str | None = None
    input: str | list[ItemBody] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    tools: list[ToolBody] | None = None
    tool_choice: str | dict[str, object] | None = None
    parallel_tool_calls: bool | None = None
    text: TextBody | None = None
    reasoning: ReasoningBody | None = None
    include: list[str] | None = None
    store: bool | None = None
    background: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptionsBody | None = None
    truncation: str | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    conversation: object = None
    prompt: object = None
    context_management: object = None
