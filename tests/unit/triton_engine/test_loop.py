"""The engine loop over a batch that is played: what happens when, and that FINAL comes exactly once."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import numpy as np
import pytest
from raseed_engine.loop import EngineLoop, LoopSettings
from raseed_engine.protocol import EngineError, GenerateRequest, TokenIds
from raseed_engine.request import LiveRequest
from raseed_engine.sampling import Logits

TABLE = [bytes([n]) for n in range(256)]
END = 0
LETTER = ord("a")


class PlayedBatch:
    """Says `a` for ever. `step` may be told to fail or to wait."""

    def __init__(self, slots: int) -> None:
        self.slots, self.live = slots, 0
        self.chunks: list[tuple[int, int]] = []
        self.fail_steps = self.fail_prompts = False
        self.gate = threading.Event()
        self.gate.set()

    @property
    def full(self) -> bool:
        return self.live == self.slots

    def read_prompt(self, prompt: TokenIds, start: int, end: int) -> Logits:
        if self.fail_prompts:
            raise RuntimeError("bad prompt")
        self.chunks.append((start, end))
        return self._row()

    def join(self, length: int, token: int) -> None:
        self.live += 1

    def step(self) -> Logits:
        self.gate.wait(5)
        if self.fail_steps:
            raise RuntimeError("broken")
        time.sleep(0.001)
        return np.stack([self._row()] * self.live)

    def feed(self, row: int, token: int) -> None:
        assert row < self.live

    def drop(self, row: int) -> None:
        self.live -= 1

    def _row(self) -> Logits:
        row = np.zeros(256, np.float32)
        row[LETTER] = 9
        return row


class PlayedGuide:
    """Allows the letters of one text, one after the other."""

    def __init__(self, text: bytes, breaks_at: int | None = None) -> None:
        self.text, self.breaks_at = text, breaks_at
        self.taken = 0

    @property
    def is_complete(self) -> bool:
        return self.taken == len(self.text)

    @property
    def is_broken(self) -> bool:
        return self.taken == self.breaks_at

    def masked(self, logits: Logits) -> Logits:
        masked = np.full_like(logits, -np.inf)
        masked[self.text[self.taken]] = logits[self.text[self.taken]]
        return masked

    def take(self, token: int) -> None:
        assert token == self.text[self.taken]
        self.taken += 1


class Inbox:
    """A sender that keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, str, dict[str, Any], bool]] = []
        self.ended = threading.Event()
        self.gone = False

    def send(self, token_ids, text: str, event: str, *, final: bool) -> None:
        assert not self.ended.is_set(), "something was sent after FINAL"
        self.sent.append((len(token_ids), text, json.loads(event), final))
        if final:
            self.ended.set()

    def is_cancelled(self) -> bool:
        return self.gone

    def end(self) -> dict[str, Any]:
        assert self.ended.wait(5)
        return self.sent[-1][2]


class Engine:
    def __init__(self, **settings: Any) -> None:
        self.settings = LoopSettings(
            **{"slots": 2, "inbox": 2, "flush_ms": 0, "flush_ms_per_row": 0, **settings}
        )
        self.batch = PlayedBatch(self.settings.slots)
        self.died = threading.Event()
        self.loop = EngineLoop(self.batch, frozenset({END}), self.settings, TABLE, self.died.set)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        try:
            self.loop.run()
        except RuntimeError:
            assert self.died.is_set()

    def fill(self) -> list[Inbox]:
        """Takes every slot with a request that would run for long, and stops before the next step."""
        running = [self.ask() for _ in range(self.settings.slots)]
        while any(not inbox.sent for inbox in running):
            time.sleep(0.001)
        self.batch.gate.clear()
        return running

    def ask(self, prompt_tokens: int = 3, guide: PlayedGuide | None = None, **asked: Any) -> Inbox:
        inbox = Inbox()
        request = GenerateRequest(prompt=np.ones(prompt_tokens, np.int32), **{"temperature": 0.0, **asked})
        self.loop.submit(LiveRequest(request, inbox, context_length=1024, token_table=TABLE, guide=guide))
        return inbox


@pytest.fixture
def engine():
    engine = Engine()
    yield engine
    engine.batch.gate.set()
    engine.loop.stop()
    engine.thread.join(5)
    assert not engine.thread.is_alive()


def test_the_first_token_goes_out_alone_and_the_rest_add_up(engine: Engine):
    inbox = engine.ask(max_tokens=20)
    end = inbox.end()
    assert inbox.sent[0][0] == 1
    assert sum(sent[0] for sent in inbox.sent) == end["completion_tokens"] == 20
    assert end["finish_reason"] == "length"


