"""The `input` of a request for a response → `Item`s of the core.

Parts that are not text are handed on to models that take them, and never fetched.
"""

from __future__ import annotations

from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.openai.chat_messages import (
    CALL_ID_BYTES_MAX,
    MESSAGES_MAX,
    PARTS_MAX,
    check_function_name,
)
from raseed.adapters.wire.openai.response_schema import ItemBody, PartBody
from raseed.core.inference.model import Media, MediaKind, ToolCall
from raseed.core.responses.model import Item, ItemKind

ITEM_ID_BYTES_MAX = 256
ROLES = ("user", "assistant", "system", "developer")
KINDS = tuple(kind.value for kind in ItemKind)

_ROLE_NAMES = ", ".join(f"'{role}'" for role in ROLES)
_KIND_NAMES = ", ".join(f"'{kind}'" for kind in KINDS)
_IMAGE_SCHEMES = ("https://", "http://", "data:image/")
_DETAILS = (None, "auto", "low", "high", "original")
_TEXT_PARTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}


def to_core_items(given: str | list[ItemBody]) -> tuple[Item, ...]:
    """Raises RequestInvalid with the path of the field at fault."""
    if isinstance(given, str):
        return (Item(kind=ItemKind.MESSAGE, role="user", text=given),)
    if len(given) > MESSAGES_MAX:
        raise invalid.array_too_long("input", limit=MESSAGES_MAX, length=len(given))
    return tuple([_item(f"input[{index}]", body) for index, body in enumerate(given)])


def _item(param: str, body: ItemBody) -> Item:
    if body.id is not None:
        invalid.check_length(f"{param}.id", body.id, ITEM_ID_BYTES_MAX)
    kind = body.type
    if kind is None:  # messages and references need not say what they are
        kind = "item_reference" if body.id and body.role is None else "message"
    match kind:
        case "message":
            return _message(param, body)
        case "function_call":
            return _call(param, body)
        case "function_call_output":
            text = _only_text(f"{param}.output", body.output)
            return Item(kind=ItemKind.CALL_OUTPUT, id=body.id or "", call_id=_call_id(param, body), text=text)
        case "reasoning":
            return _reasoning(param, body)
        case "item_reference":
            if not body.id:
                raise invalid.missing(f"{param}.id")
            return Item(kind=ItemKind.REFERENCE, id=body.id)
        case _:
            raise invalid.invalid_value(f"{param}.type", got=kind, supported=_KIND_NAMES)


def _message(param: str, body: ItemBody) -> Item:
    if body.role is None:
        raise invalid.missing(f"{param}.role")
    if body.role not in ROLES:
        raise invalid.invalid_value(f"{param}.role", got=body.role, supported=_ROLE_NAMES)
    text, media = _content(f"{param}.content", body.role, body.content)
    return Item(kind=ItemKind.MESSAGE, id=body.id or "", role=body.role, text=text, media=media)


def _call(param: str, body: ItemBody) -> Item:
    if body.name is None:
        raise invalid.missing(f"{param}.name")
    check_function_name(f"{param}.name", body.name)
    call = ToolCall(id=_call_id(param, body), name=body.name, arguments_json=body.arguments or "")
    return Item(kind=ItemKind.CALL, id=body.id or "", call=call, namespace=body.namespace)


def _call_id(param: str, body: ItemBody) -> str:
    if not body.call_id:
        raise invalid.missing(f"{param}.call_id")
    invalid.check_length(f"{param}.call_id", body.call_id, CALL_ID_BYTES_MAX)
    return body.call_id


def _reasoning(param: str, body: ItemBody) -> Item:
    summaries = [
        _text_of(f"{param}.summary[{place}]", part, part.text)
        for place, part in enumerate(body.summary or ())
    ]
    content = body.content if isinstance(body.content, list) else ()
    texts = [_text_of(f"{param}.content[{place}]", part, part.text) for place, part in enumerate(content)]
    return Item(
        kind=ItemKind.REASONING,
        id=body.id or "",
        text="".join(texts),
        summaries=tuple(summaries),
        encrypted=body.encrypted_content,
    )


def _only_text(param: str, output: str | list[PartBody] | None) -> str:
    if output is None:
        raise invalid.missing(param)
    text, media = _content(param, "tool", output)
    assert not media
    return text


def _content(param: str, role: str, content: str | list[PartBody] | None) -> tuple[str, tuple[Media, ...]]:
    """Text parts are joined with nothing between them: not a byte is ours."""
    if content is None:
        raise invalid.missing(param)
    if isinstance(content, str):
        return content, ()
    if len(content) > PARTS_MAX:
        raise invalid.array_too_long(param, limit=PARTS_MAX, length=len(content))
    texts: list[str] = []
    media: list[Media] = []
    for place, part in enumerate(content):
        at = f"{param}[{place}]"
        field = _TEXT_PARTS.get(part.type)
        if field is not None:
            texts.append(_text_of(at, part, part.refusal if field == "refusal" else part.text))
        elif role == "user":
            media.append(_media(at, part, sum(map(len, texts))))
        else:
            whose = "Outputs of functions" if role == "tool" else f"Messages of role '{role}'"
            raise invalid.unsupported_value(
                f"{at}.type", f"{whose} have no parts of type '{invalid.echo(part.type)}' here"
            )
    return "".join(texts), tuple(media)


def _text_of(param: str, part: PartBody, text: str | None) -> str:
    if text is None:
        raise invalid.missing(f"{param}.{'refusal' if part.type == 'refusal' else 'text'}")
    return text


def _media(param: str, part: PartBody, text_before: int) -> Media:
    if part.file_id is not None:
        raise invalid.unsupported_parameter(f"{param}.file_id", "Files are not kept here: send the data")
    match part.type:
        case "input_image":
            if not part.image_url:
                raise invalid.missing(f"{param}.image_url")
            if not part.image_url.startswith(_IMAGE_SCHEMES):
                raise invalid.unsupported_value(
                    f"{param}.image_url", "It must begin with https:, http: or data:image/"
                )
            if part.detail not in _DETAILS:
                raise invalid.invalid_value(
                    f"{param}.detail", got=part.detail or "", supported="'auto', 'low', 'high', 'original'"
                )
            return Media(
                kind=MediaKind.IMAGE, text_before=text_before, url=part.image_url, detail=part.detail
            )
        case "input_file":
            url = part.file_data or part.file_url
            if not url:
                raise invalid.missing(f"{param}.file_data")
            return Media(kind=MediaKind.FILE, text_before=text_before, url=url, file_name=part.filename)
        case _:
            raise invalid.unsupported_value(
                f"{param}.type", f"Content parts of type '{invalid.echo(part.type)}' are not supported"
            )
