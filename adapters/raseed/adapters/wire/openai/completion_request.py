"""Body of POST /v1/completions → `ChatRequest` with prompts."""

from __future__ import annotations

import msgspec

from raseed.adapters.wire.body import read_body, served_keys
from raseed.adapters.wire.openai import invalid
from raseed.adapters.wire.openai.body import WORDS, Decoded, check_model, wants_usage
from raseed.adapters.wire.openai.chat_schema import StreamOptions
from raseed.adapters.wire.openai.prompts import to_core_tokens
from raseed.adapters.wire.openai.sampling_fields import to_core_n, to_core_sampling
from raseed.core.inference.choices import CHOICES_MAX, PROMPTS_MAX
from raseed.core.inference.model import ChatRequest, Prompt

MAX_TOKENS_DEFAULT = 16
"""OpenAI's own, for this route alone."""
TOP_LOGPROBS_MAX = 5


class CompletionBody(msgspec.Struct, frozen=True, gc=False):
    """The fields that are read. `None` stands for absent and for null."""

    model: str
    prompt: str | list[str | int | list[int]] | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None


_KEYS = served_keys(CompletionBody.__struct_fields__)
_decoder = msgspec.json.Decoder(CompletionBody)


def decode_completion_request(body: bytes) -> Decoded:
    """Raises RequestInvalid with OpenAI's `param` and `code`, RequestTooLarge."""
    wire = read_body(body, _decoder, _KEYS, WORDS, is_prompt=True)
    check_model(wire.model)
    if wire.logprobs is not None:
        invalid.check_range("logprobs", wire.logprobs, 0, TOP_LOGPROBS_MAX)
        if wire.echo:
            raise invalid.unsupported_parameter(
                "logprobs", "Together with 'echo' it would need those of the prompt, which are not computed"
            )
    n = to_core_n(wire.n)
    generated = _best_of(wire, n)
    prompts = _prompts(wire.prompt)
    if len(prompts) * generated > PROMPTS_MAX:
        raise invalid.array_too_long("prompt", limit=PROMPTS_MAX // generated, length=len(prompts))
    max_tokens = MAX_TOKENS_DEFAULT if wire.max_tokens is None else wire.max_tokens
    request = ChatRequest(
        model=wire.model,
        prompts=prompts,
        echo=wire.echo is True,
        suffix=wire.suffix or None,
        sampling=to_core_sampling(
            wire,
            max_tokens=max_tokens,
            top_logprobs=0 if generated > n and wire.logprobs is None else wire.logprobs,
            least_tokens=0,
        ),
        n=generated,
        best=n if generated > n else None,
    )
    return Decoded(
        request,
        wire.stream is True,
        wants_usage(wire.stream, wire.stream_options),
        shows_logprobs=wire.logprobs is not None,
    )


def _best_of(wire: CompletionBody, n: int) -> int:
    """How many answers are generated, of which the n likeliest are returned."""
    if wire.best_of is None:
        return n
    invalid.check_range("best_of", wire.best_of, n, CHOICES_MAX)
    if wire.best_of > n and wire.stream is True:
        raise invalid.unsupported_value("best_of", "A stream cannot wait for the best of several answers")
    return wire.best_of


def _prompts(prompt: str | list[str | int | list[int]] | None) -> tuple[Prompt, ...]:
    if prompt is None or isinstance(prompt, str):
        return (prompt or "",)
    if not prompt:
        raise invalid.empty_array("prompt")
    if isinstance(prompt[0], int):
        return (to_core_tokens("prompt", prompt),)
    if len(prompt) > PROMPTS_MAX:
        raise invalid.array_too_long("prompt", limit=PROMPTS_MAX, length=len(prompt))
    return tuple([_prompt(f"prompt.[{index}]", one) for index, one in enumerate(prompt)])


def _prompt(param: str, prompt: str | int | list[int]) -> Prompt:
    if isinstance(prompt, int):
        raise invalid.wrong_type(param, expected="one of a string or an array", got="an integer")
    return prompt if isinstance(prompt, str) else to_core_tokens(param, prompt)
