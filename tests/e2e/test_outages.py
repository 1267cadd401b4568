"""A part dies: Triton, the core worker, the whole stack. Clients are told, no money is lost, and all is well again."""

from __future__ import annotations

import http.client
import sqlite3
import time
from contextlib import closing, suppress

import grpc
import pytest
from grpc_health.v1 import health_pb2
from tests.support.command_line import run_cli
from tests.support.customer import Customer
from tests.support.http import Answer, Reading, chat_body
from tests.support.stack import CALL_TIMEOUT_S, RESTART_TIMEOUT_S, Stack
from tests.support.stubs import blocking
from tests.support.waiting import until
from tokenizers import Tokenizer

from raseed.admin.v1 import admin_pb2
from raseed.app.share import share_path
from raseed.core.billing.holds import HoldPolicy
from raseed.inference.v1 import inference_pb2, inference_pb2_grpc

TINY = "raseed-tiny"
STORY = "Tell me a very long story"
"""With temperature 0 it is longer than 200 tokens."""
STORY_TOKENS_MIN = 200
STEP_S = 0.02
"""Pause after each token of the slowed engine."""
IN_FLIGHT_TOKENS = 4
"""What the engine makes while the news travels to it: two steps, on a busy machine a few more."""
CHECKPOINT_S = HoldPolicy().checkpoint_interval_s
NOTICED_S = 3.0
"""How soon health tells that a dependency is gone."""
INFERENCE = "raseed.inference.v1.InferenceService"
LEDGER = ("", "raseed.billing.v1.BillingService", "raseed.accounts.v1.AccountsService")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def slow(mortal: Stack) -> Stack:
    """Its engine makes a token each 20 ms and sends it at once."""
    mortal.set_engine(step_delay_ms=str(int(STEP_S * 1000)), flush_ms="1")
    return mortal


