"""The ledger as a child would keep it: every micro-credit is a coin that lies in exactly one place.

Written from the rules, not from the code: no balances, no projections, nothing to get out of step.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False)
class Purse:
    """A grant."""

    order: tuple[object, ...]
    effective_at: int
    expires_at: int | None
    coins: int

    def usable(self, now: int) -> bool:
        return self.effective_at <= now and not self.over(now)

    def over(self, now: int) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass
class Promise:
    """A hold: the purse that each of its coins came from."""

    coins: list[Purse]
    epoch: int
    lease_until: int
    checkpoint: int = 0
    ended: str = ""
    paid: int = 0
    lost: int = 0
    final: int = 0
    """What it was settled with."""


@dataclass
class CoinLedger:
    lease: int
    purses: dict[str, Purse] = field(default_factory=dict)
    amounts: dict[str, int] = field(default_factory=dict)
    promises: dict[str, Promise] = field(default_factory=dict)

    def spendable(self, now: int) -> int:
        return sum(purse.coins for purse in self.purses.values() if purse.usable(now))

    def promised(self) -> int:
        return sum(len(promise.coins) for promise in self.promises.values() if not promise.ended)

    def issue(self, key: str, amount: int, order: tuple[object, ...], start: int, end: int | None) -> str:
        if key in self.purses:
            return "replay" if self.amounts[key] == amount else "reused_with_other_input"
        self.purses[key] = Purse((*order, start, len(self.purses)), start, end, amount)
        self.amounts[key] = amount
        return "done"

    def place(self, name: str, want: int, least: int, epoch: int, now: int) -> str:
        if name in self.promises:
            return "replay"
        if self.spendable(now) < least:
            return self._short(least, [], now)
        taken = self._take(min(want, self.spendable(now)), now)
        self.promises[name] = Promise(taken, epoch, now + self.lease)
        return "done"

    def extend(self, name: str, to: int, tokens: int, epoch: int, now: int) -> str:
        problem = self._not_mine(name, epoch)
        if problem:
            return problem
        promise = self.promises[name]
        if promise.ended:
            return "already_resolved"
        more = max(0, to - len(promise.coins))
        if more > self.spendable(now):
            return self._short(more, promise.coins, now)
        promise.coins = self._together(promise.coins + self._take(more, now))
        promise.checkpoint = max(promise.checkpoint, tokens)
        promise.lease_until = max(promise.lease_until, now + self.lease)
        return "done"

    def settle(self, name: str, tokens: int, epoch: int, now: int) -> str:
        problem = self._not_mine(name, epoch)
        if problem:
            return problem
        promise = self.promises[name]
        if promise.ended == "settled":
            return "replay" if promise.final == tokens else "reused_with_other_input"
        if promise.ended:
            return "already_resolved"
        promise.final = tokens
        promise.lost = max(0, tokens - len(promise.coins))
        self._end(promise, "settled", min(tokens, len(promise.coins)), now)
        return "done"

    def release(self, name: str, epoch: int, now: int) -> str:
        problem = self._not_mine(name, epoch)
        if problem:
            return problem
        promise = self.promises[name]
        if promise.ended:
            return "replay" if promise.ended == "released" else "already_resolved"
        self._end(promise, "released", 0, now)
        return "done"

    def sweep(self, name: str, epoch: int, now: int) -> str:
        promise = self.promises.get(name)
        if promise is None:
            return "hold_unknown"
        if promise.ended:
            return "replay" if promise.ended == "swept" else "already_resolved"
        if promise.epoch >= epoch and now < promise.lease_until:
            return "lease_not_lapsed"
        promise.lost = abs(len(promise.coins) - promise.checkpoint)
        self._end(promise, "swept", min(promise.checkpoint, len(promise.coins)), now)
        return "done"

    def _not_mine(self, name: str, epoch: int) -> str:
        if name not in self.promises:
            return "hold_unknown"
        return "" if self.promises[name].epoch == epoch else "hold_not_owned"

    def _short(self, amount: int, own: list[Purse], now: int) -> str:
        back = [
            c
            for p in self.promises.values()
            if not p.ended and p.coins is not own
            for c in p.coins
            if c.usable(now)
        ]
        enough = self.spendable(now) + len(back) >= amount
        return "held_by_open_requests" if enough else "credit_exhausted"

    def _take(self, count: int, now: int) -> list[Purse]:
        taken: list[Purse] = []
        for purse in sorted((p for p in self.purses.values() if p.usable(now)), key=lambda p: p.order):
            share = min(purse.coins, count - len(taken))
            purse.coins -= share
            taken += [purse] * share
        return taken

    def _together(self, coins: list[Purse]) -> list[Purse]:
        """Coins of one purse lie together, where its first one lay."""
        first = list(dict.fromkeys(coins))
        return sorted(coins, key=first.index)

    def _end(self, promise: Promise, how: str, paid: int, now: int) -> None:
        promise.ended, promise.paid = how, paid
        for purse in promise.coins[paid:]:
            if not purse.over(now):
                purse.coins += 1
