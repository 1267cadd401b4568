"""Requests that are as they should be: what the fuzz begins with.

Those that ask a model are written out, because their shapes are rich; of every other operation of the OpenAPI file there
is one with an empty body, so that a route that is added is fuzzed at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

OPENAPI: dict[str, Any] = json.loads(files("raseed.descriptors").joinpath("openapi.json").read_bytes())

_WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Kuwait"}'},
}

_CHATS: list[dict[str, Any]] = [
    {"model": "scripted", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8},
    {
        "model": "scripted",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "مرحبا"}, {"type": "text", "text": "🌍"}]},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 8,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["END"],
        "n": 2,
    },
    {
        "model": "scripted",
        "messages": [
            {"role": "user", "content": "weather?", "name": "dana"},
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": _WEATHER}}],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "max_tokens": 8,
        "logit_bias": {"5": -10},
        "presence_penalty": 0.1,
        "frequency_penalty": -0.1,
    },
    {
        "model": "scripted",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PIXEL}"}},
                    {"type": "input_audio", "input_audio": {"data": _PIXEL, "format": "wav"}},
                ],
            }
        ],
        "response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": _WEATHER}},
        "logprobs": True,
        "top_logprobs": 3,
        "max_tokens": 4,
    },
]
_COMPLETIONS: list[dict[str, Any]] = [
    {"model": "scripted", "prompt": "Once", "max_tokens": 4, "echo": True},
    {"model": "scripted", "prompt": [[1, 2, 3], [4]], "max_tokens": 4, "n": 2, "stream": True},
]
_MESSAGES: list[dict[str, Any]] = [
    {"model": "scripted", "max_tokens": 8, "messages": [{"role": "user", "content": "hello"}]},
    {
        "model": "scripted",
        "max_tokens": 8,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "weather?"}]},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Kuwait"}}],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t1",
                        "content": [{"type": "text", "text": "sunny"}],
                    }
                ],
            },
        ],
        "tools": [{"name": "weather", "input_schema": _WEATHER}],
        "tool_choice": {"type": "auto"},
        "stop_sequences": ["END"],
        "top_k": 5,
        "stream": True,
        "metadata": {"user_id": "u"},
    },
]
_EMBEDDINGS: list[dict[str, Any]] = [
    {"model": "scripted", "input": ["a", "b"], "encoding_format": "base64"},
    {"model": "scripted", "input": [[1, 2], [3]], "dimensions": 8},
]
_RESPONSES: list[dict[str, Any]] = [
    {"model": "scripted", "input": "hello", "max_output_tokens": 16, "store": False},
    {
        "model": "scripted",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "weather?"}]},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        ],
        "tools": [{"type": "function", "name": "weather", "parameters": _WEATHER}],
        "text": {"format": {"type": "json_schema", "name": "w", "schema": _WEATHER}},
        "max_output_tokens": 16,
        "stream": True,
    },
]
WRITTEN_OUT: dict[str, list[dict[str, Any]]] = {
    "/v1/chat/completions": _CHATS,
    "/api/v1/chat/completions": _CHATS[:2],
    "/v1/completions": _COMPLETIONS,
    "/v1/messages": _MESSAGES,
    "/api/v1/messages": _MESSAGES[:1],
    "/v1/messages/count_tokens": _MESSAGES[:1],
    "/v1/embeddings": _EMBEDDINGS,
    "/v1/responses": _RESPONSES,
    "/v1/responses/input_tokens": _RESPONSES[1:],
    "/api/billing/estimate": _CHATS[:1],
    "/api/keys": [
        {"name": "k", "scopes": ["inference"], "expires_at": "2030-01-01T00:00:00Z", "requests_per_minute": 5}
    ],
    "/api/contact": [{"reply_to": "dana@example.com", "text": "hello"}],
    "/api/auth/verify": [{"challenge_id": "c", "code": "123456"}],
    "/api/billing/redeem": [{"code": "ABCD-EFGH-JKLM"}],
    "/api/billing/checkout": [{"item": {"kind": "pack", "id": "small"}, "method": "knet"}],
    "/api/billing/subscribe": [{"plan": "basic", "method": "knet", "language": "ar"}],
    "/api/organisations": [{"name": "Acme"}],
}
QUERIES = {
    "/v1/models": "?category=chat",
    "/dashboard/billing/usage": "?start_date=2026-03-01&end_date=2026-03-31",
    "/api/usage": "?from=2026-03-01&to=2026-03-31&group_by=model&limit=5&format=csv",
    "/api/usage/calls": "?from=2026-03-01&limit=5&format=jsonl",
    "/api/billing/topup-history": "?page=1",
    "/api/keys": "?limit=2&cursor=a2V5",
}


@dataclass(frozen=True, slots=True)
class Sample:
    method: str
    path: str
    body: dict[str, Any] | None = None


def samples() -> list[Sample]:
    """One or more of every operation, in a fixed order. Those that ask a model are there most."""
    found = list(_described())
    for path, bodies in WRITTEN_OUT.items():
        if path in OPENAPI["paths"]:
            found += [Sample("POST", path, body) for body in bodies]
    return found


def _described() -> Iterator[Sample]:
    for path, operations in OPENAPI["paths"].items():
        for method, operation in operations.items():
            filled = re.sub(r"\{(\w+)\}", lambda name: f"{name[1]}_1", path) + QUERIES.get(path, "")
            yield Sample(method.upper(), filled, {} if "requestBody" in operation else None)
