"""The targets of one model name: which of them are asked, in which order, and what is remembered of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from raseed.core.errors import BackendUnavailable, Overloaded, RaseedError
from raseed.core.inference.breaker import Breaker
from raseed.core.inference.ports import ModelBackend


class Refusal(StrEnum):
    """Why a target surely generates nothing for a request."""

    UNREACHABLE = "unreachable"
    """No connection came about, so that nothing of the request left."""
    BUSY = "busy"
    """It wants fewer requests."""
    BROKEN = "broken"
    """It answered that it failed, before its first token."""
    MISCONFIGURED = "misconfigured"
    """It refuses the credential, the address or the model: only its operator can help."""


class TargetRefused(Exception):
    """A target generates nothing for this request, which is certain: another one may be asked. Callers never see it."""

    def __init__(self, refusal: Refusal, detail: str, retry_after_s: float | None = None) -> None:
        """`detail` is for the log: words of ours, nothing of what the provider said."""
        super().__init__(detail)
        self.refusal = refusal
        self.detail = detail
        self.retry_after_s = retry_after_s


class Why(Exception):
    """The cause of an error that ends a run, in words of ours, for the log."""


def why(error: RaseedError) -> str:
    """Nothing of what others said: an exception of a library may have addresses in its text."""
    return str(error.__cause__) if isinstance(error.__cause__, Why) else error.message


@dataclass(slots=True, kw_only=True)
class Target:
    """A model of one engine or provider, under a name of ours."""

    name: str
    """Of the provider and its model, as it stands in usage events: "openai/gpt-4o"."""
    backend: ModelBackend
    model: str
    """What the backend calls it."""
    priority: int = 0
    """Those with a lower one are asked first."""
    weight: int = 1
    """Among those of the same priority, which part of the requests it gets first."""
    concurrency: int = 64
    """Answers at a time."""
    in_flight: int = 0
    breaker: Breaker = field(default_factory=Breaker)

    def may_begin(self) -> bool:
        return self.in_flight < self.concurrency and self.breaker.may_begin()

    def begin(self) -> None:
        """Every one is followed by one `end`."""
        self.breaker.begin()
        self.in_flight += 1

    def end(self, *, succeeded: bool | None) -> None:
        self.in_flight -= 1
        self.breaker.end(succeeded=succeeded)


def in_order(targets: Sequence[Target], random: Random) -> list[Target]:
    """By priority; within one, drawn by weight without putting back."""
    if len(targets) == 1:
        return list(targets)
    ordered: list[Target] = []
    for priority in sorted({target.priority for target in targets}):
        left = [target for target in targets if target.priority == priority]
        while left:
            [drawn] = random.choices(left, [target.weight for target in left])
            left.remove(drawn)
            ordered.append(drawn)
    return ordered


def refused_by_all(targets: Sequence[Target], last: TargetRefused | None) -> RaseedError:
    """What a caller gets when no target answers."""
    waits = [target.breaker.wait_s() for target in targets]
    retry_after_s = max(1.0, min(waits, default=1.0))
    is_full = any(target.in_flight >= target.concurrency for target in targets)
    if (last is None and is_full) or (last is not None and last.refusal is Refusal.BUSY):
        return Overloaded("The model is overloaded. Please try again shortly.", retry_after_s=retry_after_s)
    return BackendUnavailable(
        "The model is not available at the moment. Please try again.", retry_after_s=retry_after_s
    )


class Outcome(StrEnum):
    """What came of asking a target, beside the kinds of refusal."""

    ANSWERED = "answered"
    LEFT = "left"
    """Whoever asked went away, or had no more time or credit."""
    UNKNOWN = "unknown"
    """It may have generated, and nothing came."""
    LOST = "lost"
    """It failed in the middle of its answer."""
    INVALID = "invalid"
    """It says that the request is wrong."""


Report = Callable[[str, Outcome | Refusal, str], None]
"""Told of each time that a target was asked: its name, what came of it, and a few words of ours about a failure."""
