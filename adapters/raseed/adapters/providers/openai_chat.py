"""The wire of OpenAI's chat completions, streamed: what providers send that speak it, or nearly.

    data: {chunk}…  data: {finish}  data: {usage, choices []}  data: [DONE]

Differences that are met: usage in the chunk of the end, in an `x_groq` object, or in every chunk; no `[DONE]`; a role in every
chunk; calls without index or id; contents as a list of parts; thoughts as `reasoning_content` or `reasoning`.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from raseed.adapters.providers.errors import unsupported
from raseed.adapters.providers.json_access import count, member, text
from raseed.adapters.providers.openai_request import Dialect, encode_request
from raseed.adapters.providers.sse import SSE, Event, SseParser
from raseed.adapters.providers.wire import (
    Decoder,
    ErrorInStream,
    HttpRequest,
    NotUnderstood,
    Piece,
    Reported,
    Upstream,
)
from raseed.core.inference.model import (
    ChatRequest,
    ClientWire,
    FinishReason,
    Logprob,
    Relayed,
    TokenLogprob,
    ToolCall,
)

_REASONS = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
_FAILURES = {"error", "insufficient_system_resource"}
"""Ends that are none: Mistral's and DeepSeek's words for a failure of theirs."""
_DONE = b"[DONE]"
_decode = msgspec.json.Decoder().decode


class _Chunk(msgspec.Struct, frozen=True, gc=False):
    choices: msgspec.Raw = msgspec.Raw(b"null")
    usage: Any = None
    error: Any = None
    x_groq: Any = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class OpenAIChat:
    """Implements `Wire`."""

    content_type = SSE
    parser = SseParser

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def check(self, request: ChatRequest) -> None:
        if request.sampling.top_k and not self._dialect.takes_top_k:
            raise unsupported("top_k")
        if request.tools and not (request.parallel_tool_calls or self._dialect.takes_parallel_tool_calls):
            raise unsupported("parallel_tool_calls")

    def encode(self, request: ChatRequest, upstream: Upstream, max_tokens: int) -> HttpRequest:
        return encode_request(request, upstream, max_tokens, self._dialect)

    def decoder(self, request: ChatRequest) -> Decoder:
        return OpenAIChatDecoder()


class OpenAIChatDecoder:
    """Implements `Decoder`."""

    def __init__(self) -> None:
        self.finish_reason: FinishReason | None = None
        self.stop_sequence: str | None = None
        self.has_ended = False
        self.usage = Reported()
        self._calls: list[str] = []
        """Ids of the calls that were opened, in order."""
        self._position: dict[int, int] = {}
        """Of each index of theirs, the place of its call in `_calls`."""

    def read(self, event: Event) -> Sequence[Piece]:
        if event.data.strip() == _DONE:
            self.has_ended = True
            if self.finish_reason is None:
                self.finish_reason = FinishReason.TOOL_CALLS if self._calls else FinishReason.STOP
            return ()
        try:
            chunk = _decode_chunk(event.data)
            choices = _decode(chunk.choices)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NotUnderstood from error
        if chunk.error or event.name == "error":
            raise ErrorInStream(_status(chunk.error), event.data)
        self._read_usage(chunk.usage)
        self._read_usage(member(chunk.x_groq, "usage"))
        if not isinstance(choices, list):
            return ()
        pieces = [piece for choice in choices for piece in self._choice(choice)]
        if len(choices) == 1 and len(pieces) == 1 and self._may_be_relayed(choices[0], pieces[0]):
            part = _part(choices[0], bytes(chunk.choices).strip()[1:-1].strip())
            if b"\n" not in part and b"\r" not in part:
                return [_relayed(pieces[0], part)]
        return pieces

    def _may_be_relayed(self, choice: dict[str, Any], piece: Piece) -> bool:
        """Whether a client that was told the role, and is told the end, can take it as it stands."""
        delta = choice["delta"]
        if choice.get("index") != 0 or choice.get("finish_reason", "") is not None:
            return False
        if "role" in delta or None in delta.values():
            return False
        if piece.tool_call_index is None:
            return isinstance(delta.get("content", ""), str)
        [call] = delta["tool_calls"]
        if call.get("index") != piece.tool_call_index or not _is_text(call, "arguments"):
            return False
        if piece.tool_call is None:  # clients append id and name to those that they have
            return bool(call.keys() == {"index", "function"} and call["function"].keys() == {"arguments"})
        return bool(call.get("id") == piece.tool_call.id and call.get("type") == "function")

    def _choice(self, choice: Any) -> Iterator[Piece]:
        """One choice was asked for; what is said of others is not listened to."""
        if not isinstance(choice, dict) or choice.get("index") not in {0, None}:
            return
        delta = choice.get("delta")
        if isinstance(delta, dict):
            shown, thought = _contents(delta)
            logprobs = tuple(_logprobs(member(choice, "logprobs", "content")))
            if shown or thought or logprobs:
                yield Piece(text=shown, reasoning=thought, logprobs=logprobs)
            calls = delta.get("tool_calls")
            for call in calls if isinstance(calls, list) else ():
                yield from self._call(call)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            if reason in _FAILURES:
                raise ErrorInStream(500, b"")
            self.finish_reason = _REASONS.get(reason, FinishReason.STOP)
            if self.finish_reason is FinishReason.STOP and self._calls:
                self.finish_reason = FinishReason.TOOL_CALLS

    def _call(self, call: Any) -> Iterator[Piece]:
        function = member(call, "function")
        if not isinstance(function, dict):
            raise NotUnderstood
        their_index = count(call.get("index"))
        given_id, name = text(call.get("id")), text(function.get("name"))
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        at = None if their_index is None else self._position.get(their_index)
        if at is None and given_id in self._calls:
            at = self._calls.index(given_id)
        if at is None or (given_id and name and given_id != self._calls[at]):
            if not name:
                raise NotUnderstood
            at = len(self._calls)
            self._calls.append(given_id or f"call_{secrets.token_hex(12)}")
            if their_index is not None:
                self._position[their_index] = at
            opened = ToolCall(id=self._calls[at], name=name, arguments_json=text(arguments))
            yield Piece(tool_call_index=at, tool_call=opened)
        elif text(arguments):
            yield Piece(tool_call_index=at, tool_arguments=text(arguments))

    def _read_usage(self, usage: Any) -> None:
        """The last report of each figure counts: some report in every chunk, and theirs grow."""
        if not isinstance(usage, dict):
            return
        prompt, completion = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
        reasoning = count(member(usage, "completion_tokens_details", "reasoning_tokens"))
        total = count(usage.get("total_tokens"))
        if (
            prompt is not None
            and completion is not None
            and reasoning
            and total == prompt + completion + reasoning
        ):
            completion += reasoning  # counted beside the answer, not in it
        cached = count(member(usage, "prompt_tokens_details", "cached_tokens"))
        if cached is None:
            cached = count(usage.get("prompt_cache_hit_tokens"))
        known = self.usage
        self.usage = Reported(
            prompt_tokens=known.prompt_tokens if prompt is None else prompt,
            completion_tokens=known.completion_tokens if completion is None else completion,
            cached_tokens=known.cached_tokens if cached is None else cached,
            reasoning_tokens=known.reasoning_tokens if reasoning is None else reasoning,
        )


def _relayed(piece: Piece, part: bytes) -> Piece:
    return Piece(
        text=piece.text,
        reasoning=piece.reasoning,
        tool_call_index=piece.tool_call_index,
        tool_call=piece.tool_call,
        tool_arguments=piece.tool_arguments,
        logprobs=piece.logprobs,
        relayed=Relayed(ClientWire.OPENAI_CHAT, (part,)),
    )


def _contents(delta: dict[str, Any]) -> tuple[str, str]:
    """What is said, and what is thought."""
    content = delta.get("content")
    thought = text(delta.get("reasoning_content")) or text(delta.get("reasoning"))
    if isinstance(content, list):
        shown = "".join(text(member(part, "text")) for part in content)
        for part in content:
            thinking = member(part, "thinking")
            for each in thinking if isinstance(thinking, list) else ():
                thought += text(member(each, "text"))
        return shown, thought
    return text(content) + text(delta.get("refusal")), thought


def _logprobs(content: Any) -> Iterator[TokenLogprob]:
    for each in content if isinstance(content, list) else ():
        chosen = _logprob(each)
        if chosen is not None:
            top = member(each, "top_logprobs")
            others = (_logprob(one) for one in (top if isinstance(top, list) else ()))
            yield TokenLogprob(chosen, tuple(one for one in others if one is not None))


def _logprob(each: Any) -> Logprob | None:
    value, written = member(each, "logprob"), member(each, "bytes")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    try:
        token = bytes(written) if isinstance(written, list) else text(member(each, "token")).encode()
    except (TypeError, ValueError):
        return None
    return Logprob(token, float(value))


def _part(choice: dict[str, Any], as_written: bytes) -> bytes:
    """What is thought aloud under both keys: some clients read one, some the other."""
    delta = choice["delta"]
    thought = delta.get("reasoning_content") or delta.get("reasoning")
    if not thought or delta.get("reasoning_content") == delta.get("reasoning"):
        return as_written
    both = delta | {"reasoning_content": thought, "reasoning": thought}
    return msgspec.json.encode(choice | {"delta": both})


def _is_text(call: dict[str, Any], name: str) -> bool:
    return isinstance(member(call, "function", name), str)


def _status(error: Any) -> int:
    """OpenRouter says it as a number; everybody else's are failures of theirs."""
    code = member(error, "code")
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code)
    if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600:
        return code
    kind = text(member(error, "type"))
    return 429 if "rate_limit" in kind or code == "rate_limit_exceeded" else 500
