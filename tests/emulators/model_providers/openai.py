"""OpenAI's chat completions, as api.openai.com and two others answer: an echo of the last message, word by word, and its usage.

Shapes by the OpenAPI document of github.com/openai/openai-openapi; the order of a stream by recorded answers of the API.
Groq's by console.groq.com/docs/api-reference, Mistral's by docs.mistral.ai/api.
A word is a token, so a test can compute every figure. Usage is streamed when `stream_options` asks for it, as there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from aiohttp import web
from tests.emulators.model_providers.provider import API_KEY, ModelProvider, Play, Step

PATH = "/v1/chat/completions"
ID = "chatcmpl-upstream"
MODEL = "gpt-upstream-2026-01-01"
CREATED = 1_700_000_000
KNOWN = {
    *("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature"),
    *("top_p", "stop", "seed", "tools", "tool_choice", "parallel_tool_calls", "response_format", "logprobs"),
    *("top_logprobs", "logit_bias", "presence_penalty", "frequency_penalty", "n", "service_tier"),
}
"""It refuses what it does not know, as the API does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """Where providers with this API differ."""

    name: str
    path: str = PATH
    known: frozenset[str]
    usage: Literal["asked", "x_groq", "end"] = "asked"
    """Where a stream has it: in a chunk of its own if asked for, or always in the chunk of the end, as Groq or Mistral name it."""


OPENAI = Manner(name="openai", known=frozenset(KNOWN))
GROQ = Manner(
    name="groq",
    path="/openai/v1/chat/completions",
    known=frozenset(KNOWN - {"logprobs", "top_logprobs", "logit_bias"}),
    usage="x_groq",
)
MISTRAL = Manner(
    name="mistral",
    known=frozenset(
        KNOWN - {"seed", "stream_options", "max_completion_tokens", "logit_bias"} | {"random_seed"}
    ),
    usage="end",
)


def openai_provider(manner: Manner = OPENAI) -> ModelProvider:
    return ModelProvider(manner.name, [manner.path], partial(answer, manner=manner))


def event(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return event({**_head(), "choices": [choice], **more})


def usage_chunk(prompt: int, completion: int, cached: int = 0, reasoning: int = 0) -> bytes:
    return event({**_head(), "choices": [], "usage": usage(prompt, completion, cached, reasoning)})


def usage(prompt: int, completion: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
    }


def stream_of(words: Sequence[str], finish_reason: str = "stop", **last: Any) -> list[Step]:
    """Without usage and without an end. `last` is what the last chunk says beside."""
    return [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        *(chunk({"content": word}) for word in words),
        chunk({}, finish_reason, **last),
    ]


def calls_of(calls: Sequence[tuple[str, str, Sequence[str]]]) -> list[Step]:
    """(id, name, pieces of the arguments) of each."""
    steps: list[Step] = [chunk({"role": "assistant", "content": None})]
    for index, (call_id, name, pieces) in enumerate(calls):
        function = {"name": name, "arguments": ""}
        opened = {"index": index, "id": call_id, "type": "function", "function": function}
        steps.append(chunk({"tool_calls": [opened]}))
        steps += [
            chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}) for piece in pieces
        ]
    return [*steps, chunk({}, "tool_calls")]


def prompt_tokens(body: Any) -> int:
    return sum(len(_text(message).split()) for message in body["messages"])


def answer(request: web.Request, body: Any, *, manner: Manner = OPENAI) -> Play:
    if request.headers.get("Authorization") != f"Bearer {API_KEY}":
        return refusal(401, "Incorrect API key provided.", "invalid_api_key")
    if unknown := sorted(set(body) - manner.known):
        return refusal(400, f"Unrecognized request argument supplied: {unknown[0]}", None, unknown[0])
    if not body.get("stream") and "stream_options" in body:
        return refusal(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", None)
    most = body.get("max_completion_tokens", body.get("max_tokens"))
    words = [f"{word} " for word in _text(body["messages"][-1]).split()]
    is_cut = most is not None and most < len(words)
    words = words[:most]
    reason = "length" if is_cut else "stop"
    prompt = prompt_tokens(body)
    tools = body.get("tools")
    if tools and body.get("tool_choice") != "auto" and "tool_choice" in body:
        return _called(body, tools[0]["function"]["name"], prompt)
    if not body.get("stream"):
        message: dict[str, Any] = {"role": "assistant", "content": "".join(words), "refusal": None}
        return _whole(message, reason, usage(prompt, len(words)))
    if manner.usage == "x_groq":
        last: dict[str, Any] = {"x_groq": {"id": "req_upstream", "usage": usage(prompt, len(words))}}
    else:
        last = {"usage": usage(prompt, len(words))} if manner.usage == "end" else {}
    steps = stream_of(words, reason, **last)
    if manner.usage == "asked" and (body.get("stream_options") or {}).get("include_usage"):
        steps.append(usage_chunk(prompt, len(words)))
    return Play(steps=[*steps, DONE])


def refusal(
    status: int, message: str, code: str | None, param: str | None = None, kind: str = "invalid_request_error"
) -> Play:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Play(status=status, content_type="application/json", steps=[json.dumps({"error": error}).encode()])


def _called(body: Any, name: str, prompt: int) -> Play:
    if body.get("stream"):
        steps = calls_of([("call_upstream", name, ['{"n"', ":1}"])])
        if (body.get("stream_options") or {}).get("include_usage"):
            steps.append(usage_chunk(prompt, 5))
        return Play(steps=[*steps, DONE])
    function = {"name": name, "arguments": '{"n":1}'}
    call = {"id": "call_upstream", "type": "function", "function": function}
    return _whole(
        {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls", usage(prompt, 5)
    )


def _whole(message: dict[str, Any], reason: str, used: dict[str, Any]) -> Play:
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    whole = {**_head(), "object": "chat.completion", "choices": [choice], "usage": used}
    return Play(content_type="application/json", steps=[json.dumps(whole).encode()])


def _head() -> dict[str, Any]:
    return {
        "id": ID,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": MODEL,
        "service_tier": "default",
        "system_fingerprint": "fp_upstream",
    }


def _text(message: Any) -> str:
    content = message.get("content") or ""
    if isinstance(content, list):
        return " ".join(part.get("text", "image") for part in content)
    return str(content)
