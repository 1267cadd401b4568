"""How the routes that ask a model answer: whole as JSON, or piece by piece as server-sent events; under a key once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.idempotency import asked_of, body_of
from raseed.adapters.rpc.keep_alive import KeepAlive
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.wire.charged import Charged
from raseed.adapters.wire.http_error import CONTENT_TYPE as JSON
from raseed.adapters.wire.openai.chat_stream import CONTENT_TYPE as EVENT_STREAM
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.model import Delta, ModelRequest
from raseed.core.inference.run import Ended, Run, read_whole
from raseed.core.inference.service import InferenceService

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The bytes of one stream; nothing is written where they are empty."""

    start: Callable[[], bytes]
    delta: Callable[[Delta], bytes]
    end: Callable[[Ended], bytes]
    silence: bytes
    """What says that the stream is alive when there is nothing else to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What differs between the routes."""

    id_prefix: str
    whole: Callable[[Run, list[Delta], Ended], Iterable[bytes]]
    """The JSON of a whole answer, in pieces where it is large."""
    events: Callable[[Run], Events] | None = None
    """None: the route has no streams."""


class Answers:
    """One for each servicer."""

    def __init__(self, inference: InferenceService, keyed: KeyedChat) -> None:
        self._inference = inference
        self._keyed = keyed

    async def answer(
        self, request: ModelRequest, body: bytes, context: Context, form: Form, *, stream: bool = False
    ) -> None:
        """`body` is what the request was decoded from: what an idempotency key stands for."""
        call = current_call()
        asked = asked_of(call, body)
        if asked is None:
            run = self._inference.start_run(
                call.caller, request, stream=stream, timeout_s=context.time_remaining()
            )
        elif stream:
            run = await self._keyed.start_stream(
                call.caller, request, asked, context.time_remaining(), form.id_prefix
            )
        else:

            async def encode(run: Run, pieces: list[Delta], ended: Ended) -> bytes:
                return b"".join(form.whole(run, pieces, ended))

            answer = await self._keyed.answer(call.caller, request, asked, encode, form.id_prefix)
            await write_json(context, call, body_of(answer, call))
            return
        try:
            if stream:
                assert form.events is not None
                await _stream(run, call, context, form.events(run))
            else:
                pieces, ended = await read_whole(run)
                await write_json(context, call, *form.whole(run, pieces, ended))
        finally:
            run.abandon()  # does nothing to a run that has ended


def charged_of(ended: Ended, *, usage_credits: bool) -> Charged | None:
    """What a usage object says of the charge beside the API's own keys, where it says anything."""
    if not usage_credits:
        return None
    return Charged(
        cost_microcredits=ended.cost_microcredits, remaining_microcredits=ended.spendable_microcredits
    )


async def write_json(context: Context, call: Call, *pieces: bytes) -> None:
    await _begin(context, call)
    for piece in pieces:
        await context.write(HttpBody(content_type=JSON, data=piece))


async def _begin(context: Context, call: Call) -> None:
    if headers := response_headers(call):
        await context.send_initial_metadata(headers)


async def _stream(run: Run, call: Call, context: Context, events: Events) -> None:
    keep_alive = KeepAlive(run.nudge)
    try:
        # A failure before the first token still has a status of its own, unless the model is silent for too long.
        event = await run.next()
        await _begin(context, call)
        call.is_streaming = True
        written = events.start()
        while not isinstance(event, Ended):
            written += b"".join(map(events.delta, event)) if event else events.silence
            if written:
                await context.write(HttpBody(content_type=EVENT_STREAM, data=written))
                keep_alive.wrote()
            written = b""
            event = await run.next()
    finally:
        keep_alive.close()
    written += events.end(event)
    await context.write(HttpBody(content_type=EVENT_STREAM, data=written))
