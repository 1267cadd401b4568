"""Answers to POST /v1/completions: whole, and as server-sent events.

piece* · finish (one for each choice) · [usage] · [DONE]
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.openai.chat_response import UsageObject, usage_object
from raseed.adapters.wire.openai.chat_stream import StreamUsage
from raseed.core.inference.answer import WholeChoice
from raseed.core.inference.model import Delta, FinishReason, TokenLogprob, Usage
from raseed.core.texts import whole_text

_OBJECT = "text_completion"
_encode = msgspec.json.Encoder().encode


class _Logprobs(msgspec.Struct, frozen=True, gc=False):
    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]] | None
    text_offset: list[int]


class _Choice(msgspec.Struct, frozen=True, gc=False):
    text: str
    index: int
    logprobs: _Logprobs | None
    finish_reason: str | None


class _Completion(msgspec.Struct, frozen=True, gc=False):
    id: str
    object: str
    created: int
    model: str
    choices: list[_Choice]
    usage: UsageObject
    system_fingerprint: None = None


def encode_text_completion(
    *,
    completion_id: str,
    created_s: int,
    model: str,
    choices: Sequence[WholeChoice],
    usage: Usage,
    charged: Charged | None = None,
) -> bytes:
    """The body of a 200 answer."""
    completion = _Completion(
        id=completion_id,
        object=_OBJECT,
        created=created_s,
        model=model,
        choices=[
            _Choice(
                whole_text(choice.text),
                index,
                _Offsets().logprobs(choice.logprobs) if choice.logprobs else None,
                choice.finish_reason.value,
            )
            for index, choice in enumerate(choices)
        ],
        usage=usage_object(usage, charged),
    )
    return _encode(completion)


class CompletionStreamEncoder:
    """Encodes the chunks of one answer, in the order in which `ChatStreamEncoder` is called."""

    def __init__(
        self,
        *,
        completion_id: str,
        created_s: int,
        model: str,
        include_usage: bool,
        stream_usage: StreamUsage = "requested",
        n: int = 1,
    ) -> None:
        head = {"id": completion_id, "object": _OBJECT, "created": created_s, "model": model}
        self._with_usage = include_usage or stream_usage == "always"
        self._before_choices = b"data: " + _encode(head)[:-1] + b',"choices":['
        self._after_choices = b'],"usage":null}\n\n' if self._with_usage else b"]}\n\n"
        self._open = list(range(n))
        self._offsets = [_Offsets() for _ in range(n)]

    def role(self) -> bytes:
        """Nothing: completions have no roles."""
        return b""

    def delta(self, delta: Delta) -> bytes:
        """The chunks of one piece of the answer, b"" if there is nothing in it to show."""
        chunks = b""
        if delta.text or delta.logprobs:
            logprobs = self._offsets[delta.choice].logprobs(delta.logprobs) if delta.logprobs else None
            chunks = self._chunk(_Choice(whole_text(delta.text), delta.choice, logprobs, None))
        if delta.finish_reason is not None:
            self._open.remove(delta.choice)
            chunks += self._chunk(_Choice("", delta.choice, None, delta.finish_reason.value))
        return chunks

    def finish(self, reason: FinishReason) -> bytes:
        """The last chunk of each choice whose end no piece has told; its text is empty."""
        return b"".join([self._chunk(_Choice("", index, None, reason.value)) for index in self._open])

    def usage(self, usage: Usage, charged: Charged | None = None) -> bytes:
        """The usage chunk, b"" if it was not asked for."""
        if not self._with_usage:
            return b""
        return self._before_choices + b'],"usage":' + _encode(usage_object(usage, charged)) + b"}\n\n"

    def _chunk(self, choice: _Choice) -> bytes:
        return self._before_choices + _encode(choice) + self._after_choices


class _Offsets:
    """Where each token begins in the text of its choice, in characters."""

    def __init__(self) -> None:
        self._said = b""
        """The bytes of a character that is not complete."""
        self._at = 0

    def logprobs(self, logprobs: Sequence[TokenLogprob]) -> _Logprobs:
        offsets = []
        for logprob in logprobs:
            offsets.append(self._at)
            self._said += logprob.chosen.token
            whole = self._said.decode(errors="ignore")
            self._at += len(whole)
            self._said = self._said[len(whole.encode()) :]
        has_top = any(logprob.top for logprob in logprobs)
        return _Logprobs(
            tokens=[_shown(logprob.chosen.token) for logprob in logprobs],
            token_logprobs=[logprob.chosen.logprob for logprob in logprobs],
            top_logprobs=[
                {_shown(other.token): other.logprob for other in logprob.top} for logprob in logprobs
            ]
            if has_top
            else None,
            text_offset=offsets,
        )


def _shown(token: bytes) -> str:
    r"""A token that is no whole text, as OpenAI writes it: `bytes:\xe2\x82`."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)
