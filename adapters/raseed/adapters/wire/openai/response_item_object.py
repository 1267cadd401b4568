"""The items of a response as OpenAI's objects: what it answers, and its output."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from raseed.adapters.wire.openai.chat_response import TokenLogprobObject, logprobs_object
from raseed.core.inference.model import Media, MediaKind, TokenLogprob
from raseed.core.responses.model import Item, ItemKind, Status
from raseed.core.responses.output import OutputItem
from raseed.core.texts import whole_text


class OutputText(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="output_text"):
    annotations: tuple[()]
    logprobs: tuple[TokenLogprobObject, ...]
    text: str


class InputText(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="input_text"):
    text: str


class InputImage(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="input_image"):
    image_url: str | None
    detail: str


class InputFile(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="input_file"):
    file_data: str | None
    filename: str | None


class SummaryText(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="summary_text"):
    text: str


class ReasoningText(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="reasoning_text"):
    text: str


Part = OutputText | InputText | InputImage | InputFile


class MessageObject(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="message"):
    id: str
    status: str
    content: list[Part]
    role: str


class FunctionCallObject(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="function_call"):
    id: str
    status: str
    arguments: str
    call_id: str
    name: str
    namespace: str | msgspec.UnsetType = msgspec.UNSET


class CallOutputObject(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="function_call_output"):
    id: str
    status: str
    call_id: str
    output: str


class ReasoningObject(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="reasoning"):
    id: str
    summary: list[SummaryText]
    content: list[ReasoningText]
    encrypted_content: str | None


OutputObject = MessageObject | FunctionCallObject | ReasoningObject
ItemObject = MessageObject | FunctionCallObject | CallOutputObject | ReasoningObject


def output_objects(output: Sequence[OutputItem], status: Status) -> list[OutputObject]:
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


def output_object(one: OutputItem, status: str) -> OutputObject:
    item = one.item
    if item.call is not None:
        return _call_object(item, status)
    if item.kind is ItemKind.REASONING:
        return _reasoning_object(item)
    return MessageObject(item.id, status, [text_part(item.text, one.logprobs)], "assistant")


def opened_object(item: Item) -> OutputObject:
    """An item of the output that has just begun: nothing is in it."""
    if item.call is not None:
        return _call_object(item, "in_progress")
    if item.kind is ItemKind.REASONING:
        return _reasoning_object(item)
    return MessageObject(item.id, "in_progress", [], "assistant")


def text_part(text: str, logprobs: Sequence[TokenLogprob] = ()) -> OutputText:
    return OutputText((), shown_logprobs(logprobs), whole_text(text))


def shown_logprobs(logprobs: Sequence[TokenLogprob]) -> tuple[TokenLogprobObject, ...]:
    return logprobs_object(logprobs).content if logprobs else ()


def item_object(item: Item) -> ItemObject:
    """An item of a conversation."""
    match item.kind:
        case ItemKind.CALL:
            return _call_object(item, "completed")
        case ItemKind.CALL_OUTPUT:
            return CallOutputObject(item.id, "completed", item.call_id, item.text)
        case ItemKind.REASONING:
            return _reasoning_object(item)
        case ItemKind.MESSAGE | ItemKind.REFERENCE:
            return MessageObject(item.id, "completed", _parts(item), item.role)


def _reasoning_object(item: Item) -> ReasoningObject:
    return ReasoningObject(
        item.id,
        [SummaryText(text) for text in item.summaries],
        [ReasoningText(whole_text(item.text))] if item.text else [],
        item.encrypted,
    )


def _call_object(item: Item, status: str) -> FunctionCallObject:
    call = item.call
    assert call is not None
    return FunctionCallObject(
        id=item.id,
        status=status,
        arguments=whole_text(call.arguments_json),
        call_id=call.id,
        name=call.name,
        namespace=item.namespace or msgspec.UNSET,
    )


def _parts(item: Item) -> list[Part]:
    """The text, in pieces where parts that are none stand between them."""
    if item.role == "assistant":
        return [text_part(item.text)]
    parts: list[Part] = []
    at = 0
    for media in item.media:
        if media.text_before > at:
            parts.append(InputText(item.text[at : media.text_before]))
            at = media.text_before
        parts.append(_media_part(media))
    if at < len(item.text) or not parts:
        parts.append(InputText(item.text[at:]))
    return parts


def _media_part(media: Media) -> InputImage | InputFile:
    if media.kind is MediaKind.IMAGE:
        return InputImage(media.url, media.detail or "auto")
    return InputFile(media.url, media.file_name)
