"""Speaks the engine's tensor interface and keeps what came back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.integration.triton.server import MODELS, TINY
from tokenizers import Tokenizer

from raseed.adapters.triton.client import StreamResponse, TritonClient, TritonStream

TIMEOUT_S = 15.0
TOKENIZER = Tokenizer.from_file(str(MODELS / TINY / "tokenizer.json"))


def ids_of(text: str) -> list[int]:
    """The prompt of one user message."""
    ids: list[int] = TOKENIZER.encode(f"<|begin|><|user|>{text}<|end|><|assistant|>").ids
    return ids


@dataclass
class Answer:
    responses: list[StreamResponse] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(response.text for response in self.responses)

    @property
    def token_ids(self) -> list[int]:
        return [token for response in self.responses for token in response.token_ids]

    @property
    def end(self) -> dict[str, Any]:
        assert self.responses[-1].is_final
        end: dict[str, Any] = json.loads(self.responses[-1].event)
        return end


class Asker:
    def __init__(self, client: TritonClient) -> None:
        self._client = client

    @asynccontextmanager
    async def stream(
        self, prompt: str | Sequence[int], *, model: str = TINY, **parameters: Any
    ) -> AsyncIterator[TritonStream]:
        stream = self._client.stream(timeout_s=TIMEOUT_S)
        try:
            ids = ids_of(prompt) if isinstance(prompt, str) else prompt
            await stream.send(model, token_ids=ids, request_json=json.dumps(parameters).encode())
            yield stream
        finally:
            stream.cancel()

    async def __call__(self, prompt: str | Sequence[int], *, model: str = TINY, **parameters: Any) -> Answer:
        """The whole answer, greedy unless told otherwise; checks that FINAL comes exactly once."""
        async with self.stream(prompt, model=model, **{"temperature": 0, **parameters}) as stream:
            answer = await read_all(stream)
            await stream.finish()
            return answer


async def read(stream: TritonStream) -> StreamResponse:
    response = await stream.receive()
    assert isinstance(response, StreamResponse), response
    return response


async def read_all(stream: TritonStream) -> Answer:
    """Reads to the final response of the request; replies to a cancel are left out."""
    answer = Answer()
    while True:
        response = await read(stream)
        if b'"cancel"' not in response.event:
            answer.responses.append(response)
            if response.is_final:
                return answer


def count(response: StreamResponse) -> int:
    completion_tokens: int = json.loads(response.event)["completion_tokens"]
    return completion_tokens
