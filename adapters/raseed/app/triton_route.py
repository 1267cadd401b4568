"""The local models: the Triton backend, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from raseed.adapters.triton.backend import TritonModelBackend, read_model
from raseed.adapters.triton.client import TritonClient, TritonClientSettings
from raseed.adapters.triton.embedding import TASK, TritonEmbedder, read_embedding_model
from raseed.adapters.triton.files import task_of
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
        folders = [models / name for name in list_models(models)]
        embedding = [folder for folder in folders if task_of(folder) == TASK]
        client = TritonClient(TritonClientSettings(address=address))
        embedder = TritonEmbedder(client, map(read_embedding_model, embedding), pool)
        backend = TritonModelBackend(
            client,
            [read_model(folder, pool) for folder in folders if folder not in embedding],
            embedder=embedder,
        )
        try:
            yield Route(backend, slots, embedder)
        finally:
            await backend.close()
    finally:
        pool.close()
