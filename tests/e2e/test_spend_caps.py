"""A key at its spend cap, as its user sees it: 402 by name, the model is not called, and the balance is what it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import openai
import pytest
from tests.e2e.test_native_grpc import bearer, chat, refused, stream_chat
from tests.e2e.test_openai_sdk import HELLO, TIMEOUT_S, TINY, generations, sdk
from tests.support.customer import MICROCREDITS, Customer, Funds
from tests.support.stack import Stack
from tests.support.stubs import blocking

from raseed.admin.v1 import admin_pb2
from raseed.inference.v1 import inference_pb2_grpc

AT_CAP = (
    b'{"error":{"message":"This API key has reached its spend cap.",'
    b'"type":"insufficient_credits","param":null,"code":"spend_cap_reached"}}'
)
WAYS = ["whole", "streamed"]


@dataclass(frozen=True, slots=True)
class Capped:
    """A customer with much credit, whose key has room for a token less than the request that it has made once."""

    stack: Stack
    customer: Customer
    cost: int
    """Of that request, in micro-credits."""

    def set_cap(self, microcredits: int) -> None:
        request = admin_pb2.SetSpendCapRequest(id=self.customer.key_id, cap_microcredits=microcredits)
        self.stack.admin("SetSpendCap", request)

    def nothing_happened(self, ask: Callable[[], None]) -> None:
        """`ask` is refused at the cap: no credit moved, nothing is held, and Triton was not asked."""
        before, calls = self.customer.funds(), generations(self.stack)
        assert before.held == 0
        ask()
        assert self.customer.funds() == before
        assert generations(self.stack) == calls

    def another_key_pays(self) -> None:
        """The cap is the key's, not the account's."""
        made = self.stack.admin("CreateApiKey", admin_pb2.CreateApiKeyRequest(account=self.customer.id))
        calls = generations(self.stack)
        with sdk(self.stack, made.key) as client:
            client.chat.completions.create(model=TINY, messages=HELLO, max_tokens=1)
        assert generations(self.stack) == calls + 1, "the counter counts"


@pytest.fixture
def capped(stack: Stack, customer: Customer) -> Capped:
    before = customer.funds().spendable
    with sdk(stack, customer.key) as client:
        client.chat.completions.create(model=TINY, messages=HELLO, max_tokens=1)
    cost = before - customer.funds().spendable
    assert 0 < cost < before
    capped = Capped(stack, customer, cost)
    capped.set_cap(2 * cost - 1)
    return capped


@pytest.mark.parametrize("stream", [False, True], ids=WAYS)
def test_openai_sdk(capped, stream):
    """Byte for byte; with room for exactly one more request there is one more, and then no other."""
    with sdk(capped.stack, capped.customer.key) as client:

        def ask() -> Any:
            return client.chat.completions.create(
                model=TINY, messages=HELLO, max_tokens=1, stream=stream, timeout=TIMEOUT_S
            )

        def refused_at(available: int) -> None:
            with pytest.raises(openai.APIStatusError) as caught:
                ask()
            error = caught.value
            assert (error.status_code, error.type, error.code) == (
                402,
                "insufficient_credits",
                "spend_cap_reached",
            )
            assert error.response.content == AT_CAP
            assert error.response.headers["content-type"] == "application/json"
            figures = [
                float(error.response.headers[f"x-credits-{name}"]) for name in ("required", "available")
            ]
            assert figures == [capped.cost / MICROCREDITS, available / MICROCREDITS]

        capped.nothing_happened(lambda: refused_at(capped.cost - 1))
        before = capped.customer.funds()
        capped.set_cap(2 * capped.cost)
        answer = ask()
        if stream:
            assert [chunk.choices[0].finish_reason for chunk in answer][-1] == "length"
        assert capped.customer.funds() == Funds(before.spendable - capped.cost, 0)
        capped.nothing_happened(lambda: refused_at(0))
    capped.another_key_pays()


@pytest.mark.parametrize("stream", [False, True], ids=WAYS)
def test_native_grpc(capped, stream):
    """RESOURCE_EXHAUSTED with a reason of its own, and the figures beside it."""
    metadata = bearer(capped.customer.key)
    with grpc.insecure_channel(capped.stack.address) as channel:
        stub = blocking(inference_pb2_grpc.InferenceServiceStub, channel)

        def ask() -> list[Any]:
            if stream:
                return list(
                    stub.StreamChatCompletion(stream_chat(max_tokens=1), metadata=metadata, timeout=TIMEOUT_S)
                )
            return [stub.CreateChatCompletion(chat(max_tokens=1), metadata=metadata, timeout=TIMEOUT_S)]

        def refused_at(available: int) -> None:
            code, info = refused(ask)
            assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SPEND_CAP_REACHED")
            assert info.metadata["required_microcredits"] == str(capped.cost)
            assert info.metadata["available_microcredits"] == str(available)
            assert info.metadata["held_microcredits"] == "0"

        capped.nothing_happened(lambda: refused_at(capped.cost - 1))
        before = capped.customer.funds()
        capped.set_cap(2 * capped.cost)
        assert ask()
        assert capped.customer.funds() == Funds(before.spendable - capped.cost, 0)
        capped.nothing_happened(lambda: refused_at(0))
    capped.another_key_pays()
