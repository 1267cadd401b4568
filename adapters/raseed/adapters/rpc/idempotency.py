"""The header `Idempotency-Key`, in HTTP as in gRPC metadata, and the one that says that an answer is not new."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from raseed.adapters.rpc.call import Call, current_call
from raseed.core.errors import RequestInvalid
from raseed.core.idempotency import BILLING_TTL_S, INFERENCE_TTL_S, Asked, Idempotency, checked_key
from raseed.core.ids import AccountId
from raseed.core.inference.keyed import Answer

KEY_HEADER = "idempotency-key"
REPLAY_HEADERS = (("idempotency-hit", "true"),)
"""On the answer to a request that was answered before under the same key."""
ONE_ID = "Send request_id or the metadata idempotency-key, not both."

Context = grpc.aio.ServicerContext[Any, Any]


Response = TypeVar("Response", bound=Message)


def asked_of(call: Call, content: bytes | Message, request_id: str = "") -> Asked | None:
    """What an inference call asks under a key, or under a `request_id` that means the same; None without one.

    Raises RequestInvalid for a key that is none, and for both.
    """
    key = call.metadata.get(KEY_HEADER)
    if request_id:
        if key is not None:
            raise RequestInvalid(ONE_ID, param="request_id")
        key = request_id
    return None if key is None else _asked(call, key, call.caller.account_id, content, INFERENCE_TTL_S)


def body_of(answer: Answer, call: Call) -> bytes:
    """The answer as it was encoded. Raises the error that it is."""
    call.is_replay = answer.is_replay
    if answer.result.error is not None:
        raise answer.result.error
    return answer.result.body


def replay_headers(call: Call) -> tuple[tuple[str, str], ...]:
    return REPLAY_HEADERS if call.is_replay else ()


async def announce_replay(context: Context, answer: Answer) -> None:
    """To a native caller, before its answer."""
    if answer.is_replay:
        await context.send_initial_metadata(REPLAY_HEADERS)


async def once(
    idempotency: Idempotency,
    account_id: AccountId,
    request: Any,
    context: Context | None,
    work: Callable[[str], Awaitable[Response]],
    kind: type[Response],
) -> Response:
    """A billing mutation, under its key if it has one. `work` is idempotent by the id that it is given.

    Without a key, and in a call from this process, that is the request's own `request_id`. Raises RequestInvalid for
    both.
    """
    key = None if context is None else current_call().metadata.get(KEY_HEADER)
    if context is None or key is None:
        return await work(request.request_id)
    if request.request_id:
        raise RequestInvalid(ONE_ID, param="request_id")

    async def encoded(request_id: str) -> bytes:
        return (await work(request_id)).SerializeToString()

    asked = _asked(current_call(), key, account_id, request, BILLING_TTL_S)
    body, was_kept = await idempotency.once(asked, encoded)
    if was_kept:
        await context.send_initial_metadata(REPLAY_HEADERS)
    return kind.FromString(body)


def _asked(call: Call, key: str, account_id: AccountId, content: bytes | Message, ttl_s: int) -> Asked:
    sent = content if isinstance(content, bytes) else content.SerializeToString(deterministic=True)
    return Asked(
        account_id=account_id,
        route=call.method,
        key=checked_key(key),
        content=hashlib.sha256(sent).digest(),
        ttl_s=ttl_s,
    )
