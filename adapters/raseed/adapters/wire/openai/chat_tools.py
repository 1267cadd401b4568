"""What an answer is held to: `tools`, `tool_choice`, `parallel_tool_calls` and `response_format`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.openai.chat_messages import check_function_name
from raseed.adapters.wire.openai.chat_schema import ChatBody, ResponseFormat, ToolBody
from raseed.adapters.wire.strict_json import is_too_deep
from raseed.core.inference.model import JsonFormat, Tool, ToolChoice

TOOLS_MAX = 512
SCHEMA_BYTES_MAX = 32 * 1024
"""Longest JSON Schema of one tool, or of an answer."""
SCHEMA_DEPTH_MAX = 32
"""Every reader of a schema recurses; real ones rarely pass 10."""

_MODES = {"auto": ToolChoice.AUTO, "required": ToolChoice.REQUIRED}
_CHOICES = "'none', 'auto', 'required', or an object that names a function"


@dataclass(frozen=True, slots=True)
class ToolUse:
    """Which tools the model is shown, and what it must do with them."""

    tools: tuple[Tool, ...] = ()
    choice: ToolChoice = ToolChoice.AUTO
    required: str | None = None


_NO_TOOLS = ToolUse()


def to_core_tools(wire: ChatBody) -> ToolUse:
    """Raises RequestInvalid with the path of the field at fault."""
    choice = wire.tool_choice
    if not wire.tools:
        if choice in (None, "none", "auto"):
            return _NO_TOOLS
        raise invalid.only_with("tool_choice", "tools")
    if len(wire.tools) > TOOLS_MAX:
        raise invalid.array_too_long("tools", limit=TOOLS_MAX, length=len(wire.tools))
    tools = tuple([_tool(f"tools.[{index}]", tool) for index, tool in enumerate(wire.tools)])
    if choice is None or choice == "auto":
        return ToolUse(tools)
    if choice == "none":
        return _NO_TOOLS  # a model that is shown no tool calls none
    if choice == "required":
        return ToolUse(tools, ToolChoice.REQUIRED)
    if isinstance(choice, str):
        raise invalid.invalid_value("tool_choice", got=choice, supported=_CHOICES)
    match choice.get("type"):
        case "function":
            return ToolUse(tools, ToolChoice.REQUIRED, _known("tool_choice.function.name", choice, tools))
        case "allowed_tools":
            return _allowed(choice.get("allowed_tools"), tools)
        case _:
            raise invalid.unsupported_value(
                "tool_choice.type", "Only 'function' and 'allowed_tools' are supported"
            )


def _allowed(allowed: object, tools: tuple[Tool, ...]) -> ToolUse:
    param = "tool_choice.allowed_tools"
    if not isinstance(allowed, dict) or not isinstance(allowed.get("tools"), list):
        raise invalid.missing(f"{param}.tools")
    mode = _MODES.get(str(allowed.get("mode")))
    if mode is None:
        raise invalid.invalid_value(
            f"{param}.mode", got=str(allowed.get("mode")), supported="'auto', 'required'"
        )
    names = {
        _known(f"{param}.tools.[{index}]", one if isinstance(one, dict) else {}, tools)
        for index, one in enumerate(allowed["tools"])
    }
    return ToolUse(tuple(tool for tool in tools if tool.name in names), mode)


def _known(param: str, choice: dict[Any, Any], tools: tuple[Tool, ...]) -> str:
    """The name in a choice, which must be that of one of the tools."""
    function = choice.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise invalid.missing(param)
    if all(tool.name != name for tool in tools):
        raise invalid.unsupported_value(
            param, f"'{invalid.echo(name)}' is not the name of one of the 'tools'"
        )
    return name


def _tool(param: str, tool: ToolBody) -> Tool:
    if tool.type not in {None, "function"}:
        raise invalid.unsupported_value(f"{param}.type", "Only tools of type 'function' are supported")
    function = tool.function
    if function is None:
        raise invalid.missing(f"{param}.function")
    check_function_name(f"{param}.function.name", function.name)
    return Tool(
        name=function.name,
        description=function.description,
        parameters_json=check_schema(f"{param}.function.parameters", bytes(function.parameters)),
    )


def to_core_format(wire: ResponseFormat | None) -> JsonFormat | None:
    """None for text. Raises RequestInvalid with the path of the field at fault."""
    if wire is None or wire.type == "text":
        return None
    if wire.type == "json_object":
        return JsonFormat()
    if wire.type != "json_schema":
        raise invalid.invalid_value(
            "response_format.type", got=wire.type, supported="'text', 'json_object', 'json_schema'"
        )
    described = wire.json_schema
    if described is None:
        raise invalid.missing("response_format.json_schema")
    check_function_name("response_format.json_schema.name", described.name)
    schema = check_schema("response_format.json_schema.schema", bytes(described.schema))
    if schema is None:
        raise invalid.missing("response_format.json_schema.schema")
    return JsonFormat(schema_json=schema)


def check_schema(param: str, raw: bytes) -> str | None:
    """A JSON Schema as written: parsed and written again it would lose numbers, and its order guides generation.

    None for none. Raises RequestInvalid.
    """
    if raw in {b"", b"null"}:
        return None
    if len(raw) > SCHEMA_BYTES_MAX:
        raise invalid.string_too_long(param, limit=SCHEMA_BYTES_MAX, length=len(raw))
    if not raw.startswith(b"{"):
        raise invalid.wrong_type(param, expected="an object", got="another type")
    if is_too_deep(raw, SCHEMA_DEPTH_MAX):
        raise invalid.too_deep(param, limit=SCHEMA_DEPTH_MAX)
    if b"$ref" in raw:
        _check_references(param, msgspec.json.decode(raw))
    return raw.decode()


def _check_references(param: str, value: object) -> None:
    """References stay within the schema: whoever reads it later must have nothing to fetch."""
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            raise invalid.unsupported_value(param, "A '$ref' must begin with '#'")
        for one in value.values():
            _check_references(param, one)
    elif isinstance(value, list):
        for one in value:
            _check_references(param, one)
