"""The scripted backend: deterministic answers under any model id, at any pace, with faults on demand.

A prompt costs one token for each message, one for each started run of four bytes of its text and ten for each image,
recording or file, so a test can compute every charge beforehand. The backend can all that a request may ask for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from raseed.adapters.scripted.embedding import ScriptedEmbedding, prepare_embedding
from raseed.adapters.scripted.json_instance import json_instance
from raseed.adapters.scripted.script import Script, parse_script
from raseed.adapters.scripted.stops import Stops
from raseed.core.errors import (
    BackendLost,
    BackendUnavailable,
    DeadlineExceeded,
    PromptTooLong,
    RequestInvalid,
)
from raseed.core.inference.model import (
    BackendEvent,
    Capability,
    ChatRequest,
    Delta,
    EmbeddingRequest,
    Finish,
    FinishReason,
    Logprob,
    ModelCard,
    TokenLogprob,
    ToolCall,
    ToolChoice,
    Usage,
)
from raseed.core.inference.ports import Prepared, PreparedEmbedding

WORDS = ("alpha ", "beta ", "gamma ", "delta ")
THOUGHT = "hm "
BYTES_PER_TOKEN = 4
CAN_ALL = frozenset(Capability)
MEDIA_TOKENS = 10
"""Of each part of a message that is not text. It is not looked at."""
JSON_PIECE_CHARS = 4
LOGPROB = -0.5
"""Of every token; each that was less likely has one less."""


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
            ModelCard(
                id=model,
                context_length=length,
                max_output_tokens=length,
                capabilities=self.capabilities(model),
            )
            for model in self._settings.models
        ]

    def serves(self, model: str) -> bool:
        return self._settings.any_model or model in self._settings.models

    def capabilities(self, model: str) -> frozenset[Capability]:
        return CAN_ALL

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
        try:
            script = parse_script(_asked_text(request))
        except ValueError as error:
            raise RequestInvalid(f"Invalid script: {error}.", param="messages") from error
        asked = request.sampling.max_tokens
        return Prepared(
            request=request,
            prompt_tokens=prompt_tokens,
            max_tokens=room if asked is None else min(asked, room),
            prompt_text=_asked_text(request) if request.echo else "",
            native=_play(request, script, self._settings),
        )

    async def start(
        self, prepared: Prepared, *, run_id: str, max_tokens: int, timeout_s: float
    ) -> ScriptedGeneration:
        play = prepared.native
        assert isinstance(play, _Play)
        return ScriptedGeneration(prepared, play, max_tokens, timeout_s, self._settings)

    async def prepare_embedding(self, request: EmbeddingRequest) -> PreparedEmbedding:
        """Raises RequestInvalid."""
        return prepare_embedding(request)

    async def embed(self, prepared: PreparedEmbedding, *, run_id: str, timeout_s: float) -> ScriptedEmbedding:
        return ScriptedEmbedding(prepared, timeout_s, self._settings.pace_ms)

    async def is_ready(self) -> bool:
        return True


class ScriptedGeneration:
    """Produces `target` tokens in pieces of `batch`."""

    served_by = "scripted"

    def __init__(
        self,
        prepared: Prepared,
        play: _Play,
        max_tokens: int,
        timeout_s: float,
        settings: ScriptedSettings,
    ) -> None:
        self._script = play.script
        self._pieces = play.pieces
        self._calls = play.calls
        self._top_logprobs = prepared.request.sampling.top_logprobs
        asked = play.tokens
        self._target = max_tokens if asked is None else min(asked, max_tokens)
        self._is_cut = asked is None or asked > max_tokens
        self._prompt_tokens = prepared.prompt_tokens
        pace_ms = self._script.pace_ms
        self._pace_s = (settings.pace_ms if pace_ms is None else pace_ms) / 1000
        self._deadline = asyncio.get_running_loop().time() + timeout_s
        self._made = 0
        self._calls_made = 0
        self._stops = Stops(prepared.request.sampling.stop)
        self._stopped_by: str | None = None
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
        if self._stopped_by is not None:
            return self._finish(FinishReason.STOP)
        if self._made >= self._target:
            if rest := self._stops.rest():
                return Delta(completion_tokens=self._made, text=rest)
            return self._finish(self._reason())
        if self._pace_s:
            await self._pause(self._pace_s)
            if self._cancelled.is_set():
                return self._finish(None)
        if self._made < self._script.reason:
            return self._thought()
        if self._calls_made < len(self._calls):
            return self._call()
        count = min(self._script.batch, self._target - self._made)
        if self._script.fail_at is not None:
            count = min(count, self._script.fail_at - self._made)
        if self._script.hang_at is not None:
            count = min(count, self._script.hang_at - self._made)
        return self._piece(count)

    def _piece(self, count: int) -> Delta:
        """The next tokens, at most so many: none behind one that completes a stop sequence."""
        tokens: list[str] = []
        text = ""
        for at in range(self._made, self._made + count):
            self._made += 1
            if self._calls:
                continue  # what follows the calls are tokens without a text
            tokens.append(self._pieces[at % len(self._pieces)])
            shown, self._stopped_by = self._stops.take(tokens[-1])
            text += shown
            if self._stopped_by is not None:
                break
        logprobs: tuple[TokenLogprob, ...] = ()
        if self._top_logprobs is not None:
            logprobs = tuple(_logprob(token, self._top_logprobs) for token in tokens)
        return Delta(completion_tokens=self._made, text=text, logprobs=logprobs)

    def _thought(self) -> Delta:
        count = min(self._script.batch, self._script.reason - self._made, self._target - self._made)
        self._made += count
        return Delta(completion_tokens=self._made, reasoning=THOUGHT * count)

    async def cancel(self) -> None:
        self._cancelled.set()

    async def close(self) -> None:
        self._cancelled.set()

    def _call(self) -> Delta:
        index = self._calls_made
        self._calls_made += 1
        self._made = min(self._made + 1, self._target)
        return Delta(completion_tokens=self._made, tool_call_index=index, tool_call=self._calls[index])

    def _finish(self, reason: FinishReason | None) -> Finish:
        return Finish(
            finish_reason=reason,
            usage=Usage(
                prompt_tokens=self._prompt_tokens,
                completion_tokens=self._made,
                reasoning_tokens=min(self._made, self._script.reason),
            ),
            stop_sequence=None if reason is None else self._stopped_by,
        )

    def _reason(self) -> FinishReason:
        if self._calls:
            return FinishReason.TOOL_CALLS
        return FinishReason.LENGTH if self._is_cut else FinishReason.STOP

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._cancelled.wait()
        except TimeoutError:
            return


def prompt_tokens_of(request: ChatRequest) -> int:
    """One token for each message, one for each started run of four bytes, ten for each part that is not text.

    A prompt counts as a message; one of tokens has as many as it has. What stands behind the answer counts too.
    """
    if request.prompts:
        [prompt] = request.prompts
        behind = -(-len((request.suffix or "").encode()) // BYTES_PER_TOKEN)
        if isinstance(prompt, tuple):
            return len(prompt) + behind
        return 1 - (-len(prompt.encode()) // BYTES_PER_TOKEN) + behind
    return sum(
        1 - (-len(message.text.encode()) // BYTES_PER_TOKEN) + MEDIA_TOKENS * len(message.media)
        for message in request.messages
    )


def _asked_text(request: ChatRequest) -> str:
    """The last message, or the prompt. A prompt of tokens is their numbers as words."""
    if not request.prompts:
        return request.messages[-1].text
    [prompt] = request.prompts
    return prompt if isinstance(prompt, str) else " ".join(map(str, prompt))


@dataclass(frozen=True, slots=True)
class _Play:
    """What a request gets."""

    script: Script
    pieces: Sequence[str]
    """One for each token, from the first again after the last."""
    calls: Sequence[ToolCall]
    tokens: int | None
    """None: exactly `max_tokens`."""


def _play(request: ChatRequest, script: Script | None, settings: ScriptedSettings) -> _Play:
    """A script first, then what the request holds the answer to, then an echo. Raises RequestInvalid."""
    if script is not None:
        pieces = script.json or WORDS
        count = script.tools if request.parallel_tool_calls else min(script.tools, 1)
        calls = [
            ToolCall(id=f"call_{i}", name=script.tool or "f", arguments_json=script.args)
            for i in range(count)
        ]
        return _Play(script, pieces, calls, script.tokens)
    if request.tool_choice is ToolChoice.REQUIRED:
        [tool] = [
            tool for tool in request.tools if tool.name == (request.required_tool or request.tools[0].name)
        ][:1]
        arguments = _instance(tool.parameters_json or "{}", "tools")
        return _Play(_NO_SCRIPT, ("",), [ToolCall(id="call_0", name=tool.name, arguments_json=arguments)], 1)
    if request.json_format is not None:
        text = _instance(request.json_format.schema_json or '{"type":"object"}', "response_format")
        cut = [text[at : at + JSON_PIECE_CHARS] for at in range(0, len(text), JSON_PIECE_CHARS)]
        return _Play(_NO_SCRIPT, cut, (), len(cut))
    words = _asked_text(request).split(" ")
    echo = [f"{word} " for word in words[:-1]] + [words[-1]]
    return _Play(_NO_SCRIPT, echo, (), len(echo) if settings.answer == "echo" else None)


def _instance(schema_json: str, param: str) -> str:
    try:
        schema = json.loads(schema_json) or {"type": "object"}
        return json.dumps(json_instance(schema), separators=(",", ":"))
    except ValueError as error:
        raise RequestInvalid(f"Invalid schema for '{param}': {error}.", param=param) from error


def _logprob(token: str, top: int) -> TokenLogprob:
    others = [Logprob(str(rank).encode(), LOGPROB - rank) for rank in range(1, top)]
    chosen = Logprob(token.encode(), LOGPROB)
    return TokenLogprob(chosen, (chosen, *others) if top else ())


_NO_SCRIPT = Script()
