"""The local models: the Triton backend, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from raseed.adapters.triton.backend import TritonModelBackend, read_model
from raseed.adapters.triton.client import TritonClient, TritonClientSettings
from raseed.adapters.triton.prompt import EncodingPool
from raseed.adapters.triton.repository import list_models
from raseed.app.share import share_path
from raseed.core.inference.admission import Slots
from raseed.core.inference.routing import Route


@asynccontextmanager
async def open_triton_route(address: str, slots: Slots) -> AsyncIterator[Route]:
    """Every model of this installation, on the Triton at `address`."""
    pool = EncodingPool()
    try:
        models = share_path("triton_models")
        backend = TritonModelBackend(
            TritonClient(TritonClientSettings(address=address)),
            [read_model(models / name, pool) for name in list_models(models)],
        )
        try:
            yield Route(backend, slots)
        finally:
            await backend.close()
    finally:
        pool.close()
