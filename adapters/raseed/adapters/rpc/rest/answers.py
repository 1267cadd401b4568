"""How the routes that ask a model answer: whole as JSON, or piece by piece as server-sent events; under a key once."""

from __future__ import annotations

from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.call import Call, current_call
from raseed.adapters.rpc.forms import Events, Form
from raseed.adapters.rpc.idempotency import asked_of, body_of
from raseed.adapters.rpc.keep_alive import KeepAlive
from raseed.adapters.rpc.response_headers import response_headers
from raseed.adapters.wire.http_error import CONTENT_TYPE as JSON
from raseed.adapters.wire.openai.chat_stream import CONTENT_TYPE as EVENT_STREAM
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Ended, Run, read_whole
from raseed.core.inference.service import InferenceService

Context = grpc.aio.ServicerContext[Any, Any]


class Answers:
    """One for each servicer."""

    def __init__(self, inference: InferenceService, keyed: KeyedChat) -> None:
        self._inference = inference
        self._keyed = keyed

    async def answer(self, form: Form, body: bytes, context: Context) -> None:
        """`body` is what the form was read from: what an idempotency key stands for."""
        call = current_call()
        asked = asked_of(call, body)
        if asked is None:
            run = self._inference.start_run(
                call.caller, form.request, stream=form.stream, timeout_s=context.time_remaining()
            )
        elif form.stream:
            run = await self._keyed.start_stream(
                call.caller, form.request, asked, context.time_remaining(), form.id_prefix
            )
        else:

            async def encode(run: Run, pieces: list[Delta], ended: Ended) -> bytes:
                return b"".join(form.whole(run, pieces, ended))

            answer = await self._keyed.answer(call.caller, form.request, asked, encode, form.id_prefix)
            await write_json(context, call, body_of(answer, call))
            return
        try:
            if form.stream:
                await _stream(run, call, context, form.events(run))
            else:
                pieces, ended = await read_whole(run)
                await write_json(context, call, *form.whole(run, pieces, ended))
        finally:
            run.abandon()  # does nothing to a run that has ended


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
