"""Which versions are in the memory of a node: the rules, without clock and without I/O.

absent ──wanted, room──> loading ──> ready ──idle, or its room is needed──> unloading ──> absent
                            └──failed──> absent, not tried for a while

Whoever waits is served in the order in which he came, however small somebody else's model is. Room is made of idle
versions, least recently used first. If all are in use, the one with the fewest requests gives way after its turn: it gets
no more of them, and goes when the last has ended. Nothing gives way before its turn is over, so that a node with
too little memory spends its time on answers and not on loading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

FIRST_LOAD_S = 3.0
"""What a load is taken to last before the first one was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidencyLimits:
    budget_bytes: int
    """Memory for all versions together."""
    loads_max: int = 2
    """Loads at a time: each reads a disk and a core to itself."""
    waiters_max: int = 256
    """Requests that may wait for one version: more than it answers in the time that they wait. Each is some tens of KiB."""
    keep_alive_s: float = 300.0
    """How long a version stays unused, unless it says otherwise."""
    turn_s: float = 2.0
    """How long a version stays at least, so that loading it was worth the while."""
    failure_pause_s: float = 5.0
    """Before a failed load is tried again; twice as long after each one more."""
    failure_pause_max_s: float = 300.0


class Place(Enum):
    """Where a version is."""

    ABSENT = "absent"
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    """Gives way: no more requests, until the last of those that it has."""
    UNLOADING = "unloading"


class Refused(Exception):
    """A version cannot be had now. `retry_after_s`: when it may be; None: never as things are."""

    def __init__(self, why: str, retry_after_s: float | None) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class Seat:
    """A version and what the node knows of it. Read by others, changed by `Residency` alone."""

    name: str
    bytes: int
    is_pinned: bool = False
    keep_alive_s: float | None = None
    """None: as the node does; -1: until its room is needed."""
    place: Place = Place.ABSENT
    in_flight: int = 0
    life: int = 0
    """Counts the loads: a lease is of one of them."""
    waiting: int = 0
    is_asked_for: bool = False
    """An operator wants it, whether or not a request does."""
    wanted_at: float = 0.0
    """Since when somebody waits."""
    ready_at: float = 0.0
    used_at: float = 0.0
    """When the last request ended, or the version became ready."""
    failures: int = 0
    """Failed loads in a row."""
    retry_at: float = 0.0
    has_died_young: bool = False
    """Its last process ended soon after it was ready."""
    is_forgotten: bool = False

    @property
    def is_wanted(self) -> bool:
        return self.waiting > 0 or self.is_asked_for or self.is_pinned

    @property
    def has_memory(self) -> bool:
        return self.place is not Place.ABSENT


@dataclass(frozen=True, slots=True)
class Load:
    name: str


@dataclass(frozen=True, slots=True)
class Unload:
    name: str


Action = Load | Unload


