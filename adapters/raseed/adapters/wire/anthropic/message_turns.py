"""The `system` and `messages` of a request → `Message`s of the core.

Images are handed on to models that take them, and never fetched: an address in a request is the caller's, not a
reason for this server to open a connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from raseed.adapters.wire.anthropic import invalid
from raseed.adapters.wire.anthropic.message_schema import ContentBlock, MessageBody, MessagesBody
from raseed.adapters.wire.openai.chat_messages import MESSAGES_MAX, PARTS_MAX
from raseed.adapters.wire.openai.invalid import echo
from raseed.core.inference.model import Media, MediaKind, Message, Role, ToolCall

TURN_BREAK = "\n"
"""Between neighbouring turns that are made one."""
_SKIPPED = frozenset({"thinking", "redacted_thinking"})
"""Earlier thoughts: Anthropic's own models are not shown those of finished turns either."""
_IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_MERGED = frozenset({Role.USER, Role.ASSISTANT})


def to_core_messages(wire: MessagesBody) -> tuple[Message, ...]:
    """Raises RequestInvalid with the path of the field at fault."""
    if not wire.messages:
        raise invalid.at("messages", "at least one message is required")
    invalid.check_count("messages", len(wire.messages), MESSAGES_MAX)
    system = _plain_text("system", wire.system or "")
    found = [Message(role=Role.SYSTEM, text=system)] if system else []
    open_calls: set[str] = set()
    for index, message in enumerate(wire.messages):
        turn = _turn(f"messages.{index}", message, open_calls)
        if turn[0].role is Role.ASSISTANT:
            if not found or found[-1].role is not Role.ASSISTANT:
                open_calls.clear()
            open_calls.update([call.id for call in turn[0].tool_calls])
        found += turn
    if found[-1].role is Role.ASSISTANT:
        raise invalid.at(
            "messages",
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message.",
        )
    return tuple(_merged(found))


def _merged(found: list[Message]) -> Iterator[Message]:
    """Neighbouring turns of one role are one turn, as Anthropic has it: many templates refuse them otherwise."""
    for role, neighbours in groupby(found, key=lambda message: message.role):
        turns = list(neighbours)
        if len(turns) == 1 or role not in _MERGED:
            yield from turns
            continue
        texts: list[str] = []
        media: list[Media] = []
        length = 0
        for turn in turns:
            if turn.text:
                length += len(TURN_BREAK) if texts else 0
                texts.append(turn.text)
            media += [replace(one, text_before=one.text_before + length) for one in turn.media]
            length += len(turn.text)
        yield Message(
            role=role,
            text=TURN_BREAK.join(texts),
            media=tuple(media),
            tool_calls=tuple([call for turn in turns for call in turn.tool_calls]),
        )


def _turn(param: str, message: MessageBody, open_calls: set[str]) -> list[Message]:
    content = message.content
    param = f"{param}.content"
    if isinstance(content, list):
        if not content:
            raise invalid.at(param, "List should have at least 1 item")
        invalid.check_count(param, len(content), PARTS_MAX)
    match message.role:
        case "user":
            return _user_turn(param, content, open_calls)
        case "assistant":
            return [_assistant_turn(param, content)]
        case "system":
            return [Message(role=Role.SYSTEM, text=_plain_text(param, content))]
        case other:
            param = param.replace("content", "role")
            raise invalid.one_of(param, got=other, supported="'user', 'assistant' or 'system'")


def _user_turn(param: str, content: str | list[ContentBlock], open_calls: set[str]) -> list[Message]:
    """Texts and images, and each result of a tool as a message of its own, in order."""
    if isinstance(content, str):
        return [Message(role=Role.USER, text=content)]
    turn: list[Message] = []
    said: list[ContentBlock] = []
    for index, block in enumerate(content):
        if block.type == "tool_result":
            if said:
                turn.append(_said(param, index, said))
                said = []
            turn.append(_tool_result(f"{param}.{index}", block, open_calls))
        else:
            said.append(block)
    if said:
        turn.append(_said(param, len(content), said))
    return turn


def _said(param: str, end: int, blocks: Sequence[ContentBlock]) -> Message:
    """The blocks before number `end`, which are texts and images."""
    texts: list[str] = []
    media: list[Media] = []
    length = 0
    for index, block in enumerate(blocks, end - len(blocks)):
        if block.type == "image":
            media.append(_image(f"{param}.{index}.source", block, length))
            continue
        texts.append(_block_text(f"{param}.{index}", block))
        length += len(texts[-1])
    return Message(role=Role.USER, text="".join(texts), media=tuple(media))


def _tool_result(param: str, block: ContentBlock, open_calls: set[str]) -> Message:
    if block.tool_use_id is None:
        raise invalid.missing(f"{param}.tool_use_id")
    if block.tool_use_id not in open_calls:
        raise invalid.at(
            f"{param}.tool_use_id",
            "Each `tool_result` block must have a corresponding `tool_use` block in the previous message, but "
            f"'{echo(block.tool_use_id)}' has none",
        )
    text = _plain_text(f"{param}.content", block.content or "")
    return Message(role=Role.TOOL, text=text, tool_call_id=block.tool_use_id)


def _image(param: str, block: ContentBlock, text_before: int) -> Media:
    source = block.source
    if source is None:
        raise invalid.missing(param)
    match source.type:
        case "base64":
            if source.media_type not in _IMAGE_TYPES:
                supported = ", ".join(f"'{kind}'" for kind in _IMAGE_TYPES)
                raise invalid.one_of(f"{param}.media_type", got=source.media_type or "", supported=supported)
            if not source.data:
                raise invalid.missing(f"{param}.data")
            url = f"data:{source.media_type};base64,{source.data}"
        case "url":
            url = source.url or ""
            if not url.startswith(("https://", "http://")):
                raise invalid.at(f"{param}.url", "Input should be a valid URL")
        case "file":
            raise invalid.at(f"{param}.type", "Files are not kept here: send the image itself")
        case other:
            raise invalid.one_of(f"{param}.type", got=other, supported="'base64' or 'url'")
    return Media(kind=MediaKind.IMAGE, text_before=text_before, url=url)


def _assistant_turn(param: str, content: str | list[ContentBlock]) -> Message:
    if isinstance(content, str):
        return Message(role=Role.ASSISTANT, text=content)
    texts: list[str] = []
    calls: list[ToolCall] = []
    for index, block in enumerate(content):
        if block.type == "tool_use":
            calls.append(_tool_use(f"{param}.{index}", block))
        elif block.type not in _SKIPPED:
            texts.append(_block_text(f"{param}.{index}", block))
    return Message(role=Role.ASSISTANT, text="".join(texts), tool_calls=tuple(calls))


def _tool_use(param: str, block: ContentBlock) -> ToolCall:
    if block.id is None:
        raise invalid.missing(f"{param}.id")
    if block.name is None:
        raise invalid.missing(f"{param}.name")
    arguments = invalid.json_object(f"{param}.input", bytes(block.input))
    return ToolCall(id=block.id, name=block.name, arguments_json=arguments)


def _plain_text(param: str, content: str | list[ContentBlock]) -> str:
    """Content that may be text alone. Blocks are joined with nothing between them: not a byte is ours."""
    if isinstance(content, str):
        return content
    return "".join([_block_text(f"{param}.{index}", block) for index, block in enumerate(content)])


def _block_text(param: str, block: ContentBlock) -> str:
    if block.type != "text":
        raise invalid.at(
            f"{param}.type", f"Content blocks of type '{echo(block.type)}' are not supported here"
        )
    if block.text is None:
        raise invalid.missing(f"{param}.text")
    return block.text
