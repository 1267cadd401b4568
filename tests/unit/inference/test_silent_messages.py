"""A stream of Anthropic's is never silent for more than 15 s once its model was called."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from tests.support.desk import Desk
from tests.support.hand_backend import finish, piece
from tests.unit.billing.builders import ALICE

from raseed.adapters.rpc.call import ANTHROPIC_PREFIX, Call, enter_call
from raseed.adapters.rpc.forms import Forms
from raseed.adapters.rpc.interceptors.errors import errors
from raseed.adapters.rpc.keep_alive import SILENCE_S
from raseed.adapters.rpc.rest.anthropic import AnthropicServicer
from raseed.adapters.wire.anthropic.message_stream import PING
from raseed.core.accounts.model import Caller, Tier
from raseed.core.errors import BackendUnavailable
from raseed.rest.v1 import rest_pb2

METHOD = ANTHROPIC_PREFIX + "CreateMessage"


class Reader:
    """The client's side of one call."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.events: list[bytes] = []

    def time_remaining(self) -> float | None:
        return None

    async def send_initial_metadata(self, metadata: Any) -> None:
        self.metadata = dict(metadata)

    async def write(self, message: HttpBody) -> None:
        self.events.append(message.data)


def ask(desk: Desk) -> tuple[Reader, asyncio.Task[Any]]:
    nobody: Any = None  # without an idempotency key, and for an answer, nobody asks them
    servicer = AnthropicServicer(desk.inference, nobody, nobody, Forms())
    body = {
        "model": "hand",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
    }
    request = rest_pb2.CreateMessageRequest(body=HttpBody(data=json.dumps(body).encode()))
    reader = Reader()
    context: Any = reader

    async def serve() -> None:
        call = Call(method=METHOD, metadata={}, request_id="req_x")
        call.caller = Caller(account_id=ALICE, api_key_id=None, tier=Tier.FREE)
        enter_call(call)
        await errors("payment_required")(METHOD, servicer.CreateMessage)(request, context)

    return reader, asyncio.create_task(serve())


async def test_a_silent_model_is_bridged_by_pings(hand_desk, hand):
    """The first event already has the size of the prompt, though nothing was generated yet."""
    reader, call = ask(hand_desk)
    await asyncio.sleep(SILENCE_S * 6)
    assert reader.events[0].startswith(b"event: message_start")
    assert reader.events[0].endswith(PING)
    assert b'"input_tokens":3,' in reader.events[0]
    assert reader.events[1:] == [PING] * (len(reader.events) - 1)
    assert len(reader.events) > 2
    hand.generation.say(piece(1, "a"), finish(1))
    await call
    assert reader.events[-1].endswith(b'data: {"type":"message_stop"}\n\n')


async def test_an_engine_that_fails_after_a_ping_says_so_in_the_stream(hand_desk, hand):
    reader, call = ask(hand_desk)
    await asyncio.sleep(SILENCE_S + 1)
    hand.generation.say(BackendUnavailable("Down."))
    await call
    assert reader.metadata == {"request-id": "req_x"}
    assert reader.events[-1].startswith(b"event: error\n")


async def test_an_engine_that_refuses_soon_still_has_its_status(hand_desk, hand):
    reader, call = ask(hand_desk)
    await asyncio.sleep(1)
    hand.generation.say(BackendUnavailable("Down."))
    await call
    assert reader.metadata["x-http-status"] == "503"
    assert json.loads(reader.events[0])["request_id"] == reader.metadata["request-id"] == "req_x"
