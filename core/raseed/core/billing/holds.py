"""How much to set aside, and when to set aside more. Pure.

Unless the profile says otherwise, a hold is a lease, not the worst case: prompt plus the first chunk of the answer,
extended ahead of generation. A request without `max_tokens`, or with a huge one, therefore does not block the account's
other requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from raseed.core.billing.model import PriceSnapshot
from raseed.core.billing.pricing import cost_of_tokens
from raseed.core.clock import SECOND


class Reserve(StrEnum):
    """How much is set aside before a run begins."""

    LEASE = "lease"
    """The prompt and the first chunk of the answer; more as it grows."""
    MIN = "min"
    """The prompt and one token; then chunk by chunk."""
    WORST_CASE = "worst_case"
    """The prompt and the longest answer that may come, or nothing: no run ends for lack of credit, and one of a client
    that names no `max_tokens` keeps what the model's longest answer costs."""


class OnShortfall(StrEnum):
    """What becomes of a run whose hold has to grow when its account has no more credit."""

    STOP = "stop"
    """It ends at the last token that is paid for."""
    DEBT = "debt"
    """It goes on, and the account comes to owe what it has no credit for, within its debt limit. Then as `stop`."""
    ABSORB = "absorb"
    """It goes on at the house's cost, within the profile's limit for one request. Then as `stop`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPolicy:
    reserve: Reserve = Reserve.LEASE
    on_shortfall: OnShortfall = OnShortfall.STOP
    debt_limit_microcredits: int = 0
    """What an account without a limit of its own may owe, where `on_shortfall` lets it owe anything."""
    absorb_limit_microcredits: int = 0
    """What one request may cost the house, where `on_shortfall` lets it cost anything."""
    chunk_tokens: int = 512
    """Answer tokens covered at first, and by each extension: about as much as one answer, so most runs never extend."""
    extend_at_fraction: float = 0.5
    """Extend when less than this part of a chunk is left: early enough that generation does not wait."""
    hold_wait_s: float = 2.0
    """Longest wait for the account's own open holds to be released before a 402."""
    lease_s: float = 60.0
    """A hold that nobody renews for so long belongs to a dead worker and may be swept by others."""
    checkpoint_interval_s: float = 2.0
    """Longest time between two checkpoints of a running stream: what a crash can lose."""

    @property
    def lease_us(self) -> int:
        return int(self.lease_s * SECOND)

    @property
    def default_debt_limit_microcredits(self) -> int | None:
        """None: nobody may owe anything."""
        return self.debt_limit_microcredits if self.on_shortfall is OnShortfall.DEBT else None

    def debt_limit(self, own_microcredits: int | None) -> int:
        """What an account may owe, if that is its own limit."""
        if self.on_shortfall is not OnShortfall.DEBT:
            return 0
        return self.debt_limit_microcredits if own_microcredits is None else own_microcredits


@dataclass(slots=True)
class Coverage:
    """How far the open hold of one run reaches, in answer tokens."""

    policy: HoldPolicy
    price: PriceSnapshot
    prompt_tokens: int
    max_tokens: int
    held_microcredits: int = 0
    absorbed_microcredits: int = 0
    """What the house covers beyond the hold."""
    covered_tokens: int = 0
    """By the hold and the house."""

    def first_lease(self) -> tuple[int, int]:
        """(least, wanted) micro-credits of the hold."""
        match self.policy.reserve:
            case Reserve.LEASE:
                return self.cost_at(1), self.cost_at(min(self.policy.chunk_tokens, self.max_tokens))
            case Reserve.MIN:
                return self.cost_at(1), self.cost_at(1)
            case Reserve.WORST_CASE:
                return self.cost_at(self.max_tokens), self.cost_at(self.max_tokens)

    def hold_placed(self, held_microcredits: int) -> None:
        self.held_microcredits = held_microcredits
        self.covered_tokens = self._tokens_paid_by(held_microcredits + self.absorbed_microcredits)

    def absorb(self) -> bool:
        """Let the house cover what credit does not. Whether that covers more than before."""
        covered = self.covered_tokens
        if self.policy.on_shortfall is OnShortfall.ABSORB:
            self.absorbed_microcredits = self.policy.absorb_limit_microcredits
            self.hold_placed(self.held_microcredits)
        return self.covered_tokens > covered

    def next_level(self, generated_tokens: int) -> int | None:
        """The amount to extend the hold to now, or None if it is far enough ahead.

        What the house covers is not counted: credit that comes meanwhile goes first.
        """
        paid_tokens = self.covered_tokens
        if self.absorbed_microcredits:
            paid_tokens = self._tokens_paid_by(self.held_microcredits)
        if paid_tokens >= self.max_tokens:
            return None
        if paid_tokens - generated_tokens > self.policy.chunk_tokens * self.policy.extend_at_fraction:
            return None
        reach = max(paid_tokens, generated_tokens) + self.policy.chunk_tokens
        return self.cost_at(min(reach, self.max_tokens))

    def would_grow(self, held_microcredits: int) -> bool:
        """Whether so much in the hold would cover at least one token more than now."""
        return self._tokens_paid_by(held_microcredits + self.absorbed_microcredits) > self.covered_tokens

    def cost_at(self, completion_tokens: int) -> int:
        return cost_of_tokens(self.price, self.prompt_tokens, completion_tokens)

    def _tokens_paid_by(self, microcredits: int) -> int:
        """Most answer tokens (≤ max_tokens) whose cost is within the amount. Cost grows with tokens: bisection."""
        if self.cost_at(self.max_tokens) <= microcredits:
            return self.max_tokens
        low, high = 0, self.max_tokens
        while high - low > 1:
            middle = (low + high) // 2
            if self.cost_at(middle) <= microcredits:
                low = middle
            else:
                high = middle
        return low
