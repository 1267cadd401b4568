"""The fields of POST /v1/messages that are read. Everything else in a body is skipped, at every level.

`None` stands for absent and for null. Fields that are read only to be refused are typed `object`: any value parses,
and the refusal names the field.
"""

from __future__ import annotations

import msgspec


class SourceBody(msgspec.Struct, frozen=True, gc=False):
    """Where an image is."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None


class ContentBlock(msgspec.Struct, frozen=True, gc=False):
    """The fields of all kinds of blocks; `type` says which of them count."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    """As written: what the model called with is shown to it again byte for byte."""
    tool_use_id: str | None = None
    content: str | list[ContentBlock] | None = None
    source: SourceBody | None = None


class MessageBody(msgspec.Struct, frozen=True, gc=False):
    role: str
    content: str | list[ContentBlock]


class ToolBody(msgspec.Struct, frozen=True, gc=False):
    name: str
    type: str | None = None
    description: str | None = None
    input_schema: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    """As written: a parsed schema would lose the order of its keys, which guides generation."""


class ToolChoiceBody(msgspec.Struct, frozen=True, gc=False):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingBody(msgspec.Struct, frozen=True, gc=False):
    type: str
    display: str | None = None


class OutputFormatBody(msgspec.Struct, frozen=True, gc=False):
    type: str
    schema: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    """As written."""


class OutputConfigBody(msgspec.Struct, frozen=True, gc=False):
    format: OutputFormatBody | None = None


class MessagesBody(msgspec.Struct, frozen=True, gc=False):
    model: str
    messages: list[MessageBody]
    max_tokens: int | None = None
    system: str | list[ContentBlock] | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stream: bool | None = None
    tools: list[ToolBody] | None = None
    tool_choice: ToolChoiceBody | None = None
    thinking: ThinkingBody | None = None
    output_config: OutputConfigBody | None = None
    container: object = None
    mcp_servers: object = None
    thread: object = None
