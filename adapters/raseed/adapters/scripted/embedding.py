"""Vectors without a model: the more words two texts share, the closer their vectors are, and nothing else is meant.

An input costs one token and one for each started run of four bytes; one of tokens costs as many as it has. If the first
input is a script, `pace_ms` passes before each vector, and `fail_at` and `hang_at` count vectors.
"""

from __future__ import annotations

import asyncio
import struct
from hashlib import sha512
from math import sqrt

from raseed.adapters.scripted.script import Script, parse_script
from raseed.core.errors import BackendUnavailable, DeadlineExceeded, RequestInvalid
from raseed.core.inference.model import (
    BackendEvent,
    Delta,
    EmbeddingRequest,
    Finish,
    FinishReason,
    Prompt,
    Usage,
)
from raseed.core.inference.ports import PreparedEmbedding

BYTES_PER_TOKEN = 4
DIMENSIONS = 64
"""One for each byte of a digest."""


def prepare_embedding(request: EmbeddingRequest) -> PreparedEmbedding:
    """Raises RequestInvalid for more dimensions than there are, and for a script that cannot be read."""
    if request.dimensions is not None and request.dimensions > DIMENSIONS:
        raise RequestInvalid(
            f"Invalid 'dimensions': this model has {DIMENSIONS} at most.",
            param="dimensions",
            code="invalid_value",
        )
    try:
        script = parse_script(_text(request.inputs[0])) or Script()
    except ValueError as error:
        raise RequestInvalid(f"Invalid script: {error}.", param="input") from error
    return PreparedEmbedding(
        request=request, prompt_tokens=sum(map(input_tokens_of, request.inputs)), native=script
    )


def input_tokens_of(given: Prompt) -> int:
    return len(given) if isinstance(given, tuple) else 1 - (-len(given.encode()) // BYTES_PER_TOKEN)


def vector_of(given: Prompt, dimensions: int | None = None) -> bytes:
    """Of length 1, also when it has fewer dimensions than there are."""
    digests = [sha512(word.encode()).digest() for word in _text(given).split() or [""]]
    sums = [sum(column) - 127.5 * len(digests) for column in zip(*digests, strict=True)][:dimensions]
    length = sqrt(sum(number * number for number in sums))
    return struct.pack(f"<{len(sums)}f", *(number / length for number in sums))


class ScriptedEmbedding:
    """Implements the port `Generation`."""

    served_by = "scripted"

    def __init__(self, prepared: PreparedEmbedding, timeout_s: float, pace_ms: float) -> None:
        script = prepared.native
        assert isinstance(script, Script)
        self._request = prepared.request
        self._script = script
        self._pace_s = (pace_ms if script.pace_ms is None else script.pace_ms) / 1000
        self._deadline = asyncio.get_running_loop().time() + timeout_s
        self._made = 0
        self._tokens = 0
        self._cancelled = asyncio.Event()

    async def next(self) -> BackendEvent:
        if self._made == self._script.fail_at:
            raise BackendUnavailable("The model is not available right now. Please try again.")
        if self._made == self._script.hang_at:
            await self._pause(self._deadline - asyncio.get_running_loop().time())
            if not self._cancelled.is_set():
                raise DeadlineExceeded("The model did not answer in time.")
        elif self._pace_s:
            await self._pause(self._pace_s)
        if self._cancelled.is_set() or self._made == len(self._request.inputs):
            return self._finish()
        given = self._request.inputs[self._made]
        piece = Delta(
            completion_tokens=0, choice=self._made, vector=vector_of(given, self._request.dimensions)
        )
        self._made += 1
        self._tokens += input_tokens_of(given)
        return piece

    async def cancel(self) -> None:
        self._cancelled.set()

    async def close(self) -> None:
        self._cancelled.set()

    def _finish(self) -> Finish:
        reason = None if self._cancelled.is_set() else FinishReason.STOP
        return Finish(finish_reason=reason, usage=Usage(prompt_tokens=self._tokens, completion_tokens=0))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._cancelled.wait()
        except TimeoutError:
            return


def _text(given: Prompt) -> str:
    return given if isinstance(given, str) else " ".join(map(str, given))
