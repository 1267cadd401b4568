"""JSON of OpenAI's and Anthropic's APIs over native gRPC: what the REST routes answer, without their framing."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from tests.e2e.test_native_grpc import TIMEOUT_S, bearer, channel, inference, refused
from tests.support.customer import Customer

from raseed.inference.v1 import inference_pb2 as pb

__all__ = ["channel", "inference"]

HELLO = [{"role": "user", "content": "one two three"}]
VOLATILE = {"id", "created"}
CASES: list[Any] = [
    (pb.JSON_API_CHAT_COMPLETIONS, "/v1/chat/completions", {"messages": HELLO}),
    (pb.JSON_API_COMPLETIONS, "/v1/completions", {"prompt": "one two three"}),
    (pb.JSON_API_MESSAGES, "/v1/messages", {"messages": HELLO, "max_tokens": 9}),
    (pb.JSON_API_EMBEDDINGS, "/v1/embeddings", {"input": "one two three"}),
]
STREAMED = CASES[:3]


def body(**fields: object) -> bytes:
    return json.dumps({"model": "scripted", **fields}).encode()


def stable(value: dict[str, Any]) -> dict[str, Any]:
    """Without what is another in every answer."""
    inner = {"message": stable(value["message"])} if "message" in value else {}
    return {key: entry for key, entry in value.items() if key not in VOLATILE} | inner


@pytest.mark.parametrize(("api", "path", "fields"), CASES)
def test_whole(inference, customer: Customer, api, path, fields):
    left = customer.left()
    answer = inference.AnswerJson(
        pb.AnswerJsonRequest(api=api, json=body(**fields)), metadata=bearer(customer.key), timeout=TIMEOUT_S
    )
    cost = left - customer.left()
    rest = customer.http.send("POST", path, {"model": "scripted", **fields})
    assert rest.status == 200
    assert stable(json.loads(answer.json)) == stable(rest.json)
    assert cost == left - cost - customer.left() > 0


@pytest.mark.parametrize(("api", "path", "fields"), STREAMED)
def test_streamed(inference, customer: Customer, api, path, fields):
    """Piece for piece the data of the events; the last one says that it is."""
    if api != pb.JSON_API_MESSAGES:
        fields = {**fields, "stream_options": {"include_usage": True}}
    *pieces, last = inference.StreamJson(
        pb.StreamJsonRequest(api=api, json=body(**fields, stream=True)),
        metadata=bearer(customer.key),
        timeout=TIMEOUT_S,
    )
    assert last.is_last
    assert not any(piece.is_last for piece in pieces)
    ours = [json.loads(piece.json) for piece in (*pieces, last)]
    with customer.http.open("POST", path, {"model": "scripted", **fields, "stream": True}) as reading:
        theirs = [json.loads(data) for data in reading.data() if data != "[DONE]"]
    assert said(ours) == said(theirs)
    assert [kind(piece) for piece in ours if not is_text(piece)] == [
        kind(piece) for piece in theirs if not is_text(piece)
    ]
    assert stable(ours[-1]) == stable(theirs[-1])


def kind(piece: dict[str, Any]) -> tuple[str, ...]:
    return (piece.get("type", ""), *sorted(piece))


def is_text(piece: dict[str, Any]) -> bool:
    return bool(said([piece]))


def said(pieces: list[dict[str, Any]]) -> str:
    """The text of a stream, however it was cut."""
    text = ""
    for piece in pieces:
        for choice in piece.get("choices", ()):
            text += choice.get("text", "") + (choice.get("delta", {}).get("content") or "")
        if isinstance(delta := piece.get("delta"), dict):
            text += delta.get("text", "")
    return text


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (pb.AnswerJsonRequest(json=body(messages=HELLO)), "api"),
        (
            pb.AnswerJsonRequest(api=pb.JSON_API_CHAT_COMPLETIONS, json=body(messages=HELLO, stream=True)),
            "stream",
        ),
        (pb.AnswerJsonRequest(api=pb.JSON_API_CHAT_COMPLETIONS, json=body(messages=[])), "messages"),
        (
            pb.AnswerJsonRequest(api=pb.JSON_API_MESSAGES, json=body(messages=HELLO, max_tokens=0)),
            "max_tokens",
        ),
        (pb.StreamJsonRequest(api=pb.JSON_API_CHAT_COMPLETIONS, json=body(messages=HELLO)), "stream"),
        (pb.StreamJsonRequest(api=pb.JSON_API_EMBEDDINGS, json=body(input="a")), "stream"),
    ],
)
def test_refused(inference, customer: Customer, request_, param):
    """A status of gRPC that names the field, and no charge."""
    left = customer.left()

    def call() -> object:
        if isinstance(request_, pb.StreamJsonRequest):
            return list(inference.StreamJson(request_, metadata=bearer(customer.key), timeout=TIMEOUT_S))
        return inference.AnswerJson(request_, metadata=bearer(customer.key), timeout=TIMEOUT_S)

    status, info = refused(call)
    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert info.metadata["param"] == param
    assert customer.left() == left


def test_again_under_a_key(inference, customer: Customer):
    """The first answer again, charged once."""
    left = customer.left()
    request = pb.AnswerJsonRequest(api=pb.JSON_API_CHAT_COMPLETIONS, json=body(messages=HELLO))
    metadata = (*bearer(customer.key), ("idempotency-key", "json-once"))
    first, second = (
        inference.AnswerJson(request, metadata=metadata, timeout=TIMEOUT_S).json for _ in range(2)
    )
    assert first == second
    assert left - customer.left() == json.loads(first)["usage"]["total_tokens"]


def test_a_model_that_breaks_off_ends_the_stream_with_a_status(inference, customer: Customer):
    """No last piece: nobody can take it for a whole answer."""
    failing = body(messages=[{"role": "user", "content": "#script tokens=5 fail_at=3"}], stream=True)
    request = pb.StreamJsonRequest(api=pb.JSON_API_CHAT_COMPLETIONS, json=failing)
    pieces: list[pb.StreamJsonResponse] = []

    def read() -> None:
        pieces.extend(inference.StreamJson(request, metadata=bearer(customer.key), timeout=TIMEOUT_S))

    status, _ = refused(read)
    assert status is grpc.StatusCode.ABORTED
    assert not any(piece.is_last for piece in pieces)
