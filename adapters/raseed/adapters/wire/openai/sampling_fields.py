"""The fields that say how tokens are chosen, the same for chat and for completions."""

from __future__ import annotations

from typing import Protocol

from raseed.adapters.wire.openai import invalid
from raseed.core.inference.choices import CHOICES_MAX
from raseed.core.inference.model import Sampling

STOP_MAX = 4
STOP_BYTES_MAX = 256
TOP_LOGPROBS_MAX = 20
LOGIT_BIASES_MAX = 300
"""Each is work at every token. OpenAI's own limit."""
INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1

_DEFAULT = Sampling()


class SamplingBody(Protocol):
    """What both bodies have. `None` stands for absent and for null."""

    @property
    def max_tokens(self) -> int | None: ...
    @property
    def temperature(self) -> float | None: ...
    @property
    def top_p(self) -> float | None: ...
    @property
    def seed(self) -> int | None: ...
    @property
    def stop(self) -> str | list[str] | None: ...
    @property
    def presence_penalty(self) -> float | None: ...
    @property
    def frequency_penalty(self) -> float | None: ...
    @property
    def logit_bias(self) -> dict[str, float] | None: ...
    @property
    def n(self) -> int | None: ...


def to_core_sampling(
    wire: SamplingBody, *, max_tokens: int | None, top_logprobs: int | None, least_tokens: int = 1
) -> Sampling:
    """Raises RequestInvalid with the field at fault."""
    if wire.max_tokens is not None:
        invalid.check_range("max_tokens", wire.max_tokens, least_tokens, INT32_MAX)
    if wire.temperature is not None:
        invalid.check_range("temperature", wire.temperature, 0, 2)
    if wire.top_p is not None:
        invalid.check_range("top_p", wire.top_p, 0, 1, above_low=True)
    if wire.seed is not None:
        invalid.check_range("seed", wire.seed, -INT64_MAX - 1, INT64_MAX)
    if wire.presence_penalty is not None:
        invalid.check_range("presence_penalty", wire.presence_penalty, -2, 2)
    if wire.frequency_penalty is not None:
        invalid.check_range("frequency_penalty", wire.frequency_penalty, -2, 2)
    return Sampling(
        max_tokens=max_tokens,
        temperature=_DEFAULT.temperature if wire.temperature is None else wire.temperature,
        top_p=_DEFAULT.top_p if wire.top_p is None else wire.top_p,
        seed=wire.seed,
        stop=() if wire.stop is None else _stop(wire.stop),
        presence_penalty=wire.presence_penalty or 0.0,
        frequency_penalty=wire.frequency_penalty or 0.0,
        logit_bias=() if wire.logit_bias is None else _logit_bias(wire.logit_bias),
        top_logprobs=top_logprobs,
    )


def to_core_n(n: int | None) -> int:
    if n is None:
        return 1
    invalid.check_range("n", n, 1, CHOICES_MAX)
    return n


def _stop(stop: str | list[str]) -> tuple[str, ...]:
    texts = (stop,) if isinstance(stop, str) else tuple(stop)
    if len(texts) > STOP_MAX:
        raise invalid.array_too_long("stop", limit=STOP_MAX, length=len(texts))
    for index, text in enumerate(texts):
        param = "stop" if isinstance(stop, str) else f"stop.[{index}]"
        if not text:
            raise invalid.empty_string(param)
        invalid.check_length(param, text, STOP_BYTES_MAX)
    return texts


def _logit_bias(biases: dict[str, float]) -> tuple[tuple[int, float], ...]:
    if len(biases) > LOGIT_BIASES_MAX:
        raise invalid.array_too_long("logit_bias", limit=LOGIT_BIASES_MAX, length=len(biases))
    read: dict[int, float] = {}
    for name, bias in biases.items():
        if not name.isascii() or not name.isdecimal() or len(name) > 9:
            raise invalid.unsupported_value("logit_bias", "Its keys must be ids of tokens")
        invalid.check_range(f"logit_bias.{name}", bias, -100, 100)
        read[int(name)] = bias
    return tuple(sorted(read.items()))
