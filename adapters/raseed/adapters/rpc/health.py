"""Health of each service, from the dependencies it really has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from grpc_health.v1 import health_pb2
from grpc_health.v1.health import OVERALL_HEALTH
from grpc_health.v1.health import aio as health_aio

from raseed.core.inference.routing import Route

PROBE_INTERVAL_S = 1.0
"""Pause between two probes: a dependency that comes back is noticed within two seconds."""

INFERENCE = "raseed.inference.v1.InferenceService"
LEDGER_SERVICES = (
    "raseed.billing.v1.BillingService",
    "raseed.accounts.v1.AccountsService",
    "raseed.metering.v1.MeteringService",
)

SERVING: int = health_pb2.HealthCheckResponse.ServingStatus.Value("SERVING")
NOT_SERVING: int = health_pb2.HealthCheckResponse.ServingStatus.Value("NOT_SERVING")


class HealthMonitor:
    """Probes the database and the backends; `run` is owned by the worker.

    The worker as a whole ("") serves while the database does: without its model engine it still answers for
    balances and says 503 for models, so it must not be taken out of the balancer.
    """

    def __init__(self, database_is_ready: Callable[[], Awaitable[bool]], routes: Sequence[Route]) -> None:
        self.servicer = health_aio.HealthServicer()
        self._database_is_ready = database_is_ready
        self._routes = tuple(routes)

    async def run(self) -> None:
        while True:
            await self.probe()
            await asyncio.sleep(PROBE_INTERVAL_S)

    async def probe(self) -> None:
        database = await self._database_is_ready()
        engines = await asyncio.gather(*(route.backend.is_ready() for route in self._routes))
        await self._set(OVERALL_HEALTH, database)
        await self._set(INFERENCE, database and any(engines))
        for service in LEDGER_SERVICES:
            await self._set(service, database)

    async def _set(self, service: str, serving: bool) -> None:
        await self.servicer.set(service, SERVING if serving else NOT_SERVING)
