"""One request while the engine works on it, and the way its responses go out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from raseed_engine.protocol import (
    EngineError,
    FinishReason,
    GenerateRequest,
    TokenIds,
    TokenLogprob,
    finish_event,
    progress_event,
)
from raseed_engine.sampling import Logits, Sampler, log_probability
from raseed_engine.text import TextStream


class Sender(Protocol):
    """Where the responses of one request go."""

    def send(self, token_ids: TokenIds, text: str, event: str, *, final: bool) -> None: ...

    def is_cancelled(self) -> bool:
        """Whether the client gave the stream up. Costs a call into the server: ask once per flush, not per token."""
        ...


class Guide(Protocol):
    """What an answer may say next: `guidance.Guide`, or one that a test plays."""

    @property
    def is_complete(self) -> bool: ...
    @property
    def is_broken(self) -> bool: ...
    def masked(self, logits: Logits) -> Logits: ...
    def take(self, token: int) -> None: ...


class LiveRequest:
    """State of one request. `finish` sends the final response, exactly once; later calls do nothing."""

    def __init__(
        self,
        asked: GenerateRequest,
        sender: Sender,
        *,
        context_length: int,
        token_table: Sequence[bytes],
        guide: Guide | None = None,
    ) -> None:
        self.id = asked.id
        self.prompt = asked.prompt
        self.prompt_tokens = int(asked.prompt.size)
        self.prompt_read = 0
        """Prompt tokens already in the model's memory."""
        room = context_length - self.prompt_tokens
        self.max_tokens = room if asked.max_tokens is None else min(asked.max_tokens, room)
        self.ignore_eos = asked.ignore_eos
        self.sampler = Sampler(
            temperature=asked.temperature,
            top_p=asked.top_p,
            top_k=asked.top_k,
            seed=asked.seed,
            presence_penalty=asked.presence_penalty,
            frequency_penalty=asked.frequency_penalty,
            logit_bias=asked.logit_bias,
        )
        self.guide = guide
        self._top_logprobs = asked.top_logprobs
        self._token_table = token_table
        self._chosen_logprob: TokenLogprob | None = None
        self.text = TextStream(token_table, asked.stop)
        self.completion_tokens = 0
        """Everything generated, also an end token and text that is held back."""
        self.cancel_asked = False
        """Set by any thread; the engine thread acts on it before its next step."""
        self.finished = False
        self.flushed_at_s = float("-inf")
        """So that the first token goes out at once."""
        self._sender = sender
        self._asked_at_s = self._checked_at_s = time.monotonic()
        self._deadline_s = (
            float("inf") if asked.deadline_ms is None else self._asked_at_s + asked.deadline_ms / 1000
        )
        self._pending_ids: list[int] = []
        self._pending_text: list[str] = []
        self._pending_logprobs: list[TokenLogprob] = []

    def is_late(self, now_s: float) -> bool:
        return now_s >= self._deadline_s

    def is_client_gone(self, now_s: float, interval_s: float) -> bool:
        """Asks the server, but at most once per interval."""
        if now_s - self._checked_at_s < interval_s:
            return False
        self._checked_at_s = now_s
        return self._sender.is_cancelled()

    def choose(self, logits: Logits) -> int:
        """The next token."""
        token = self.sampler.choose(logits if self.guide is None else self.guide.masked(logits))
        if self._top_logprobs is not None:
            logprob, likeliest = log_probability(logits, token, self._top_logprobs)
            top = [(self._shown(other), other_logprob) for other, other_logprob in likeliest]
            self._chosen_logprob = (self._shown(token), logprob, top)
        return token

    def _shown(self, token: int) -> str:
        return self._token_table[token].decode("latin-1")

    def add(self, token: int) -> None:
        """Appends a generated token to what the next flush sends."""
        self._pending_ids.append(token)
        if self._chosen_logprob is not None:
            self._pending_logprobs.append(self._chosen_logprob)
        if self.guide is not None:
            self.guide.take(token)
        if text := self.text.push(token):
            self._pending_text.append(text)

    def flush(self, now_s: float) -> None:
        """Sends what has gathered."""
        self.flushed_at_s = now_s
        event = progress_event(self.completion_tokens, self._take_logprobs())
        self._sender.send(*self._take_pending(), event, final=False)

    def finish(self, reason: FinishReason, *, error: EngineError | None = None) -> None:
        """Sends the rest, the finish event and the final flag."""
        if self.finished:
            return
        self.finished = True
        if rest := self.text.finish():
            self._pending_text.append(rest)
        event = finish_event(
            reason,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            stop_string=self.text.stop_string,
            logprobs=self._take_logprobs(),
            error=error,
        )
        self._sender.send(*self._take_pending(), event, final=True)

    def _take_logprobs(self) -> list[TokenLogprob]:
        logprobs, self._pending_logprobs = self._pending_logprobs, []
        return logprobs

    def _take_pending(self) -> tuple[TokenIds, str]:
        ids, text = np.array(self._pending_ids, np.int32), "".join(self._pending_text)
        self._pending_ids, self._pending_text = [], []
        return ids, text
