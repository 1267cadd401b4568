"""Anthropic's messages, as api.anthropic.com answers: an echo of the last turn, word by word, and its usage.

Shapes and the order of a stream by docs.anthropic.com/en/api/messages-streaming. A word is a token.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from tests.emulators.model_providers.provider import API_KEY, ModelProvider, Play, Step

PATH = "/v1/messages"
ID = "msg_upstream"
MODEL = "claude-upstream-20260101"
KNOWN = {
    *("model", "messages", "max_tokens", "system", "stream", "temperature", "top_p", "top_k"),
    *("stop_sequences", "tools", "tool_choice", "output_config", "metadata"),
}
"""It refuses what it does not know, as the API does."""


def anthropic_provider() -> ModelProvider:
    return ModelProvider("anthropic", [PATH], answer)


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def message_start(usage: dict[str, Any] | None) -> bytes:
    message: dict[str, Any] = {
        "id": ID,
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }
    return event("message_start", message=message | ({"usage": usage} if usage is not None else {}))


def block_start(block: dict[str, Any], index: int = 0) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def block_delta(delta: dict[str, Any], index: int = 0) -> bytes:
    return event("content_block_delta", index=index, delta=delta)


def text_delta(text: str, index: int = 0) -> bytes:
    return block_delta({"type": "text_delta", "text": text}, index)


def block_stop(index: int = 0) -> bytes:
    return event("content_block_stop", index=index)


def message_delta(
    reason: str | None, usage: dict[str, Any] | None = None, sequence: str | None = None
) -> bytes:
    delta = {"stop_reason": reason, "stop_sequence": sequence} if reason else {}
    return event("message_delta", delta=delta, **({"usage": usage} if usage is not None else {}))


STOP = event("message_stop")
PING = event("ping")
TEXT = {"type": "text", "text": ""}


def answer(request: web.Request, body: Any) -> Play:
    # Its own SDK sends the key as a bearer's, other clients in a header of its own: the API takes both.
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if request.headers.get("x-api-key", bearer) != API_KEY:
        return refusal(401, "authentication_error", "invalid x-api-key")
    if "anthropic-version" not in request.headers:
        return refusal(400, "invalid_request_error", "anthropic-version: header is required")
    if unknown := sorted(set(body) - KNOWN):
        return refusal(400, "invalid_request_error", f"{unknown[0]}: Extra inputs are not permitted")
    prompt = len(_text(body["messages"]).split())
    words = [f"{word} " for word in _text(body["messages"][-1:]).split()]
    reason = "max_tokens" if body["max_tokens"] < len(words) else "end_turn"
    words = words[: body["max_tokens"]]
    content: list[dict[str, Any]] = [{"type": "text", "text": "".join(words)}]
    if body.get("tool_choice", {}).get("type") in {"any", "tool"}:
        reason = "tool_use"
        content = [
            {"type": "tool_use", "id": "toolu_upstream", "name": body["tools"][0]["name"], "input": {"n": 1}}
        ]
    usage = {
        "input_tokens": prompt,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": len(words),
    }
    if not body.get("stream"):
        whole: dict[str, Any] = {
            "id": ID,
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": content,
        }
        whole |= {"stop_reason": reason, "stop_sequence": None, "usage": usage}
        return Play(content_type="application/json", steps=[json.dumps(whole).encode()])
    steps: list[Step] = [message_start({**usage, "output_tokens": 1}), PING]
    if reason == "tool_use":
        steps.append(block_start({**content[0], "input": {}}))
        steps += [
            block_delta({"type": "input_json_delta", "partial_json": part}) for part in ("", '{"n"', ":1}")
        ]
    else:
        steps.append(block_start(TEXT))
        steps += [text_delta(word) for word in words]
    steps += [block_stop(), message_delta(reason, {"output_tokens": len(words)}), STOP]
    return Play(steps=steps)


def refusal(status: int, kind: str, message: str) -> Play:
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_upstream"}
    return Play(status=status, content_type="application/json", steps=[json.dumps(error).encode()])


def _text(messages: Any) -> str:
    texts = []
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        texts += [block.get("text", "thing") for block in blocks]
    return " ".join(texts)
