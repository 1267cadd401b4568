"""What nobody may ask for, through every door: caps, JSON that is none, addresses that nobody opens."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
from tests.support.customer import Customer
from tests.support.stack import Stack

CHAT = "/v1/chat/completions"
USER = {"role": "user", "content": "hi"}


@pytest.fixture(scope="module")
def customer(stack: Stack) -> Customer:
    """Nothing that is refused here is charged, so one serves all."""
    return stack.customer()


def deep(levels: int) -> dict[str, Any]:
    """A JSON schema of so many levels."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels - 2):
        schema = {"anyOf": [schema]}
    return {"type": "object", "properties": {"a": schema}}


def tool(number: int, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    function = {"name": f"f{number}", "parameters": schema or {"type": "object"}}
    return {"type": "function", "function": function}


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("max_tokens", {"max_tokens": 0}),
    ("max_tokens", {"max_tokens": -1}),
    ("max_tokens", {"max_tokens": 2**31}),
    ("max_tokens", {"max_tokens": 10**30}),
    ("max_tokens", {"max_tokens": 1.5}),
    ("max_tokens", {"max_tokens": "8"}),
    ("max_tokens", {"max_tokens": True}),
    ("max_completion_tokens", {"max_completion_tokens": 0}),
    ("n", {"n": 9}),
    ("n", {"n": 0}),
    ("top_logprobs", {"logprobs": True, "top_logprobs": 21}),
    ("stop", {"stop": ["a"] * 5}),
    ("stop", {"stop": "x" * 257}),
    ("logit_bias", {"logit_bias": {str(number): 1 for number in range(301)}}),
    ("logit_bias.1", {"logit_bias": {"1": 101}}),
    ("temperature", {"temperature": 2.1}),
    ("tools", {"tools": [tool(number) for number in range(513)]}),
    ("messages", {"messages": [USER] * 10_001}),
    (
        "messages.[0].content",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}] * 1_001}]},
    ),
    ("tools.[0].function.parameters", {"tools": [tool(0, deep(17))]}),
    ("tools.[0].function.parameters", {"tools": [tool(0, {"description": "x" * 33_000})]}),
    ("tools.[0].function.parameters", {"tools": [tool(0, {"$ref": "http://127.0.0.1/schema"})]}),
    ("model", {"model": "m" * 257}),
]


@pytest.mark.parametrize(
    ("param", "fields"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_more_than_anybody_may_ask_for(customer: Customer, param: str, fields: dict[str, Any]) -> None:
    body = {"model": "scripted", "messages": [USER], **fields}
    error = customer.http.send("POST", CHAT, body).error(400)
    assert (error["param"] or "").startswith(param), error


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 8, "max_tokens": 1},
        {"tools": [tool(number) for number in range(512)]},
        {"tools": [tool(0, deep(12))]},
        {"max_tokens": None, "n": None, "stop": None, "tools": None},
        {"unknown": {"deep": [[[1]]]}, "numbers": list(range(300_000))},
    ],
    ids=["n", "tools", "schema", "null", "unknown"],
)
def test_as_much_as_everybody_may_ask_for(customer: Customer, fields: dict[str, Any]) -> None:
    body = {"model": "scripted", "messages": [USER], "max_tokens": 4, **fields}
    assert customer.http.send("POST", CHAT, body).status == 200


NO_JSON = {
    "NaN": b'{"temperature":NaN,%s}',
    "infinity": b'{"temperature":-Infinity,%s}',
    "1e400": b'{"temperature":1e400,%s}',
    "5,000 digits": b'{"max_tokens":' + b"9" * 5_000 + b",%s}",
    "a key twice": b'{"model":"other",%s}',
    "half of a character": b'{"user":"\\ud800",%s}',
    "a byte order mark": b"\xef\xbb\xbf{%s}",
    "UTF-16": "{}".encode("utf-16"),
    "no UTF-8": b'{"user":"\xc3\x28",%s}',
    "50,000 levels": b'{"x":' + b"[" * 50_000 + b",%s}",
    "41 levels": b'{"x":' + b"[" * 41 + b"]" * 41 + b",%s}",
    "300,000 objects": b'{"x":[' + b"{}," * 300_000 + b"{}],%s}",
    "something behind": b"{%s} x",
    "a raw control character": b'{"user":"\n",%s}',
}


@pytest.mark.parametrize("name", NO_JSON)
@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
def test_what_no_parser_should_take(customer: Customer, path: str, name: str) -> None:
    rest = b'"model":"scripted","max_tokens":4,"prompt":"hi","messages":[{"role":"user","content":"hi"}]'
    answer = customer.http.send("POST", path, NO_JSON[name].replace(b"%s", rest))
    assert answer.status == 400, answer
    assert answer.json["error"]["type"] == "invalid_request_error"


def test_nothing_of_that_was_charged(stack: Stack) -> None:
    fresh = stack.customer()
    for body in (b"{", json.dumps({"model": "scripted", "messages": [USER], "n": 9}).encode()):
        assert fresh.http.send("POST", CHAT, body).status == 400
    assert fresh.left() == 1_000


@contextmanager
def listening() -> Iterator[tuple[str, Event]]:
    """An address, and whether anybody has opened it."""
    opened = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            try:
                server.accept()[0].close()
                opened.set()
            except OSError:
                pass  # nobody came

        thread = Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x.png", opened
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_no_address_in_a_request_is_opened(customer: Customer) -> None:
    """Not of images, files or schemas, on any wire, whatever the model makes of it."""
    with listening() as (url, opened):
        image: dict[str, Any] = {"type": "image_url", "image_url": {"url": url}}
        file: dict[str, Any] = {"type": "file", "file": {"file_data": url, "filename": "a.pdf"}}
        source: dict[str, Any] = {"type": "image", "source": {"type": "url", "url": url}}
        document: dict[str, Any] = {"type": "document", "source": {"type": "url", "url": url}}
        inputs: list[dict[str, Any]] = [
            {"type": "input_image", "image_url": url},
            {"type": "input_file", "file_url": url},
        ]
        chat = {"model": "scripted", "max_tokens": 4}
        for part in (image, {**image, "image_url": url}, file):
            customer.http.send("POST", CHAT, {**chat, "messages": [{"role": "user", "content": [part]}]})
        schemas: list[dict[str, Any]] = [{"$ref": url}, {"$schema": url, "$id": url, "type": "object"}]
        for schema in schemas:
            customer.http.send("POST", CHAT, {**chat, "messages": [USER], "tools": [tool(0, schema)]})
        for block in (source, document):
            customer.http.send(
                "POST", "/v1/messages", {**chat, "messages": [{"role": "user", "content": [block]}]}
            )
        for part in inputs:
            asked = {"model": "scripted", "input": [{"role": "user", "content": [part]}]}
            customer.http.send("POST", "/v1/responses", asked)
        assert not opened.is_set()
