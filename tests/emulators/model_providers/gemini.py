"""Google's generateContent, as generativelanguage.googleapis.com answers: an echo of the last turn, word by word.

Shapes by ai.google.dev/api/generate-content. A word is a token; usage is in every event of a stream.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from tests.emulators.model_providers.provider import API_KEY, ModelProvider, Play, Step

PATH = "/{version:v1|v1beta}/models/{call:.+}"
KNOWN = {"contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "safetySettings"}


def gemini_provider() -> ModelProvider:
    return ModelProvider("gemini", [PATH], answer)


def event(**members: Any) -> bytes:
    return f"data: {json.dumps(members)}\r\n\r\n".encode()


def part(part: dict[str, Any], reason: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    return _said([part], reason, usage)


def text(said: str) -> bytes:
    return part({"text": said})


def end(reason: str = "STOP", usage: dict[str, int] | None = None) -> bytes:
    return _said([], reason, usage)


def usage_of(prompt: int, answer: int, thoughts: int | None = None) -> dict[str, int]:
    found = {"promptTokenCount": prompt, "candidatesTokenCount": answer}
    if thoughts is not None:
        found["thoughtsTokenCount"] = thoughts
    return {**found, "totalTokenCount": prompt + answer + (thoughts or 0)}


def usage_event(prompt: int, answer: int) -> bytes:
    return event(usageMetadata=usage_of(prompt, answer), modelVersion="gemini-upstream")


def answer(request: web.Request, body: Any) -> Play:
    model, _, method = request.match_info["call"].rpartition(":")
    if request.headers.get("x-goog-api-key") != API_KEY:
        return refusal(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")
    if unknown := sorted(set(body) - KNOWN):
        return refusal(400, "INVALID_ARGUMENT", f'Invalid JSON payload received. Unknown name "{unknown[0]}"')
    if not model or method not in {"generateContent", "streamGenerateContent"}:
        return refusal(404, "NOT_FOUND", "models/x is not found for API version v1beta")
    prompt = len(_text(body["contents"]).split())
    words = [f"{word} " for word in _text(body["contents"][-1:]).split()]
    config = body.get("generationConfig") or {}
    most = config.get("maxOutputTokens", len(words))
    reason = "MAX_TOKENS" if most < len(words) else "STOP"
    words = words[:most]
    parts: list[dict[str, Any]] = [{"text": word} for word in words]
    if body.get("toolConfig", {}).get("functionCallingConfig", {}).get("mode") == "ANY":
        name = body["tools"][0]["functionDeclarations"][0]["name"]
        parts = [{"functionCall": {"name": name, "args": {"n": 1}}}]
    if method == "generateContent":
        candidate = {"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0}
        whole = {"candidates": [candidate], "usageMetadata": usage_of(prompt, len(words))}
        return Play(content_type="application/json", steps=[json.dumps(whole).encode()])
    steps: list[Step] = [
        part(each, None, usage_of(prompt, number)) for number, each in enumerate(parts[:-1], 1)
    ]
    return Play(steps=[*steps, part(parts[-1], reason, usage_of(prompt, len(words)))])


def refusal(status: int, name: str, message: str) -> Play:
    error = {"error": {"code": status, "message": message, "status": name}}
    return Play(status=status, content_type="application/json", steps=[json.dumps(error).encode()])


def _said(parts: list[dict[str, Any]], reason: str | None, usage: dict[str, int] | None) -> bytes:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if reason is not None:
        candidate["finishReason"] = reason
    return event(candidates=[candidate], **({"usageMetadata": usage} if usage is not None else {}))


def _text(contents: Any) -> str:
    return " ".join(each.get("text", "thing") for turn in contents for each in turn["parts"])
