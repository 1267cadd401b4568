"""One answer from a Triton stream: its events, its timeouts, and its end."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace

import grpc
import grpc.aio

from raseed.adapters.triton.client import StreamError, StreamResponse, TritonStream
from raseed.adapters.triton.tool_calls import ToolCallReader
from raseed.adapters.triton.translate import EngineEvent, engine_error, failure, late, parse_event
from raseed.core.errors import BackendLost, BackendUnavailable, RaseedError
from raseed.core.inference.model import BackendEvent, Delta, Finish, FinishReason, Usage, UsageSource


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationLimits:
    start_timeout_s: float = 5.0
    """Longest time to hand a request over. A server that is down refuses at once; this is for one that hangs."""
    first_response_timeout_s: float = 30.0
    """Longest silence before the first token: covers the wait for a slot and reading a long prompt."""
    idle_timeout_s: float = 15.0
    """Longest silence between two responses. The engine flushes every 20 to 64 ms; more is a stuck engine."""
    cancel_wait_s: float = 1.8
    """How long a cancelled request may take to report its count; the core allows 2 s in all."""
    deadline_margin_s: float = 0.5
    """The engine keeps the deadline itself and reports an exact count; we step in this much later."""


class TritonGeneration:
    """Implements the port `Generation`."""

    served_by = "triton"

    def __init__(
        self,
        stream: TritonStream,
        *,
        model: str,
        engine_id: str,
        prompt_tokens: int,
        timeout_s: float,
        has_tools: bool,
        limits: GenerationLimits,
        on_engine_failure: Callable[[str], None],
        in_background: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        self._stream = stream
        self._model = model
        self._engine_id = engine_id
        self._prompt_tokens = prompt_tokens
        self._limits = limits
        self._on_engine_failure = on_engine_failure
        self._in_background = in_background
        self._loop = asyncio.get_running_loop()
        self._late_at = self._loop.time() + timeout_s + limits.deadline_margin_s
        self._count_by: float | None = None
        """Set by `cancel`: when to stop waiting for the engine's own count."""
        self._silence: asyncio.Timeout | None = None
        """The timeout of the `next` that is waiting."""
        self._cancel_task: asyncio.Task[None] | None = None
        self._completion_tokens = 0
        self._is_over = False
        """The engine has sent its final response."""
        self._is_closed = False
        self._calls = ToolCallReader() if has_tools else None
        self._call_count = 0
        self._ready: deque[Delta] = deque()
        """Pieces that came with the one that was just returned."""
        self._ending: Finish | RaseedError | None = None
        """What follows them."""

    async def next(self) -> BackendEvent:
        if self._ready:
            return self._ready.popleft()
        if self._ending is not None:
            return self._end(self._ending)
        while True:
            try:
                message = await self._receive()
                event = self._understand(message)
            except (TimeoutError, grpc.aio.AioRpcError, _EngineFailed) as error:
                if self._count_by is not None:
                    return self._own_count()
                raise self._translate(error) from error
            if event is not None:
                return event

    async def cancel(self) -> None:
        if self._count_by is not None:
            return
        self._count_by = self._loop.time() + self._limits.cancel_wait_s
        self._cancel_task = self._loop.create_task(self._send_cancel(), name=f"cancel {self._engine_id}")
        if self._silence is not None and not self._silence.expired():
            self._silence.reschedule(min(self._count_by, self._silence.when() or self._count_by))

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._is_over:
            # The core settles next; it need not wait for this.
            self._in_background(self._finish_stream())
            return
        if self._cancel_task is not None:
            self._cancel_task.cancel()
        self._stream.cancel()

    async def _finish_stream(self) -> None:
        if self._cancel_task is not None:
            await asyncio.wait([self._cancel_task], timeout=self._limits.cancel_wait_s)
        await self._stream.finish()

    async def _receive(self) -> StreamResponse:
        """The next response of the stream. Cancelling its read, as a timeout does, also ends the call."""
        silence_s = (
            self._limits.idle_timeout_s if self._completion_tokens else self._limits.first_response_timeout_s
        )
        until = min(self._loop.time() + silence_s, self._late_at)
        if self._count_by is not None:
            until = min(until, self._count_by)
        try:
            async with asyncio.timeout_at(until) as self._silence:
                message = await self._stream.receive()
        finally:
            self._silence = None
        if message is None or isinstance(message, StreamError):
            raise _EngineFailed
        return message

    def _understand(self, response: StreamResponse) -> BackendEvent | None:
        """The event of a response; None for one that says nothing to the core."""
        try:
            event = parse_event(response.event)
        except ValueError as error:
            raise _EngineFailed from error
        if event.is_cancel_reply:
            return None
        delivered, self._completion_tokens = self._completion_tokens, event.completion_tokens
        if not response.is_final:
            return None if self._count_by is not None else self._piece(event, response.text, is_last=False)
        self._is_over = True
        if self._count_by is not None:
            return self._end(self._ending_of(event, after_output=delivered > 0))  # nobody waits for its text
        piece = self._piece(event, response.text, is_last=True)
        ending = self._ending_of(event, after_output=delivered > 0)
        if event.completion_tokens == delivered and not response.text and not self._ready:
            return self._end(ending)
        self._ending = ending
        return piece

    def _piece(self, event: EngineEvent, text: str, *, is_last: bool) -> Delta:
        """The piece of a response; if it holds tool calls, the first of several, with the others in `_ready`."""
        tokens = event.completion_tokens
        if self._calls is None:
            return Delta(completion_tokens=tokens, text=text, logprobs=event.logprobs)
        found = self._calls.push(text)
        if is_last:
            found += self._calls.finish()
        pieces = [Delta(completion_tokens=tokens, text="", logprobs=event.logprobs)]
        for part in found:
            if isinstance(part, str):
                pieces.append(Delta(completion_tokens=tokens, text=part))
            else:
                pieces.append(
                    Delta(completion_tokens=tokens, tool_call_index=self._call_count, tool_call=part)
                )
                self._call_count += 1
        self._ready.extend(pieces[1:])
        return pieces[0]

    def _ending_of(self, event: EngineEvent, *, after_output: bool) -> Finish | RaseedError:
        usage = Usage(prompt_tokens=event.prompt_tokens, completion_tokens=event.completion_tokens)
        match event.finish_reason:
            case "stop":
                if self._call_count:  # whatever stopped it is part of how calls are written
                    return Finish(finish_reason=FinishReason.TOOL_CALLS, usage=usage)
                return Finish(finish_reason=FinishReason.STOP, usage=usage, stop_sequence=event.stop_string)
            case "length":
                return Finish(finish_reason=FinishReason.LENGTH, usage=usage)
            case "cancelled":
                return Finish(finish_reason=None, usage=usage)
            case _:
                code = event.error_code or ""
                error = engine_error(code, after_output=after_output or event.completion_tokens > 0)
                if isinstance(error, BackendUnavailable | BackendLost):
                    self._on_engine_failure(self._model)
                return error

    def _end(self, ending: Finish | RaseedError) -> Finish:
        """A cancelled answer ends as such, whatever happened to it meanwhile."""
        if isinstance(ending, Finish):
            return (
                ending if self._count_by is None else replace(ending, finish_reason=None, stop_sequence=None)
            )
        if self._count_by is not None:
            return self._own_count()
        raise ending

    def _own_count(self) -> Finish:
        """The end of a cancelled answer whose engine did not answer: what it had reported."""
        self._stream.cancel()
        usage = Usage(
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            source=UsageSource.COUNTED,
        )
        return Finish(finish_reason=None, usage=usage)

    def _translate(self, error: Exception) -> RaseedError:
        self._stream.cancel()
        is_late = self._loop.time() >= self._late_at
        if is_late or (
            isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        ):
            return late()
        self._on_engine_failure(self._model)
        return failure(after_output=self._completion_tokens > 0)

    async def _send_cancel(self) -> None:
        body = json.dumps({"cancel": self._engine_id}).encode()
        try:
            await self._stream.send(self._model, token_ids=(), request_json=body)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the stream has ended; `next` tells how


class _EngineFailed(Exception):
    """The server reported a failure in the stream, ended it early, or sent something else."""
