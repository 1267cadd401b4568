"""Responses of two workers on one database: what one runs, the other shows, follows and cancels."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from sqlalchemy import func, select
from tests.support.postgres import shared_server
from tests.support.worker import Client, Worker, running_worker

from raseed.adapters.rpc.peers import PeerClients
from raseed.adapters.sql.content_tables import content_items
from raseed.adapters.sql.instances import begin_life
from raseed.core.billing.model import BalanceView
from raseed.core.billing.service import Owner
from raseed.core.content.ports import ContentKind
from raseed.core.errors import CapacityError
from raseed.core.ids import AccountId
from raseed.core.responses.model import Keeper, ResponseId
from raseed.rest.v1 import responses_pb2 as pb
from raseed.rest.v1 import responses_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW = "#script tokens=400 pace_ms=5"
SLOW_COST = 1 + len(SLOW) // 4
NUMBERS = count(1)
WAIT_S = 60.0
POLL_S = 0.02


@dataclass(frozen=True)
class Api:
    """One client of one worker."""

    channel: grpc.aio.Channel
    metadata: tuple[tuple[str, str], ...]

    async def create(self, **fields: Any) -> Any:
        return json.loads(await self._only("CreateResponse", self._asking(fields)))

    async def refused(self, **fields: Any) -> tuple[int, Any]:
        call, [body] = await self._call("CreateResponse", self._asking(fields))
        return await status_of(call), json.loads(body)["error"]

    async def get(self, response_id: str) -> Any:
        return json.loads(await self._only("GetResponse", pb.GetResponseRequest(response_id=response_id)))

    async def status(self, response_id: str) -> int:
        """Of the answer to GET, as HTTP has it."""
        call, _ = await self._call("GetResponse", pb.GetResponseRequest(response_id=response_id))
        return await status_of(call)

    async def cancel(self, response_id: str) -> Any:
        request = pb.CancelResponseRequest(response_id=response_id)
        return json.loads(await self._only("CancelResponse", request))

    async def delete(self, response_id: str) -> None:
        await self._only("DeleteResponse", pb.DeleteResponseRequest(response_id=response_id))

    def reading(self, response_id: str, after: int = -1) -> Any:
        request = pb.GetResponseRequest(
            response_id=response_id, stream="true", starting_after="" if after < 0 else str(after)
        )
        return self.stub.GetResponse(request, metadata=self.metadata)

    async def events(self, response_id: str, after: int = -1) -> list[dict[str, Any]]:
        return events_of(b"".join([body.data async for body in self.reading(response_id, after)]))

    async def over(self, response_id: str) -> Any:
        """The response when it is."""
        async with asyncio.timeout(WAIT_S):
            while True:
                found = await self.get(response_id)
                if found["status"] not in {"queued", "in_progress"}:
                    return found
                await asyncio.sleep(POLL_S)

    @property
    def stub(self) -> Any:
        return responses_pb2_grpc.ResponsesRestServiceStub(self.channel)

    def with_key(self, key: str) -> Api:
        return Api(self.channel, (*self.metadata, ("idempotency-key", key)))

    def _asking(self, fields: dict[str, Any]) -> pb.CreateResponseRequest:
        body = json.dumps({"model": "scripted"} | fields).encode()
        return pb.CreateResponseRequest(body=HttpBody(data=body))

    async def _call(self, method: str, request: Any) -> tuple[Any, list[bytes]]:
        call = getattr(self.stub, method)(request, metadata=self.metadata)
        return call, [body.data async for body in call]

    async def _only(self, method: str, request: Any) -> bytes:
        call, [body] = await self._call(method, request)
        assert await status_of(call) == 200, body
        return body


async def status_of(call: Any) -> int:
    return int(dict(await call.initial_metadata()).get("x-http-status", "200"))


def events_of(sent: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in sent.split(b"\n") if line.startswith(b"data: ")]


@dataclass(frozen=True)
class Team:
    workers: list[Worker]

    async def apis(self, credit: int = 10_000) -> tuple[Client, Api, Api]:
        """An account, and its way to each worker."""
        client = await self.workers[0].client(f"responses-{next(NUMBERS)}", credit)
        here, there = [Api(worker.channel, client.metadata) for worker in self.workers]
        return client, here, there

    async def left(self, client: Client) -> int:
        """Whole credits, when nothing is held any more."""
        return (await self._balance(client, is_held=False)).spendable_microcredits // 1_000_000

    async def holds(self, client: Client) -> None:
        """Until something is."""
        await self._balance(client, is_held=True)

    async def _balance(self, client: Client, *, is_held: bool) -> BalanceView:
        ledger, account = self.workers[0].platform.ledger, AccountId(client.account)
        async with asyncio.timeout(WAIT_S):
            while True:
                balance = await ledger.balance(account)
                assert balance is not None
                if bool(balance.held_microcredits) == is_held:
                    return balance
                await asyncio.sleep(POLL_S)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Team]:
    folder = tmp_path_factory.mktemp("responses")
    url = await shared_server().borrow_database()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(shared_server().give_back, url)
        yield Team(
            [
                await stack.enter_async_context(
                    running_worker(folder, instance=f"core-{number}", RASEED_DATABASE_URL=url)
                )
                for number in range(2)
            ]
        )


async def test_a_response_in_the_background_is_everywhere(team: Team) -> None:
    client, here, there = await team.apis()
    begun = await here.create(input=SLOW, background=True)
    assert begun["status"] in {"queued", "in_progress"}
    assert (await there.get(begun["id"]))["status"] == "in_progress"
    from_here, from_there = await asyncio.gather(here.events(begun["id"]), there.events(begun["id"]))
    assert from_here == from_there
    assert [event["sequence_number"] for event in from_here] == list(range(len(from_here)))
    assert [event["type"] for event in from_here[:3]] == [
        "response.created",
        "response.queued",
        "response.in_progress",
    ]
    whole = from_here[-1]["response"]
    assert (whole["status"], whole["usage"]["output_tokens"]) == ("completed", 400)
    assert await here.get(begun["id"]) == await there.get(begun["id"]) == whole
    assert await team.left(client) == 10_000 - whole["usage"]["total_tokens"]
    # Read again, also from the middle, it is the same.
    assert await there.events(begun["id"], after=7) == from_here[8:]


async def test_a_stream_goes_on_without_its_reader_and_is_resumed_elsewhere(team: Team) -> None:
    _, here, there = await team.apis()
    call = here.stub.CreateResponse(
        here._asking({"input": SLOW, "background": True, "stream": True}), metadata=here.metadata
    )
    seen: list[dict[str, Any]] = []
    async for body in call:
        seen += events_of(body.data)
        if len(seen) > 20:
            break
    call.cancel()
    response_id = seen[0]["response"]["id"]
    rest = await there.events(response_id, after=seen[-1]["sequence_number"])
    assert [event["sequence_number"] for event in seen + rest] == list(range(len(seen + rest)))
    assert rest[-1]["type"] == "response.completed"
    deltas = [event["delta"] for event in seen + rest if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == rest[-1]["response"]["output"][0]["content"][0]["text"]


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_response_is_cancelled_at_any_worker(team: Team, *, elsewhere: bool) -> None:
    """What was generated is charged, its followers are told, and to cancel it again changes nothing."""
    client, here, there = await team.apis()
    begun = await here.create(input="#script tokens=100000 pace_ms=5", background=True)
    reading = asyncio.create_task(there.events(begun["id"]))
    await team.holds(client)
    api = there if elsewhere else here
    stopped = await api.cancel(begun["id"])
    assert stopped["status"] == "cancelled"
    assert await api.cancel(begun["id"]) == stopped
    assert await there.get(begun["id"]) == stopped
    last = (await reading)[-1]
    assert (last["type"], last["response"]["status"]) == ("response.failed", "cancelled")
    assert 10_000 - 5_000 < await team.left(client) < 10_000


async def test_what_has_ended_or_has_a_reader_is_not_cancelled(team: Team) -> None:
    _, here, there = await team.apis()
    done = await here.over((await here.create(input="hi", background=True))["id"])
    assert (await there.cancel(done["id"]))["status"] == "completed"
    whole = await here.create(input="hi")
    call, [body] = await there._call("CancelResponse", pb.CancelResponseRequest(response_id=whole["id"]))
    assert await status_of(call) == 400
    assert json.loads(body)["error"]["message"] == "Cannot cancel a synchronous response."


async def test_one_that_is_running_is_deleted_at_any_worker(team: Team) -> None:
    client, here, there = await team.apis()
    begun = await here.create(input="#script tokens=100000 pace_ms=5", background=True)
    reading = asyncio.create_task(here.events(begun["id"]))
    await team.holds(client)
    await there.delete(begun["id"])
    last = (await reading)[-1]  # its reader is told, by an error or by the end that he was just in time for
    assert last.get("type") == "response.failed" or last["error"]["message"].endswith("not found.")
    assert [await api.status(begun["id"]) for api in (here, there)] == [404, 404]
    await team.left(client)  # nothing is held any more


async def test_a_key_names_one_response(team: Team) -> None:
    client, here, there = await team.apis()
    asking = [api.with_key("k").create(input=SLOW, background=True) for api in (here, there) * 4]
    begun = await asyncio.gather(*asking)
    assert len({one["id"] for one in begun}) == 1
    done = await there.over(begun[0]["id"])
    assert await here.with_key("k").create(input=SLOW, background=True) == done
    assert await team.left(client) == 10_000 - done["usage"]["total_tokens"]
    status, error = await there.with_key("k").refused(input="other", background=True)
    assert (status, error["code"]) == (422, "idempotency_key_reused")


async def test_what_is_refused_is_refused_at_once_and_leaves_nothing(team: Team) -> None:
    client, here, _ = await team.apis(credit=1)
    keyed = here.with_key("k")
    status, error = await keyed.refused(input=SLOW, background=True)
    assert (status, error["code"]) == (402, 402)
    status, error = await keyed.refused(input=SLOW, background=True)
    assert status == 402  # the key is free: it was asked again
    assert await kept_items(team, client) == 0


async def test_a_failure_is_told_by_the_record(team: Team) -> None:
    client, here, there = await team.apis()
    begun = await here.create(input="#script tokens=9 fail_at=3 pace_ms=20", background=True)
    failed = await there.over(begun["id"])
    assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")
    assert failed["output"][0]["content"][0]["text"] == "alpha beta gamma "
    assert await team.left(client) < 10_000


async def test_a_response_of_a_worker_that_began_another_life_has_failed(team: Team) -> None:
    """Whoever looks at it finds that; what its worker would still write comes too late."""
    client, here, there = await team.apis()
    begun = await here.create(input=SLOW, background=True)
    database = team.workers[0].platform.database
    for _ in range(2):
        await database.write(lambda connection: begin_life(connection, "core-0", database.clock.now()))
    lost = await there.get(begun["id"])
    assert (lost["status"], lost["output"]) == ("failed", [])
    await team.left(client)  # the worker lives, in truth, and ends its run
    assert await there.get(begun["id"]) == lost
    assert (await there.events(begun["id"]))[-1]["response"] == lost


async def test_a_response_continues_one_of_the_other_kind(team: Team) -> None:
    """And of another worker."""
    _, here, there = await team.apis()
    first = await here.over((await here.create(input="one", background=True))["id"])
    second = await there.create(input="two", previous_response_id=first["id"])
    third = await here.over(
        (await here.create(input="three", previous_response_id=second["id"], background=True))["id"]
    )
    assert third["usage"]["input_tokens"] == 5 * 2 + 1
    status, error = await there.refused(input="x", previous_response_id="resp_none", background=True)
    assert (status, error["param"]) == (404, "previous_response_id")


async def test_a_long_conversation_lies_in_parts(team: Team) -> None:
    client, here, there = await team.apis(credit=1_000_000)
    text = "word " * 50_000
    whole = await here.create(input=text)
    assert await there.get(whole["id"]) == whole
    assert await kept_items(team, client) > 4
    await there.delete(whole["id"])
    assert await kept_items(team, client) == 0


async def test_what_cannot_be_stored_is_answered_and_says_so(team: Team) -> None:
    _, here, _ = await team.apis(credit=1_000_000)
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 9_000_000}
    too_long = [{"role": "user", "content": [image]}]
    whole = await here.create(input=too_long)
    assert (whole["status"], whole["store"]) == ("completed", False)
    assert await here.status(whole["id"]) == 404
    status, error = await here.refused(input=too_long, background=True)
    assert (status, error["code"]) == (413, "content_too_large")


async def test_only_workers_ask_workers(team: Team) -> None:
    """The internal port answers nobody without the token."""
    client, here, _ = await team.apis()
    begun = await here.create(input=SLOW, background=True)
    store = team.workers[0].platform.content
    item = await store.get(AccountId(client.account), ContentKind.RESPONSE, begun["id"])
    assert item is not None
    address = json.loads(item.data.partition(b"\n")[2])["response"]["keeper"]["address"]
    stranger = PeerClients("guess")
    try:
        with pytest.raises(CapacityError):
            await stranger.cancel(
                Keeper(owner=Owner("core-0", 1), address=address),
                AccountId(client.account),
                ResponseId(begun["id"]),
            )
    finally:
        await stranger.close()
    assert (await here.over(begun["id"]))["status"] == "completed"


async def kept_items(team: Team, client: Client) -> int:
    query = select(func.count()).where(content_items.c.account_id == client.account)
    return await team.workers[0].platform.database.read(lambda connection: connection.scalar(query) or 0)
