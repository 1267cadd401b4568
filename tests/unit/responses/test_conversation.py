"""Items → what a model is told."""

from __future__ import annotations

import pytest

from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import Role, Tool, ToolCall, ToolChoice
from raseed.core.responses.conversation import to_chat_request, to_messages, without_oldest
from raseed.core.responses.model import Choosing, Item, ItemKind, OfferedTool, Terms


def said(text: str, role: str = "user") -> Item:
    return Item(kind=ItemKind.MESSAGE, role=role, text=text)


def called(call_id: str) -> Item:
    return Item(kind=ItemKind.CALL, call=ToolCall(id=call_id, name="f", arguments_json="{}"))


def answered(call_id: str) -> Item:
    return Item(kind=ItemKind.CALL_OUTPUT, call_id=call_id, text=f"of {call_id}")


THOUGHT = Item(kind=ItemKind.REASONING, text="hm")


def test_instructions_come_first_and_reasoning_is_left_out():
    messages = to_messages(
        "be kind", [said("now", "developer"), said("hi"), THOUGHT, said("yes", "assistant")]
    )
    assert [(message.role, message.text) for message in messages] == [
        (Role.SYSTEM, "be kind"),
        (Role.SYSTEM, "now"),
        (Role.USER, "hi"),
        (Role.ASSISTANT, "yes"),
    ]


def test_calls_join_the_words_before_them_and_each_other():
    """Parallel calls are one message; those behind an output are the next."""
    messages = to_messages(
        None,
        [
            said("hi"),
            said("I look", "assistant"),
            called("a"),
            THOUGHT,
            called("b"),
            answered("b"),
            answered("a"),
            called("c"),
            answered("c"),
        ],
    )
    assert [(message.role, [call.id for call in message.tool_calls]) for message in messages] == [
        (Role.USER, []),
        (Role.ASSISTANT, ["a", "b"]),
        (Role.TOOL, []),
        (Role.TOOL, []),
        (Role.ASSISTANT, ["c"]),
        (Role.TOOL, []),
    ]
    assert [message.tool_call_id for message in messages if message.role is Role.TOOL] == ["b", "a", "c"]


@pytest.mark.parametrize("items", [[answered("a")], [answered("a"), called("a")], [], [THOUGHT]])
def test_what_cannot_be_told_is_refused(items):
    with pytest.raises(RequestInvalid):
        to_messages(None, items)


TOOLS = tuple(OfferedTool(tool=Tool(name=name)) for name in ("f", "g"))


@pytest.mark.parametrize(
    ("choosing", "shown", "choice", "required"),
    [
        (Choosing(), ["f", "g"], ToolChoice.AUTO, None),
        (Choosing(mode="none"), [], ToolChoice.AUTO, None),
        (Choosing(mode="required"), ["f", "g"], ToolChoice.REQUIRED, None),
        (Choosing(mode="required", function="g"), ["f", "g"], ToolChoice.REQUIRED, "g"),
        (Choosing(allowed=("g",)), ["g"], ToolChoice.AUTO, None),
        (Choosing(mode="required", allowed=("g",)), ["g"], ToolChoice.REQUIRED, None),
    ],
)
def test_the_tools_that_a_model_is_shown(choosing, shown, choice, required):
    asked = to_chat_request(Terms(model="m", tools=TOOLS, choosing=choosing), [said("hi")])
    assert [tool.name for tool in asked.tools] == shown
    assert (asked.tool_choice, asked.required_tool) == (choice, required)


def test_the_oldest_turn_goes_whole_and_what_always_holds_stays():
    rule = said("be kind", "developer")
    turns = [
        rule,
        said("one"),
        called("a"),
        answered("a"),
        said("two"),
        said("yes", "assistant"),
        said("three"),
    ]
    shorter = without_oldest(turns)
    assert shorter == (rule, *turns[4:])
    shortest = without_oldest(shorter)
    assert shortest == (rule, turns[-1])
    assert without_oldest(shortest) is None
