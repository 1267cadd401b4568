"""What is asked of a model and what it answers, in our own words: no JSON, no protobuf."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    id: str
    name: str
    arguments_json: str
    """The model's own text. Kept as text: parsing would lose key order and integers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    role: Role
    text: str
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    name: str
    description: str | None = None
    parameters_json: str | None = None
    """The JSON Schema as the caller wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    max_tokens: int | None = None
    """Most tokens to generate; None means as many as the context still holds."""
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    """Only so many of the likeliest tokens are candidates; 0 is all."""
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    model: str
    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    tools: tuple[Tool, ...] = ()


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


class UsageSource(StrEnum):
    """Who counted the tokens, in falling order of trust."""

    ENGINE = "engine"
    UPSTREAM = "upstream"
    COUNTED = "counted"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    source: UsageSource = UsageSource.ENGINE

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of the answer. `completion_tokens` is cumulative: all tokens generated up to and with this piece."""

    completion_tokens: int
    text: str = ""
    tool_call_index: int | None = None
    """Position of the tool call that this piece belongs to; `tool_call` opens it, `tool_arguments` extends it."""
    tool_call: ToolCall | None = None
    tool_arguments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The backend's last event: exactly one, nothing after it. `finish_reason` is None when it was cancelled."""

    finish_reason: FinishReason | None
    usage: Usage
    stop_sequence: str | None = None
    """With STOP, which of the request's stop sequences ended the answer; None when the model ended it itself."""


BackendEvent = Delta | Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A model as its backend describes it. Price and tier are not the backend's to say."""

    id: str
    context_length: int
    max_output_tokens: int
    owned_by: str = "raseed"
    created_at_s: int = 0
