"""What is refused, and in which words."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from raseed.adapters.wire.anthropic.errors import encode_error
from raseed.adapters.wire.anthropic.message_request import STOP_MAX, decode_message_request
from raseed.adapters.wire.openai.chat_tools import SCHEMA_BYTES_MAX, TOOLS_MAX
from raseed.adapters.wire.strict_json import DEPTH_MAX
from raseed.core.errors import RequestInvalid

USER = {"role": "user", "content": "hi"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
IMAGE_SOURCE = {"type": "base64", "media_type": "image/png", "data": "AA=="}
IMAGE: dict[str, object] = {"type": "image", "source": IMAGE_SOURCE}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": "r"}


def refusal(sent: bytes) -> str:
    """The message that a bad body is answered with."""
    with pytest.raises(RequestInvalid) as caught:
        decode_message_request(sent)
    status, headers, answer = encode_error(caught.value, request_id="req_1")
    error: dict[str, Any] = msgspec.json.decode(answer)["error"]
    assert (status, headers, error["type"]) == (400, (), "invalid_request_error")
    message: str = error["message"]
    return message


def of_user(*content: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": list(content)}]}


def of_image(**source: object) -> dict[str, object]:
    return of_user(IMAGE | {"source": IMAGE_SOURCE | source})


def of_result(**fields: object) -> dict[str, object]:
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    turns = [("user", "q"), ("assistant", [call]), ("user", [RESULT | fields])]
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def after_call(**fields: object) -> dict[str, object]:
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}, **fields}
    return {"messages": [USER, {"role": "assistant", "content": [call]}, USER]}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": None}, "model: Field required"),
        ({"model": 1}, "model: Input should be a valid string"),
        ({"model": ""}, "model: String should have at least 1 character"),
        ({"model": "m" * 300}, "model: String should have at most 256 bytes, but it has 300"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"max_tokens": "5"}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": 10**30}, "max_tokens: Input should be less than or equal to 2147483647"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": None}, "messages: Field required"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [USER, {"role": "tool", "content": "x"}]}, "messages.1.role: Input should be"),
        (
            {"messages": [USER, {"role": "assistant", "content": "Sure"}]},
            "messages: This model does not support assistant message prefill.",
        ),
        (of_user(), "messages.0.content: List should have at least 1 item"),
        (of_user({"text": "x"}), "messages.0.content.0.type: Field required"),
        (of_user({"type": "text"}), "messages.0.content.0.text: Field required"),
        (of_user(USER["content"]), "messages.0.content.0: Input should be an object"),
        (of_user({"type": "image"}), "messages.0.content.0.source: Field required"),
        (of_image(type="file"), "messages.0.content.0.source.type: Files are not kept here"),
        (of_image(type="x"), "messages.0.content.0.source.type: Input should be 'base64' or 'url'"),
        (of_image(type="url", url="file:///etc/passwd"), "messages.0.content.0.source.url: Input should be"),
        (of_image(media_type="image/svg+xml"), "messages.0.content.0.source.media_type: Input should be"),
        (of_image(data=""), "messages.0.content.0.source.data: Field required"),
        (
            of_user(*[{"type": "text", "text": ""}] * 1001),
            "messages.0.content: List should have at most 1000",
        ),
        (of_user({"type": "document"}), "messages.0.content.0.type: Content blocks of type 'document'"),
        (of_user({"type": "tool_use"}), "messages.0.content.0.type: Content blocks of type 'tool_use'"),
        (of_user({"type": "tool_result"}), "messages.0.content.0.tool_use_id: Field required"),
        (of_user(RESULT), "messages.0.content.0.tool_use_id: Each `tool_result` block must have"),
        (of_result(content=[IMAGE]), "messages.2.content.0.content.0.type: Content blocks of type 'image'"),
        (of_result(tool_use_id="b"), "messages.2.content.0.tool_use_id: Each `tool_result` block must have"),
        (after_call(id=None), "messages.1.content.0.id: Field required"),
        (after_call(name=None), "messages.1.content.0.name: Field required"),
        (after_call(input=None), "messages.1.content.0.input: Field required"),
        (after_call(input=[]), "messages.1.content.0.input: Input should be an object"),
        ({"system": 5}, "system: Input should be a valid string or a valid list"),
        ({"system": [IMAGE]}, "system.0.type: Content blocks of type 'image'"),
        ({"temperature": 1.1}, "temperature: Input should be less than or equal to 1"),
        ({"temperature": -1}, "temperature: Input should be greater than or equal to 0"),
        ({"temperature": "hot"}, "temperature: Input should be a valid number"),
        ({"top_p": 1.1}, "top_p: Input should be less than or equal to 1"),
        ({"top_p": 0}, "top_p: Input should be greater than 0"),
        ({"top_k": -1}, "top_k: Input should be greater than or equal to 0"),
        ({"stop_sequences": "x"}, "stop_sequences: Input should be a valid list"),
        ({"stop_sequences": ["x", "\n"]}, "stop_sequences.1: each stop sequence must contain non-whitespace"),
        ({"stop_sequences": ["é" * 129]}, "stop_sequences.0: String should have at most 256 bytes"),
        (
            {"stop_sequences": ["x"] * (STOP_MAX + 1)},
            "stop_sequences: List should have at most 16 items, but it has 17",
        ),
        ({"stream": "yes"}, "stream: Input should be a valid boolean"),
        ({"tools": [{"input_schema": {}}]}, "tools.0.name: Field required"),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema: Field required"),
        ({"tools": [TOOL | {"input_schema": "x"}]}, "tools.0.input_schema: Input should be an object"),
        ({"tools": [TOOL | {"name": "f g"}]}, "tools.0.name: String should match pattern"),
        ({"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
        ({"tools": [TOOL] * (TOOLS_MAX + 1)}, "tools: List should have at most 512 items"),
        (
            {"tools": [TOOL | {"input_schema": {"x": "y" * SCHEMA_BYTES_MAX}}]},
            "tools.0.input_schema: It has more than 32768 bytes",
        ),
        (
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            "tools.0.type: Tools of type 'web_search_20250305' are not supported, only 'custom'",
        ),
        ({"tool_choice": {"type": "x"}}, "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'"),
        ({"tool_choice": {"type": "any"}}, "tool_choice: It may only be specified while providing tools."),
        ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.name: Field required"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}},
            "tool_choice.name: Tool 'g' not found in provided tools",
        ),
        (
            {"tools": [TOOL | {"input_schema": {"$ref": "https://example.com/schema"}}]},
            "tools.0.input_schema: ",
        ),
        ({"output_config": {"format": {"type": "x"}}}, "output_config.format.type: Input should be"),
        (
            {"output_config": {"format": {"type": "json_schema"}}},
            "output_config.format.schema: Field required",
        ),
        ({"thinking": {"type": "x"}}, "thinking.type: Input should be"),
        ({"container": "c"}, "container: It is not supported by this model"),
        ({"mcp_servers": [{"type": "url"}]}, "mcp_servers: It is not supported by this model"),
        ({"thread": {"type": "create"}}, "thread: Conversations are not kept here"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking.type: This model does not"),
    ],
)
def test_the_field_and_its_fault_are_named(fields: dict[str, Any], message: str):
    body = {"model": "m", "max_tokens": 5, "messages": [USER], **fields}
    assert refusal(json.dumps(body).encode()).startswith(message)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "The request body could not be parsed: it is not valid JSON."),
        (
            b'{"model":"m","messages":[],"max_tokens":1,"temperature":1e999}',
            "temperature: Input should be a smaller number",
        ),
        (b"[]", "The request body could not be parsed: it is not an object."),
        (b'{"model":"\xff"}', "The request body could not be parsed: it is not valid UTF-8."),
        (
            b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1),
            "The request body could not be parsed: it is nested deeper",
        ),
        (b'{"x":' + b"[" * 5000, "The request body could not be parsed: it is not valid JSON."),
        (
            b'{"model":"a","max_tokens":1,"max_tokens":2,"messages":[]}',
            "The request body could not be parsed: it has the key 'max_tokens' more than once.",
        ),
    ],
)
def test_what_is_no_json(sent: bytes, message: str):
    assert refusal(sent).startswith(message)
