"""The engine thread: one loop that admits, steps, samples, flushes and ends requests."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from raseed_engine.protocol import EngineError, FinishReason, TokenIds
from raseed_engine.request import LiveRequest
from raseed_engine.sampling import Logits

CHUNKS_PER_STEP_MAX = 4
"""Short prompts read between two steps: more would stall the streams that are already running."""
IDLE_WAIT_S = 1.0
"""Longest sleep without work; only a bound, every submit and cancel wakes the loop."""
EARLY_CANCELS_MAX = 1024
"""Cancels remembered for requests that are not here yet: more than can be on their way."""
EARLY_CANCEL_S = 5.0
"""How long; the server hands two requests of one stream over within milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    slots: int = 64
    """Rows decoded together. Memory: `Shape.slot_bytes` each."""
    inbox: int = 128
    """Requests waiting for a slot. Beyond it a request is refused at once: Triton itself queues without bound."""
    flush_ms: float = 20.0
    """Shortest time between two responses of a stream: a response costs about 0.4 ms of CPU, a token far less."""
    flush_ms_per_row: float = 1.0
    """Stretches the flush when many streams share the machine."""
    prefill_chunk: int = 128
    """Prompt tokens read between two steps, so that a long prompt does not stall the others."""
    threads: int = 1
    """Threads of one run. One is fastest for small models on shared cores."""
    step_delay_ms: float = 0.0
    """Pause after each step, for tests that must see single steps."""


class Rows(Protocol):
    """The rows that are decoded together: `batch.Batch`, or one that a test plays."""

    @property
    def full(self) -> bool: ...
    def read_prompt(self, prompt: TokenIds, start: int, end: int) -> Logits: ...
    def join(self, length: int, token: int) -> None: ...
    def step(self) -> Logits: ...
    def feed(self, row: int, token: int) -> None: ...
    def drop(self, row: int) -> None: ...


