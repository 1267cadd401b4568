"""raseed.inference.v1 messages of completions ↔ core types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from raseed.adapters.rpc.inference_mapping import (
    from_core_logprob,
    from_core_usage,
    to_core_n,
    to_core_sampling,
)
from raseed.core.errors import RequestInvalid
from raseed.core.inference.answer import answer_id, likeliest, whole_choices
from raseed.core.inference.choices import CHOICES_MAX, PROMPTS_MAX
from raseed.core.inference.model import ChatRequest, Delta, Prompt
from raseed.core.inference.run import Ended, Run
from raseed.inference.v1 import inference_pb2 as pb

ID_PREFIX = "cmpl-"


def to_core_completion(request: pb.CreateCompletionRequest | pb.StreamCompletionRequest) -> ChatRequest:
    """Raises RequestInvalid with the field at fault."""
    if not request.model:
        raise RequestInvalid("model is required.", param="model")
    n = to_core_n(request)
    generated = _best_of(request, n)
    if not 1 <= len(request.prompts) * generated <= PROMPTS_MAX:
        raise RequestInvalid(
            f"prompts needs 1 to {PROMPTS_MAX} prompts, and n times as many answers at most.", param="prompts"
        )
    sampling = to_core_sampling(request, least_tokens=0)
    if request.echo and sampling.top_logprobs is not None:
        raise RequestInvalid("top_logprobs is not supported together with echo.", param="top_logprobs")
    return ChatRequest(
        model=request.model,
        prompts=tuple(
            to_core_prompt(f"prompts[{index}]", prompt) for index, prompt in enumerate(request.prompts)
        ),
        echo=request.echo,
        suffix=request.suffix or None,
        sampling=sampling
        if generated == n or sampling.top_logprobs is not None
        else replace(sampling, top_logprobs=0),
        n=generated,
        best=n if generated > n else None,
    )


def _best_of(request: pb.CreateCompletionRequest | pb.StreamCompletionRequest, n: int) -> int:
    if isinstance(request, pb.StreamCompletionRequest) or not request.HasField("best_of"):
        return n
    if not n <= request.best_of <= CHOICES_MAX:
        raise RequestInvalid(f"best_of must be from n to {CHOICES_MAX}.", param="best_of")
    return request.best_of


def to_core_prompt(param: str, prompt: pb.Prompt) -> Prompt:
    """Raises RequestInvalid."""
    match prompt.WhichOneof("form"):
        case "text":
            return prompt.text
        case "tokens" if prompt.tokens.ids:
            return tuple(prompt.tokens.ids)
        case _:
            raise RequestInvalid(f"{param} needs a text, or at least one token.", param=param)


def from_core_completion(
    request: ChatRequest, run: Run, pieces: Sequence[Delta], ended: Ended, *, shows_logprobs: bool
) -> pb.CreateCompletionResponse:
    choices = whole_choices(pieces, run.choice_count, ended.finish_reason)
    if request.best is not None:
        choices = likeliest(choices, request.n, request.best)
    return pb.CreateCompletionResponse(
        id=answer_id(run.id, ID_PREFIX),
        created_at_s=run.created_at_s,
        model=run.model,
        choices=[
            pb.CompletionChoice(
                text=choice.text,
                finish_reason=choice.finish_reason.value,
                logprobs=map(from_core_logprob, choice.logprobs) if shows_logprobs else (),
            )
            for choice in choices
        ],
        usage=from_core_usage(ended.usage, ended.cost_microcredits),
    )


class CompletionMessages:
    """The messages of one stream."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._open = list(range(run.choice_count))

    def pieces(self, pieces: Sequence[Delta]) -> Iterator[pb.StreamCompletionResponse]:
        """One message for neighbours of one choice."""
        for choice, group in groupby(pieces, key=attrgetter("choice")):
            yield self._message(choice, list(group))

    def end(self, ended: Ended) -> Iterator[pb.StreamCompletionResponse]:
        """The last message of each choice whose end no piece has told, with the usage in the last of all."""
        for choice in self._open:
            last = self._message(choice, (), finish_reason=ended.finish_reason.value)
            if choice == self._open[-1]:
                last.usage.CopyFrom(from_core_usage(ended.usage, ended.cost_microcredits))
            yield last

    def _message(
        self, choice: int, pieces: Sequence[Delta], finish_reason: str | None = None
    ) -> pb.StreamCompletionResponse:
        for piece in pieces:
            if piece.finish_reason is not None:
                self._open.remove(choice)
                finish_reason = piece.finish_reason.value
        return pb.StreamCompletionResponse(
            id=answer_id(self._run.id, ID_PREFIX),
            created_at_s=self._run.created_at_s,
            model=self._run.model,
            choice_index=choice,
            text_delta="".join(piece.text for piece in pieces),
            finish_reason=finish_reason,
            logprobs=[from_core_logprob(logprob) for piece in pieces for logprob in piece.logprobs],
        )
