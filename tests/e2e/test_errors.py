"""What HTTP clients see when something is wrong: a real status and OpenAI's four keys, whoever answers."""

from __future__ import annotations

import json

import pytest
from tests.support.http import Http, chat_body

CHAT = "/v1/chat/completions"
BODY_MAX = 4 * 1024 * 1024


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b'{"model": "scripted"} x'])
def test_bad_json(customer, body):
    """A body that is no JSON object is 400, and nothing is charged."""
    error = customer.http.send("POST", CHAT, body).error(400)
    assert error["type"] == "invalid_request_error"
    assert customer.left() == 1_000


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
def test_wrong_type_names_its_field(customer, prefix):
    """400 gives the dotted path of the field at fault."""
    body = {"model": "scripted", "messages": [{"role": "user", "content": 7}]}
    error = customer.http.send("POST", f"{prefix}/chat/completions", body).error(400)
    assert error["param"] == "messages.[0].content"


def test_unknown_path(customer, stack):
    """An unknown path of the API is 404 in JSON, any other is a page."""
    for path in ("/v1/nothing", "/api/nothing", "/v2/x"):
        assert customer.http.send("GET", path).error(404)["code"] == "unknown_url"
    for http in (customer.http, Http(stack.port)):
        page = http.send("GET", "/nothing")
        assert page.status == 404
        assert page.headers["content-type"].startswith("text/html")
        assert page.body.lstrip().lower().startswith(b"<!doctype html>")


def test_wrong_method(customer):
    """405 says which methods there are."""
    for method, path, allowed in (("GET", CHAT, "POST"), ("DELETE", "/v1/models", "GET")):
        answer = customer.http.send(method, path)
        assert answer.error(405)["code"] == "method_not_allowed"
        assert answer.headers["allow"] == allowed


def test_too_large(customer):
    """A body above the limit of JSON routes is 413, whether its length was told beforehand or not."""
    text = "x" * BODY_MAX
    answer = customer.http.chat(text)
    assert answer.error(413)["code"] == "content_too_large"
    chunked = chunks_of(json.dumps(chat_body(text)).encode() + b" " * 100_000)
    answer = customer.http.send("POST", CHAT, chunked, {"transfer-encoding": "chunked"})
    assert answer.error(413)["code"] == "content_too_large"
    assert customer.left() == 1_000


def chunks_of(data: bytes, size: int = 65_536) -> bytes:
    """As HTTP/1.1 sends a body whose length it does not tell."""
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_compressed_body(customer):
    """Nothing inflates behind the edge, so a compressed body is 415."""
    customer.http.send("POST", CHAT, b"\x1f\x8b", {"content-encoding": "gzip"}).error(415)


def test_no_credential_comes_before_the_body(stack):
    """Who shows no key is told so before the body is looked at."""
    error = Http(stack.port).send("POST", CHAT, b"{").error(401)
    assert error["code"] == "invalid_api_key"


def test_two_credentials(customer, stack):
    """Two different keys are 400: nobody must guess who pays. The same one twice is fine, and either header alone."""
    body = chat_body("Hello")
    customer.http.send("POST", CHAT, body, {"x-api-key": stack.key}).error(400)
    assert customer.http.send("POST", CHAT, body, {"x-api-key": customer.key}).status == 200
    assert Http(stack.port).send("POST", CHAT, body, {"x-api-key": customer.key}).status == 200


def test_no_credit_and_unknown_model(stack, customer):
    """402 and 404 from the core have the same four keys as what Envoy says."""
    assert stack.customer(0).http.chat("Hello").error(402)["code"] == 402
    error = customer.http.chat("Hello", model="gpt-unknown").error(404)
    assert (error["code"], error["param"]) == ("model_not_found", None)


@pytest.mark.parametrize("stream", [False, True])
def test_engine_fails_before_its_first_token(customer, stream):
    """503 with a status of its own, also for a stream, and nothing is charged."""
    error = customer.http.chat("#script tokens=5 fail_at=0", stream=stream).error(503)
    assert error["type"] == "server_error"
    assert customer.left() == 1_000


def test_engine_fails_after_its_first_token(customer):
    """The stream ends with an error event and never as a whole answer does; what was produced is charged."""
    with customer.http.stream(
        "#script tokens=5 fail_at=3", stream_options={"include_usage": True}
    ) as reading:
        *chunks, last = list(reading.data())
    assert list(json.loads(last)["error"]) == ["message", "type", "param", "code"]
    assert not [chunk for chunk in chunks if json.loads(chunk)["choices"][0]["finish_reason"]]
    assert customer.left() == 1_000 - prompt_tokens("#script tokens=5 fail_at=3") - 3


def prompt_tokens(text: str) -> int:
    """The scripted backend's own rule: one for the message, one for each started run of four bytes."""
    return 1 - (-len(text.encode()) // 4)
