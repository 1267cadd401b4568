"""Bodies of POST /v1/messages and /v1/messages/count_tokens → `ChatRequest`.

Fields that are not ours are skipped, so that newer clients work. Fields that Anthropic defines, that change the price
or the answer, and that no model here serves, are refused and not dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec

from raseed.adapters.wire.anthropic import invalid
from raseed.adapters.wire.anthropic.message_schema import (
    ContentBlock,
    MessageBody,
    MessagesBody,
    ToolBody,
)
from raseed.adapters.wire.openai.body import BODY_BYTES_MAX, MODEL_BYTES_MAX
from raseed.adapters.wire.openai.chat_messages import MESSAGES_MAX
from raseed.adapters.wire.openai.chat_tools import SCHEMA_BYTES_MAX, TOOLS_MAX
from raseed.adapters.wire.openai.invalid import echo
from raseed.adapters.wire.openai.sampling_fields import INT32_MAX
from raseed.adapters.wire.openai.strict_json import DEPTH_MAX, is_too_deep, is_utf8, repeated_key
from raseed.core.errors import RequestTooLarge
from raseed.core.inference.model import ChatRequest, Message, Role, Sampling, Tool, ToolCall

STOP_MAX = 16
"""Most stop sequences: what every engine here can look for at once."""
STOP_BYTES_MAX = 256
TOOL_NAME_CHARS_MAX = 128
"""Anthropic's limit."""

_TOOL_NAME = re.compile(rf"[a-zA-Z0-9_-]{{1,{TOOL_NAME_CHARS_MAX}}}")
_SERVED_KEYS = tuple(
    (name, f'"{name}"'.encode())
    for name in (
        *("model", "messages", "max_tokens", "system", "stop_sequences", "temperature", "top_p", "top_k"),
        *("stream", "tools", "tool_choice", "thinking"),
    )
)
_SKIPPED = frozenset({"thinking", "redacted_thinking"})
"""Earlier thoughts: Anthropic's own models are not shown those of finished turns either."""
_decoder = msgspec.json.Decoder(MessagesBody)


@dataclass(frozen=True, slots=True)
class DecodedMessage:
    request: ChatRequest
    stream: bool


def decode_message_request(body: bytes) -> DecodedMessage:
    """Raises RequestInvalid, its message and `param` in Anthropic's style, RequestTooLarge above `BODY_BYTES_MAX`."""
    wire = _parse(body)
    if wire.max_tokens is None:
        raise invalid.missing("max_tokens")
    return DecodedMessage(_request(wire), wire.stream is True)


def decode_count_request(body: bytes) -> ChatRequest:
    """The same, of a body that asks for no answer: without `max_tokens`."""
    return _request(_parse(body))


def _parse(body: bytes) -> MessagesBody:
    if len(body) > BODY_BYTES_MAX:
        raise RequestTooLarge(f"The request body is larger than {BODY_BYTES_MAX} bytes.")
    if not is_utf8(body):
        raise invalid.not_json("it is not valid UTF-8")
    if is_too_deep(body):
        raise invalid.not_json(f"it is nested deeper than {DEPTH_MAX} levels")
    try:
        wire = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid.from_validation(error) from None
    except (msgspec.DecodeError, RecursionError):  # the latter from brackets that never close
        raise invalid.not_json("it cannot be parsed") from None
    twice = repeated_key(body, _SERVED_KEYS)
    if twice is not None:
        raise invalid.not_json(f"it has the key '{twice}' more than once")
    return wire


def _request(wire: MessagesBody) -> ChatRequest:
    _refuse_unserved(wire)
    if not wire.model:
        raise invalid.at("model", "String should have at least 1 character")
    invalid.check_length("model", wire.model, MODEL_BYTES_MAX)
    return ChatRequest(
        model=wire.model,
        messages=_messages(wire),
        sampling=_sampling(wire),
        tools=_tools(wire),
    )