@dataclass(slots=True)
class EngineLoop:
    """Owns the batch and every request in it. `submit` and `cancel` may be called from any thread."""

    batch: Rows
    end_tokens: frozenset[int]
    settings: LoopSettings
    token_table: Sequence[bytes]
    on_death: Callable[[], None]
    """Called after the loop failed and every request was told; must not return to a half-dead process."""
    _wake: threading.Condition = field(default_factory=threading.Condition)
    _inbox: deque[LiveRequest] = field(default_factory=deque)
    _named: dict[str, LiveRequest] = field(default_factory=dict)
    """Every unfinished request that has an id, from `submit` on."""
    _early_cancels: dict[str, float] = field(default_factory=dict)
    """When each came, oldest first. The server does not keep the order of two requests of one stream."""
    _closing: bool = False
    _dead: bool = False
    _rows: list[LiveRequest] = field(default_factory=list)
    """Row k of the batch belongs to `_rows[k]`."""
    _reading: LiveRequest | None = None
    """The request whose prompt is partly read."""

    def submit(self, request: LiveRequest) -> None:
        """Queues a request. Raises EngineError `overloaded` or `engine_failed`, both retryable, or `id_in_use`."""
        with self._wake:
            if self._dead or self._closing:
                raise EngineError("engine_failed", "the engine is stopping", retryable=True)
            # Free slots count as room: a burst arrives within one step, before any of it has a slot.
            if len(self._rows) + len(self._inbox) >= self.settings.slots + self.settings.inbox:
                raise EngineError("overloaded", f"{len(self._inbox)} requests are waiting", retryable=True)
            if request.id in self._named:
                raise EngineError("id_in_use", "a request with this id is still running")
            if request.id:
                self._named[request.id] = request
                came_at_s = self._early_cancels.pop(request.id, float("-inf"))
                request.cancel_asked = time.monotonic() - came_at_s < EARLY_CANCEL_S
            self._inbox.append(request)
            self._wake.notify()

    def cancel(self, request_id: str) -> bool:
        """Ends a request within one step. False if it is over or not here yet; in the latter case it will end at once."""
        with self._wake:
            request = self._named.get(request_id)
            if request is None:
                self._early_cancels[request_id] = time.monotonic()
                if len(self._early_cancels) > EARLY_CANCELS_MAX:
                    del self._early_cancels[next(iter(self._early_cancels))]
                return False
            request.cancel_asked = True
            self._wake.notify()
            return True

    def stop(self) -> None:
        """Lets the loop end; everything still running is failed."""
        with self._wake:
            self._closing = True
            self._wake.notify()

    def run(self) -> None:
        """The thread's body. Returns after `stop`, else only through `on_death`."""
        failed = True
        try:
            while self._wait_for_work():
                self._turn()
            failed = False
        finally:
            with self._wake:
                self._dead = True
                orphans = self._known()
            error = EngineError("engine_failed", "the engine stopped", retryable=True)
            for request in orphans:
                request.finish(FinishReason.ERROR, error=error)
            if failed:
                self.on_death()

    def _known(self) -> list[LiveRequest]:
        reading = [self._reading] if self._reading is not None else []
        return [*self._rows, *reading, *self._inbox]

    def _wait_for_work(self) -> bool:
        """False when the loop shall end."""
        with self._wake:
            while not (self._closing or self._rows or self._reading or self._inbox):
                self._wake.wait(IDLE_WAIT_S)
            return not self._closing

    def _turn(self) -> None:
        """One step of every live row, with everything that belongs between two steps."""
        now_s = time.monotonic()
        self._end_interrupted(now_s)
        self._admit()
        if self._rows:
            logits = self.batch.step()
            for row, request in enumerate(self._rows):
                token = request.choose(logits[row])
                self._take(request, token)
                self.batch.feed(row, token)
            if self.settings.step_delay_ms:
                time.sleep(self.settings.step_delay_ms / 1000)
        self._flush(time.monotonic())
        self._drop_finished()

    def _end_interrupted(self, now_s: float) -> None:
        """Ends what was cancelled in band or is past its deadline, wherever it is."""
        with self._wake:
            known = self._known()
        for request in known:
            if request.cancel_asked:
                request.finish(FinishReason.CANCELLED)
            elif request.is_late(now_s):
                request.finish(
                    FinishReason.ERROR,
                    error=EngineError("deadline_exceeded", "the request's deadline passed"),
                )
            elif request.is_client_gone(now_s, self._flush_interval_s()):
                request.finish(FinishReason.CANCELLED)
        self._drop_finished()

    def _drop_finished(self) -> None:
        for row in range(len(self._rows) - 1, -1, -1):
            if self._rows[row].finished:
                self.batch.drop(row)
                last = self._rows.pop()
                if row < len(self._rows):
                    self._rows[row] = last
        with self._wake:
            if self._reading is not None and self._reading.finished:
                self._reading = None
            if any(request.finished for request in self._inbox):
                self._inbox = deque(request for request in self._inbox if not request.finished)
            if any(request.finished for request in self._named.values()):
                self._named = {name: request for name, request in self._named.items() if not request.finished}

    def _admit(self) -> None:
        """Reads prompts until a chunk's worth of tokens is spent. Chunks begin at fixed places of a prompt, whatever
        else is running, because their size may change the last bits of the logits.
        """
        budget = self.settings.prefill_chunk
        for _ in range(CHUNKS_PER_STEP_MAX):
            request = self._next_to_read()
            if request is None or budget <= 0:
                return
            start = request.prompt_read
            end = min(start + self.settings.prefill_chunk, request.prompt_tokens)
            budget -= end - start
            try:
                logits = self.batch.read_prompt(request.prompt, start, end)
            except Exception as error:  # noqa: BLE001 - whatever the runtime raises
                # The session survives a failed run, so only this request is lost.
                request.finish(
                    FinishReason.ERROR, error=EngineError("engine_error", f"prompt: {type(error).__name__}")
                )
                self._reading = None
                continue
            request.prompt_read = end
            if end == request.prompt_tokens:
                self._start(request, request.choose(logits))

    def _next_to_read(self) -> LiveRequest | None:
        with self._wake:
            if self._reading is None and self._inbox and not self.batch.full:
                self._reading = self._inbox.popleft()
            return self._reading

    def _start(self, request: LiveRequest, first_token: int) -> None:
        self._reading = None
        self._take(request, first_token)
        if not request.finished:
            self.batch.join(request.prompt_tokens, first_token)
            self._rows.append(request)
            request.flush(time.monotonic())  # the first token does not wait for a step

    def _take(self, request: LiveRequest, token: int) -> None:
        """Adds a generated token to a request and ends it if that was its last."""
        request.completion_tokens += 1
        if token in self.end_tokens and not request.ignore_eos:
            request.finish(FinishReason.STOP)
            return
        request.add(token)
        if request.text.stop_string is not None:
            request.finish(FinishReason.STOP)
        elif request.guide is not None and request.guide.is_broken:
            error = EngineError("grammar_too_complex", "the grammar took too much work")
            request.finish(FinishReason.ERROR, error=error)
        elif request.guide is not None and request.guide.is_complete:
            request.finish(FinishReason.STOP)
        elif request.completion_tokens >= request.max_tokens:
            request.finish(FinishReason.LENGTH)

    def _flush_interval_s(self) -> float:
        return max(self.settings.flush_ms, self.settings.flush_ms_per_row * len(self._rows)) / 1000

    def _flush(self, now_s: float) -> None:
        interval_s = self._flush_interval_s()
        for request in self._rows:
            if not request.finished and now_s - request.flushed_at_s >= interval_s:
                request.flush(now_s)
