"""Turns every failure into the caller's own protocol. Nothing that is not in the error tree reaches a caller."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody

from raseed.adapters.rpc.call import ANTHROPIC_PREFIX, Behavior, Call, current_call
from raseed.adapters.rpc.idempotency import replay_headers
from raseed.adapters.rpc.interceptors.chain import Wrap
from raseed.adapters.rpc.response_headers import limit_headers
from raseed.adapters.rpc.status import to_status
from raseed.adapters.sql.ports import DatabaseUnavailable
from raseed.adapters.telemetry.log import log
from raseed.adapters.wire.anthropic import errors as anthropic
from raseed.adapters.wire.http_error import CONTENT_TYPE, HttpError
from raseed.adapters.wire.openai import errors as openai
from raseed.adapters.wire.openai.chat_stream import CONTENT_TYPE as EVENT_STREAM
from raseed.adapters.wire.openai.errors import CreditShortage
from raseed.core.errors import CapacityError, RaseedError


def errors(credit_shortage: CreditShortage) -> Wrap:
    """`credit_shortage` is how a lack of credit is told to REST clients."""

    def wrap(_method: str, behavior: Behavior) -> Behavior:
        async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            try:
                return await behavior(request, context)
            except grpc.aio.AbortError:
                raise  # the status is already set; AbortError is an Exception, so it must be let through first
            except RaseedError as error:
                await _refuse(context, error, credit_shortage)
            except grpc.aio.InternalError:
                return None  # the peer has gone; raising it again only logs it once more
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise  # this call was cancelled
                # A stray one, from an upstream call: unanswered it would hang the client until its deadline.
                stray = CapacityError("The request was interrupted. Please try again.")
                await _refuse(context, stray, credit_shortage)
            except DatabaseUnavailable as error:
                call = current_call()
                log.error("database", request_id=call.request_id, method=call.method, exc_info=error)
                away = CapacityError("The service cannot reach its database. Please try again.")
                await _refuse(context, away, credit_shortage)
            except Exception as error:  # noqa: BLE001 - the wall: unhandled, its text would go to the client
                call = current_call()
                log.error("unexpected", request_id=call.request_id, method=call.method, exc_info=error)
                unexpected = RaseedError(f"Internal error. The request id is {call.request_id}.")
                await _refuse(context, unexpected, credit_shortage)

        return guarded

    return wrap


async def _refuse(
    context: grpc.aio.ServicerContext[Any, Any], error: RaseedError, credit_shortage: CreditShortage
) -> None:
    call = current_call()
    if not call.is_rest:
        status = to_status(error)
        await context.abort(status.code, status.details, (*status.trailing_metadata, *limit_headers(call)))
    if call.is_streaming:
        if call.failure_line is not None:
            await context.write(HttpBody(data=call.failure_line(error)))
        else:
            last = _last_event(call, error, credit_shortage)
            # Its type counts where nothing that could be shown came before it.
            await context.write(HttpBody(content_type=EVENT_STREAM, data=last))
        return
    # Envoy's filter turns `x-http-status` into the status line.
    face = _face(call, error, credit_shortage)
    call.http_status = face.status
    await context.send_initial_metadata(
        (
            ("x-http-status", str(face.status)),
            ("request-id" if call.reads_anthropic else "x-request-id", call.request_id),
            *face.headers,
            *replay_headers(call),
            *limit_headers(call),
        )
    )
    await context.write(HttpBody(content_type=CONTENT_TYPE, data=face.body))


def _face(call: Call, error: RaseedError, credit_shortage: CreditShortage) -> HttpError:
    if call.reads_anthropic:
        return anthropic.encode_error(error, request_id=call.request_id)
    return openai.encode_error(error, request_id=call.request_id, credit_shortage=credit_shortage)


def _last_event(call: Call, error: RaseedError, credit_shortage: CreditShortage) -> bytes:
    if call.method.startswith(ANTHROPIC_PREFIX):
        return anthropic.encode_stream_error(error, request_id=call.request_id)
    return openai.encode_stream_error(error, request_id=call.request_id, credit_shortage=credit_shortage)
