"""Body of POST /v1/chat/completions → `ChatRequest`.

Fields that are not ours are skipped, so that clients with extensions work. Fields that OpenAI defines, that change the
price or the answer, and that no model here serves, are refused and not dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.openai.chat_schema import ChatBody, ContentPart, MessageBody, ToolBody, ToolCallBody
from raseed.adapters.wire.openai.strict_json import DEPTH_MAX, is_too_deep, is_utf8, repeated_key
from raseed.core.errors import RequestTooLarge
from raseed.core.inference.model import ChatRequest, Message, Role, Sampling, Tool, ToolCall

BODY_BYTES_MAX = 4 * 1024 * 1024
"""Same as the limit of the JSON routes at the edge."""
MESSAGES_MAX = 10_000
TOOLS_MAX = 512
SCHEMA_BYTES_MAX = 32 * 1024
"""Longest JSON Schema of one tool."""
STOP_MAX = 4
STOP_BYTES_MAX = 256
NAME_BYTES_MAX = 64
"""Longest name of a function (OpenAI's limit)."""
MODEL_BYTES_MAX = 256
INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,  # the newer name of the same role
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}
_ROLE_NAMES = ", ".join(f"'{name}'" for name in _ROLES)
_SERVED_KEYS = tuple(
    (name, f'"{name}"'.encode())
    for name in (
        *("model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop"),
        *("stream", "stream_options", "tools", "n"),
    )
)
_DEFAULT_SAMPLING = Sampling()
_decoder = msgspec.json.Decoder(ChatBody)


@dataclass(frozen=True, slots=True)
class DecodedChat:
    request: ChatRequest
    stream: bool
    include_usage: bool
    """Whether the stream was asked to end with a usage chunk; false without `stream`."""


def decode_chat_request(body: bytes) -> DecodedChat:
    """Raises RequestInvalid with OpenAI's `param` and `code`, and RequestTooLarge above `BODY_BYTES_MAX`."""
    wire = _parse(body)
    _refuse_unserved(wire)
    if not wire.model:
        raise invalid.missing("model")
    _check_length("model", wire.model, MODEL_BYTES_MAX)
    stream = wire.stream is True
    options = wire.stream_options
    if options is not None and not stream:
        raise invalid.only_with("stream_options", "stream")
    request = ChatRequest(
        model=wire.model,
        messages=_messages(wire.messages),
        sampling=_sampling(wire),
        tools=_tools(wire),
    )
    return DecodedChat(request, stream, options is not None and options.include_usage is True)


def _parse(body: bytes) -> ChatBody:
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
    except msgspec.DecodeError:
        raise invalid.not_json("it is not valid JSON") from None
    except RecursionError:  # brackets that never close, which the depth check leaves to the parser
        raise invalid.not_json("it is not valid JSON") from None
    twice = repeated_key(body, _SERVED_KEYS)
    if twice is not None:
        raise invalid.not_json(f"it has the key '{twice}' more than once")
    return wire


def _sampling(wire: ChatBody) -> Sampling:
    max_tokens = wire.max_tokens
    if max_tokens is not None:
        invalid.check_range("max_tokens", max_tokens, 1, INT32_MAX)
    if wire.max_completion_tokens is not None:
        max_tokens = wire.max_completion_tokens
        invalid.check_range("max_completion_tokens", max_tokens, 1, INT32_MAX)
    if wire.temperature is not None:
        invalid.check_range("temperature", wire.temperature, 0, 2)
    if wire.top_p is not None:
        invalid.check_range("top_p", wire.top_p, 0, 1, above_low=True)
    if wire.seed is not None:
        invalid.check_range("seed", wire.seed, -INT64_MAX - 1, INT64_MAX)
    return Sampling(
        max_tokens=max_tokens,
        temperature=_DEFAULT_SAMPLING.temperature if wire.temperature is None else wire.temperature,
        top_p=_DEFAULT_SAMPLING.top_p if wire.top_p is None else wire.top_p,
        seed=wire.seed,
        stop=() if wire.stop is None else _stop(wire.stop),
    )


def _stop(stop: str | list[str]) -> tuple[str, ...]:
    texts = (stop,) if isinstance(stop, str) else tuple(stop)
    if len(texts) > STOP_MAX:
        raise invalid.array_too_long("stop", limit=STOP_MAX, length=len(texts))
    for index, text in enumerate(texts):
        param = "stop" if isinstance(stop, str) else f"stop.[{index}]"
        if not text:
            raise invalid.empty_string(param)
        _check_length(param, text, STOP_BYTES_MAX)
    return texts


def _messages(messages: list[MessageBody]) -> tuple[Message, ...]:
    if not messages:
        raise invalid.empty_array("messages")
    if len(messages) > MESSAGES_MAX:
        raise invalid.array_too_long("messages", limit=MESSAGES_MAX, length=len(messages))
    return tuple([_message(index, message) for index, message in enumerate(messages)])


