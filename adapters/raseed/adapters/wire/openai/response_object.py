"""A response as OpenAI's object of that name.

Every key that OpenAI's own object has is there, null where there is nothing: strict readers want them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from raseed.adapters.wire.charged import Charged, OptionalNumber, charge_keys
from raseed.adapters.wire.openai.response_item_object import (
    ItemObject,
    OutputObject,
    item_object,
    output_objects,
)
from raseed.core.inference.model import FinishReason, Usage
from raseed.core.responses.model import (
    Choosing,
    Item,
    OfferedTool,
    Response,
    ResponseId,
    Status,
    TextFormat,
)
from raseed.core.responses.output import whole_output

_encode = msgspec.json.Encoder().encode


class _Error(msgspec.Struct, frozen=True, gc=False):
    code: str
    message: str


class _Incomplete(msgspec.Struct, frozen=True, gc=False):
    reason: Literal["max_output_tokens", "content_filter"]


class _Reasoning(msgspec.Struct, frozen=True, gc=False):
    effort: str | None
    summary: str | None


class _PlainText(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="text"):
    pass


class _JsonObject(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="json_object"):
    pass


class _JsonSchema(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="json_schema"):
    description: str | None
    name: str
    schema: msgspec.Raw
    strict: bool


class _Text(msgspec.Struct, frozen=True, gc=False):
    format: _PlainText | _JsonObject | _JsonSchema
    verbosity: str


class _Tool(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="function"):
    description: str | None
    name: str
    parameters: msgspec.Raw | None
    strict: bool


class _NamedTool(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="function"):
    name: str


class _AllowedTools(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="allowed_tools"):
    mode: str
    tools: list[_NamedTool]


class _InputDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int
    cache_write_tokens: int = 0


class _OutputDetails(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: int


class _Usage(msgspec.Struct, frozen=True, gc=False):
    input_tokens: int
    input_tokens_details: _InputDetails
    output_tokens: int
    output_tokens_details: _OutputDetails
    total_tokens: int
    credits: OptionalNumber = msgspec.UNSET
    credits_remaining: OptionalNumber = msgspec.UNSET


class ResponseObject(msgspec.Struct, frozen=True, gc=False):
    id: str
    object: Literal["response"]
    created_at: int
    status: str
    background: bool
    completed_at: int | None
    conversation: None
    error: _Error | None
    frequency_penalty: float
    incomplete_details: _Incomplete | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    model: str
    output: list[OutputObject]
    parallel_tool_calls: bool
    presence_penalty: float
    previous_response_id: str | None
    prompt_cache_key: str | None
    reasoning: _Reasoning
    safety_identifier: str | None
    service_tier: str
    store: bool
    temperature: float
    text: _Text
    tool_choice: str | _NamedTool | _AllowedTools
    tools: list[_Tool]
    top_logprobs: int
    top_p: float
    truncation: Literal["auto", "disabled"]
    usage: _Usage | None
    user: str | None
    metadata: dict[str, str]


class ItemList(msgspec.Struct, frozen=True, gc=False):
    object: Literal["list"]
    data: list[ItemObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedResponse(msgspec.Struct, frozen=True, gc=False):
    id: str
    object: Literal["response"]
    deleted: bool


class InputTokens(msgspec.Struct, frozen=True, gc=False):
    object: Literal["response.input_tokens"]
    input_tokens: int


def encode_response(response: Response, charged: Charged | None = None) -> bytes:
    """The body of a 200 answer."""
    output = whole_output(response.id, response.terms, response.pieces)
    return _encode(response_object(response, output_objects(output, response.status), charged))


def encode_deleted(response_id: ResponseId) -> bytes:
    return _encode(DeletedResponse(response_id, "response", deleted=True))


def encode_input_tokens(count: int) -> bytes:
    return _encode(InputTokens("response.input_tokens", count))


def encode_input_items(items: Sequence[Item], *, has_more: bool) -> bytes:
    """A page of what a response answers."""
    first, last = (items[0].id, items[-1].id) if items else (None, None)
    return _encode(ItemList("list", [item_object(item) for item in items], first, last, has_more))


def response_object(
    response: Response, output: list[OutputObject], charged: Charged | None = None
) -> ResponseObject:
    terms, failure = response.terms, response.failure
    return ResponseObject(
        id=response.id,
        object="response",
        created_at=response.created_at_s,
        status=response.status.value,
        background=terms.background,
        completed_at=response.completed_at_s if response.status is Status.COMPLETED else None,
        conversation=None,
        error=None if failure is None else _Error(failure.code, failure.message),
        frequency_penalty=0.0,
        incomplete_details=_incomplete_details(response),
        instructions=terms.instructions,
        max_output_tokens=terms.sampling.max_tokens,
        max_tool_calls=terms.max_tool_calls,
        model=terms.model,
        output=output,
        parallel_tool_calls=terms.parallel_tool_calls,
        presence_penalty=0.0,
        previous_response_id=terms.previous_response_id,
        prompt_cache_key=terms.prompt_cache_key,
        reasoning=_Reasoning(terms.reasoning_effort, terms.reasoning_summary),
        safety_identifier=terms.safety_identifier,
        service_tier=terms.service_tier,
        store=terms.store,
        temperature=terms.sampling.temperature,
        text=_Text(_format_object(terms.text), terms.verbosity or "medium"),
        tool_choice=_choice_object(terms.choosing),
        tools=[_tool_object(offered) for offered in terms.tools],
        top_logprobs=terms.sampling.top_logprobs or 0,
        top_p=terms.sampling.top_p,
        truncation="auto" if terms.truncates else "disabled",
        usage=None if response.usage is None else _usage_object(response.usage, charged),
        user=terms.user,
        metadata=dict(terms.metadata),
    )


def _incomplete_details(response: Response) -> _Incomplete | None:
    if response.status is not Status.INCOMPLETE:
        return None
    is_filtered = response.finish_reason is FinishReason.CONTENT_FILTER
    return _Incomplete("content_filter" if is_filtered else "max_output_tokens")


def _format_object(text: TextFormat) -> _PlainText | _JsonObject | _JsonSchema:
    if text.json is None:
        return _PlainText()
    if text.json.schema_json is None:
        return _JsonObject()
    return _JsonSchema(text.description, text.name, msgspec.Raw(text.json.schema_json.encode()), text.strict)


def _choice_object(choosing: Choosing) -> str | _NamedTool | _AllowedTools:
    if choosing.function is not None:
        return _NamedTool(choosing.function)
    if choosing.allowed is not None:
        return _AllowedTools(choosing.mode, [_NamedTool(name) for name in choosing.allowed])
    return choosing.mode


def _tool_object(offered: OfferedTool) -> _Tool:
    """Functions of namespaces one by one, as the model was shown them."""
    schema = offered.tool.parameters_json
    return _Tool(
        description=offered.tool.description,
        name=offered.tool.name,
        parameters=None if schema is None else msgspec.Raw(schema.encode()),
        strict=offered.strict,
    )


def _usage_object(usage: Usage, charged: Charged | None) -> _Usage:
    cost, remaining = charge_keys(charged)
    return _Usage(
        input_tokens=usage.prompt_tokens,
        input_tokens_details=_InputDetails(usage.cached_tokens),
        output_tokens=usage.completion_tokens,
        output_tokens_details=_OutputDetails(usage.reasoning_tokens),
        total_tokens=usage.total_tokens,
        credits=cost,
        credits_remaining=remaining,
    )
