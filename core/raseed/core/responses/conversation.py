"""A conversation of items → the messages and the request that a model is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import ChatRequest, Message, Role, ToolChoice
from raseed.core.responses.model import Item, ItemKind, Terms

_ROLES = {
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
}


def to_chat_request(terms: Terms, conversation: Sequence[Item]) -> ChatRequest:
    """Raises RequestInvalid for a conversation that cannot be told."""
    choosing = terms.choosing
    shown = [
        offered.tool
        for offered in terms.tools
        if choosing.mode != "none" and (choosing.allowed is None or offered.tool.name in choosing.allowed)
    ]
    return ChatRequest(
        model=terms.model,
        messages=to_messages(terms.instructions, conversation),
        sampling=terms.sampling,
        tools=tuple(shown),
        tool_choice=ToolChoice.REQUIRED if choosing.mode == "required" else ToolChoice.AUTO,
        required_tool=choosing.function,
        parallel_tool_calls=terms.parallel_tool_calls,
        json_format=terms.text.json,
    )


def to_messages(instructions: str | None, conversation: Sequence[Item]) -> tuple[Message, ...]:
    """Calls join the words of the assistant that they follow. Reasoning is left out: no model here reads it again.

    Raises RequestInvalid for the output of a call that was not made, and for a conversation without a message.
    """
    messages = [Message(role=Role.SYSTEM, text=instructions)] if instructions else []
    called: set[str] = set()
    for item in conversation:
        match item.kind:
            case ItemKind.MESSAGE:
                messages.append(Message(role=_ROLES[item.role], text=item.text, media=item.media))
            case ItemKind.CALL:
                assert item.call is not None
                called.add(item.call.id)
                if not messages or messages[-1].role is not Role.ASSISTANT:
                    messages.append(Message(role=Role.ASSISTANT, text=""))
                spoken = messages[-1]
                messages[-1] = replace(spoken, tool_calls=(*spoken.tool_calls, item.call))
            case ItemKind.CALL_OUTPUT:
                if item.call_id not in called:
                    raise RequestInvalid(
                        f"No tool call found for function call output with call_id {item.call_id}.",
                        param="input",
                    )
                messages.append(Message(role=Role.TOOL, text=item.text, tool_call_id=item.call_id))
            case ItemKind.REASONING | ItemKind.REFERENCE:
                continue
    if not messages:
        raise RequestInvalid("Invalid 'input': it has no message.", param="input", code="empty_array")
    return tuple(messages)


def without_oldest(conversation: Sequence[Item]) -> tuple[Item, ...] | None:
    """Without its first turn: all before the next message of the user. None if it has only one."""
    for place, item in enumerate(conversation):
        if place and item.kind is ItemKind.MESSAGE and item.role == "user":
            kept = [early for early in conversation[:place] if _is_standing(early)]
            if len(kept) < place:
                return (*kept, *conversation[place:])
    return None


def _is_standing(item: Item) -> bool:
    """What holds for the whole conversation is never left out."""
    return item.kind is ItemKind.MESSAGE and item.role in {"system", "developer"}
