"""Tool calls as our models write them, `<tool_call>{"name": …, "arguments": {…}}</tool_call>` within the text: found in
an answer, and demanded of one.
"""

from __future__ import annotations

import json
import secrets

import msgspec

from raseed.adapters.triton.schemas import unsupported_in
from raseed.core.inference.model import ChatRequest, Tool, ToolCall, ToolChoice

OPENS = "<tool_call>"
CLOSES = "</tool_call>"
CALL_CHARS_MAX = 65_536
"""Longest call that is waited for; what is longer is text."""

GRAMMAR_CHARS_MAX = 49_152
"""Longest schema of a demanded call; beyond it, and where its own cannot be used, a tool's arguments are any object."""
ANY_ARGUMENTS = '{"type":"object"}'

_STYLE = '"x-guidance":{"whitespace_flexible":false,"coerce_one_of":true,"item_separator":", ","key_separator":": "}'
"""As the models saw calls in training."""


class _Call(msgspec.Struct, frozen=True, gc=False):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


_decoder = msgspec.json.Decoder(_Call)


class ToolCallReader:
    """Splits an answer into text and calls. A call comes whole; text that may open one is held back."""

    def __init__(self) -> None:
        self._held = ""
        self.has_calls = False
        self._is_after_call = False

    def push(self, text: str) -> list[str | ToolCall]:
        """What is certain now, in order."""
        self._held += text
        found: list[str | ToolCall] = []
        while True:
            before, opens, rest = self._held.partition(OPENS)
            if not opens:
                keep = _begun(self._held)
                self._say(found, self._held[: len(self._held) - keep])
                self._held = self._held[len(self._held) - keep :]
                return found
            self._say(found, before)
            body, closes, after = rest.partition(CLOSES)
            if not closes and len(rest) <= CALL_CHARS_MAX:
                self._held = OPENS + rest
                return found
            self._call_or_text(found, body, closes)
            self._held = after

    def finish(self) -> list[str | ToolCall]:
        """What was held back. A call may lack its end: a stop text or a limit can have cut it."""
        held, self._held = self._held, ""
        found: list[str | ToolCall] = []
        if held.startswith(OPENS):
            self._call_or_text(found, held.removeprefix(OPENS), "")
        else:
            self._say(found, held)
        return found

    def _call_or_text(self, found: list[str | ToolCall], body: str, closes: str) -> None:
        try:
            call = _decoder.decode(body)
        except msgspec.DecodeError:
            self._say(found, OPENS + body + closes)
            return
        self.has_calls = self._is_after_call = True
        arguments = bytes(call.arguments).decode()
        found.append(ToolCall(id=f"call_{secrets.token_hex(12)}", name=call.name, arguments_json=arguments))

    def _say(self, found: list[str | ToolCall], text: str) -> None:
        if self._is_after_call:
            text = text.lstrip()  # models put line breaks between calls
        if text:
            self._is_after_call = False
            found.append(text)


def _begun(text: str) -> int:
    """Length of the longest end of `text` that begins a call."""
    longest = min(len(OPENS) - 1, len(text))
    return next((length for length in range(longest, 0, -1) if OPENS.startswith(text[-length:])), 0)


def demanded_call(request: ChatRequest) -> str | None:
    """The grammar of an answer that must be one call; None if none is demanded."""
    if request.tool_choice is not ToolChoice.REQUIRED:
        return None
    tools = [tool for tool in request.tools if request.required_tool in {None, tool.name}]
    calls = ",".join(map(_call_schema, tools))
    if len(calls) > GRAMMAR_CHARS_MAX:
        calls = _schema_of(json.dumps({"enum": [tool.name for tool in tools]}), ANY_ARGUMENTS)
    return f'start: "{OPENS}" call "{CLOSES}"\ncall: %json {{{_STYLE},"anyOf":[{calls}]}}\n'


def _call_schema(tool: Tool) -> str:
    arguments = tool.parameters_json
    # A reference counts from the root, which is not the tool's here.
    if arguments is None or '"$ref"' in arguments or unsupported_in(arguments) is not None:
        arguments = ANY_ARGUMENTS
    return _schema_of(json.dumps({"const": tool.name}), arguments)


def _schema_of(name_schema: str, arguments_schema: str) -> str:
    return (
        f'{{"type":"object","properties":{{"name":{name_schema},"arguments":{arguments_schema}}},'
        '"required":["name","arguments"],"additionalProperties":false}'
    )
