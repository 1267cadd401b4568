"""The examples of the documentation, run as a reader runs them."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from tests.support.worker import Client, Worker

from raseed.billing.v1 import billing_pb2, billing_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


async def run(worker: Worker, client: Client, *arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of the metering client."""
    [(_, bearer)] = client.metadata
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / "metering_client.py"),
        "--address",
        worker.address,
        *arguments,
        env={
            **os.environ,
            "RASEED_API_KEY": bearer.removeprefix("Bearer "),
            "PYTHONPATH": ":".join(sys.path),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def left(worker: Worker, client: Client) -> tuple[float, int]:
    """Spendable credits, and what is held."""
    stub = billing_pb2_grpc.BillingServiceStub(worker.channel)
    answer = await stub.GetBalance(billing_pb2.GetBalanceRequest(), metadata=client.metadata)
    return answer.balance_microcredits / 1_000_000, answer.held_microcredits


async def test_the_metering_client(worker, new_client):
    rich = await new_client(100, ("metering:write",))
    poor = await new_client(6, ("metering:write",))
    unscoped = await new_client(100)
    (paid, short, refused) = await asyncio.gather(
        run(worker, rich, "--images", "3", "--request-id", "r"),
        run(worker, poor, "--images", "3"),
        run(worker, unscoped),
    )
    assert (paid[0], paid[1].splitlines()[-1]) == (0, "charged 7.5, left 92.5")
    assert (short[0], short[1].splitlines()) == (
        0,
        ["image 1: a blank canvas", "image 2: a blank canvas", "charged 5, left 1"],
    )
    assert (refused[0], refused[2]) == (
        1,
        "PERMISSION_DENIED: This API key lacks the scope `metering:write`.\n",
    )
    again = await run(worker, rich, "--images", "3", "--request-id", "r")
    assert again == (0, "paid before\n", "")
    assert await left(worker, rich) == (92.5, 0)
    assert await left(worker, poor) == (1, 0)
