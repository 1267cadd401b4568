"""Choosing one token from one row of logits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.float32]

CANDIDATES_MAX = 1024
"""With top_k or top_p only the most likely 1024 tokens take part: a full sort of a 128k vocabulary costs 4 ms
a token. For vocabularies up to this size the result is exact; above it, top_p near 1 loses the far tail."""
GREEDY_BELOW = 1e-4
"""Temperatures under this are greedy: dividing by less overflows and could choose nothing else anyway."""
SEED_MODULUS = 1 << 64
"""Any integer is a legal seed; the generator takes unsigned ones."""


LOGPROB_MIN = -9999.0
"""JSON has no infinity: what cannot be chosen at all is shown as this."""


class Sampler:
    """One request's sampler with a random generator of its own, so that its text does not depend on neighbours."""

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
        seed: int | None = None,
        presence_penalty: float = 0.0,
        frequency_penalty: float = 0.0,
        logit_bias: Mapping[int, float] | None = None,
    ) -> None:
        self._temperature = temperature
        self._top_p = top_p
        self._top_k = top_k
        self._presence_penalty = presence_penalty
        self._frequency_penalty = frequency_penalty
        self._bias = logit_bias or {}
        self._counts: dict[int, int] = {}
        """How often each token was chosen; kept only for the penalties."""
        self._rng = np.random.Generator(np.random.PCG64(None if seed is None else seed % SEED_MODULUS))

    def choose(self, logits: Logits) -> int:
        """The next token id. Draws exactly one number from the generator, or none when greedy."""
        if self._bias or self._counts:
            logits = self._adjusted(logits)
        token = self._pick(logits)
        if self._presence_penalty or self._frequency_penalty:
            self._counts[token] = self._counts.get(token, 0) + 1
        return token

    def _adjusted(self, logits: Logits) -> Logits:
        """A copy with bias and penalties."""
        logits = logits.copy()
        for token, bias in self._bias.items():
            logits[token] += bias
        if self._counts:
            tokens = np.fromiter(self._counts.keys(), np.intp)
            counts = np.fromiter(self._counts.values(), np.float32)
            logits[tokens] -= self._presence_penalty + self._frequency_penalty * counts
        return logits

    def _pick(self, logits: Logits) -> int:
        if self._temperature < GREEDY_BELOW or self._top_k == 1:
            return int(logits.argmax())
        ids = self._candidates(logits)
        scaled = (logits if ids is None else logits[ids]).astype(np.float64) / self._temperature
        weights = np.exp(scaled - scaled.max())
        if ids is not None and self._top_p < 1.0:
            weights = self._cut_tail(weights)
        cumulative = np.cumsum(weights)
        # side="right" never lands on a token of weight zero; the min guards the last rounding error.
        place = int(np.searchsorted(cumulative, self._rng.random() * cumulative[-1], side="right"))
        place = min(place, len(cumulative) - 1)
        return place if ids is None else int(ids[place])

    def _candidates(self, logits: Logits) -> npt.NDArray[np.intp] | None:
        """Ids that may be chosen, most likely first; None means all of them."""
        if self._top_k == 0 and self._top_p >= 1.0:
            return None
        keep = min(self._top_k or CANDIDATES_MAX, CANDIDATES_MAX, logits.size)
        ids = (
            np.argpartition(logits, logits.size - keep)[logits.size - keep :]
            if keep < logits.size
            else np.arange(keep)
        )
        ids.sort()  # the partition's order is arbitrary; ties must fall the same way every time
        return ids[np.argsort(-logits[ids], kind="stable")]

    def _cut_tail(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The shortest prefix that holds the share `top_p`; never empty."""
        cumulative = np.cumsum(weights)
        keep = int(np.searchsorted(cumulative, self._top_p * cumulative[-1], side="left")) + 1
        return weights[:keep]


def log_probability(logits: Logits, token: int, top: int) -> tuple[float, list[tuple[int, float]]]:
    """Of `token`, and of the `top` likeliest, likeliest first: as the model gives them, before any sampling setting."""
    shifted = logits.astype(np.float64) - logits.max()
    shifted -= np.log(np.exp(shifted).sum())
    np.maximum(shifted, LOGPROB_MIN, out=shifted)
    likeliest = np.argsort(-shifted, kind="stable")[:top] if top else ()
    return float(shifted[token]), [(int(other), float(shifted[other])) for other in likeliest]
