"""What a wire of a provider is to the rest: how a request is written, and what its events say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from raseed.adapters.providers.sse import Event
from raseed.core.inference.model import Capability, ChatRequest, FinishReason, Relayed, TokenLogprob, ToolCall

_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One model at a provider, as its operator describes it."""

    model: str
    """What the provider calls it."""
    context_length: int
    max_output_tokens: int
    capabilities: frozenset[Capability]
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Members that every request gets."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    path: str
    """Behind the provider's base URL."""
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of an answer, not yet counted."""

    text: str = ""
    reasoning: str = ""
    """What the model thinks aloud. Counted."""
    tool_call_index: int | None = None
    tool_call: ToolCall | None = None
    tool_arguments: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    relayed: Relayed | None = None


@dataclass(slots=True, kw_only=True)
class Reported:
    """Usage as a provider reports it. None: it says nothing of that, which is not zero."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    """Reasoning tokens among them."""
    cached_tokens: int | None = None
    """Among the prompt's."""
    reasoning_tokens: int | None = None


class NotUnderstood(Exception):
    """An event is none of this wire, or is broken."""


def json_of(event: Event) -> Any:
    """What an event says. Raises NotUnderstood."""
    try:
        return _decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotUnderstood from error


class ErrorInStream(Exception):
    """The provider says in an event that it failed."""

    def __init__(self, status: int, body: bytes) -> None:
        """As if it had answered with this status and this body."""
        super().__init__(status)
        self.status = status
        self.body = body


class Decoder(Protocol):
    """Reads the events of one answer, in order."""

    finish_reason: FinishReason | None
    """Known once the answer is whole."""
    stop_sequence: str | None
    has_ended: bool
    """The provider has said that nothing follows."""
    usage: Reported
    """What was reported last of each."""

    def read(self, event: Event) -> Sequence[Piece]:
        """Raises NotUnderstood, ErrorInStream."""
        ...


class Parser(Protocol):
    """Events out of bytes that come in any pieces."""

    lines: int
    """What has come whole so far, also what is no event: who counts no more of it is silent."""

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """The events that are whole now. Raises EventTooLong, NotUnderstood."""
        ...

    def end(self) -> Sequence[Event]:
        """What is left when the bytes end."""
        ...


class Wire(Protocol):
    content_type: str
    """Of its streams."""

    def parser(self) -> Parser: ...

    def check(self, request: ChatRequest) -> None:
        """Raises RequestInvalid for what this wire cannot say, with OpenAI's name of the field."""
        ...

    def encode(self, request: ChatRequest, upstream: Upstream, max_tokens: int) -> HttpRequest:
        """A request for one streamed answer of at most `max_tokens`, with its usage."""
        ...

    def decoder(self, request: ChatRequest) -> Decoder: ...
