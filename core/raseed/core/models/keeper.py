"""The owner of a node's memory: leases for requests, and the loads and unloads that the rules of residency ask for."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from raseed.core.errors import BackendUnavailable, Conflict, NotFound, Overloaded, RaseedError
from raseed.core.jobs import Report
from raseed.core.models.model import ModelVersion, VersionName
from raseed.core.models.ports import ModelCatalogue, ModelNode
from raseed.core.models.residency import Action, Load, Place, Refused, Residency, ResidencyLimits, Seat

WATCH_INTERVAL_S = 5.0
"""Pause between two looks at what the server has: half of the ten seconds within which a dead model is back."""
CLEAR_PAUSE_S = 0.2
CLOSE_WAIT_S = 3.0
"""At the end, longest wait for a load or an unload that has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """A version as operators see it."""

    name: VersionName
    place: Place
    bytes: int
    is_pinned: bool
    in_flight: int
    waiting: int
    idle_s: float | None
    """None while it is in use, or not in memory."""
    expires_in_s: float | None
    """None: it stays, or is in use."""
    retry_in_s: float | None
    """Until a load that failed is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """What a load would do."""

    needed_bytes: int
    free_bytes: int
    budget_bytes: int
    evicted: tuple[VersionName, ...]
    """What would go, first the first."""
    fits: bool


class Keeper:
    """Implements `ModelOwner`: the only one that loads and unloads on its node. Used on one event loop; `run` is owned by the worker."""

    def __init__(
        self,
        node: ModelNode,
        catalogue: ModelCatalogue,
        limits: ResidencyLimits,
        *,
        wait_s: float,
        report: Report,
        on_load: Callable[[bool, float], None] = lambda _succeeded, _seconds: None,
    ) -> None:
        """`on_load` is told how each load ended, and how long it took."""
        self._node = node
        self._catalogue = catalogue
        self._rules = Residency(limits)
        self._wait_s = wait_s
        """Longest wait of a request for its version."""
        self._report = report
        self._on_load = on_load
        self._versions: dict[str, ModelVersion] = {}
        self._waiting: defaultdict[str, list[asyncio.Future[int]]] = defaultdict(list)
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._suspected: set[str] = set()

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────────

    def know(self, versions: Iterable[ModelVersion]) -> None:
        """Every version that may be loaded, and no other."""
        found = {version.name.triton_name: version for version in versions}
        for name in self._versions.keys() - found.keys():
            self._rules.forget(name)
        for name, version in found.items():
            self._rules.know(
                name,
                version.expected_bytes,
                is_pinned=version.is_pinned,
                keep_alive_s=version.keep_alive_s,
            )
        self._versions |= found  # one that is forgotten may still be unloading
        self._wake.set()

    def residents(self) -> list[Resident]:
        """Those in memory, on their way, or wanted; by name."""
        now = self._now()
        seats = [
            seat for seat in self._rules.seats() if seat.has_memory or seat.is_wanted or seat.retry_at > now
        ]
        return sorted((self._resident(seat, now) for seat in seats), key=lambda each: each.name)

    @property
    def used_bytes(self) -> int:
        """Memory of the versions that are there, or on their way."""
        return self._rules.used_bytes

    def plan(self, name: VersionName) -> LoadPlan:
        """Raises NotFound."""
        seat = self._seat(name)
        going = self._rules.plan(seat.name, self._now())
        limits = self._rules.limits
        return LoadPlan(
            needed_bytes=0 if seat.has_memory else seat.bytes,
            free_bytes=limits.budget_bytes - self._rules.used_bytes,
            budget_bytes=limits.budget_bytes,
            evicted=tuple(self._versions[each].name for each in going or ()),
            fits=going is not None,
        )

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def lease(self, name: str, wait_s: float | None = None) -> Callable[[], None]:
        """As `ModelOwner` says."""
        if self._rules.seat(name) is None:
            raise BackendUnavailable(
                "The model is not available at the moment. Please try again.", retry_after_s=1.0
            )
        try:
            has_it = self._rules.take(name, self._now())
        except Refused as refused:
            raise _refusal(refused) from None
        life = (
            self._life(name) if has_it else await self._wait(name, self._wait_s if wait_s is None else wait_s)
        )
        is_held = True

        def release() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                self._rules.release(name, life, self._now())
                self._wake.set()

        return release

    def suspect(self, name: str) -> None:
        """As `ModelOwner` says."""
        if name in self._versions:
            self._suspected.add(name)
            self._wake.set()

    # ── operators ────────────────────────────────────────────────────────────────────────────────────────────────

    async def load(self, name: VersionName, wait_s: float) -> None:
        """Returns when it is ready. Raises NotFound, Conflict if it can never fit, Overloaded, BackendUnavailable."""
        seat = self._seat(name)
        try:
            self._rules.load(seat.name, self._now())
        except Refused as refused:
            raise Conflict(f"{name} cannot be loaded: {refused.why}.") from None
        (await self.lease(seat.name, wait_s))()

    def unload(self, name: VersionName) -> None:
        """It goes when its requests have ended. Raises NotFound, Conflict for one that is pinned."""
        seat = self._seat(name)
        if seat.is_pinned:
            raise Conflict(f"{name} is pinned.")
        self._rules.unload(seat.name)
        self._wake.set()

    # ── the owner's side ─────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """For ever. What is under way when it is cancelled is given a moment to end."""
        await self._clear()
        watching = asyncio.create_task(self._watch(), name="watch models")
        try:
            while True:
                self._wake.clear()
                for action in self._rules.decide(self._now()):
                    self._start(self._do(action))
                for name in self._suspected.copy():
                    self._suspected.discard(name)
                    self._start(self._look_at(name))
                next_at = self._rules.next_at(self._now())
                try:
                    async with asyncio.timeout_at(next_at):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            watching.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=CLOSE_WAIT_S)
            for task in self._tasks:
                task.cancel()

    async def _clear(self) -> None:
        """Begin with an empty node. Its server may be starting, too."""
        while True:
            try:
                await self._node.clear()
            except BackendUnavailable:
                await asyncio.sleep(CLEAR_PAUSE_S)
            else:
                return

    async def _do(self, action: Action) -> None:
        version = self._versions[action.name]
        if isinstance(action, Load):
            await self._load(version)
        else:
            await self._unload(version)
        self._wake.set()

    async def _load(self, version: ModelVersion) -> None:
        name = version.name.triton_name
        began = self._now()
        try:
            taken_bytes = await self._node.load(version)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must be told
            self._report(f"load {version.name}", error)
            self._on_load(False, self._now() - began)
            self._rules.failed(name, self._now())
            self._tell(name, None)
            return
        self._on_load(True, self._now() - began)
        self._rules.loaded(name, self._now(), taken_bytes)
        self._tell(name, self._life(name))
        try:
            await self._catalogue.measured(version.name, taken_bytes)
        except Exception as error:  # noqa: BLE001 - an estimate stands instead of it
            self._report(f"measure {version.name}", error)

    async def _unload(self, version: ModelVersion) -> None:
        pause_s = 0.5
        while True:
            try:
                await self._node.unload(version.name)
            except Exception as error:  # noqa: BLE001 - its memory is not free, so nothing may be loaded into it
                self._report(f"unload {version.name}", error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, 10.0)
            else:
                self._rules.unloaded(version.name.triton_name)
                return

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_INTERVAL_S)
            for seat in self._rules.seats():
                if seat.place is Place.READY:
                    await self._look_at(seat.name, asks=not seat.in_flight)

    async def _look_at(self, name: str, *, asks: bool = True) -> None:
        """Whether a version that is taken for ready is there, and generates. One in use is not asked: it may be busy for
        long, and its requests tell when it is not.
        """
        seat = self._rules.seat(name)
        if seat is None or seat.place is not Place.READY:
            return
        life = seat.life
        try:
            is_alive = name in await self._node.loaded()
            if is_alive and asks:
                is_alive = await self._node.answers(self._versions[name].name)
        except BackendUnavailable:
            is_alive = False  # the server is gone, and with it everything that it had
        except Exception as error:  # noqa: BLE001 - not knowing is no reason to unload
            self._report(f"look at {name}", error)
            return
        if not is_alive and (seat.place, seat.life) == (Place.READY, life):  # meanwhile it may have gone
            self._report(f"model {name}", RaseedError("it does not answer, and is loaded again"))
            self._rules.lost(name, self._now())
            self._wake.set()

    async def _wait(self, name: str, wait_s: float) -> int:
        """The life of the version once it is ready. The place among those who wait was taken before."""
        granted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[name].append(granted)
        self._wake.set()
        try:
            async with asyncio.timeout(wait_s):
                return await granted
        except BaseException as error:
            if granted in self._waiting.get(name, ()):
                self._waiting[name].remove(granted)
                self._rules.leave(name)
            elif not granted.cancelled() and granted.exception() is None:
                self._rules.release(name, granted.result(), self._now())  # it was ready in the same moment
                self._wake.set()
            if isinstance(error, TimeoutError):
                raise _refusal(Refused("it took too long", self._eta_s(name))) from None
            raise

    def _tell(self, name: str, life: int | None) -> None:
        waiting = self._waiting.pop(name, [])
        for granted in waiting:
            if granted.done():
                continue
            if life is None:
                granted.set_exception(_unavailable(self._eta_s(name)))
            else:
                granted.set_result(life)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _seat(self, name: VersionName) -> Seat:
        seat = self._rules.seat(name.triton_name)
        if seat is None or seat.is_forgotten:
            raise NotFound(f"There is no version {name} that could be loaded.")
        return seat

    def _life(self, name: str) -> int:
        seat = self._rules.seat(name)
        assert seat is not None
        return seat.life

    def _eta_s(self, name: str) -> float:
        return self._rules.eta_s(name, self._now()) if self._rules.seat(name) is not None else 1.0

    def _resident(self, seat: Seat, now: float) -> Resident:
        is_idle = seat.place is Place.READY and not seat.in_flight
        keep_s = self._rules.limits.keep_alive_s if seat.keep_alive_s is None else seat.keep_alive_s
        stays = seat.is_pinned or keep_s < 0
        return Resident(
            name=self._versions[seat.name].name,
            place=seat.place,
            bytes=seat.bytes,
            is_pinned=seat.is_pinned,
            in_flight=seat.in_flight,
            waiting=seat.waiting,
            idle_s=now - seat.used_at if is_idle else None,
            expires_in_s=max(0.0, seat.used_at + keep_s - now) if is_idle and not stays else None,
            retry_in_s=seat.retry_at - now if seat.retry_at > now else None,
        )

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _refusal(refused: Refused) -> RaseedError:
    if refused.retry_after_s is None:
        return BackendUnavailable("The model cannot be served at the moment.")
    return Overloaded(
        f"The model is being loaded. Please try again in about {refused.retry_after_s:.0f} seconds.",
        retry_after_s=refused.retry_after_s,
    )


def _unavailable(retry_after_s: float) -> BackendUnavailable:
    return BackendUnavailable(
        "The model is not available at the moment. Please try again.", retry_after_s=retry_after_s
    )
