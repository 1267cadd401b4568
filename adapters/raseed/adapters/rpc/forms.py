"""Requests for a model that are somebody's JSON, and the JSON of their answers, whole and in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from raseed.adapters.wire.anthropic.message_request import decode_message_request
from raseed.adapters.wire.anthropic.message_response import ID_PREFIX as MESSAGE_PREFIX
from raseed.adapters.wire.anthropic.message_response import encode_message
from raseed.adapters.wire.anthropic.message_stream import PING, MessageStreamEncoder
from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.openai.body import Decoded
from raseed.adapters.wire.openai.chat_request import decode_chat_request
from raseed.adapters.wire.openai.chat_response import encode_completion
from raseed.adapters.wire.openai.chat_stream import DONE, KEEP_ALIVE, ChatStreamEncoder, StreamUsage
from raseed.adapters.wire.openai.completion_request import decode_completion_request
from raseed.adapters.wire.openai.completion_response import CompletionStreamEncoder, encode_text_completion
from raseed.adapters.wire.openai.embedding_request import decode_embedding_request
from raseed.adapters.wire.openai.embedding_response import encode_embeddings
from raseed.adapters.wire.openai.response_request import DecodedResponse, decode_response_request
from raseed.core.inference.answer import CHAT_PREFIX, answer_id, likeliest, whole_choices, whole_vectors
from raseed.core.inference.model import Delta, ModelRequest
from raseed.core.inference.run import Ended, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The bytes of one stream, as server-sent events; nothing is written where they are empty."""

    start: Callable[[], bytes]
    delta: Callable[[Delta], bytes]
    end: Callable[[Ended], bytes]
    silence: bytes
    """What says that the stream is alive when there is nothing else to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A request, read, and how its answer is written."""

    request: ModelRequest
    stream: bool
    id_prefix: str
    whole: Callable[[Run, list[Delta], Ended], Iterable[bytes]]
    """The JSON of a whole answer, in pieces where it is large."""
    events: Callable[[Run], Events]
    """Only with `stream`."""


@dataclass(frozen=True, slots=True)
class _Generating:
    """What differs between the routes of OpenAI's that generate text."""

    id_prefix: str
    encode: Callable[..., bytes]
    stream_encoder: type[ChatStreamEncoder | CompletionStreamEncoder]


_CHAT = _Generating(CHAT_PREFIX, encode_completion, ChatStreamEncoder)
_COMPLETION = _Generating("cmpl-", encode_text_completion, CompletionStreamEncoder)
_EMBEDDING_PREFIX = "embd-"


LARGE_BYTES = 64 * 1024
"""A body of this size takes a millisecond to read, one of a mebibyte some twenty."""


class Forms:
    """Reads bodies, of large ones at most one in each round of the loop: many that come at once shall not keep it from
    everybody else. All raise RequestInvalid in the words of their API, and RequestTooLarge. One per worker, on its loop.
    """

    def __init__(self, stream_usage: StreamUsage = "requested", *, usage_credits: bool = False) -> None:
        """`usage_credits`: whether a usage object says what was charged, beside the keys of its API."""
        self._stream_usage = stream_usage
        self._usage_credits = usage_credits
        self._turn = asyncio.Lock()

    async def chat(self, body: bytes) -> Form:
        await self._wait_for_turn(body)
        return self._generating(decode_chat_request(body), _CHAT)

    async def completion(self, body: bytes) -> Form:
        await self._wait_for_turn(body)
        return self._generating(decode_completion_request(body), _COMPLETION)

    async def embeddings(self, body: bytes) -> Form:
        await self._wait_for_turn(body)
        decoded = decode_embedding_request(body)

        def whole(run: Run, pieces: list[Delta], ended: Ended) -> Iterator[bytes]:
            return encode_embeddings(
                model=run.model,
                vectors=whole_vectors(pieces),
                as_base64=decoded.as_base64,
                usage=ended.usage,
                charged=self._charged(ended),
            )

        return Form(
            request=decoded.request,
            stream=False,
            id_prefix=_EMBEDDING_PREFIX,
            whole=whole,
            events=_no_events,
        )

    async def response(self, body: bytes) -> DecodedResponse:
        """A request for a response: what becomes of it is no matter of one run."""
        await self._wait_for_turn(body)
        return decode_response_request(body)

    async def message(self, body: bytes) -> Form:
        await self._wait_for_turn(body)
        decoded = decode_message_request(body)

        def whole(run: Run, pieces: list[Delta], ended: Ended) -> tuple[bytes]:
            [choice] = whole_choices(pieces, 1, ended.finish_reason)
            encoded = encode_message(
                run_id=run.id,
                model=run.model,
                text=choice.text,
                thinking=choice.reasoning if decoded.shows_thinking else "",
                tool_calls=choice.tool_calls,
                finish_reason=ended.finish_reason,
                stop_sequence=ended.stop_sequence,
                usage=ended.usage,
                charged=self._charged(ended),
            )
            return (encoded,)

        def events(run: Run) -> Events:
            encoder = MessageStreamEncoder(shows_thinking=decoded.shows_thinking)

            def start() -> bytes:
                return encoder.start(run_id=run.id, model=run.model, prompt_tokens=run.prompt_tokens)

            def end(ended: Ended) -> bytes:
                charged = self._charged(ended)
                return encoder.finish(ended.finish_reason, ended.stop_sequence, ended.usage, charged)

            return Events(start=start, delta=encoder.delta, end=end, silence=PING)

        return Form(
            request=decoded.request,
            stream=decoded.stream,
            id_prefix=MESSAGE_PREFIX,
            whole=whole,
            events=events,
        )

    async def _wait_for_turn(self, body: bytes) -> None:
        if len(body) >= LARGE_BYTES:
            async with self._turn:
                await asyncio.sleep(0)  # whoever waits behind is woken a round later

    def _generating(self, decoded: Decoded, kind: _Generating) -> Form:
        def whole(run: Run, pieces: list[Delta], ended: Ended) -> tuple[bytes]:
            choices = whole_choices(pieces, run.choice_count, ended.finish_reason)
            if decoded.request.best is not None:
                choices = likeliest(choices, decoded.request.n, decoded.request.best)
                if not decoded.shows_logprobs:
                    choices = tuple(replace(choice, logprobs=()) for choice in choices)
            encoded = kind.encode(
                completion_id=answer_id(run.id, kind.id_prefix),
                created_s=run.created_at_s,
                model=run.model,
                choices=choices,
                usage=ended.usage,
                charged=self._charged(ended),
            )
            return (encoded,)

        def events(run: Run) -> Events:
            encoder = kind.stream_encoder(
                completion_id=answer_id(run.id, kind.id_prefix),
                created_s=run.created_at_s,
                model=run.model,
                include_usage=decoded.include_usage,
                stream_usage=self._stream_usage,
                n=run.choice_count,
            )

            def end(ended: Ended) -> bytes:
                last = encoder.finish(ended.finish_reason)
                return last + encoder.usage(ended.usage, self._charged(ended)) + DONE

            return Events(start=encoder.role, delta=encoder.delta, end=end, silence=KEEP_ALIVE)

        return Form(
            request=decoded.request,
            stream=decoded.stream,
            id_prefix=kind.id_prefix,
            whole=whole,
            events=events,
        )

    def _charged(self, ended: Ended) -> Charged | None:
        if not self._usage_credits:
            return None
        return Charged(
            cost_microcredits=ended.cost_microcredits, remaining_microcredits=ended.spendable_microcredits
        )


def _no_events(_run: Run) -> Events:
    raise AssertionError("embeddings are not streamed")