def _sampling(wire: MessagesBody) -> Sampling:
    default = Sampling()
    if wire.max_tokens is not None:
        invalid.check_range("max_tokens", wire.max_tokens, 1, INT32_MAX)
    if wire.temperature is not None:
        invalid.check_range("temperature", wire.temperature, 0, 1)
    if wire.top_p is not None:
        invalid.check_range("top_p", wire.top_p, 0, 1)
        if not wire.top_p:
            raise invalid.at("top_p", "Input should be greater than 0")
    if wire.top_k is not None:
        invalid.check_range("top_k", wire.top_k, 0, INT32_MAX)
    stop = tuple(wire.stop_sequences or ())
    invalid.check_count("stop_sequences", len(stop), STOP_MAX)
    for index, text in enumerate(stop):
        if not text.strip():
            raise invalid.at(f"stop_sequences.{index}", "each stop sequence must contain non-whitespace")
        invalid.check_length(f"stop_sequences.{index}", text, STOP_BYTES_MAX)
    return Sampling(
        max_tokens=wire.max_tokens,
        temperature=default.temperature if wire.temperature is None else wire.temperature,
        top_p=default.top_p if wire.top_p is None else wire.top_p,
        top_k=wire.top_k or 0,
        stop=stop,
    )


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _messages(wire: MessagesBody) -> tuple[Message, ...]:
    if not wire.messages:
        raise invalid.at("messages", "at least one message is required")
    invalid.check_count("messages", len(wire.messages), MESSAGES_MAX)
    system = _plain_text("system", wire.system or "")
    found = [Message(role=Role.SYSTEM, text=system)] if system else []
    for index, message in enumerate(wire.messages):
        _add(found, _turn(f"messages.{index}", message))
    if found[-1].role is Role.ASSISTANT:
        raise invalid.at(
            "messages",
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message.",
        )
    return tuple(found)


def _add(found: list[Message], turn: Iterable[Message]) -> None:
    """Neighbouring turns of one role are one turn, as Anthropic has it: many templates refuse them otherwise."""
    for message in turn:
        last = found[-1] if found else None
        if last is not None and last.role is message.role and message.role in {Role.USER, Role.ASSISTANT}:
            text = "\n".join(text for text in (last.text, message.text) if text)
            found[-1] = replace(last, text=text, tool_calls=last.tool_calls + message.tool_calls)
        else:
            found.append(message)


def _turn(param: str, message: MessageBody) -> list[Message]:
    content = message.content
    if isinstance(content, list) and not content:
        raise invalid.at(f"{param}.content", "List should have at least 1 item")
    match message.role:
        case "user":
            return _user_turn(f"{param}.content", content)
        case "assistant":
            return [_assistant_turn(f"{param}.content", content)]
        case "system":
            return [Message(role=Role.SYSTEM, text=_plain_text(f"{param}.content", content))]
        case other:
            raise invalid.one_of(f"{param}.role", got=other, supported="'user', 'assistant' or 'system'")


def _user_turn(param: str, content: str | list[ContentBlock]) -> list[Message]:
    """Texts, and each result of a tool as a message of its own, in order."""
    if isinstance(content, str):
        return [Message(role=Role.USER, text=content)]
    turn: list[Message] = []
    texts: list[str] = []
    for index, block in enumerate(content):
        if block.type != "tool_result":
            texts.append(_block_text(f"{param}.{index}", block))
            continue
        if texts:
            turn.append(Message(role=Role.USER, text="".join(texts)))
            texts = []
        if block.tool_use_id is None:
            raise invalid.missing(f"{param}.{index}.tool_use_id")
        text = _plain_text(f"{param}.{index}.content", block.content or "")
        turn.append(Message(role=Role.TOOL, text=text, tool_call_id=block.tool_use_id))
    if texts:
        turn.append(Message(role=Role.USER, text="".join(texts)))
    return turn


def _assistant_turn(param: str, content: str | list[ContentBlock]) -> Message:
    if isinstance(content, str):
        return Message(role=Role.ASSISTANT, text=content)
    texts: list[str] = []
    calls: list[ToolCall] = []
    for index, block in enumerate(content):
        if block.type == "tool_use":
            calls.append(_tool_use(f"{param}.{index}", block))
        elif block.type not in _SKIPPED:
            texts.append(_block_text(f"{param}.{index}", block))
    return Message(role=Role.ASSISTANT, text="".join(texts), tool_calls=tuple(calls))


