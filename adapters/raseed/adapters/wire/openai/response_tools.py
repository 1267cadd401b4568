"""What a response is held to: `tools`, `tool_choice` and `text.format`."""

from __future__ import annotations

from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.openai.chat_messages import check_function_name
from raseed.adapters.wire.openai.chat_tools import TOOLS_MAX, check_schema
from raseed.adapters.wire.openai.response_schema import FormatBody, ToolBody
from raseed.core.inference.model import JsonFormat, Tool
from raseed.core.responses.model import Choosing, OfferedTool, TextFormat

_CHOICES = "'none', 'auto', 'required', or an object that names a function"
_TEXT = TextFormat()
_AUTO = Choosing()


def to_core_tools(given: list[ToolBody] | None) -> tuple[OfferedTool, ...]:
    """Functions, also those of namespaces; every other kind is left out. Raises RequestInvalid."""
    tools: list[OfferedTool] = []
    for index, body in enumerate(given or ()):
        if body.type == "function":
            tools.append(_tool(f"tools[{index}]", body, None))
        elif body.type == "namespace":
            for place, inner in enumerate(body.tools or ()):
                if inner.type == "function":
                    tools.append(_tool(f"tools[{index}].tools[{place}]", inner, body.name))
    if len(tools) > TOOLS_MAX:
        raise invalid.array_too_long("tools", limit=TOOLS_MAX, length=len(tools))
    names = [offered.tool.name for offered in tools]
    if len(names) != len(set(names)):
        raise invalid.unsupported_value("tools", "Two functions have the same name")
    return tuple(tools)


def _tool(param: str, body: ToolBody, namespace: str | None) -> OfferedTool:
    if body.name is None:
        raise invalid.missing(f"{param}.name")
    check_function_name(f"{param}.name", body.name)
    tool = Tool(
        name=body.name,
        description=body.description,
        parameters_json=check_schema(f"{param}.parameters", bytes(body.parameters)),
    )
    return OfferedTool(tool=tool, strict=body.strict is not False, namespace=namespace)


def to_core_choosing(choice: str | dict[str, object] | None, tools: tuple[OfferedTool, ...]) -> Choosing:
    """Raises RequestInvalid with the path of the field at fault."""
    if choice is None or choice == "auto":
        return _AUTO
    if choice == "none":
        return Choosing(mode="none")
    if choice == "required":
        if not tools:
            raise invalid.only_with("tool_choice", "tools")
        return Choosing(mode="required")
    if isinstance(choice, str):
        raise invalid.invalid_value("tool_choice", got=choice, supported=_CHOICES)
    match choice.get("type"):
        case "function":
            return Choosing(mode="required", function=_known("tool_choice.name", choice, tools))
        case "allowed_tools":
            return _allowed(choice, tools)
        case _:
            raise invalid.unsupported_value(
                "tool_choice.type", "Only 'function' and 'allowed_tools' are supported"
            )


def _allowed(choice: dict[str, object], tools: tuple[OfferedTool, ...]) -> Choosing:
    listed, mode = choice.get("tools"), choice.get("mode", "auto")
    if not isinstance(listed, list):
        raise invalid.missing("tool_choice.tools")
    if not isinstance(mode, str) or mode not in {"auto", "required"}:
        raise invalid.invalid_value("tool_choice.mode", got=str(mode), supported="'auto', 'required'")
    names = [
        _known(f"tool_choice.tools[{place}].name", one, tools)
        for place, one in enumerate(listed)
        if isinstance(one, dict) and one.get("type", "function") == "function"
    ]
    if not names:
        raise invalid.empty_array("tool_choice.tools")
    return Choosing(mode="required" if mode == "required" else "auto", allowed=tuple(names))


def _known(param: str, choice: dict[str, object], tools: tuple[OfferedTool, ...]) -> str:
    """The name in a choice, which must be that of one of the tools."""
    name = choice.get("name")
    if not isinstance(name, str):
        raise invalid.missing(param)
    if all(offered.tool.name != name for offered in tools):
        raise invalid.unsupported_value(
            param, f"'{invalid.echo(name)}' is not the name of one of the 'tools'"
        )
    return name


def to_core_format(wire: FormatBody | None) -> TextFormat:
    """Raises RequestInvalid with the path of the field at fault."""
    if wire is None or wire.type == "text":
        return _TEXT
    if wire.type == "json_object":
        return TextFormat(json=JsonFormat())
    if wire.type != "json_schema":
        raise invalid.invalid_value(
            "text.format.type", got=wire.type, supported="'text', 'json_object', 'json_schema'"
        )
    if wire.name is None:
        raise invalid.missing("text.format.name")
    check_function_name("text.format.name", wire.name)
    schema = check_schema("text.format.schema", bytes(wire.schema))
    if schema is None:
        raise invalid.missing("text.format.schema")
    return TextFormat(
        json=JsonFormat(schema_json=schema),
        name=wire.name,
        description=wire.description,
        strict=wire.strict is True,
    )
