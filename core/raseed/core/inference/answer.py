"""A whole answer, put together from its pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from raseed.core.ids import HoldId, RunId
from raseed.core.inference.model import Delta, FinishReason, TokenLogprob, ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeChoice:
    """One answer, whole."""

    text: str
    reasoning: str = ""
    """What the model thought on the way."""
    tool_calls: tuple[ToolCall, ...]
    """Each with its arguments whole, in order of their index."""
    logprobs: tuple[TokenLogprob, ...]
    finish_reason: FinishReason


def whole_choices(pieces: Sequence[Delta], n: int, finish_reason: FinishReason) -> tuple[WholeChoice, ...]:
    """All answers in order. `finish_reason` is of those whose end no piece tells."""
    if n == 1:
        return (_whole_choice(pieces, finish_reason),)
    return tuple(
        _whole_choice([piece for piece in pieces if piece.choice == choice], finish_reason)
        for choice in range(n)
    )


def likeliest(choices: Sequence[WholeChoice], n: int, best: int) -> tuple[WholeChoice, ...]:
    """Of each n neighbours the `best` with the highest log probability per token, likeliest first."""
    groups = [choices[at : at + n] for at in range(0, len(choices), n)]
    return tuple(choice for group in groups for choice in sorted(group, key=_likelihood, reverse=True)[:best])


def _likelihood(choice: WholeChoice) -> float:
    """An answer without a token is the last that anybody would choose."""
    if not choice.logprobs:
        return -inf
    return sum(token.chosen.logprob for token in choice.logprobs) / len(choice.logprobs)


def _whole_choice(pieces: Sequence[Delta], finish_reason: FinishReason) -> WholeChoice:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: dict[int, ToolCall] = {}
    for piece in pieces:
        texts.append(piece.text)
        thoughts.append(piece.reasoning)
        finish_reason = piece.finish_reason or finish_reason
        index = piece.tool_call_index
        if index is None:
            continue
        if piece.tool_call is not None:
            calls[index] = piece.tool_call
        if piece.tool_arguments:
            call = calls[index]
            calls[index] = replace(call, arguments_json=call.arguments_json + piece.tool_arguments)
    return WholeChoice(
        text="".join(texts),
        reasoning="".join(thoughts),
        tool_calls=tuple(calls[index] for index in sorted(calls)),
        logprobs=tuple(logprob for piece in pieces for logprob in piece.logprobs),
        finish_reason=finish_reason,
    )


def whole_vectors(pieces: Sequence[Delta]) -> tuple[bytes, ...]:
    """The vectors of an embedding, in the order of its inputs."""
    return tuple(piece.vector for piece in sorted(pieces, key=lambda piece: piece.choice))


CHAT_PREFIX = "chatcmpl-"


def answer_id(run_id: RunId | HoldId, prefix: str = CHAT_PREFIX) -> str:
    """The id that clients see; what it begins with tells the API. A run and its hold have one id."""
    return prefix + run_id.removeprefix("run_")
