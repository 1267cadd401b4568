"""A response and its pieces, as tests of its JSON use them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from raseed.core.inference.model import Delta, FinishReason, Tool, ToolCall, Usage
from raseed.core.responses.model import Item, ItemKind, OfferedTool, Response, ResponseId, Status, Terms

ID = ResponseId("resp_01k")
USAGE = Usage(prompt_tokens=5, completion_tokens=3, cached_tokens=2)
WEATHER = Tool(
    name="weather", description="Tells.", parameters_json='{"type":"object","b":1,"a":12345678901234567890}'
)
QUESTION = Item(kind=ItemKind.MESSAGE, id="msg_01k_i0", role="user", text='How is "it"?')
CALL = ToolCall(id="call_1", name="weather", arguments_json="")
TEXT = [
    Delta(completion_tokens=1, text="Sonne "),
    Delta(completion_tokens=2, text="über "),
    Delta(completion_tokens=3, text="الكويت"),
]
CALLS = [
    Delta(completion_tokens=1, text="Let me look."),
    Delta(completion_tokens=2, tool_call_index=0, tool_call=CALL),
    Delta(completion_tokens=3, tool_call_index=0, tool_arguments='{"city":'),
    Delta(completion_tokens=4, tool_call_index=0, tool_arguments='"الكويت"}'),
    Delta(
        completion_tokens=5,
        tool_call_index=1,
        tool_call=ToolCall(id="call_2", name="clock", arguments_json='{"zone"'),
        tool_arguments=":3}",
    ),
    Delta(completion_tokens=6, tool_call_index=1),
]


def response(**changes: Any) -> Response:
    terms = Terms(model="org/model:é", tools=(OfferedTool(tool=WEATHER),), metadata=(("k", "v"),))
    begun = Response(
        id=ID, created_at_s=1_760_000_000, terms=terms, conversation=(QUESTION,), status=Status.IN_PROGRESS
    )
    return replace(begun, **changes)


def over(pieces: list[Delta], reason: FinishReason = FinishReason.STOP) -> Response:
    status = Status.INCOMPLETE if reason is FinishReason.LENGTH else Status.COMPLETED
    return response(
        status=status, pieces=tuple(pieces), finish_reason=reason, usage=USAGE, completed_at_s=1_760_000_002
    )