class Story:
    """An answer of raseed-tiny, read piece by piece, with the time of each."""

    def __init__(self, reading: Reading) -> None:
        self._texts = reading.text()
        self._tokenizer = Tokenizer.from_file(str(share_path("triton_models") / TINY / "tokenizer.json"))
        self._pieces: list[tuple[float, str]] = []

    def read(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._take()

    def read_on(self) -> None:
        """Until the stream ends or breaks."""
        with suppress(StopIteration, OSError, http.client.HTTPException):
            while True:
                self._take()

    def tokens(self, before: float = float("inf")) -> int:
        """How many had come by then."""
        text = "".join(piece for at, piece in self._pieces if at <= before)
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _take(self) -> None:
        text = next(self._texts)
        self._pieces.append((time.monotonic(), text))


def story_prompt_tokens(customer: Customer) -> int:
    answer = customer.http.chat(STORY, model=TINY, max_tokens=1)
    assert answer.status == 200, answer.body
    return int(answer.json["usage"]["prompt_tokens"])


def in_flight(stack: Stack) -> int:
    """Answers in the slots of Triton, which its own models and those that were pushed share."""
    own, pushed = stack.admin("ListBackends", admin_pb2.ListBackendsRequest()).backends
    assert own.in_flight_count == pushed.in_flight_count
    return int(own.in_flight_count)


def test_reader_leaves_triton(slow):
    """The engine stops within a few steps and says itself how much it made: that is charged."""
    customer = slow.customer()
    prompt = story_prompt_tokens(customer)
    before = customer.left()
    with customer.http.stream(STORY, model=TINY, temperature=0) as reading:
        story = Story(reading)
        story.read(0.5)
        reading.leave()
    generated = before - customer.left() - prompt
    assert story.tokens() > 5
    assert story.tokens() <= generated <= story.tokens() + IN_FLIGHT_TOKENS
    assert in_flight(slow) == 0
    assert counted_by(slow, customer) == {"engine"}


def counted_by(stack: Stack, customer: Customer) -> set[str]:
    """Who counted the tokens that were charged. The ledger keeps it and no answer shows it."""
    with closing(sqlite3.connect(f"file:{stack.files.database}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT DISTINCT source FROM usage_events WHERE account_id = ?", [customer.id]
        ).fetchall()
    return {source for (source,) in rows}


def test_triton_dies(mortal):
    """Before the first token it is 503 in JSON, whole or streamed, and UNAVAILABLE over gRPC; nothing is charged; within
    three seconds health says so for inference alone. It is over when Triton is back.
    """
    customer = mortal.customer()
    with mortal.without_triton():
        for stream in (False, True):
            error = customer.http.chat("Hello", model=TINY, stream=stream).error(503)
            assert error["type"] == "server_error"
        assert native_answer(mortal, customer) is grpc.StatusCode.UNAVAILABLE
        until(lambda: mortal.health(INFERENCE) == NOT_SERVING, NOTICED_S, "inference does not serve")
        assert [mortal.health(service) for service in LEDGER] == [SERVING] * 3
        assert customer.http.send("GET", "/v1/models").status == 200
        assert customer.left() == 1_000
    until(lambda: mortal.health(INFERENCE) == SERVING, RESTART_TIMEOUT_S, "inference serves again")
    answer = customer.http.chat("Hello", model=TINY, max_tokens=2)
    assert answer.status == 200, answer.body
    assert customer.left() == 1_000 - answer.json["usage"]["total_tokens"]


def native_answer(stack: Stack, customer: Customer) -> grpc.StatusCode:
    message = inference_pb2.ChatMessage(role="user", content="Hello")
    request = inference_pb2.CreateChatCompletionRequest(model=TINY, messages=[message])
    with grpc.insecure_channel(stack.address) as channel:
        ask = blocking(inference_pb2_grpc.InferenceServiceStub, channel).CreateChatCompletion
        metadata = (("authorization", f"Bearer {customer.key}"),)
        status: grpc.StatusCode = ask.future(request, metadata=metadata, timeout=CALL_TIMEOUT_S).code()
        return status


def test_core_dies(slow):
    """Envoy says 503 in JSON meanwhile. After the restart the dead worker's hold is charged at its checkpoint, at most
    two seconds old, and the books are in order.
    """
    customer = slow.customer()
    prompt = story_prompt_tokens(customer)
    before = customer.left()
    with customer.http.stream(STORY, model=TINY, temperature=0) as reading:
        story = Story(reading)
        story.read(CHECKPOINT_S + 0.5)
        restarts = slow.kill("core-0")
        killed_at = time.monotonic()
        refusal = customer.http.chat("Hello", model=TINY)
        story.read_on()
    assert story.tokens() < STORY_TOKENS_MIN, "the answer was over before the kill"
    assert refusal.error(503)["type"] == "service_unavailable_error"
    assert int(refusal.headers["retry-after"]) >= 1
    slow.wait_for_core(restarts)
    charged = before - customer.left() - prompt
    assert 0 < story.tokens(before=killed_at - CHECKPOINT_S) <= charged <= story.tokens()
    verified = slow.admin("VerifyLedger", admin_pb2.VerifyLedgerRequest())
    assert not verified.violations, verified
    assert customer.http.chat("Hello", model=TINY, max_tokens=2).status == 200


def test_core_dies_under_a_key(slow):
    """The same request again is answered as soon as the dead worker's hold is settled, and only that answer is charged."""
    customer = slow.customer()
    body = chat_body(STORY, TINY, temperature=0, max_tokens=50)
    key = {"idempotency-key": "k"}

    def ask() -> Answer:
        answer: Answer = customer.http.send("POST", "/v1/chat/completions", body, key)
        return answer

    def answered() -> Answer | None:
        return None if (found := ask()).status == 409 else found

    with closing(customer.http.connect()) as connection:
        customer.http.request(connection, "POST", "/v1/chat/completions", body, key)
        until(lambda: in_flight(slow) == 1, CALL_TIMEOUT_S, "the model answers")
        assert ask().error(409)["code"] == "request_in_progress"
        restarts = slow.kill("core-0")
    slow.wait_for_core(restarts)
    answer = until(answered, RESTART_TIMEOUT_S, "the key is free")
    assert answer is not None
    assert answer.status == 200, answer.body
    assert "idempotency-hit" not in answer.headers
    assert customer.left() == 1_000 - answer.json["usage"]["total_tokens"]
    again = ask()
    assert (again.body, again.headers["idempotency-hit"]) == (answer.body, "true")
    assert len(again.headers["x-request-id"].split(",")) == 1
    assert not slow.admin("VerifyLedger", admin_pb2.VerifyLedgerRequest()).violations


def test_stack_is_stopped(slow):
    """SIGTERM lets a stream go on for `drain_s`, then stops and charges it before the stack ends."""
    customer = slow.customer()
    prompt = story_prompt_tokens(customer)
    before = customer.left()
    with customer.http.stream(STORY, model=TINY, temperature=0) as reading:
        story = Story(reading)
        story.read(0.3)
        assert customer.funds().held > 0
        status = slow.stop()
        story.read_on()
    assert status == 0
    stopped = run_cli(slow.environ, "balance", customer.id, "--json").value
    assert stopped["credits"]["held"] == 0
    charged = before - stopped["credits"]["balance"] - prompt
    assert 5 < story.tokens() <= charged <= story.tokens() + IN_FLIGHT_TOKENS
    assert charged < STORY_TOKENS_MIN
