"""The versions of the catalogue on this machine's Triton: their owner, or the way to it, and the route to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from raseed.adapters.rpc.leases import RemoteOwner, leases_server
from raseed.adapters.telemetry.metrics import MODEL_LOAD_SECONDS, MODEL_MEMORY_BYTES
from raseed.adapters.triton.backend import TritonModel, read_model
from raseed.adapters.triton.client import TritonClient, TritonClientSettings
from raseed.adapters.triton.node import TritonNode
from raseed.adapters.triton.on_demand import OnDemandBackend
from raseed.adapters.triton.prompt import EncodingPool
from raseed.adapters.triton.version_folder import VersionFolders
from raseed.app.layout import Home, socket_address
from raseed.app.local_models import LocalModels, memory_budget
from raseed.app.settings.configuration import Configuration
from raseed.app.share import share_path
from raseed.app.stack import triton_python_env
from raseed.core.inference.admission import Slots
from raseed.core.inference.routing import Route
from raseed.core.jobs import Report
from raseed.core.models.keeper import Keeper
from raseed.core.models.model import ModelVersion, VersionState
from raseed.core.models.residency import ResidencyLimits
from raseed.core.models.service import OwnedNode, all_versions

LENT_GRACE_S = 0.5
"""At shutdown, for what other workers are being told."""
LOADABLE = {VersionState.CHECKED, VersionState.APPROVED}


class OnDemandModels:
    """What is offered of the catalogue. Used on one event loop; `run` is owned by the worker."""

    def __init__(
        self,
        models: LocalModels,
        backend: OnDemandBackend,
        pool: EncodingPool,
        read_from: Path,
        slots: Slots,
        report: Report,
        keeper: Keeper | None = None,
    ) -> None:
        """`keeper` is for the worker that owns the node."""
        self.route = Route(backend, slots, leases=backend)
        self.keeper = keeper
        self._models = models
        self._backend = backend
        self._pool = pool
        self._read_from = read_from
        """A folder of our own: what Triton reads comes and goes with what is loaded."""
        self._report = report
        self._known: dict[tuple[str, ...], TritonModel] = {}
        """Those that are offered, by Triton name and digests."""
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()

    def note_change(self, _what: str) -> None:
        """The catalogue changed, here or in another process."""
        self._changed.set()

    async def run(self) -> None:
        """For ever: what other processes change is followed too."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.refresh()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next change tries again
                self._report("follow the catalogue of models", error)

    async def refresh(self) -> None:
        """What may be loaded, and what the aliases stand for, as the catalogue says now."""
        async with self._turn:
            versions = {version.name: version for version in await all_versions(self._models.catalogue)}
            if self.keeper is not None:
                self.keeper.know(version for version in versions.values() if version.state in LOADABLE)
            offered: dict[str, TritonModel] = {}
            read_before, self._known = self._known, {}
            for alias in await self._models.catalogue.aliases():
                if (version := versions.get(alias.target)) is None:
                    continue  # it moved between the two looks; the change of it comes
                try:
                    offered[alias.name] = await self._model(version, read_before)
                except Exception as error:  # noqa: BLE001 - one that cannot be read does not take the others along
                    self._report(f"read {version.name} for the alias {alias.name}", error)
            self._backend.offer(offered)

    async def _model(
        self, version: ModelVersion, read_before: Mapping[tuple[str, ...], TritonModel]
    ) -> TritonModel:
        key = (version.name.triton_name, *(artifact.sha256 for artifact in version.artifacts))
        if key in read_before:
            self._known[key] = read_before[key]
        elif key not in self._known:
            folder = self._read_from / version.name.triton_name
            await asyncio.to_thread(self._models.artifacts.stage, version, folder)
            model = await asyncio.to_thread(read_model, folder, self._pool)
            self._known[key] = replace(model, card=replace(model.card, id=version.name.triton_name))
        return self._known[key]


@asynccontextmanager
async def open_on_demand_models(
    configuration: Configuration,
    models: LocalModels,
    address: str,
    slots: Slots,
    report: Report,
    *,
    is_owner: bool,
    index: int,
) -> AsyncIterator[OnDemandModels]:
    """For a worker beside a Triton whose gRPC is at `address`: one of them owns it, and the others ask that one."""
    home = Home(configuration.home)
    async with AsyncExitStack() as stack:
        pool = EncodingPool()
        stack.callback(pool.close)
        client = TritonClient(TritonClientSettings(address=address))
        stack.push_async_callback(client.close)
        # One for each worker: they fill them at the same time.
        read_from = home.run / f"versions-{index}"
        if is_owner:
            owned = _own(configuration, models, client, pool, report)
            backend = OnDemandBackend(client, owned.keeper)
            on_demand = OnDemandModels(models, backend, pool, read_from, slots, report, owned.keeper)
            await stack.enter_async_context(_lend(owned.keeper, home))
            models.service.attach(replace(owned, refresh=on_demand.refresh))
        else:
            owner = RemoteOwner(socket_address(home.leases_socket))
            stack.push_async_callback(owner.close)
            on_demand = OnDemandModels(models, OnDemandBackend(client, owner), pool, read_from, slots, report)
        await on_demand.refresh()
        yield on_demand


def _own(
    configuration: Configuration,
    models: LocalModels,
    client: TritonClient,
    pool: EncodingPool,
    report: Report,
) -> OwnedNode:
    settings = configuration.settings.models
    folders = VersionFolders(
        models.artifacts,
        Home(configuration.home).repository,
        share_path("triton_models"),
        triton_python_env(configuration),
    )
    node = TritonNode(client, folders, pool)
    limits = ResidencyLimits(
        budget_bytes=memory_budget(configuration.settings),
        loads_max=settings.loads,
        waiters_max=settings.waiters_max,
        keep_alive_s=settings.keep_alive_s,
        turn_s=settings.turn_s,
    )
    keeper = Keeper(
        node,
        models.catalogue,
        limits,
        wait_s=settings.load_wait_s,
        report=report,
        on_load=lambda succeeded, seconds: MODEL_LOAD_SECONDS.labels(
            "ready" if succeeded else "failed"
        ).observe(seconds),
    )
    MODEL_MEMORY_BYTES.set_function(lambda: keeper.used_bytes)
    return OwnedNode(keeper=keeper, node=node)


@asynccontextmanager
async def _lend(keeper: Keeper, home: Home) -> AsyncIterator[None]:
    """Other workers are served meanwhile."""
    home.leases_socket.unlink(missing_ok=True)
    server = leases_server(keeper)
    server.add_insecure_port(socket_address(home.leases_socket))
    await server.start()
    try:
        yield
    finally:
        await server.stop(LENT_GRACE_S)
        home.leases_socket.unlink(missing_ok=True)
