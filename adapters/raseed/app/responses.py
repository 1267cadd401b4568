"""The parts of responses, put together: their store, those of this worker, and the way to those of others."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from raseed.adapters.content.responses import ContentResponseStore
from raseed.adapters.rpc.peers import PeerClients, peers_server
from raseed.adapters.sql.instances import SqlLives
from raseed.app.bootstrap import Platform
from raseed.app.layout import Home
from raseed.app.lone_secrets import read_content_keys
from raseed.core.billing.service import Owner
from raseed.core.inference.estimate import Estimator
from raseed.core.inference.service import InferenceService
from raseed.core.limits.service import LimitService
from raseed.core.responses.asking import Asking
from raseed.core.responses.background import Background
from raseed.core.responses.live import LiveResponses
from raseed.core.responses.model import Keeper
from raseed.core.responses.service import ResponseService

LOOPBACK = "127.0.0.1"
STOP_GRACE_S = 0.5
"""At shutdown, for what other workers are being told."""


@dataclass(frozen=True, slots=True)
class Responses:
    service: ResponseService
    live: LiveResponses


@asynccontextmanager
async def open_responses(
    platform: Platform,
    home: Home,
    owner: Owner,
    *,
    inference: InferenceService,
    estimator: Estimator,
    limits: LimitService,
    timeout_s: float,
    report: Callable[[str, BaseException], None],
) -> AsyncIterator[Responses]:
    """Other workers are answered meanwhile."""
    store = ContentResponseStore(platform.content)
    live = LiveResponses(store, report)
    token = peers_token(read_content_keys(home))
    server, clients = peers_server(live, token), PeerClients(token)
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    await server.start()
    background = Background(
        inference=inference,
        limits=limits,
        ledger=platform.ledger,
        store=store,
        live=live,
        peers=clients,
        lives=SqlLives(platform.database),
        keeper=Keeper(owner=owner, address=f"{LOOPBACK}:{port}"),
        timeout_s=timeout_s,
        clock=platform.database.clock,
    )
    try:
        yield Responses(ResponseService(store, Asking(store, estimator), background), live)
    finally:
        await server.stop(STOP_GRACE_S)
        await clients.close()


def peers_token(content_keys: dict[int, bytes]) -> str:
    """What workers show each other. Who has the key of the content could read every response anyway."""
    newest = content_keys[max(content_keys)]
    return hmac.digest(newest, b"raseed peers", "sha256").hex()
