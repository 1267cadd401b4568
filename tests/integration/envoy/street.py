"""A shop with an emulated bank behind Envoy, and people who sign up and buy there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import aiohttp
import grpc
import pytest
from tests.emulators.myfatoorah.emulator import SECRET, TOKEN, MyFatoorah
from tests.emulators.server import serve
from tests.integration.envoy.edge import run_edge
from tests.support.mailbox import code_sent
from tests.support.worker import Worker, running_worker

from raseed.app.ports import free_ports

PACK = {"kind": "pack", "id": "pack_5000"}
CHECKOUT, PAYMENTS, METHODS = (f"/api/billing/{name}" for name in ("checkout", "payments", "payment-methods"))
NUMBERS = count(100)
KEYS = count(1)


@dataclass
class Street:
    """A shop, its bank and its customers."""

    worker: Worker
    bank: MyFatoorah
    http: aiohttp.ClientSession
    url: str
    channel: grpc.aio.Channel

    async def customer(self, phone: str = "") -> dict[str, str]:
        """Headers of somebody who signed up a moment ago."""
        phone = phone or f"+965501{next(NUMBERS):03}99"
        async with self.http.post("/api/auth/start", json={"phone": phone}) as response:
            started = await response.json()
        code = await asyncio.to_thread(code_sent, self.worker.home.outbox, phone)
        verify = {"challenge_id": started["challenge_id"], "code": code, "terms_version": "2026-03"}
        async with self.http.post("/api/auth/verify", json=verify) as response:
            assert response.status == 200, await response.text()
            entered = await response.json()
        return {"authorization": f"Bearer {entered['session_token']}"}

    async def order(self, by: dict[str, str], key: str = "", **body: Any) -> dict[str, Any]:
        key = key or f"order-{next(KEYS)}"
        async with self.http.post(
            CHECKOUT, json={"item": PACK} | body, headers=by | {"idempotency-key": key}
        ) as response:
            assert response.status == 201, await response.text()
            return dict(await response.json())

    async def payment(self, by: dict[str, str], id_: str) -> dict[str, Any]:
        async with self.http.get(f"{PAYMENTS}/{id_}", headers=by) as response:
            assert response.status == 200
            return dict(await response.json())

    async def receipts(self, by: dict[str, str], payment_id: str) -> list[dict[str, Any]]:
        async with self.http.get(
            "/api/billing/receipts", params={"payment": payment_id}, headers=by
        ) as response:
            assert response.status == 200
            return list((await response.json())["data"])

    async def balance(self, by: dict[str, str]) -> float:
        async with self.http.get("/api/billing/subscription", headers=by) as response:
            return float((await response.json())["credits"]["balance"])

    async def decide(self, url: str, action: str) -> str:
        """On the bank's page: the address that the browser is sent to."""
        async with self.http.post(
            url, data={"action": action, "method": "kn"}, allow_redirects=False
        ) as response:
            assert response.status == 303, await response.text()
            return response.headers["location"]


@asynccontextmanager
async def open_street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    [port] = free_ports(1)
    bank = MyFatoorah(allows_localhost=True)
    async with serve(bank) as bank_url:
        environ: dict[str, Any] = {
            "RASEED_MYFATOORAH_TOKEN": TOKEN,
            "RASEED_MYFATOORAH_WEBHOOK_SECRET": SECRET,
            "RASEED_MYFATOORAH_URL": bank_url,
            "RASEED_PORT": str(port),
            "RASEED_SIGN_IN_SENDS_FROM_ADDRESS_PER_10_MINUTES": "1000",
            "RASEED_SIGN_IN_SENDS_FROM_ADDRESS_PER_DAY": "1000",
            "RASEED_SIGN_IN_SENDS_TO_NEIGHBOURS_PER_10_MINUTES": "1000",
        }
        async with (
            running_worker(tmp_path_factory.mktemp("worker"), **environ) as worker,
            run_edge(
                tmp_path_factory.mktemp("edge"), [int(worker.address.rsplit(":", 1)[1])], port=port
            ) as edge,
            aiohttp.ClientSession(edge.url) as http,
            grpc.aio.insecure_channel(edge.address) as channel,
        ):
            bank.served.courier.url = f"{edge.url}/webhooks/myfatoorah"
            yield Street(worker, bank, http, edge.url, channel)
