"""The scripted backend: deterministic answers under any model id, at any pace, with faults on demand.

A prompt costs one token for each message and one for each started run of four bytes of its text, so a test can
compute every charge beforehand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from raseed.adapters.scripted.script import Script, parse_script
from raseed.core.errors import (
    BackendLost,
    BackendUnavailable,
    DeadlineExceeded,
    PromptTooLong,
    RequestInvalid,
)
from raseed.core.inference.model import (
    BackendEvent,
    ChatRequest,
    Delta,
    Finish,
    FinishReason,
    ModelCard,
    ToolCall,
    Usage,
)
from raseed.core.inference.ports import Prepared

WORDS = ("alpha ", "beta ", "gamma ", "delta ")
BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedSettings:
    models: tuple[str, ...] = ("scripted",)
    """Ids that are listed."""
    any_model: bool = True
    """Whether ids that are not listed are answered too."""
    context_length: int = 131_072
    answer: Literal["echo", "max_tokens"] = "echo"
    """What a message that is not a script gets: its own words, or exactly `max_tokens` tokens."""
    pace_ms: float = 0.0
    """Time before each piece; 0 is as fast as the reader reads."""


class ScriptedModelBackend:
    name = "scripted"

    def __init__(self, settings: ScriptedSettings) -> None:
        self._settings = settings

    def models(self) -> Sequence[ModelCard]:
        length = self._settings.context_length
        return [
            ModelCard(id=model, context_length=length, max_output_tokens=length)
            for model in self._settings.models
        ]

    def serves(self, model: str) -> bool:
        return self._settings.any_model or model in self._settings.models

    async def prepare(self, request: ChatRequest) -> Prepared:
        """Raises PromptTooLong, RequestInvalid for a script that cannot be read."""
        prompt_tokens = prompt_tokens_of(request)
        room = self._settings.context_length - prompt_tokens
        if room < 1:
            raise PromptTooLong(
                f"This model's maximum context length is {self._settings.context_length} tokens, "
                f"but the messages have {prompt_tokens}.",
                param="messages",
                metadata={
                    "context_length": str(self._settings.context_length),
                    "prompt_tokens": str(prompt_tokens),
                },
            )
        last = request.messages[-1].text
        try:
            script = parse_script(last)
        except ValueError as error:
            raise RequestInvalid(f"Invalid script: {error}.", param="messages") from error
        asked = request.sampling.max_tokens
        return Prepared(
            request=request,
            prompt_tokens=prompt_tokens,
            max_tokens=room if asked is None else min(asked, room),
            native=script,
        )

    async def start(
        self, prepared: Prepared, *, run_id: str, max_tokens: int, timeout_s: float
    ) -> ScriptedGeneration:
        script = prepared.native if isinstance(prepared.native, Script) else None
        return ScriptedGeneration(prepared, script, max_tokens, timeout_s, self._settings)

    async def is_ready(self) -> bool:
        return True


class ScriptedGeneration:
    """Produces `target` tokens in pieces of `batch`."""

    def __init__(
        self,
        prepared: Prepared,
        script: Script | None,
        max_tokens: int,
        timeout_s: float,
        settings: ScriptedSettings,
    ) -> None:
        self._script = script or Script()
        self._pieces = _pieces(prepared.request, script)
        asked = self._script.tokens
        if script is None and settings.answer == "echo":
            asked = len(self._pieces)
        self._target = max_tokens if asked is None else min(asked, max_tokens)
        self._is_cut = asked is None or asked > max_tokens
        self._prompt_tokens = prepared.prompt_tokens
        pace_ms = self._script.pace_ms
        self._pace_s = (settings.pace_ms if pace_ms is None else pace_ms) / 1000
        self._deadline = asyncio.get_running_loop().time() + timeout_s
        self._made = 0
        self._calls_made = 0
        self._cancelled = asyncio.Event()

    async def next(self) -> BackendEvent:
        if self._cancelled.is_set():
            return self._finish(None)
        if self._script.fail_at is not None and self._made >= self._script.fail_at:
            if self._made == 0:
                raise BackendUnavailable("The model is not available right now. Please try again.")
            raise BackendLost("The model stopped unexpectedly while it was answering.")
        if self._script.hang_at is not None and self._made >= self._script.hang_at:
            await self._pause(self._deadline - asyncio.get_running_loop().time())
            if not self._cancelled.is_set():
                raise DeadlineExceeded("The model did not answer in time.")
            return self._finish(None)
        if self._made >= self._target:
            return self._finish(self._reason())
        if self._pace_s:
            await self._pause(self._pace_s)
            if self._cancelled.is_set():
                return self._finish(None)
        if self._calls_made < self._script.tools:
            return self._call()
        count = min(self._script.batch, self._target - self._made)
        if self._script.fail_at is not None:
            count = min(count, self._script.fail_at - self._made)
        if self._script.hang_at is not None:
            count = min(count, self._script.hang_at - self._made)
        pieces = self._pieces
        if self._script.tools:
            text = ""
        else:
            text = "".join(pieces[i % len(pieces)] for i in range(self._made, self._made + count))
        self._made += count
        return Delta(completion_tokens=self._made, text=text)

    async def cancel(self) -> None:
        self._cancelled.set()

    async def close(self) -> None:
        self._cancelled.set()

    def _call(self) -> Delta:
        index = self._calls_made
        self._calls_made += 1
        self._made = min(self._made + 1, self._target)
        call = ToolCall(id=f"call_{index}", name=self._script.tool or "f", arguments_json='{"n":1}')
        return Delta(completion_tokens=self._made, tool_call_index=index, tool_call=call)

    def _finish(self, reason: FinishReason | None) -> Finish:
        return Finish(
            finish_reason=reason,
            usage=Usage(prompt_tokens=self._prompt_tokens, completion_tokens=self._made),
        )

    def _reason(self) -> FinishReason:
        if self._script.tools:
            return FinishReason.TOOL_CALLS
        return FinishReason.LENGTH if self._is_cut else FinishReason.STOP

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._cancelled.wait()
        except TimeoutError:
            return


def prompt_tokens_of(request: ChatRequest) -> int:
    """One token for each message, and one for each started run of four bytes."""
    return sum(1 - (-len(message.text.encode()) // BYTES_PER_TOKEN) for message in request.messages)


def _pieces(request: ChatRequest, script: Script | None) -> Sequence[str]:
    if script is None:
        words = request.messages[-1].text.split(" ")
        return [f"{word} " for word in words[:-1]] + [words[-1]]
    if script.json:
        return ['{"ok"', ":", "true", "}"]
    return WORDS
