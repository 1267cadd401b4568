"""Ollama's own chat, as its server answers: an echo of the last message, word by word, and its figures.

Shapes by docs/api.md of github.com/ollama/ollama. A word is a token.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from tests.emulators.model_providers.provider import ModelProvider, Play

PATH = "/api/chat"
KNOWN = {"model", "messages", "tools", "think", "format", "options", "stream", "keep_alive"}


def ollama_provider() -> ModelProvider:
    return ModelProvider("ollama", [PATH], answer)


def line(message: dict[str, Any] | None = None, *, done: bool = False, **members: Any) -> bytes:
    said: dict[str, Any] = {"model": "upstream", "created_at": "2026-01-01T00:00:00Z"}
    if message is not None:
        said["message"] = {"role": "assistant", **message}
    return json.dumps({**said, "done": done, **members}).encode() + b"\n"


def text(said: str) -> bytes:
    return line({"content": said})


def end(reason: str = "stop", **figures: Any) -> bytes:
    return line({"content": ""}, done=True, done_reason=reason, **figures)


def figures(prompt: int, answer: int) -> dict[str, Any]:
    return {"prompt_eval_count": prompt, "eval_count": answer}


def answer(request: web.Request, body: Any) -> Play:
    if set(body) - KNOWN:
        return refusal(400, "invalid request")
    if body["model"] == "missing":
        return refusal(404, "model 'missing' not found")
    prompt = sum(len(message["content"].split()) for message in body["messages"])
    words = [f"{word} " for word in body["messages"][-1]["content"].split()]
    most = (body.get("options") or {}).get("num_predict", len(words))
    reason = "length" if most < len(words) else "stop"
    words = words[:most]
    messages: list[dict[str, Any]] = [{"content": word} for word in words]
    if body.get("tools"):
        function = {"name": body["tools"][0]["function"]["name"], "arguments": {"n": 1}}
        messages = [{"content": "", "tool_calls": [{"function": function}]}]
    if body.get("stream") is False:
        whole = {"content": "".join(words)} if not body.get("tools") else messages[0]
        said = line(whole, done=True, done_reason=reason, **figures(prompt, len(words)))
        return Play(content_type="application/json", steps=[said])
    steps = [line(message) for message in messages]
    return Play(
        content_type="application/x-ndjson", steps=[*steps, end(reason, **figures(prompt, len(words)))]
    )


def refusal(status: int, message: str) -> Play:
    return Play(
        status=status, content_type="application/json", steps=[json.dumps({"error": message}).encode()]
    )