class Residency:
    """Moments are seconds of any clock that does not go back. Whoever owns it does what `decide` says, and tells it what came of it."""

    def __init__(self, limits: ResidencyLimits) -> None:
        self.limits = limits
        self.load_s = FIRST_LOAD_S
        """What a load lasts: the last ones, the latest counting most."""
        self._seats: dict[str, Seat] = {}
        self._began: dict[str, float] = {}

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────────

    def know(self, name: str, bytes_: int, *, is_pinned: bool, keep_alive_s: float | None) -> None:
        """A version, or what is new about it."""
        seat = self._seats.setdefault(name, Seat(name, bytes_))
        seat.is_forgotten = False
        if seat.place is Place.ABSENT:
            seat.bytes = bytes_  # of one that is loaded, what was measured counts
        seat.is_pinned, seat.keep_alive_s = is_pinned, keep_alive_s

    def forget(self, name: str) -> None:
        """One that is not in the catalogue any more. If it is in memory it goes as an unloaded one does."""
        seat = self._seats.get(name)
        if seat is None:
            return
        seat.is_pinned, seat.is_forgotten = False, True
        self.unload(name)
        self._drop_forgotten(seat)

    def seats(self) -> list[Seat]:
        return list(self._seats.values())

    def seat(self, name: str) -> Seat | None:
        return self._seats.get(name)

    @property
    def used_bytes(self) -> int:
        """Until a process is gone its memory is not free."""
        return sum(seat.bytes for seat in self._seats.values() if seat.has_memory)

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────

    def take(self, name: str, now: float) -> bool:
        """A request wants it. True: it has it, until `release`. False: it waits, until `loaded` or `failed` is told of it,
        or it does `leave`. Raises Refused.
        """
        seat = self._seats[name]
        if seat.place is Place.READY:
            seat.in_flight += 1
            return True
        self._refuse_hopeless(seat, now)
        if seat.waiting >= self.limits.waiters_max:
            raise Refused("too many requests wait for it", self.eta_s(name, now))
        self._want(seat, now)
        seat.waiting += 1
        return False

    def leave(self, name: str) -> None:
        """One who waits goes away."""
        seat = self._seats[name]
        seat.waiting -= 1
        self._drop_forgotten(seat)

    def release(self, name: str, life: int, now: float) -> None:
        """A request is done with it. `life` is what the seat's was when it began."""
        seat = self._seats.get(name)
        if seat is not None and seat.life == life and seat.in_flight:
            seat.in_flight -= 1
            seat.used_at = now

    # ── operators ────────────────────────────────────────────────────────────────────────────────────────────────

    def load(self, name: str, now: float) -> None:
        """Raises Refused for one that can never fit. One that failed lately is tried at once."""
        seat = self._seats[name]
        seat.retry_at = now
        self._refuse_hopeless(seat, now)
        if seat.place is not Place.READY:
            self._want(seat, now)
            seat.is_asked_for = True

    def unload(self, name: str) -> None:
        """Lets it go when its requests have ended. A pinned one comes back."""
        seat = self._seats[name]
        seat.is_asked_for = False
        if seat.place is Place.READY:
            seat.place = Place.DRAINING

    def plan(self, name: str, now: float) -> list[str] | None:
        """What would have to go for it, first the first; None if nothing that may go makes room enough."""
        seat = self._seats[name]
        short = 0 if seat.has_memory else seat.bytes - (self.limits.budget_bytes - self.used_bytes)
        going: list[str] = []
        for victim in [*self._idle(now, any_turn=True), *self._busy(now, any_turn=True)]:
            if short <= 0:
                break
            going.append(victim.name)
            short -= victim.bytes
        return going if short <= 0 else None

    # ── what was done ────────────────────────────────────────────────────────────────────────────────────────────

    def loaded(self, name: str, now: float, bytes_: int) -> None:
        """Who waited has it now."""
        seat = self._seats[name]
        self.load_s += (now - self._began.pop(name, now) - self.load_s) / 4
        seat.place, seat.bytes, seat.failures = Place.READY, bytes_, 0
        seat.ready_at = seat.used_at = now
        seat.life += 1
        seat.in_flight = seat.waiting
        seat.waiting, seat.is_asked_for = 0, False

    def failed(self, name: str, now: float) -> None:
        """Who waited has to be told; nobody waits any more."""
        seat = self._seats[name]
        self._began.pop(name, None)
        seat.place, seat.waiting, seat.is_asked_for = Place.ABSENT, 0, False
        self._pause(seat, now)
        self._drop_forgotten(seat)

    def unloaded(self, name: str) -> None:
        """Its memory is free."""
        seat = self._seats[name]
        seat.place, seat.in_flight = Place.ABSENT, 0
        self._drop_forgotten(seat)

    def lost(self, name: str, now: float) -> None:
        """Its process died, or the whole server did. One that dies twice as soon as it is loaded is let lie for a while."""
        seat = self._seats[name]
        if seat.place in {Place.READY, Place.DRAINING}:
            died_young = now - seat.ready_at < self.limits.failure_pause_s
            if died_young and seat.has_died_young:
                self._pause(seat, now)
            seat.has_died_young = died_young
            seat.place = Place.DRAINING
            seat.in_flight = 0  # they have ended, whether or not they know it yet

    # ── what to do ───────────────────────────────────────────────────────────────────────────────────────────────

    def decide(self, now: float) -> list[Action]:
        """What is to be done now; it counts as begun."""
        actions: list[Action] = []
        for seat in self._seats.values():
            if seat.place is Place.READY and self._is_over(seat, now):
                seat.place = Place.DRAINING
            if seat.place is Place.DRAINING and not seat.in_flight:
                actions.append(self._unload(seat))
        loading = sum(seat.place is Place.LOADING for seat in self._seats.values())
        claimed = 0
        for seat in self._queue(now)[: max(0, self.limits.loads_max - loading)]:
            if seat.bytes + claimed <= self.limits.budget_bytes - self.used_bytes:
                seat.place = Place.LOADING
                self._began[seat.name] = now
                actions.append(Load(seat.name))
                continue
            # Strictly in order: room that is made for the first is not taken by who comes behind.
            claimed += seat.bytes
            actions += self._make_room(claimed, seat, now)
        return actions

    def next_at(self, now: float) -> float | None:
        """When time alone changes what `decide` says; None if it does not."""
        moments: list[float] = []
        is_short = any(seat.place is Place.ABSENT and seat.is_wanted for seat in self._seats.values())
        for seat in self._seats.values():
            if seat.place is Place.READY:
                if is_short:
                    moments.append(seat.ready_at + self.limits.turn_s)
                keep_s = self._keep_alive_s(seat)
                if keep_s >= 0 and not seat.is_pinned and not seat.in_flight:
                    moments.append(seat.used_at + keep_s)
            elif seat.place is Place.ABSENT and seat.is_wanted:
                moments.append(seat.retry_at)
        return min((moment for moment in moments if moment > now), default=None)

    def eta_s(self, name: str, now: float) -> float:
        """When a request that comes now may be served: an honest guess, never less than a second."""
        seat = self._seats[name]
        if seat.place is Place.LOADING:
            return max(1.0, self._began[name] + self.load_s - now)
        ahead = [each for each in self._queue(now) if each is not seat and each.wanted_at <= seat.wanted_at]
        rounds = 1 + (len(ahead) + len(self._began)) // self.limits.loads_max
        is_full = seat.bytes > self.limits.budget_bytes - self.used_bytes
        return max(
            1.0, seat.retry_at - now, rounds * (self.load_s + (self.limits.turn_s if is_full else 0.0))
        )

    # ── how it is decided ────────────────────────────────────────────────────────────────────────────────────────

    def _want(self, seat: Seat, now: float) -> None:
        if not (seat.waiting or seat.is_asked_for):
            seat.wanted_at = now

    def _refuse_hopeless(self, seat: Seat, now: float) -> None:
        pinned = sum(
            each.bytes
            for each in self._seats.values()
            if each.is_pinned and each is not seat and each.has_memory
        )
        if seat.bytes > self.limits.budget_bytes - pinned:
            raise Refused("it does not fit into the memory that there is for models", None)
        if seat.place is Place.ABSENT and seat.retry_at > now:
            raise Refused("it could not be loaded", seat.retry_at - now)

    def _queue(self, now: float) -> list[Seat]:
        wanted = [
            seat
            for seat in self._seats.values()
            if seat.place is Place.ABSENT and seat.is_wanted and seat.retry_at <= now
        ]
        return sorted(wanted, key=lambda seat: (seat.wanted_at, seat.name))

    def _make_room(self, wanted_bytes: int, seat: Seat, now: float) -> Iterable[Action]:
        coming = sum(
            each.bytes for each in self._seats.values() if each.place in {Place.UNLOADING, Place.DRAINING}
        )
        short = wanted_bytes - (self.limits.budget_bytes - self.used_bytes) - coming
        for victim in self._idle(now):
            if short <= 0:
                return
            short -= victim.bytes
            yield self._unload(victim)
        # A request waits for one that is in use. What an operator only wants to have there does not push anybody out.
        for victim in self._busy(now) if seat.waiting else ():
            if short <= 0:
                return
            short -= victim.bytes
            victim.place = Place.DRAINING

    def _idle(self, now: float, *, any_turn: bool = False) -> list[Seat]:
        return self._may_go(now, lambda seat: not seat.in_flight, lambda seat: (seat.used_at, 0.0), any_turn)

    def _busy(self, now: float, *, any_turn: bool = False) -> list[Seat]:
        return self._may_go(
            now, lambda seat: seat.in_flight > 0, lambda seat: (seat.in_flight, seat.ready_at), any_turn
        )

    def _may_go(
        self,
        now: float,
        which: Callable[[Seat], bool],
        order: Callable[[Seat], tuple[float, float]],
        any_turn: bool,
    ) -> list[Seat]:
        found = [
            seat
            for seat in self._seats.values()
            if seat.place is Place.READY
            and not seat.is_pinned
            and which(seat)
            and (any_turn or seat.ready_at + self.limits.turn_s <= now)
        ]
        return sorted(found, key=lambda seat: (order(seat), seat.name))

    def _unload(self, seat: Seat) -> Unload:
        seat.place = Place.UNLOADING
        return Unload(seat.name)

    def _is_over(self, seat: Seat, now: float) -> bool:
        keep_s = self._keep_alive_s(seat)
        return not seat.is_pinned and not seat.in_flight and keep_s >= 0 and seat.used_at + keep_s <= now

    def _keep_alive_s(self, seat: Seat) -> float:
        return self.limits.keep_alive_s if seat.keep_alive_s is None else seat.keep_alive_s

    def _pause(self, seat: Seat, now: float) -> None:
        pause_s = self.limits.failure_pause_s * 2 ** min(seat.failures, 16)
        seat.failures += 1
        seat.retry_at = now + min(pause_s, self.limits.failure_pause_max_s)

    def _drop_forgotten(self, seat: Seat) -> None:
        if seat.is_forgotten and seat.place is Place.ABSENT and not seat.waiting:
            self._seats.pop(seat.name, None)
