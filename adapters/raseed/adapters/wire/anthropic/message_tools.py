"""What an answer is held to: `tools`, `tool_choice` and `output_config.format`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from raseed.adapters.wire.anthropic import invalid
from raseed.adapters.wire.anthropic.message_schema import MessagesBody, ToolBody
from raseed.adapters.wire.openai.chat_tools import SCHEMA_BYTES_MAX, TOOLS_MAX, check_schema
from raseed.adapters.wire.openai.invalid import echo
from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import JsonFormat, Tool, ToolChoice

TOOL_NAME_CHARS_MAX = 128
"""Anthropic's limit."""

_TOOL_NAME = re.compile(rf"[a-zA-Z0-9_-]{{1,{TOOL_NAME_CHARS_MAX}}}")
_CHOICES = "'auto', 'any', 'tool' or 'none'"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """Which tools the model is shown, and what it must do with them."""

    tools: tuple[Tool, ...] = ()
    choice: ToolChoice = ToolChoice.AUTO
    required: str | None = None
    parallel: bool = True


_NO_TOOLS = ToolUse()


def to_core_tools(wire: MessagesBody) -> ToolUse:
    """Raises RequestInvalid with the path of the field at fault."""
    sent = wire.tools or []
    invalid.check_count("tools", len(sent), TOOLS_MAX)
    tools = tuple([_tool(f"tools.{index}", tool) for index, tool in enumerate(sent)])
    if len({tool.name for tool in tools}) < len(tools):
        raise invalid.at("tools", "Tool names must be unique.")
    choice = wire.tool_choice
    if choice is None:
        return ToolUse(tools=tools)
    parallel = choice.disable_parallel_tool_use is not True
    match choice.type:
        case "auto":
            return ToolUse(tools=tools, parallel=parallel)
        case "none":
            return _NO_TOOLS  # a model that is shown no tool calls none
        case "any":
            required = None
        case "tool":
            if choice.name is None:
                raise invalid.missing("tool_choice.name")
            if all(tool.name != choice.name for tool in tools):
                raise invalid.at(
                    "tool_choice.name", f"Tool '{echo(choice.name)}' not found in provided tools"
                )
            required = choice.name
        case other:
            raise invalid.one_of("tool_choice.type", got=other, supported=_CHOICES)
    if not tools:
        raise invalid.at("tool_choice", "It may only be specified while providing tools.")
    return ToolUse(tools=tools, choice=ToolChoice.REQUIRED, required=required, parallel=parallel)


def to_core_format(wire: MessagesBody) -> JsonFormat | None:
    """None for text. Raises RequestInvalid with the path of the field at fault."""
    described = None if wire.output_config is None else wire.output_config.format
    if described is None:
        return None
    if described.type != "json_schema":
        raise invalid.one_of("output_config.format.type", got=described.type, supported="'json_schema'")
    return JsonFormat(schema_json=_schema("output_config.format.schema", bytes(described.schema)))


def _tool(param: str, tool: ToolBody) -> Tool:
    if tool.type not in {None, "custom"}:
        raise invalid.at(
            f"{param}.type", f"Tools of type '{echo(tool.type or '')}' are not supported, only 'custom'"
        )
    if not _TOOL_NAME.fullmatch(tool.name):
        raise invalid.at(f"{param}.name", f"String should match pattern '^{_TOOL_NAME.pattern}$'")
    schema = _schema(f"{param}.input_schema", bytes(tool.input_schema))
    return Tool(name=tool.name, description=tool.description, parameters_json=schema)


def _schema(param: str, raw: bytes) -> str:
    schema = invalid.json_object(param, raw)
    if len(raw) > SCHEMA_BYTES_MAX:
        raise invalid.at(param, f"It has more than {SCHEMA_BYTES_MAX} bytes")
    try:
        check_schema(param, raw)
    except RequestInvalid as error:  # too deep, or with a reference to the outside
        raise invalid.at(param, error.message) from None
    return schema
