"""A response: what was asked, what it answers, what came of it. No JSON, no protobuf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Literal, NewType

from raseed.core.billing.service import Owner
from raseed.core.inference.model import (
    Delta,
    FinishReason,
    JsonFormat,
    Media,
    Sampling,
    Tool,
    ToolCall,
    Usage,
)

ResponseId = NewType("ResponseId", str)
PREFIX: Final = "resp_"


class ItemKind(StrEnum):
    """Named as every API names them."""

    MESSAGE = "message"
    CALL = "function_call"
    CALL_OUTPUT = "function_call_output"
    REASONING = "reasoning"
    REFERENCE = "item_reference"
    """Stands for an item of an earlier response. Only in what is asked: what is kept has the item itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One step of a conversation. Which fields it has follows from its kind:

    | kind                 | fields                        |
    |----------------------|-------------------------------|
    | message              | role, text, media             |
    | function_call        | call, namespace               |
    | function_call_output | call_id, text                 |
    | reasoning            | text, summaries, encrypted    |
    | item_reference       | none but the id               |
    """

    kind: ItemKind
    id: str = ""
    """Unique in its conversation; empty until its response has an id."""
    role: str = "user"
    """"user", "assistant", "system" or "developer", which models are told as "system"."""
    text: str = ""
    media: tuple[Media, ...] = ()
    call: ToolCall | None = None
    namespace: str | None = None
    """The group of functions that the called one was offered in."""
    call_id: str = ""
    summaries: tuple[str, ...] = ()
    encrypted: str | None = None
    """Reasoning that another server sealed. Kept and given back; no model here reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTool:
    tool: Tool
    strict: bool = True
    namespace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """Which tools the model is shown, and what it must do with them."""

    mode: Literal["none", "auto", "required"] = "auto"
    function: str | None = None
    """With "required": the one that must be called."""
    allowed: tuple[str, ...] | None = None
    """The names of those that it is shown; None: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFormat:
    json: JsonFormat | None = None
    """None: text."""
    name: str = ""
    description: str | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is asked of a response, apart from its input. The answer repeats all of it."""

    model: str
    instructions: str | None = None
    """Of this response alone: those of the one before it do not count any more."""
    previous_response_id: ResponseId | None = None
    sampling: Sampling = field(default_factory=Sampling)
    tools: tuple[OfferedTool, ...] = ()
    choosing: Choosing = field(default_factory=Choosing)
    parallel_tool_calls: bool = True
    text: TextFormat = field(default_factory=TextFormat)
    truncates: bool = False
    """Whether the oldest turns are left out when the conversation is longer than the model's context."""
    store: bool = True
    background: bool = False
    max_tool_calls: int | None = None
    verbosity: str | None = None
    reasoning_effort: str | None = None
    reasoning_summary: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    service_tier: str = "default"
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRequest:
    terms: Terms
    input: tuple[Item, ...]
    """What is new, behind the conversation of the previous response."""


class Status(StrEnum):
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    """The answer was cut: at its limit, or by a filter of its provider."""
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self not in {Status.QUEUED, Status.IN_PROGRESS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """The worker that runs a background response, and where other workers reach it."""

    owner: Owner
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    id: ResponseId
    created_at_s: int
    terms: Terms
    conversation: tuple[Item, ...]
    """All that it answers, oldest first; every item has its id."""
    status: Status
    pieces: tuple[Delta, ...] = ()
    """The answer as it came. Followers of a response see the same pieces, so they count the same events."""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    cost_microcredits: int = 0
    failure: Failure | None = None
    completed_at_s: int | None = None
    keeper: Keeper | None = None
    content: str = ""
    """Digest of the request, where an idempotency key names the response."""


def response_of_run(run_id: str) -> ResponseId:
    """Of the response that a run makes; the run's hold has the run's id."""
    return ResponseId(PREFIX + run_id.removeprefix("run_"))


def run_of(response: ResponseId) -> str:
    return "run_" + response.removeprefix(PREFIX)


_ID_PREFIXES = {
    ItemKind.MESSAGE: "msg",
    ItemKind.CALL: "fc",
    ItemKind.CALL_OUTPUT: "fco",
    ItemKind.REASONING: "rs",
}


def item_id(kind: ItemKind, response: ResponseId, place: str) -> str:
    """Of an item of that response: `place` is its number in the output, or `i` and its number in the input.

    >>> item_id(ItemKind.MESSAGE, ResponseId("resp_abc"), "0")
    'msg_abc_0'
    """
    return f"{_ID_PREFIXES[kind]}_{response.removeprefix(PREFIX)}_{place}"


def response_of_item(item: str) -> ResponseId | None:
    """The response that gave an item its id; None for an id that none of ours can have given.

    >>> response_of_item("msg_abc_0"), response_of_item("call_1")
    ('resp_abc', None)
    """
    match item.split("_"):
        case [prefix, tail, _] if prefix in _ID_PREFIXES.values():
            return ResponseId(PREFIX + tail)
    return None


def with_ids(items: Sequence[Item], response: ResponseId) -> tuple[Item, ...]:
    """Items that have none get an id of this response; `items` are its whole input."""
    return tuple(
        item if item.id else replace(item, id=item_id(item.kind, response, f"i{place}"))
        for place, item in enumerate(items)
    )