def _message(index: int, message: MessageBody) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise invalid.invalid_value(f"messages.[{index}].role", got=message.role, supported=_ROLE_NAMES)
    content = message.content
    text = content if type(content) is str else _text(index, role, message)
    if role is Role.ASSISTANT and message.tool_calls:
        calls = tuple(
            _tool_call(f"messages.[{index}].tool_calls.[{position}]", call)
            for position, call in enumerate(message.tool_calls)
        )
        return Message(role=role, text=text, name=message.name, tool_calls=calls)
    if role is Role.TOOL:
        if message.tool_call_id is None:
            raise invalid.missing(f"messages.[{index}].tool_call_id")
        return Message(role=role, text=text, name=message.name, tool_call_id=message.tool_call_id)
    return Message(role=role, text=text, name=message.name)


def _text(index: int, role: Role, message: MessageBody) -> str:
    """The content of a message as one text. Parts are joined with nothing between them: not a byte is ours."""
    param = f"messages.[{index}].content"
    content = message.content
    if content is None:
        if role is Role.ASSISTANT and message.tool_calls:
            return ""
        raise invalid.wrong_type(param, expected="one of a string or an array", got="null")
    if isinstance(content, str):
        return content
    if not content:
        raise invalid.empty_array(param)
    return "".join([_part_text(param, position, part) for position, part in enumerate(content)])


def _part_text(param: str, position: int, part: ContentPart) -> str:
    if part.type != "text":
        raise invalid.unsupported_value(
            param, f"Content parts of type '{invalid.echo(part.type)}' are not supported, only 'text'"
        )
    if part.text is None:
        raise invalid.missing(f"{param}.[{position}].text")
    return part.text


def _tool_call(param: str, call: ToolCallBody) -> ToolCall:
    if call.type not in {None, "function"}:
        raise invalid.unsupported_value(f"{param}.type", "Only calls of type 'function' are supported")
    if call.function is None:
        raise invalid.missing(f"{param}.function")
    return ToolCall(id=call.id, name=call.function.name, arguments_json=call.function.arguments or "")


def _tools(wire: ChatBody) -> tuple[Tool, ...]:
    tools = wire.tools or ()
    if len(tools) > TOOLS_MAX:
        raise invalid.array_too_long("tools", limit=TOOLS_MAX, length=len(tools))
    checked = tuple([_tool(f"tools.[{index}]", tool) for index, tool in enumerate(tools)])
    choice = wire.tool_choice
    if choice is None or choice == "auto":
        return checked
    if choice == "none":
        return ()  # a model that is shown no tool calls none
    if isinstance(choice, dict) or choice == "required":
        raise invalid.unsupported_value("tool_choice", "Only 'auto' and 'none' are supported")
    raise invalid.invalid_value("tool_choice", got=choice, supported="'none', 'auto'")


def _tool(param: str, tool: ToolBody) -> Tool:
    if tool.type not in {None, "function"}:
        raise invalid.unsupported_value(f"{param}.type", "Only tools of type 'function' are supported")
    function = tool.function
    if function is None:
        raise invalid.missing(f"{param}.function")
    if not function.name:
        raise invalid.empty_string(f"{param}.function.name")
    _check_length(f"{param}.function.name", function.name, NAME_BYTES_MAX)
    return Tool(
        name=function.name,
        description=function.description,
        parameters_json=_schema(f"{param}.function.parameters", bytes(function.parameters)),
    )


def _schema(param: str, raw: bytes) -> str | None:
    if raw in {b"", b"null"}:
        return None
    if len(raw) > SCHEMA_BYTES_MAX:
        raise invalid.string_too_long(param, limit=SCHEMA_BYTES_MAX, length=len(raw))
    if not raw.startswith(b"{"):
        raise invalid.wrong_type(param, expected="an object", got="another type")
    return raw.decode()


def _refuse_unserved(wire: ChatBody) -> None:
    if wire.n is not None and wire.n != 1:
        invalid.check_range("n", wire.n, 1, 128)
        raise invalid.unsupported_value("n", "Only one choice for each request is supported, n = 1")
    if wire.response_format is not None and wire.response_format.type != "text":
        raise invalid.unsupported_parameter(
            "response_format", "Only the type 'text' is supported with this model"
        )
    if wire.logprobs:
        raise invalid.unsupported_parameter("logprobs", "This model does not return log probabilities")
    if wire.top_logprobs:
        raise invalid.unsupported_parameter("top_logprobs", "This model does not return log probabilities")
    if wire.logit_bias:
        raise invalid.unsupported_parameter("logit_bias", "It is not supported with this model")
    for param, value in (
        ("frequency_penalty", wire.frequency_penalty),
        ("presence_penalty", wire.presence_penalty),
    ):
        if value:
            invalid.check_range(param, value, -2, 2)
            raise invalid.unsupported_parameter(param, "It is not supported with this model")
    if wire.functions:
        raise invalid.unsupported_parameter("functions", "It is deprecated: use 'tools' instead")
    if wire.modalities is not None and any(kind != "text" for kind in wire.modalities):
        raise invalid.unsupported_value("modalities", "Only 'text' is supported with this model")
    if wire.web_search_options is not None:
        raise invalid.unsupported_parameter("web_search_options", "It is not supported with this model")


def _check_length(param: str, text: str, limit: int) -> None:
    if len(text) * 4 > limit and (length := len(text.encode())) > limit:
        raise invalid.string_too_long(param, limit=limit, length=length)
