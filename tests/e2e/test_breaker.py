"""A model that fails again and again: 503 with Retry-After at once, in the words of every wire, and no charge."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tests.e2e.test_native_grpc import bearer, channel, inference
from tests.support.customer import Customer
from tests.support.http import Answer, chat_body
from tests.support.stack import Stack
from tests.support.waiting import until

from raseed.inference.v1 import inference_pb2 as pb

__all__ = ["channel", "inference"]

MODEL = "acme/scripted-1"
FAILS = "#script fail_at=0"
PATIENT_S = 60.0


@pytest.fixture
def refused(stack: Stack, customer: Customer) -> Iterator[Callable[[Callable[[], bool]], None]]:
    """Calls what is to see the open breaker until it did: on a slow machine a request may come after the pause, and
    be let through. Whoever comes after this test finds it closed.
    """

    def fail() -> None:
        for _ in range(6):
            customer.http.chat(FAILS, model=MODEL).error(503)

    def see(look: Callable[[], bool]) -> None:
        def again() -> bool:
            fail()
            return look()

        until(again, PATIENT_S, "a request is refused by the breaker")

    yield see
    until(lambda: customer.http.chat("hi", model=MODEL).status == 200, PATIENT_S, "the breaker has closed")


def test_openai(customer, refused):
    def look() -> bool:
        answer: Answer = customer.http.chat("hi", model=MODEL)
        if answer.status == 200:
            return False
        error = answer.error(503)
        assert (error["type"], error["param"]) == ("server_error", None)
        assert 1 <= int(answer.headers["retry-after"]) <= 10
        return True

    left = customer.left()
    refused(look)
    assert left - customer.left() <= 3 * 20  # but for those that were let through


def test_anthropic(customer, refused):
    def look() -> bool:
        body = {"model": MODEL, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
        answer = customer.http.send("POST", "/v1/messages", body, {"anthropic-version": "2023-06-01"})
        if answer.status == 200:
            return False
        assert answer.status in {503, 529}
        assert answer.json["type"] == "error"
        assert answer.json["error"]["type"] in {"api_error", "overloaded_error"}
        assert 1 <= int(answer.headers["retry-after"]) <= 10
        return True

    refused(look)


def test_native(customer, inference, refused):
    request = pb.CreateChatCompletionRequest(
        model=MODEL, messages=[pb.ChatMessage(role="user", content="hi")]
    )

    def look() -> bool:
        failed: Any = None
        try:
            inference.CreateChatCompletion(request, metadata=bearer(customer.key), timeout=30)
        except grpc.RpcError as error:
            failed = error
        if failed is None:
            return False
        assert failed.code() is grpc.StatusCode.UNAVAILABLE
        details = {detail.TypeName(): detail for detail in rpc_status.from_call(failed).details}
        retry = error_details_pb2.RetryInfo()
        assert details["google.rpc.RetryInfo"].Unpack(retry)
        assert 1 <= retry.retry_delay.seconds <= 10
        return True

    refused(look)


def test_what_is_refused_is_refused_at_once_and_for_nothing(customer, refused):
    def look() -> bool:
        left, began = customer.left(), time.monotonic()
        answer = customer.http.send(
            "POST", "/v1/chat/completions", chat_body("#script tokens=1 pace_ms=5000", model=MODEL)
        )
        if answer.status == 200:
            return False
        assert time.monotonic() - began < 5
        assert customer.left() == left
        return True

    refused(look)
