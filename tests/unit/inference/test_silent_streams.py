"""A server-sent stream is never silent for more than 15 s once its model was called, and keeps its status until then."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from tests.support.desk import Desk
from tests.support.hand_backend import finish, piece
from tests.unit.billing.builders import ALICE, place, settle

from raseed.adapters.rpc.call import Call, enter_call
from raseed.adapters.rpc.forms import Forms
from raseed.adapters.rpc.interceptors.errors import errors
from raseed.adapters.rpc.keep_alive import SILENCE_S
from raseed.adapters.rpc.rest.openai import OpenAIServicer
from raseed.adapters.wire.openai.chat_stream import DONE, KEEP_ALIVE
from raseed.core.accounts.model import Caller, Tier
from raseed.core.errors import BackendUnavailable
from raseed.rest.v1 import rest_pb2

METHOD = "/raseed.rest.v1.OpenAIService/CreateChatCompletion"
UNAVAILABLE = BackendUnavailable("Down.", retry_after_s=1)


class Reader:
    """The client's side of one call: what came, and when."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.events: list[bytes] = []
        self.times: list[float] = []

    def time_remaining(self) -> float | None:
        return None

    async def send_initial_metadata(self, metadata: Any) -> None:
        self.metadata = dict(metadata)

    async def write(self, message: HttpBody) -> None:
        self.events.append(message.data)
        self.times.append(asyncio.get_running_loop().time())


def ask(desk: Desk, *, max_tokens: int = 100) -> tuple[Reader, asyncio.Task[Any]]:
    keyed: Any = None  # without an idempotency key nobody asks it
    servicer = OpenAIServicer(desk.inference, keyed, Forms())
    body = {"model": "hand", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    request = rest_pb2.CreateChatCompletionRequest(
        body=HttpBody(data=json.dumps({**body, "max_tokens": max_tokens}).encode())
    )
    reader = Reader()
    context: Any = reader

    async def serve() -> None:
        call = Call(method=METHOD, metadata={}, request_id="req_x")
        call.caller = Caller(account_id=ALICE, api_key_id=None, tier=Tier.FREE)
        enter_call(call)
        await errors("payment_required")(METHOD, servicer.CreateChatCompletion)(request, context)

    return reader, asyncio.create_task(serve())


async def test_a_silent_model_is_bridged_by_comments(hand_desk, hand):
    reader, call = ask(hand_desk)
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(100)
    hand.generation.say(piece(1, "a"))
    await asyncio.sleep(40)
    hand.generation.say(piece(2, "b"), finish(2))
    await call
    assert max(later - one for one, later in pairwise([began, *reader.times])) <= SILENCE_S
    assert b'"role":"assistant"' in reader.events[0]
    assert reader.events[0].endswith(KEEP_ALIVE)
    assert reader.events.count(KEEP_ALIVE) > 5
    chunks = [event.removesuffix(KEEP_ALIVE) for event in reader.events if event != KEEP_ALIVE]
    assert [b'"content":"a"' in chunk for chunk in chunks] == [False, True, False, False]
    assert b'"content":"b"' in chunks[2]
    assert chunks[3].endswith(DONE)


async def test_a_quick_stream_has_no_comment(hand_desk, hand):
    reader, call = ask(hand_desk)
    for tokens in range(1, 40):
        await asyncio.sleep(1)
        hand.generation.say(piece(tokens))
    hand.generation.say(finish(39))
    await call
    assert KEEP_ALIVE not in b"".join(reader.events)


async def test_an_engine_that_refuses_soon_still_has_its_status(hand_desk, hand):
    reader, call = ask(hand_desk)
    await asyncio.sleep(SILENCE_S / 2 - 1)
    hand.generation.say(UNAVAILABLE)
    await call
    assert reader.metadata["x-http-status"] == "503"


async def test_an_engine_that_fails_after_a_comment_says_so_in_the_stream(hand_desk, hand):
    reader, call = ask(hand_desk)
    await asyncio.sleep(SILENCE_S + 1)
    assert reader.events[-1].endswith(KEEP_ALIVE)
    hand.generation.say(UNAVAILABLE)
    await call
    assert "x-http-status" not in reader.metadata
    assert b'data: {"error":{' in reader.events[-1]


async def test_what_is_not_admitted_is_never_a_stream(hand_desk, hand, ledger):
    """However long counting the prompt takes: a lack of credit is still a 402."""
    await ledger.inner.submit([place("spent", 10_000), settle("spent", 10_000)])
    hand.prepare_gate.clear()
    reader, call = ask(hand_desk)
    await asyncio.sleep(4 * SILENCE_S)
    assert reader.events == []
    hand.prepare_gate.set()
    await call
    assert reader.metadata["x-http-status"] == "402"
