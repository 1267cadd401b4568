"""How often codes are sent and guessed: pure decisions over what was counted.

    tally = events that were counted for one subject (a number, an address, a neighbourhood, everybody)
    decide(tally, limits, now) -> the tally with one more event, or None: refused, and nothing is counted

Every window slides: at no moment were there more events in the time before it than the window allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from raseed.core.accounts.identity import IdentifierKind
from raseed.core.clock import DAY, HOUR, MINUTE, SECOND, Microseconds


@dataclass(frozen=True, slots=True)
class Window:
    """At most `count` events in any span of `per_us` microseconds."""

    count: int
    per_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLimits:
    """Every limit of one-time codes. The defaults are for people; whoever needs more than this asks in bulk."""

    life_us: int = 5 * MINUTE
    """How long a code is valid: long enough to change to another program and back. At most 10 minutes (NIST 800-63B)."""
    attempts_max: int = 5
    """Guesses at one code."""
    sends_to_one: tuple[Window, ...] = (Window(1, 60 * SECOND), Window(5, HOUR), Window(10, DAY))
    """Codes to one number or address: a person needs one, and a second if it was lost."""
    sends_from_address: tuple[Window, ...] = (Window(5, 10 * MINUTE), Window(20, DAY))
    """Codes that one IP address asks for: a family or a small office behind one router."""
    sends_from_network: tuple[Window, ...] = (Window(60, HOUR), Window(200, DAY))
    """Codes for one IPv4 /24 or IPv6 /48, which one customer of a provider has: a tenth of the day's budget. Strangers,
    and devices on which the number or address was proven before, have as many each."""
    sends_to_neighbours: tuple[Window, ...] = (Window(20, 10 * MINUTE),)
    """Codes to numbers that begin with the same digits: who is paid for messages owns a run of them."""
    judged_sends: int = 50
    """After so many codes to a neighbourhood it is judged by how many were used."""
    completed_percent_min: int = 30
    """Fewer used codes than these, and the neighbourhood gets none for `blocked_us`: nobody reads them."""
    blocked_us: int = DAY
    sends_of_all_per_day: int = 2_000
    """Codes of everybody by one channel in one day (UTC): the second step of WhatsApp's tiers. A hard stop, with an alarm."""
    strangers_percent: int = 80
    """Of the day's budget: what is left is for devices on which the number or address was proven before, so that those who
    are customers get in on a day when strangers ask for all there is. An alarm is raised there, too."""
    failures_of_one: Window = Window(10, DAY)
    """Wrong guesses for one number or address, over all its codes: with six digits one in 100,000 gets in."""
    locked_us: int = HOUR
    """How long no code of a number or address is accepted after so many failures. Then each further one locks again."""
    failures_from_network: Window = Window(30, HOUR)
    """Wrong guesses from one IPv4 /24 or IPv6 /48: who guesses at many numbers does it from few networks."""
    failures_from_address: Window = Window(3, HOUR)
    """Wrong guesses that an IP address still has when its network has none left, so that a neighbour behind the same
    provider locks nobody out. How many a network can make of it is bounded by the codes that it is sent."""

    @property
    def strangers_per_day(self) -> int:
        return max(1, self.sends_of_all_per_day * self.strangers_percent // 100)


KEPT_US = 3 * DAY
"""How long a tally is kept after its last event: longer than every window, and than a block after its last send."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted for one subject."""

    moments: tuple[int, ...] = ()
    """Of the newest events, oldest first; no more than its limits need."""
    locked_until: int = 0
    sent: int = 0
    """Since the last judgement, or since `day` began."""
    completed: int = 0
    day: int = 0
    """The day that `sent` counts, as days since 1970. Only for the budget of all."""


NOTHING = Tally()


def admit(tally: Tally, windows: Sequence[Window], now: Microseconds) -> Tally | None:
    """One more event, if no window is full."""
    for window in windows:
        if sum(moment > now - window.per_us for moment in tally.moments) >= window.count:
            return None
    longest = max(window.per_us for window in windows)
    kept = tuple(moment for moment in tally.moments if moment > now - longest)
    return replace(tally, moments=(*kept, now))


def admitted_from(tally: Tally, windows: Sequence[Window], now: Microseconds) -> int:
    """The first moment at which one more event is admitted; `now` if one is already."""
    first = int(now)
    for window in windows:
        if window.count <= len(tally.moments):
            first = max(first, tally.moments[-window.count] + window.per_us)
    return first


def admit_to_neighbourhood(tally: Tally, limits: CodeLimits, now: Microseconds) -> Tally | None:
    """One more code, unless there were too many a moment ago or too few of the last ones were used."""
    if tally.sent >= limits.judged_sends:
        poor = tally.completed * 100 < limits.completed_percent_min * tally.sent
        if poor and tally.moments and now < tally.moments[-1] + limits.blocked_us:
            return None
        tally = replace(tally, sent=0, completed=0)  # judged: begins anew
    admitted = admit(tally, limits.sends_to_neighbours, now)
    return None if admitted is None else replace(admitted, sent=admitted.sent + 1)


def complete(tally: Tally) -> Tally:
    """A code that was sent to the neighbourhood was used."""
    return replace(tally, completed=min(tally.completed + 1, tally.sent))


def admit_to_budget(tally: Tally, per_day: int, now: Microseconds) -> Tally | None:
    """One more of all in the day (UTC), if there were fewer than `per_day`."""
    today = now // DAY
    sent = tally.sent if tally.day == today else 0
    return None if sent >= per_day else Tally(sent=sent + 1, day=today)


def budget_of(kind: IdentifierKind) -> str:
    """Under which name everything is counted that strangers get by the channel of this kind: codes, and invitations."""
    return f"budget:{kind}"


def is_budget_low(tally: Tally, limits: CodeLimits) -> bool:
    """Whether this send was the last for strangers, or the last of the day: each is told once."""
    return tally.sent in {limits.strangers_per_day, limits.sends_of_all_per_day}


def admit_from_network(
    network: Tally, address: Tally, limits: CodeLimits, now: Microseconds
) -> tuple[Tally, Tally] | None:
    """One more failure from an address and its network: None if the network is full, and the address's own share too."""
    in_all = admit(network, (limits.failures_from_network,), now)
    of_one = admit(address, (limits.failures_from_address,), now)
    if in_all is None and of_one is None:
        return None
    # Of one that is over its share, what was counted already is enough.
    return in_all or network, of_one or address


def admit_guess(tally: Tally, limits: CodeLimits, now: Microseconds) -> Tally | None:
    """One more failure of a number or address, counted before anybody knows whether it is one; `forgive` takes it back.

    A new code resets nothing. The failure that fills the window locks, and so does each one after the lock.
    """
    if now < tally.locked_until:
        return None
    window = limits.failures_of_one
    kept = tuple(moment for moment in tally.moments if moment > now - window.per_us)
    moments = (*kept, now)[-window.count :]
    return replace(
        tally, moments=moments, locked_until=now + limits.locked_us if len(moments) >= window.count else 0
    )


def forgive(tally: Tally, limits: CodeLimits, at: Microseconds) -> Tally:
    """The guess that was counted `at` this moment was right."""
    moments = list(tally.moments)
    if at in moments:
        moments.remove(at)
    locked_until = 0 if tally.locked_until == at + limits.locked_us else tally.locked_until
    return replace(tally, moments=tuple(moments), locked_until=locked_until)
