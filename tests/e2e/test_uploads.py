"""Files are not offered: whoever sends one learns it before the first byte of it was read."""

from __future__ import annotations

import json
import socket

import pytest
from openai import NotFoundError, OpenAI
from tests.support.customer import Customer
from tests.support.http import Http
from tests.support.stack import Stack

PATHS = (
    "/v1/files",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
    "/v1/images/edits",
    "/v1/images/variations",
)
HUGE_BYTES = 10**12
ANSWER_TIMEOUT_S = 30.0


def answer_before_the_body(port: int, path: str, credential: str) -> tuple[int, dict[str, object]]:
    """To a request that says it brings a terabyte, and brings nothing."""
    head = f"POST {path} HTTP/1.1\r\nhost: a\r\n{credential}content-length: {HUGE_BYTES}\r\nconnection: close\r\n"
    received = b""
    with socket.create_connection(("127.0.0.1", port), ANSWER_TIMEOUT_S) as connection:
        connection.sendall(f"{head}content-type: multipart/form-data; boundary=x\r\n\r\n".encode())
        while b"}}" not in received:
            piece = connection.recv(65_536)
            assert piece, received
            received += piece
    first, _, rest = received.partition(b"\r\n")
    return int(first.split()[1]), json.loads(rest[rest.index(b'{"error"') : rest.rindex(b"}}") + 2])["error"]


@pytest.mark.parametrize("path", [*PATHS, *(f"/api{path}" for path in PATHS)])
def test_the_answer_comes_before_the_body(stack: Stack, path: str) -> None:
    status, error = answer_before_the_body(stack.port, path, f"authorization: Bearer {stack.key}\r\n")
    assert (status, error["code"]) == (404, "unknown_url")
    assert error["message"] == "Uploads of files, audio and images are not offered by this server."
    assert answer_before_the_body(stack.port, path, "")[0] == 401
    assert answer_before_the_body(stack.port, path, "authorization: Bearer rsd_live_false\r\n")[0] == 401


def test_a_whole_upload_is_taken_by_nobody(customer: Customer) -> None:
    answer = customer.http.send("POST", "/v1/files", b"x" * 40_000_000)
    assert answer.error(404)["code"] == "unknown_url"


def test_the_sdk_says_it_clearly(stack: Stack, customer: Customer) -> None:
    with OpenAI(base_url=f"{stack.url}/v1", api_key=customer.key, max_retries=0) as client:
        with pytest.raises(NotFoundError, match="not offered"):
            client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
        with pytest.raises(NotFoundError):
            client.files.list()


def test_other_methods_know_nothing_of_it(customer: Customer, stack: Stack) -> None:
    for http in (customer.http, Http(stack.port)):
        for method in ("GET", "DELETE"):
            assert http.send(method, "/v1/files").error(404)["code"] == "unknown_url"
