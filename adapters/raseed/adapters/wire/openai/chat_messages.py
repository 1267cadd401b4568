"""The `messages` of a chat request → `Message`s of the core.

Parts that are not text are handed on to models that take them, and never fetched: an address in a request is the
caller's, not a reason for this server to open a connection.
"""

from __future__ import annotations

import re

from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.openai.chat_schema import ContentPart, MessageBody, ToolCallBody
from raseed.core.inference.model import Media, MediaKind, Message, Role, ToolCall

MESSAGES_MAX = 10_000
PARTS_MAX = 1_000
"""Parts of one message."""
NAME_BYTES_MAX = 64
"""Longest name of a function, or of a speaker (OpenAI's limit)."""
CALL_ID_BYTES_MAX = 256
"""OpenAI's own have 29, those of other servers up to about 60."""

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,  # the newer name of the same role
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}
_ROLE_NAMES = ", ".join(f"'{name}'" for name in _ROLES)
_FUNCTION_NAME = re.compile(r"[a-zA-Z0-9_-]+\Z")
_SPEAKER_NAME = re.compile(r"[^\s<|\\/>]+\Z")
_IMAGE_SCHEMES = ("https://", "http://", "data:image/")
AUDIO_FORMATS = ("wav", "mp3")


def to_core_messages(messages: list[MessageBody]) -> tuple[Message, ...]:
    """Raises RequestInvalid with the path of the field at fault."""
    if not messages:
        raise invalid.empty_array("messages")
    if len(messages) > MESSAGES_MAX:
        raise invalid.array_too_long("messages", limit=MESSAGES_MAX, length=len(messages))
    read = [_message(index, message) for index, message in enumerate(messages)]
    open_calls: frozenset[str] = frozenset()
    for index, message in enumerate(read):
        if message.role is Role.TOOL:
            if message.tool_call_id not in open_calls:
                raise invalid.answers_no_call(f"messages.[{index}].tool_call_id")
        elif message.role is Role.ASSISTANT:
            open_calls = frozenset([call.id for call in message.tool_calls])
    return tuple(read)


def _message(index: int, message: MessageBody) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise invalid.invalid_value(f"messages.[{index}].role", got=message.role, supported=_ROLE_NAMES)
    if message.name is not None:
        _check_speaker(f"messages.[{index}].name", message.name)
    content = message.content
    media: tuple[Media, ...] = ()
    if type(content) is str:
        text = content
    else:
        text, media = _content(f"messages.[{index}].content", role, message)
    if role is Role.ASSISTANT:
        if message.refusal:
            text += message.refusal
        calls = _tool_calls(f"messages.[{index}].tool_calls", message.tool_calls or ())
        return Message(role=role, text=text, name=message.name, tool_calls=calls)
    if role is Role.TOOL:
        if message.tool_call_id is None:
            raise invalid.missing(f"messages.[{index}].tool_call_id")
        return Message(role=role, text=text, name=message.name, tool_call_id=message.tool_call_id)
    return Message(role=role, text=text, media=media, name=message.name)


def _content(param: str, role: Role, message: MessageBody) -> tuple[str, tuple[Media, ...]]:
    """Content that is not simply a text. Text parts are joined with nothing between them: not a byte is ours."""
    content = message.content
    if content is None:
        if role is Role.ASSISTANT and (message.tool_calls or message.refusal):
            return "", ()
        raise invalid.wrong_type(param, expected="one of a string or an array", got="null")
    assert not isinstance(content, str)
    if not content:
        raise invalid.empty_array(param)
    if len(content) > PARTS_MAX:
        raise invalid.array_too_long(param, limit=PARTS_MAX, length=len(content))
    texts: list[str] = []
    media: list[Media] = []
    length = 0
    for position, part in enumerate(content):
        at = f"{param}.[{position}]"
        if part.type == "text" or (part.type == "refusal" and role is Role.ASSISTANT):
            text = part.text if part.type == "text" else part.refusal
            if text is None:
                raise invalid.missing(f"{at}.{part.type}")
            texts.append(text)
            length += len(text)
        elif role is Role.USER:
            media.append(_media(at, part, length))
        else:
            raise invalid.unsupported_value(
                f"{at}.type", f"Messages of role '{role}' have no parts of type '{invalid.echo(part.type)}'"
            )
    return "".join(texts), tuple(media)


def _media(param: str, part: ContentPart, text_before: int) -> Media:
    match part.type:
        case "image_url":
            return _image(f"{param}.image_url", part, text_before)
        case "input_audio":
            audio = part.input_audio
            if audio is None or not audio.data:
                raise invalid.missing(f"{param}.input_audio")
            if audio.format not in AUDIO_FORMATS:
                raise invalid.invalid_value(
                    f"{param}.input_audio.format", got=audio.format, supported="'wav', 'mp3'"
                )
            return Media(
                kind=MediaKind.AUDIO, text_before=text_before, data_base64=audio.data, format=audio.format
            )
        case "file":
            file = part.file
            if file is not None and file.file_id is not None:
                raise invalid.unsupported_parameter(
                    f"{param}.file.file_id", "Files are not kept here: send 'file_data'"
                )
            if file is None or not file.file_data:
                raise invalid.missing(f"{param}.file.file_data")
            return Media(
                kind=MediaKind.FILE, text_before=text_before, url=file.file_data, file_name=file.filename
            )
        case _:
            raise invalid.unsupported_value(
                f"{param}.type", f"Content parts of type '{invalid.echo(part.type)}' are not supported"
            )


def _image(param: str, part: ContentPart, text_before: int) -> Media:
    image = part.image_url
    url, detail = (image, None) if image is None or isinstance(image, str) else (image.url, image.detail)
    if not url:
        raise invalid.missing(f"{param}.url")
    if not url.startswith(_IMAGE_SCHEMES):
        raise invalid.unsupported_value(f"{param}.url", "It must begin with https:, http: or data:image/")
    if detail not in {None, "auto", "low", "high"}:
        raise invalid.invalid_value(f"{param}.detail", got=detail or "", supported="'auto', 'low', 'high'")
    return Media(kind=MediaKind.IMAGE, text_before=text_before, url=url, detail=detail)


def _tool_calls(param: str, calls: list[ToolCallBody] | tuple[()]) -> tuple[ToolCall, ...]:
    return tuple([_tool_call(f"{param}.[{position}]", call) for position, call in enumerate(calls)])


def _tool_call(param: str, call: ToolCallBody) -> ToolCall:
    if call.type not in {None, "function"}:
        raise invalid.unsupported_value(f"{param}.type", "Only calls of type 'function' are supported")
    if call.function is None:
        raise invalid.missing(f"{param}.function")
    invalid.check_length(f"{param}.id", call.id, CALL_ID_BYTES_MAX)
    check_function_name(f"{param}.function.name", call.function.name)
    return ToolCall(id=call.id, name=call.function.name, arguments_json=call.function.arguments or "")


def check_function_name(param: str, name: str) -> None:
    """Raises RequestInvalid unless it is a name that OpenAI takes."""
    if not name:
        raise invalid.empty_string(param)
    invalid.check_length(param, name, NAME_BYTES_MAX)
    if not _FUNCTION_NAME.match(name):
        raise invalid.pattern_mismatch(param, "^[a-zA-Z0-9_-]+$")


def _check_speaker(param: str, name: str) -> None:
    invalid.check_length(param, name, NAME_BYTES_MAX)
    if name and not _SPEAKER_NAME.match(name):
        raise invalid.pattern_mismatch(param, r"^[^\s<|\\/>]+$")
