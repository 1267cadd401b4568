"""One answer from a provider: its events, its silences, its usage, and its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import aiohttp

from raseed.adapters.providers.counting import TextCounter
from raseed.adapters.providers.errors import failure, late, refusal_of
from raseed.adapters.providers.http import ProviderHttp
from raseed.adapters.providers.sse import Event, EventTooLong
from raseed.adapters.providers.wire import (
    Decoder,
    ErrorInStream,
    HttpRequest,
    NotUnderstood,
    Parser,
    Piece,
    Reported,
)
from raseed.core.errors import RaseedError
from raseed.core.inference.model import BackendEvent, Delta, Finish, FinishReason, Usage, UsageSource
from raseed.core.inference.targets import TargetRefused, Why

ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""Of a whole answer as it is sent: an answer of 128,000 tokens has about 25 MB of events around it."""
DRAINS_MAX = 256
"""Answers of a worker that nobody reads any more and whose usage is waited for: each is a connection that is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationLimits:
    first_event_timeout_s: float = 120.0
    """Longest silence before the first event. Models that think say nothing for a minute; more is a stuck one."""
    idle_timeout_s: float = 60.0
    """Longest silence between two lines of an answer. Bytes that never make a line are silence."""
    usage_wait_s: float = 5.0
    """Longest silence after an answer's last piece, for its usage; then our own count is charged."""
    cancel_wait_s: float = 1.8
    """How long a cancelled answer may go on, for its usage to come. The core allows 2 s in all."""