def test_max_tokens_one_is_one_response(engine: Engine):
    inbox = engine.ask(max_tokens=1)
    assert inbox.end()["completion_tokens"] == 1
    assert len(inbox.sent) == 1


def test_long_prompts_are_read_in_chunks_at_fixed_places(engine: Engine):
    engine.ask(300, max_tokens=1).end()
    assert engine.batch.chunks == [(0, 128), (128, 256), (256, 300)]


def test_the_inbox_is_bounded(engine: Engine):
    running = engine.fill()
    waiting = [engine.ask(max_tokens=2) for _ in range(2)]
    with pytest.raises(EngineError) as caught:
        engine.ask()
    assert (caught.value.code, caught.value.retryable) == ("overloaded", True)
    for inbox in running:
        inbox.gone = True
    engine.batch.gate.set()
    assert {inbox.end()["finish_reason"] for inbox in running} == {"cancelled"}
    assert {inbox.end()["finish_reason"] for inbox in waiting} == {"length"}


def test_cancel_reaches_a_request_that_still_waits(engine: Engine):
    running = engine.fill()
    waiting = engine.ask(id="w")
    assert engine.loop.cancel("w")
    engine.batch.gate.set()
    assert waiting.end() == {"finish_reason": "cancelled", "prompt_tokens": 3, "completion_tokens": 0}
    assert {inbox.end()["finish_reason"] for inbox in running} == {"length"}
    assert not engine.loop.cancel("w")


def test_a_cancel_may_overtake_its_request(engine: Engine):
    assert not engine.loop.cancel("late")
    assert engine.ask(id="late").end() == {
        "finish_reason": "cancelled",
        "prompt_tokens": 3,
        "completion_tokens": 0,
    }
    assert engine.ask(id="late", max_tokens=1).end()["finish_reason"] == "length"


def test_cancels_for_nobody_are_forgotten(engine: Engine):
    for n in range(3000):
        engine.loop.cancel(f"nobody-{n}")
    assert len(engine.loop._early_cancels) <= 1024


def test_a_deadline_reaches_a_request_that_still_waits(engine: Engine):
    running = engine.fill()
    waiting = engine.ask(deadline_ms=30)
    engine.batch.gate.set()
    assert waiting.end()["error"]["code"] == "deadline_exceeded"
    for inbox in running:
        inbox.gone = True
        inbox.end()


def test_a_prompt_that_fails_takes_nobody_along(engine: Engine):
    engine.batch.fail_prompts = True
    assert engine.ask().end()["error"]["code"] == "engine_error"
    engine.batch.fail_prompts = False
    assert engine.ask(max_tokens=2).end()["finish_reason"] == "length"


def test_a_dead_engine_tells_everybody_and_then_the_process():
    engine = Engine()
    inboxes = [*engine.fill(), engine.ask(), engine.ask()]
    engine.batch.fail_steps = True
    engine.batch.gate.set()
    assert engine.died.wait(5)
    ends = [inbox.end() for inbox in inboxes]
    assert {(end["error"]["code"], end["error"]["retryable"]) for end in ends} == {("engine_failed", True)}
    with pytest.raises(EngineError, match="stopping"):
        engine.ask()


def test_stopping_fails_what_runs_and_does_not_kill():
    engine = Engine()
    inbox = engine.ask()
    while not inbox.sent:
        time.sleep(0.001)
    engine.loop.stop()
    engine.thread.join(5)
    assert inbox.end()["error"]["code"] == "engine_failed"
    assert not engine.died.is_set()


def test_a_guide_says_what_may_come_and_when_it_ends(engine: Engine):
    guided = engine.ask(guide=PlayedGuide(b"{}"))
    assert guided.end()["finish_reason"] == "stop"
    assert "".join(sent[1] for sent in guided.sent) == "{}"
    assert guided.end()["completion_tokens"] == 2


def test_a_guide_that_gives_up_fails_its_request_alone(engine: Engine):
    neighbour = engine.ask(max_tokens=50)
    broken = engine.ask(guide=PlayedGuide(b"abc", breaks_at=2))
    assert broken.end()["error"]["code"] == "grammar_too_complex"
    assert neighbour.end()["finish_reason"] == "length"


def test_log_probabilities_are_sent_once_for_each_token(engine: Engine):
    inbox = engine.ask(max_tokens=20, top_logprobs=2)
    inbox.end()
    sent = [logprob for _, _, event, _ in inbox.sent for logprob in event.get("logprobs", [])]
    assert len(sent) == 20
    token, logprob, top = sent[0]
    assert (token, top[0]) == ("a", ["a", logprob])
    assert len(top) == 2
    assert -0.1 < logprob < 0
