"""HTTP as it is on the wire: no client library between a test and what the platform sends."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

TIMEOUT_S = 30.0
ERROR_KEYS = ["message", "type", "param", "code"]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def error(self, status: int) -> dict[str, Any]:
        """The error object of an answer that must be OpenAI's JSON with this status."""
        assert self.status == status, (self.status, self.body)
        assert self.headers["content-type"] == "application/json", self.headers
        assert self.headers["x-request-id"], self.headers
        error: dict[str, Any] = self.json["error"]
        assert list(error) == ERROR_KEYS, error
        assert isinstance(error["message"], str), error
        assert isinstance(error["type"], str), error
        return error


class Reading:
    """An answer that is being read. Leaving it (`leave`) is what a client that goes away looks like."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}

    def data(self) -> Iterator[str]:
        """The data of each server-sent event, as it comes. Raises what breaks the connection."""
        while line := self._response.readline():
            if line.startswith(b"data: "):
                yield line[6:].decode().rstrip("\n")

    def text(self) -> Iterator[str]:
        """The text of each chunk that has one."""
        for data in self.data():
            if data == "[DONE]":
                return
            for choice in json.loads(data).get("choices", ()):
                if content := choice["delta"].get("content"):
                    yield content

    def read(self) -> bytes:
        return self._response.read()

    def leave(self) -> None:
        self._response.close()
        self._connection.close()


class Http:
    """Requests to one stack, with one key or none."""

    def __init__(self, port: int, key: str = "") -> None:
        self._port = port
        self._headers = {"authorization": f"Bearer {key}"} if key else {}

    def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own. `body` is bytes or becomes JSON."""
        with self.open(method, path, body, headers) as reading:
            return Answer(reading.status, reading.headers, reading.read())

    @contextmanager
    def open(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Reading]:
        connection = self.connect()
        try:
            self.request(connection, method, path, body, headers)
            response = connection.getresponse()
            yield Reading(connection, response)
            response.close()
        finally:
            connection.close()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)

    def request(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send it and return; nobody has to read the answer."""
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        with suppress(
            BrokenPipeError, ConnectionResetError
        ):  # refused while it was sent: the answer tells why
            connection.request(method, path, raw, {**self._headers, **(headers or {})})

    def chat(self, content: str, *, model: str = "scripted", **fields: object) -> Answer:
        return self.send("POST", "/v1/chat/completions", chat_body(content, model, **fields))

    @contextmanager
    def stream(self, content: str, *, model: str = "scripted", **fields: object) -> Iterator[Reading]:
        body = chat_body(content, model, stream=True, **fields)
        with self.open("POST", "/v1/chat/completions", body) as reading:
            yield reading


def chat_body(content: str, model: str = "scripted", **fields: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": content}], **fields}
