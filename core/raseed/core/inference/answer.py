"""A whole answer, put together from its pieces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from raseed.core.ids import HoldId, RunId
from raseed.core.inference.model import Delta, ToolCall


def whole_answer(pieces: Iterable[Delta]) -> tuple[str, tuple[ToolCall, ...]]:
    """The text and the tool calls, each with its arguments whole, in order of their index."""
    texts: list[str] = []
    calls: dict[int, ToolCall] = {}
    for piece in pieces:
        texts.append(piece.text)
        index = piece.tool_call_index
        if index is None:
            continue
        if piece.tool_call is not None:
            calls[index] = piece.tool_call
        if piece.tool_arguments:
            call = calls[index]
            calls[index] = replace(call, arguments_json=call.arguments_json + piece.tool_arguments)
    return "".join(texts), tuple(calls[index] for index in sorted(calls))


def answer_id(run_id: RunId | HoldId) -> str:
    """The id that clients of OpenAI's routes see, and native ones. A run and its hold have one id."""
    return f"chatcmpl-{run_id.removeprefix('run_')}"
