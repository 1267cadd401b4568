"""A response as OpenAI's object of that name, and its items.

Every key that OpenAI's own object has is there, null where there is nothing: strict readers want them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from raseed.adapters.wire.charged import Charged, charge_keys
from raseed.adapters.wire.json_values import whole_text
from raseed.adapters.wire.openai.chat_response import logprobs_object
from raseed.core.inference.model import FinishReason, Media, MediaKind, TokenLogprob, Usage
from raseed.core.responses.model import (
    Choosing,
    Item,
    ItemKind,
    OfferedTool,
    Response,
    ResponseId,
    Status,
    TextFormat,
)
from raseed.core.responses.output import OutputItem, whole_output

Json = dict[str, Any]

_encode = msgspec.json.Encoder().encode


def encode_response(response: Response, charged: Charged | None = None) -> bytes:
    """The body of a 200 answer."""
    output = whole_output(response.id, response.terms, response.pieces)
    return _encode(response_object(response, output_objects(output, response.status), charged))


def encode_deleted(response_id: ResponseId) -> bytes:
    return _encode({"id": response_id, "object": "response", "deleted": True})


def encode_input_tokens(count: int) -> bytes:
    return _encode({"object": "response.input_tokens", "input_tokens": count})


def encode_input_items(items: Sequence[Item], *, has_more: bool) -> bytes:
    """A page of what a response answers."""
    page = {
        "object": "list",
        "data": [item_object(item) for item in items],
        "first_id": items[0].id if items else None,
        "last_id": items[-1].id if items else None,
        "has_more": has_more,
    }
    return _encode(page)


def response_object(response: Response, output: list[Json], charged: Charged | None = None) -> Json:
    terms, failure = response.terms, response.failure
    return {
        "id": response.id,
        "object": "response",
        "created_at": response.created_at_s,
        "status": response.status.value,
        "background": terms.background,
        "completed_at": response.completed_at_s if response.status is Status.COMPLETED else None,
        "conversation": None,
        "error": None if failure is None else {"code": failure.code, "message": failure.message},
        "frequency_penalty": 0.0,
        "incomplete_details": _incomplete_details(response),
        "instructions": terms.instructions,
        "max_output_tokens": terms.sampling.max_tokens,
        "max_tool_calls": terms.max_tool_calls,
        "model": terms.model,
        "output": output,
        "parallel_tool_calls": terms.parallel_tool_calls,
        "presence_penalty": 0.0,
        "previous_response_id": terms.previous_response_id,
        "prompt_cache_key": terms.prompt_cache_key,
        "reasoning": {"effort": terms.reasoning_effort, "summary": terms.reasoning_summary},
        "safety_identifier": terms.safety_identifier,
        "service_tier": terms.service_tier,
        "store": terms.store,
        "temperature": terms.sampling.temperature,
        "text": {"format": _format_object(terms.text), "verbosity": terms.verbosity or "medium"},
        "tool_choice": _choice_object(terms.choosing),
        "tools": [_tool_object(offered) for offered in terms.tools],
        "top_logprobs": terms.sampling.top_logprobs or 0,
        "top_p": terms.sampling.top_p,
        "truncation": "auto" if terms.truncates else "disabled",
        "usage": None if response.usage is None else _usage_object(response.usage, charged),
        "user": terms.user,
        "metadata": dict(terms.metadata),
    }


def _incomplete_details(response: Response) -> Json | None:
    if response.status is not Status.INCOMPLETE:
        return None
    is_filtered = response.finish_reason is FinishReason.CONTENT_FILTER
    return {"reason": "content_filter" if is_filtered else "max_output_tokens"}


def output_objects(output: Sequence[OutputItem], status: Status) -> list[Json]:
    """Every item but the last is whole whatever came of the response."""
    return [
        output_object(one, "completed" if place < len(output) - 1 else _last_status(status))
        for place, one in enumerate(output)
    ]


def _last_status(status: Status) -> str:
    match status:
        case Status.COMPLETED:
            return "completed"
        case Status.QUEUED | Status.IN_PROGRESS:
            return "in_progress"
        case Status.INCOMPLETE | Status.FAILED | Status.CANCELLED:
            return "incomplete"


def output_object(one: OutputItem, status: str) -> Json:
    item = one.item
    if item.call is not None:
        return _call_object(item, status)
    return {
        "id": item.id,
        "type": "message",
        "status": status,
        "content": [text_part(item.text, one.logprobs)],
        "role": "assistant",
    }


def text_part(text: str, logprobs: Sequence[TokenLogprob] = ()) -> Json:
    return {
        "type": "output_text",
        "annotations": [],
        "logprobs": shown_logprobs(logprobs),
        "text": whole_text(text),
    }


def shown_logprobs(logprobs: Sequence[TokenLogprob]) -> Sequence[Any]:
    return logprobs_object(logprobs).content if logprobs else ()


def item_object(item: Item) -> Json:
    """An item of a conversation."""
    match item.kind:
        case ItemKind.CALL:
            return _call_object(item, "completed")
        case ItemKind.CALL_OUTPUT:
            return {
                "id": item.id,
                "type": "function_call_output",
                "status": "completed",
                "call_id": item.call_id,
                "output": item.text,
            }
        case ItemKind.REASONING:
            return {
                "id": item.id,
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": text} for text in item.summaries],
                "content": [{"type": "reasoning_text", "text": item.text}] if item.text else [],
                "encrypted_content": item.encrypted,
            }
        case ItemKind.MESSAGE | ItemKind.REFERENCE:
            return {
                "id": item.id,
                "type": "message",
                "status": "completed",
                "content": _parts(item),
                "role": item.role,
            }


def _call_object(item: Item, status: str) -> Json:
    assert item.call is not None
    call: Json = {
        "id": item.id,
        "type": "function_call",
        "status": status,
        "arguments": whole_text(item.call.arguments_json),
        "call_id": item.call.id,
        "name": item.call.name,
    }
    return call if item.namespace is None else call | {"namespace": item.namespace}


def _parts(item: Item) -> list[Json]:
    """The text, in pieces where parts that are none stand between them."""
    if item.role == "assistant":
        return [text_part(item.text)]
    parts: list[Json] = []
    at = 0
    for media in item.media:
        if media.text_before > at:
            parts.append({"type": "input_text", "text": item.text[at : media.text_before]})
            at = media.text_before
        parts.append(_media_part(media))
    if at < len(item.text) or not parts:
        parts.append({"type": "input_text", "text": item.text[at:]})
    return parts


def _media_part(media: Media) -> Json:
    if media.kind is MediaKind.IMAGE:
        return {"type": "input_image", "image_url": media.url, "detail": media.detail or "auto"}
    return {"type": "input_file", "file_data": media.url, "filename": media.file_name}


def _format_object(text: TextFormat) -> Json:
    if text.json is None:
        return {"type": "text"}
    if text.json.schema_json is None:
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "description": text.description,
        "name": text.name,
        "schema": msgspec.Raw(text.json.schema_json.encode()),
        "strict": text.strict,
    }


def _choice_object(choosing: Choosing) -> str | Json:
    if choosing.function is not None:
        return {"type": "function", "name": choosing.function}
    if choosing.allowed is not None:
        tools = [{"type": "function", "name": name} for name in choosing.allowed]
        return {"type": "allowed_tools", "mode": choosing.mode, "tools": tools}
    return choosing.mode


def _tool_object(offered: OfferedTool) -> Json:
    """Functions of namespaces one by one, as the model was shown them."""
    schema = offered.tool.parameters_json
    return {
        "type": "function",
        "description": offered.tool.description,
        "name": offered.tool.name,
        "parameters": None if schema is None else msgspec.Raw(schema.encode()),
        "strict": offered.strict,
    }


def _usage_object(usage: Usage, charged: Charged | None) -> Json:
    shown: Json = {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
    cost, remaining = charge_keys(charged)
    if cost is not msgspec.UNSET:
        shown["credits"] = cost
    if remaining is not msgspec.UNSET:
        shown["credits_remaining"] = remaining
    return shown
