"""What every answer must look like."""

from __future__ import annotations

import json

from aiohttp import ClientResponse

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
LEAKS = ("envoy", "upstream", "127.0.0.1", "10.0.0.1", "grpc", "secret", "lua", "cluster")
"""Words that would tell a stranger what is behind the listener."""


async def openai_error(response: ClientResponse, status: int) -> dict[str, object]:
    """The error object of an answer that must be a well-formed error with `status`."""
    text = await response.text()
    assert response.status == status, text
    assert response.content_type == "application/json"
    assert response.headers["x-request-id"]
    assert response.headers.get("openai-processing-ms", "0").isdecimal()
    error = json.loads(text)["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert isinstance(error["message"], str)
    assert isinstance(error["type"], str)
    assert_no_leak(response, text)
    return dict(error)


async def anthropic_error(response: ClientResponse, status: int) -> str:
    """The type of an error that must be a well-formed one of Anthropic's with `status`."""
    text = await response.text()
    assert response.status == status, text
    assert response.content_type == "application/json"
    assert response.headers["request-id"] == response.headers["x-request-id"]
    assert response.headers["request-id"].startswith("req_")
    assert "openai-processing-ms" not in response.headers
    body = json.loads(text)
    assert list(body) == ["type", "error", "request_id"]
    assert (body["type"], list(body["error"])) == ("error", ["type", "message"])
    assert_no_leak(response, text)
    return str(body["error"]["type"])


def assert_no_leak(response: ClientResponse, text: str) -> None:
    visible = (text + "".join(f"{name}: {value}\n" for name, value in response.headers.items())).lower()
    assert [word for word in LEAKS if word in visible] == []
    assert "server" not in response.headers
    assert "x-http-status" not in response.headers
