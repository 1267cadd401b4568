"""AWS Bedrock's Converse, as bedrock-runtime answers: an echo of the last turn, word by word, and its usage.

Shapes by docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html, the encoding of the stream by
smithy.io/2.0/aws/amazon-eventstream.html. A word is a token.
"""

from __future__ import annotations

import json
import struct
from binascii import crc32
from typing import Any

from aiohttp import web
from tests.emulators.model_providers.provider import API_KEY, ModelProvider, Play, Step

PATH = "/model/{model}/{method:converse|converse-stream}"
EVENT_STREAM = "application/vnd.amazon.eventstream"
KNOWN = {
    *("messages", "system", "inferenceConfig", "toolConfig", "additionalModelRequestFields"),
    *("guardrailConfig", "performanceConfig"),
}


def bedrock_provider() -> ModelProvider:
    return ModelProvider("bedrock", [PATH], answer)


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    written = b"".join(
        bytes([len(name)]) + name.encode() + b"\7" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(written) + len(payload), len(written))
    message = prelude + struct.pack(">I", crc32(prelude)) + written + payload
    return message + struct.pack(">I", crc32(message))


def event(kind: str, **members: Any) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps(members).encode())


def exception(kind: str, message: str) -> bytes:
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps({"message": message}).encode())


def start() -> bytes:
    return event("messageStart", role="assistant")


def delta(said: dict[str, Any], index: int = 0) -> bytes:
    return event("contentBlockDelta", delta=said, contentBlockIndex=index)


def text(said: str) -> bytes:
    return delta({"text": said})


def call_start(call_id: str, name: str, index: int = 0) -> bytes:
    use = {"toolUse": {"toolUseId": call_id, "name": name}}
    return event("contentBlockStart", start=use, contentBlockIndex=index)


def stop(index: int = 0) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


def message_stop(reason: str) -> bytes:
    return event("messageStop", stopReason=reason)


def metadata(prompt: int, answer: int, **more: int) -> bytes:
    usage = {"inputTokens": prompt, "outputTokens": answer, "totalTokens": prompt + answer, **more}
    return event("metadata", usage=usage, metrics={"latencyMs": 1})


def answer(request: web.Request, body: Any) -> Play:
    if request.headers.get("Authorization") != f"Bearer {API_KEY}":
        return refusal(403, "AccessDeniedException", "The security token included in the request is invalid.")
    if unknown := sorted(set(body) - KNOWN):
        return refusal(400, "ValidationException", f"extraneous key [{unknown[0]}] is not permitted")
    prompt = len(_text(body["messages"]).split())
    words = [f"{word} " for word in _text(body["messages"][-1:]).split()]
    most = body.get("inferenceConfig", {}).get("maxTokens", len(words))
    reason = "max_tokens" if most < len(words) else "end_turn"
    words = words[:most]
    tools = body.get("toolConfig", {})
    if "any" in tools.get("toolChoice", {}):
        reason = "tool_use"
    if request.match_info["method"] == "converse":
        usage = {"inputTokens": prompt, "outputTokens": len(words), "totalTokens": prompt + len(words)}
        content = [{"text": "".join(words)}]
        whole = {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": reason,
            "usage": usage,
            "metrics": {"latencyMs": 1},
        }
        return Play(content_type="application/json", steps=[json.dumps(whole).encode()])
    if reason == "tool_use":
        name = tools["tools"][0]["toolSpec"]["name"]
        said: list[Step] = [call_start("tooluse_upstream", name), delta({"toolUse": {"input": '{"n":1}'}})]
    else:
        said = [text(word) for word in words]
    steps = [start(), *said, stop(), message_stop(reason), metadata(prompt, len(words))]
    return Play(content_type=EVENT_STREAM, steps=steps)


def refusal(status: int, kind: str, message: str) -> Play:
    return Play(
        status=status,
        headers={"x-amzn-ErrorType": kind},
        content_type="application/json",
        steps=[json.dumps({"message": message}).encode()],
    )


def _text(messages: Any) -> str:
    return " ".join(block.get("text", "thing") for each in messages for block in each["content"])