@dataclass(slots=True)
class Drains:
    """How many cancelled answers are read on, of all providers of a worker."""

    left: int = DRAINS_MAX

    def take(self) -> bool:
        if not self.left:
            return False
        self.left -= 1
        return True

    def give_back(self) -> None:
        self.left += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What is sent, and within which bounds."""

    http: ProviderHttp
    request: HttpRequest
    parser: Parser
    decoder: Decoder
    content_type: str
    """Of the answer."""
    prompt_tokens: int
    """As estimated."""
    timeout_s: float
    served_by: str
    limits: GenerationLimits = field(default_factory=GenerationLimits)
    drains: Drains = field(default_factory=Drains)


class ProviderGeneration:
    """Implements the port `Generation`; before its first event it may also raise TargetRefused. The first `next` sends
    the request.
    """

    def __init__(self, sending: Sending) -> None:
        self.served_by = sending.served_by
        self._sending = sending
        self._decoder = sending.decoder
        self._loop = asyncio.get_running_loop()
        self._late_at = self._loop.time() + sending.timeout_s
        self._response: aiohttp.ClientResponse | None = None
        self._parser = sending.parser
        self._bytes = 0
        self._counter = TextCounter()
        self._has_output = False
        self._held_back: list[Delta] = []
        """What was said before the first token, and is none: until that has come, another may be asked."""
        self._ready: deque[Delta] = deque()
        self._is_over = False
        """Nothing more is read."""
        self._error: Exception | None = None
        """What ended it early."""
        self._lines = 0
        """Those that had come when `_silent_at` was set."""
        self._silent_at = 0.0
        """When the silence becomes too long."""
        self._waiting: asyncio.Timeout | None = None
        """Of the `next` that waits."""
        self._count_by: float | None = None
        """Set by `cancel`: when to stop waiting for the provider's own count."""
        self._is_draining = False

    async def next(self) -> BackendEvent:
        while not (self._ready and self._count_by is None):
            if self._is_over:
                return self._end()
            await self._read_on()
        return self._ready.popleft()

    async def cancel(self) -> None:
        if self._count_by is not None:
            return
        # Before the first token there is nothing to count, and what is not sent any more need not be generated.
        self._is_draining = self._has_output and not self._is_over and self._sending.drains.take()
        wait_s = self._sending.limits.cancel_wait_s if self._is_draining else 0.0
        self._count_by = self._loop.time() + wait_s
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(min(self._count_by, self._waiting.when() or self._count_by))

    async def close(self) -> None:
        if self._is_draining:
            self._is_draining = False
            self._sending.drains.give_back()
        if self._response is not None:
            response, self._response = self._response, None
            if self._decoder.has_ended or response.content.at_eof():
                self._sending.http.release(response)
            else:
                response.close()

    async def _read_on(self) -> None:
        """Take in what comes next, or note what ended the answer: what came before it is handed over first."""
        try:
            chunk = await self._receive()
            if chunk:
                self._take(self._parser.feed(chunk))
            else:
                self._take(self._parser.end())
                self._is_over = True
                if self._decoder.finish_reason is None:
                    raise NotUnderstood  # it stopped in the middle
        except (TimeoutError, aiohttp.ClientError, OSError, EventTooLong, NotUnderstood) as error:
            self._is_over = True
            if self._decoder.finish_reason is None:  # otherwise all that was to come was its usage
                self._error = self._failed(error)
        except ErrorInStream as error:
            self._is_over = True
            self._error = self._told(error)
        except (TargetRefused, RaseedError) as error:
            self._is_over = True
            self._error = error

    async def _receive(self) -> bytes:
        """The next bytes; none at the end."""
        limits = self._sending.limits
        if self._response is None:
            self._silent_at = self._loop.time() + limits.first_event_timeout_s
        elif self._parser.lines > self._lines:
            self._lines = self._parser.lines
            has_finished = self._decoder.finish_reason is not None
            silence_s = limits.usage_wait_s if has_finished else limits.idle_timeout_s
            self._silent_at = self._loop.time() + silence_s
        until = min(self._silent_at, self._late_at)
        if self._count_by is not None:
            until = min(until, self._count_by)
        try:
            async with asyncio.timeout_at(until) as self._waiting:
                if self._response is None:
                    request = self._sending.request
                    self._response = await self._sending.http.post(
                        request.path, request.body, accept=self._sending.content_type
                    )
                    self._check_kind(self._response)
                chunk = await self._response.content.readany()
        except TimeoutError:
            # A worker that was busy itself finds its time up and the bytes there: that was no silence of the provider's.
            chunk = b"" if self._response is None else self._response.content.read_nowait()
            if not chunk:
                raise
        finally:
            self._waiting = None
        self._bytes += len(chunk)
        if self._bytes > ANSWER_BYTES_MAX:
            raise EventTooLong
        return chunk

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            for piece in self._decoder.read(event):
                self._hand_over(piece)
            if self._decoder.has_ended:
                self._is_over = True
                return

    def _hand_over(self, piece: Piece) -> None:
        parts = [piece.text, piece.reasoning, piece.tool_arguments]
        if piece.tool_call is not None:
            parts += [piece.tool_call.name, piece.tool_call.arguments_json]
        for part in parts:
            self._counter.add(part)
        if any(parts) and not self._has_output:
            self._has_output = True
            self._ready.extend(self._held_back)
        (self._ready if self._has_output else self._held_back).append(self._delta(piece))

    def _delta(self, piece: Piece) -> Delta:
        return Delta(
            completion_tokens=max(1, self._counter.tokens),
            text=piece.text,
            reasoning=piece.reasoning,
            tool_call_index=piece.tool_call_index,
            tool_call=piece.tool_call,
            tool_arguments=piece.tool_arguments,
            logprobs=piece.logprobs,
            relayed=piece.relayed,
        )

    def _end(self) -> Finish:
        """Raises what ended the answer early, unless nobody waits for it any more."""
        is_cancelled = self._count_by is not None
        if self._error is not None and not is_cancelled:
            raise self._error
        reason = None if is_cancelled else self._decoder.finish_reason
        return Finish(
            finish_reason=reason,
            usage=self._usage(),
            stop_sequence=self._decoder.stop_sequence if reason is FinishReason.STOP else None,
        )

    def _usage(self) -> Usage:
        """What was reported; what was not, as we counted it. A cancelled answer without any output cost nothing."""
        reported = self._decoder.usage
        counted = max(1, self._counter.tokens) if self._has_output else 0
        if self._count_by is not None and not self._has_output:
            return Usage(prompt_tokens=0, completion_tokens=0, source=UsageSource.COUNTED)
        if self._count_by is not None and self._decoder.finish_reason is None:
            # What was reported while it was being made may be of its beginning alone.
            reported = Reported(prompt_tokens=reported.prompt_tokens, cached_tokens=reported.cached_tokens)
        prompt = self._sending.prompt_tokens if reported.prompt_tokens is None else reported.prompt_tokens
        completion = counted if reported.completion_tokens is None else reported.completion_tokens
        is_reported = reported.prompt_tokens is not None and reported.completion_tokens is not None
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=_part(reported.cached_tokens, prompt),
            reasoning_tokens=_part(reported.reasoning_tokens, completion),
            source=UsageSource.UPSTREAM if is_reported else UsageSource.COUNTED,
        )

    def _check_kind(self, response: aiohttp.ClientResponse) -> None:
        """An answer that is no stream is no answer to what was asked."""
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if response.content_type != self._sending.content_type or encoding not in {"identity", ""}:
            raise NotUnderstood

    def _failed(self, error: Exception) -> RaseedError:
        if isinstance(error, TimeoutError) and self._loop.time() >= self._late_at:
            return late()
        failed = failure(after_output=self._has_output)
        failed.__cause__ = Why(_WORDS.get(type(error), "its connection broke"))
        return failed

    def _told(self, error: ErrorInStream) -> Exception:
        if self._has_output:
            return failure(after_output=True)
        return refusal_of(error.status, error.body, {})


_WORDS = {
    TimeoutError: "it was silent for too long",
    EventTooLong: "it sent more than a provider means to send",
    NotUnderstood: "it sent something that is no answer, or stopped in the middle of one",
}


def _part(part: int | None, whole: int) -> int:
    """A figure that cannot be true is none."""
    return 0 if part is None or part > whole else part
