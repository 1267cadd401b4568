# ruff: noqa: T201  what it prints is for a terminal
"""A service that paints images and charges for them: credit is set aside first, and only what was painted is paid.

    raseed keys create ACCOUNT --scope metering:write
    RASEED_API_KEY=rsd_live_… python docs/examples/metering_client.py --images 3

Needs `grpcio` and the generated modules of `raseed.metering.v1`, which the package `raseed` contains.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from raseed.metering.v1 import metering_pb2 as pb
from raseed.metering.v1 import metering_pb2_grpc

CREDIT = 1_000_000
"""Amounts are micro-credits."""
PRICE = pb.Rate(meter="images", unit_price_microcredits=5 * CREDIT // 2)
"""2.5 credits an image. Without rates of its own, a service pays what the price list says of its model."""
LEASE_S = 30
"""A hold lives so long without news of us. If this program dies, what it said last is charged and the rest freed."""
ATTEMPTS = 5


class Painter:
    def __init__(self, channel: grpc.aio.Channel, key: str) -> None:
        self._metering = metering_pb2_grpc.MeteringServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {key}"),)

    async def paint(self, request_id: str, wanted: int, paint_one: Callable[[int], Awaitable[None]]) -> Any:
        """Paints up to `wanted` images, as many as the account can pay, and charges for them.

        With the same `request_id` it can be called again after any failure: nothing is charged twice. None if that work
        was finished before.
        """
        placed = await self._sent(
            self._metering.PlaceHold,
            pb.PlaceHoldRequest(
                request_id=request_id,
                model="painter",
                rates=[PRICE],
                min=_images(1),
                want=_images(wanted),
                lease_s=LEASE_S,
            ),
        )
        if not placed.is_open:
            return None
        affordable = placed.amount_microcredits // PRICE.unit_price_microcredits
        painted = 0
        try:
            for number in range(min(wanted, affordable)):
                await paint_one(number)
                painted += 1
                # Says what was used so far and renews the lease. `cover` would set more credit aside.
                await self._sent(
                    self._metering.ExtendHold,
                    pb.ExtendHoldRequest(request_id=request_id, used=_images(painted), lease_s=LEASE_S),
                )
        finally:
            if painted:
                request = pb.SettleHoldRequest(request_id=request_id, used=_images(painted))
                settled = await self._sent(self._metering.SettleHold, request)
            else:
                release = pb.ReleaseHoldRequest(request_id=request_id)
                settled = await self._sent(self._metering.ReleaseHold, release)
        return settled

    async def _sent(self, method: Any, request: Any) -> Any:
        """Sends a request until it is answered. Every method of MeteringService may be sent again unchanged."""
        for attempt in range(ATTEMPTS):
            try:
                return await method(request, metadata=self._metadata, timeout=10.0)
            except grpc.aio.AioRpcError as error:
                is_lost = error.code() in {
                    grpc.StatusCode.UNAVAILABLE,
                    grpc.StatusCode.DEADLINE_EXCEEDED,
                }
                if not is_lost or attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(0.1 * 2**attempt)
        raise AssertionError


def _images(count: int) -> list[pb.Quantity]:
    return [pb.Quantity(meter="images", quantity=count)]


async def main() -> int:
    parser = argparse.ArgumentParser(description="Paint images and pay for them.")
    parser.add_argument("--address", default="127.0.0.1:8080")
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--request-id", default=str(uuid.uuid4()), help="the same id pays once")
    arguments = parser.parse_args()

    async def paint_one(number: int) -> None:
        print(f"image {number + 1}: a blank canvas")

    async with grpc.aio.insecure_channel(arguments.address) as channel:
        painter = Painter(channel, os.environ["RASEED_API_KEY"])
        try:
            settled = await painter.paint(arguments.request_id, arguments.images, paint_one)
        except grpc.aio.AioRpcError as error:
            print(f"{error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    if settled is None:
        print("paid before")
        return 0
    print(f"charged {settled.cost_microcredits / CREDIT:g}, left {settled.balance_microcredits / CREDIT:g}")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