def _tool_use(param: str, block: ContentBlock) -> ToolCall:
    if block.id is None:
        raise invalid.missing(f"{param}.id")
    if block.name is None:
        raise invalid.missing(f"{param}.name")
    return ToolCall(
        id=block.id, name=block.name, arguments_json=_object(f"{param}.input", bytes(block.input))
    )


def _plain_text(param: str, content: str | list[ContentBlock]) -> str:
    """Content that may be text alone. Blocks are joined with nothing between them: not a byte is ours."""
    if isinstance(content, str):
        return content
    return "".join([_block_text(f"{param}.{index}", block) for index, block in enumerate(content)])


def _block_text(param: str, block: ContentBlock) -> str:
    if block.type != "text":
        raise invalid.at(
            f"{param}.type",
            f"Content blocks of type '{echo(block.type)}' are not supported here by this model",
        )
    if block.text is None:
        raise invalid.missing(f"{param}.text")
    return block.text


# ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tools(wire: MessagesBody) -> tuple[Tool, ...]:
    tools = wire.tools or []
    invalid.check_count("tools", len(tools), TOOLS_MAX)
    checked = tuple([_tool(f"tools.{index}", tool) for index, tool in enumerate(tools)])
    if len({tool.name for tool in checked}) < len(checked):
        raise invalid.at("tools", "Tool names must be unique.")
    choice = wire.tool_choice
    if choice is None:
        return checked
    if choice.type == "none":
        return ()  # a model that is shown no tool calls none
    if choice.type != "auto":
        if choice.type in {"any", "tool"}:
            raise invalid.at("tool_choice.type", f"'{choice.type}' is not supported by this model")
        raise invalid.one_of("tool_choice.type", got=choice.type, supported="'auto', 'any', 'tool' or 'none'")
    if choice.disable_parallel_tool_use and checked:
        raise invalid.at("tool_choice.disable_parallel_tool_use", "It is not supported by this model")
    return checked


def _tool(param: str, tool: ToolBody) -> Tool:
    if tool.type not in {None, "custom"}:
        raise invalid.at(
            f"{param}.type", f"Tools of type '{echo(tool.type or '')}' are not supported, only 'custom'"
        )
    if not _TOOL_NAME.fullmatch(tool.name):
        raise invalid.at(f"{param}.name", f"String should match pattern '^{_TOOL_NAME.pattern}$'")
    schema = _object(f"{param}.input_schema", bytes(tool.input_schema))
    if len(schema) > SCHEMA_BYTES_MAX:
        raise invalid.at(f"{param}.input_schema", f"It has more than {SCHEMA_BYTES_MAX} characters")
    return Tool(name=tool.name, description=tool.description, parameters_json=schema)


def _object(param: str, raw: bytes) -> str:
    if raw in {b"", b"null"}:
        raise invalid.missing(param)
    if not raw.startswith(b"{"):
        raise invalid.at(param, "Input should be an object")
    return raw.decode()


def _refuse_unserved(wire: MessagesBody) -> None:
    # Of `adaptive` a model makes what it can: one that does not think aloud answers at once.
    if wire.thinking is not None and wire.thinking.type not in {"disabled", "adaptive"}:
        if wire.thinking.type == "enabled":
            raise invalid.at("thinking.type", "This model does not support extended thinking")
        supported = "'enabled', 'adaptive' or 'disabled'"
        raise invalid.one_of("thinking.type", got=wire.thinking.type, supported=supported)
    if wire.output_config is not None and wire.output_config.format is not None:
        raise invalid.at("output_config.format", "It is not supported by this model")
    if wire.container is not None:
        raise invalid.at("container", "It is not supported by this model")
    if wire.mcp_servers:
        raise invalid.at("mcp_servers", "It is not supported by this model")
