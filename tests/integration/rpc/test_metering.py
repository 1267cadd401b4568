"""MeteringService: credit set aside and charged for what another service does."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from sqlalchemy import update
from tests.integration.rpc.conftest import AT_ONCE
from tests.support.worker import MICROCREDITS, Client, Worker, error_of, running_worker

from raseed.adapters.sql.ledger.tables import holds
from raseed.billing.v1 import billing_pb2, billing_pb2_grpc, usage_pb2
from raseed.core.billing.metering import OWNER
from raseed.core.ids import HoldId
from raseed.metering.v1 import metering_pb2 as pb
from raseed.metering.v1 import metering_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCOPE = ("metering:write",)
CREDIT_AN_IMAGE = pb.Rate(meter="images", unit_price_microcredits=MICROCREDITS)


def images(count: int) -> list[pb.Quantity]:
    return [pb.Quantity(meter="images", quantity=count)]


class Metering:
    """The service of a client: one method for each RPC."""

    def __init__(self, worker: Worker, client: Client) -> None:
        self._stub = metering_pb2_grpc.MeteringServiceStub(worker.channel)
        self._metadata = client.metadata

    async def place(self, request_id: str = "r", least: int = 1, want: Any = 10, **fields: Any) -> Any:
        """`want` is a number of images, or quantities."""
        defaults: dict[str, Any] = {
            "model": "painter",
            "rates": [CREDIT_AN_IMAGE],
            "min": images(least),
            "want": images(want) if isinstance(want, int) else want,
        }
        request = pb.PlaceHoldRequest(request_id=request_id, **(defaults | fields))
        return await self._stub.PlaceHold(request, metadata=self._metadata)

    async def extend(self, request_id: str = "r", cover: int = 0, used: int = 0, **fields: Any) -> Any:
        request = pb.ExtendHoldRequest(
            request_id=request_id,
            cover=images(cover) if cover else [],
            used=images(used) if used else [],
            **fields,
        )
        return await self._stub.ExtendHold(request, metadata=self._metadata)

    async def settle(self, request_id: str = "r", used: int = 0, **fields: Any) -> Any:
        request = pb.SettleHoldRequest(request_id=request_id, used=images(used), **fields)
        return await self._stub.SettleHold(request, metadata=self._metadata)

    async def release(self, request_id: str = "r") -> Any:
        return await self._stub.ReleaseHold(
            pb.ReleaseHoldRequest(request_id=request_id), metadata=self._metadata
        )


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_of(caught.value)


async def balance(worker: Worker, client: Client) -> tuple[int, int]:
    """Spendable and held credits."""
    stub = billing_pb2_grpc.BillingServiceStub(worker.channel)
    answer = await stub.GetBalance(billing_pb2.GetBalanceRequest(), metadata=client.metadata)
    return answer.balance_microcredits // MICROCREDITS, answer.held_microcredits // MICROCREDITS


@AT_ONCE
async def test_from_hold_to_charge(worker, new_client):
    client = await new_client(100, SCOPE)
    metering = Metering(worker, client)
    placed = await metering.place(want=10)
    assert placed.hold_id.startswith("hold_")
    assert placed.amount_microcredits == 10 * MICROCREDITS
    assert (placed.balance_microcredits, placed.is_open) == (90 * MICROCREDITS, True)
    grown = await metering.extend(cover=25, used=8)
    assert grown.amount_microcredits == 25 * MICROCREDITS
    assert grown.lease_until_us >= placed.lease_until_us
    settled = await metering.settle(used=12, latency_ms=1500)
    assert (settled.cost_microcredits, settled.shortfall_microcredits) == (12 * MICROCREDITS, 0)
    assert await balance(worker, client) == (88, 0)

    stub = billing_pb2_grpc.BillingServiceStub(worker.channel)
    [call] = (await stub.ListCalls(usage_pb2.ListCallsRequest(), metadata=client.metadata)).calls
    assert (call.id, call.model, call.outcome, call.latency_ms) == (
        placed.hold_id,
        "painter",
        "completed",
        1500,
    )
    report = await stub.QueryUsage(usage_pb2.QueryUsageRequest(), metadata=client.metadata)
    [today] = report.groups
    assert [(other.meter, other.quantity) for other in today.other_quantities] == [("images", 12)]


async def test_prices_of_the_price_list(worker, new_client):
    client = await new_client(100, SCOPE)
    placed = await Metering(worker, client).place(
        model="scripted", rates=[], min=[], want=[pb.Quantity(meter="output_tokens", quantity=7)]
    )
    assert placed.amount_microcredits == 7 * MICROCREDITS


@AT_ONCE
async def test_less_than_wanted_but_never_less_than_the_least(worker, new_client):
    client = await new_client(5, SCOPE)
    metering = Metering(worker, client)
    assert (await metering.place("a", least=2, want=50)).amount_microcredits == 5 * MICROCREDITS
    assert await refused(metering.place("b", least=2)) == ("RESOURCE_EXHAUSTED", "HELD_BY_OPEN_REQUESTS")
    assert await refused(metering.place("c", least=6)) == ("RESOURCE_EXHAUSTED", "INSUFFICIENT_CREDITS")
    assert await refused(metering.extend("a", cover=6)) == ("RESOURCE_EXHAUSTED", "INSUFFICIENT_CREDITS")


async def test_what_was_used_beyond_the_hold_is_not_charged(worker, new_client):
    client = await new_client(5, SCOPE)
    metering = Metering(worker, client)
    await metering.place(want=3)
    settled = await metering.settle(used=4)
    assert settled.cost_microcredits == 3 * MICROCREDITS
    assert settled.shortfall_microcredits == MICROCREDITS
    assert await balance(worker, client) == (2, 0)


@AT_ONCE
async def test_everything_can_be_sent_again(worker, new_client):
    client = await new_client(100, SCOPE)
    metering = Metering(worker, client)
    assert await metering.place(want=10) == await metering.place(want=10)
    for _ in range(2):
        assert (await metering.extend(cover=20)).amount_microcredits == 20 * MICROCREDITS
    assert await metering.settle(used=15) == await metering.settle(used=15)
    replayed = await metering.place(want=10)
    assert not replayed.is_open
    await metering.place("other")
    assert await metering.release("other") == await metering.release("other")
    assert await balance(worker, client) == (85, 0)


@AT_ONCE
async def test_many_at_once_hold_what_is_there_and_charge_it_once(worker, new_client):
    """As many as the balance pays for, and each of them, settled by three at once, once."""
    client = await new_client(100, SCOPE)
    metering = Metering(worker, client)
    placed = await asyncio.gather(
        *(metering.place(f"r{number}", least=10, want=10) for number in range(20)), return_exceptions=True
    )
    open_ids = [f"r{number}" for number, answer in enumerate(placed) if not isinstance(answer, Exception)]
    refusals = {error_of(answer) for answer in placed if isinstance(answer, grpc.aio.AioRpcError)}
    assert (len(open_ids), refusals) == (10, {("RESOURCE_EXHAUSTED", "HELD_BY_OPEN_REQUESTS")})
    settled = await asyncio.gather(*(metering.settle(id_, used=9) for id_ in open_ids * 3))
    assert {answer.cost_microcredits for answer in settled} == {9 * MICROCREDITS}
    assert await balance(worker, client) == (10, 0)


@AT_ONCE
async def test_an_id_is_for_one_thing(worker, new_client):
    metering = Metering(worker, await new_client(100, SCOPE))
    await metering.place(want=10)
    reused = ("ALREADY_EXISTS", "REQUEST_REUSED_WITH_OTHER_INPUT")
    assert await refused(metering.place(want=11)) == reused
    assert await refused(metering.place(model="other")) == reused
    await metering.settle(used=5)
    assert await refused(metering.settle(used=6)) == reused
    ended = ("FAILED_PRECONDITION", "HOLD_ALREADY_RESOLVED")
    assert await refused(metering.release()) == ended
    assert await refused(metering.extend(used=6)) == ended


async def test_another_accounts_holds_do_not_exist(worker, new_client):
    owner, stranger = await new_client(100, SCOPE), await new_client(100, SCOPE)
    await Metering(worker, owner).place("r")
    theirs = Metering(worker, stranger)
    unknown = ("NOT_FOUND", "HOLD_UNKNOWN")
    assert await refused(theirs.extend("r")) == unknown
    assert await refused(theirs.settle("r", used=1)) == unknown
    assert await refused(theirs.release("r")) == unknown
    await theirs.place("r", want=50)
    assert await balance(worker, owner) == (90, 10)


async def test_a_key_without_the_scope(worker, new_client):
    metering = Metering(worker, await new_client(100))
    for call in (metering.place(), metering.extend(), metering.settle(), metering.release()):
        assert await refused(call) == ("PERMISSION_DENIED", "SCOPE_MISSING")


@AT_ONCE
async def test_a_hold_that_nobody_extends_is_swept_at_what_was_used(worker, new_client):
    """Whoever sweeps: the owner of these holds is no worker."""
    client = await new_client(100, SCOPE)
    metering = Metering(worker, client)
    placed = await metering.place(want=30, lease_s=5)
    await metering.extend(used=4)
    hold = await worker.platform.ledger.hold(HoldId(placed.hold_id))
    assert hold is not None
    assert hold.owner_instance == OWNER
    found = await worker.platform.ledger.holds_to_sweep("core-0", 99)
    assert placed.hold_id not in {hold.id for hold in found}  # its lease runs

    def lapse(connection: Any) -> None:
        connection.execute(update(holds).where(holds.c.id == placed.hold_id).values(lease_until=1))

    await worker.platform.database.write(lapse)
    assert await worker.holds.sweep() == 1
    assert await balance(worker, client) == (96, 0)
    assert await refused(metering.settle(used=10)) == ("FAILED_PRECONDITION", "HOLD_ALREADY_RESOLVED")


@pytest.mark.parametrize(
    "fields",
    [
        {"request_id": ""},
        {"request_id": "x" * 65},
        {"request_id": "line\nbreak"},
        {"model": ""},
        {"model": "m" * 129},
        {"min": images(11)},
        {"min": [pb.Quantity(meter="dreams", quantity=1)]},
        {"min": [*images(1), *images(1)]},
        {"want": images(-1)},
        {"want": images(10**15)},
        {"rates": [CREDIT_AN_IMAGE, CREDIT_AN_IMAGE]},
        {"rates": [pb.Rate(meter="images", unit_price_microcredits=-1)]},
        {"rates": [pb.Rate(meter="images", unit_price_microcredits=1, per=-1)]},
        {"lease_s": 4},
        {"lease_s": 3601},
    ],
)
async def test_what_makes_no_sense_is_refused(worker, new_client, fields):
    client = await new_client(100, SCOPE)
    call = Metering(worker, client).place(**fields)
    assert await refused(call) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
    assert await balance(worker, client) == (100, 0)


async def test_without_a_price_nothing_is_held(tmp_path, new_client):
    async with running_worker(tmp_path, RASEED_SCRIPTED_ENABLED="false") as unpriced:
        client = await unpriced.client("someone", 100, SCOPE)
        call = Metering(unpriced, client).place(model="painter", rates=[])
        assert await refused(call) == ("FAILED_PRECONDITION", "PRICE_UNKNOWN")
