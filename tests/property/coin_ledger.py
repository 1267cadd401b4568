"""The ledger as a child would keep it: every micro-credit is a coin that lies in exactly one place.

Written from the rules, not from the code: no balances, no projections, nothing to get out of step.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

Owner = tuple[str, int]
"""A worker and which of its lives it is."""
Usage = tuple[int, ...]
"""How much of each thing that has a price."""


@dataclass(frozen=True)
class Price:
    """Coins for `per` pieces of each thing; what is begun is paid in full."""

    each: Usage
    per: int = 1

    def cost(self, usage: Usage) -> int:
        return -(-sum(map(int.__mul__, self.each, usage)) // self.per)


@dataclass(eq=False)
class Purse:
    """A grant."""

    source: str
    amount: int
    order: tuple[object, ...]
    effective_at: int
    expires_at: int | None
    age: tuple[int, int]
    """When it was given, and how many were before it."""
    coins: int

    def usable(self, now: int) -> bool:
        return self.effective_at <= now and not self.over(now)

    def over(self, now: int) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass
class Promise:
    """A hold: the purse that each of its coins came from."""

    asked: str
    price: Price
    coins: list[Purse]
    owner: Owner
    lease_until: int
    buckets: tuple[str, ...] = ()
    """Whose spending it is: of a key, of the key that made it, of a member."""
    checkpoint: Usage = ()
    ended: str = ""
    ended_on: date = date.max
    paid: int = 0
    lost: int = 0
    final: Usage = ()
    """What it was settled with."""
    borrowed: int = 0
    """Coins that nobody has yet: the last to be paid with."""

    def size(self) -> int:
        return len(self.coins) + self.borrowed


@dataclass
class Cap:
    """How many coins a bucket may pay from one beginning of a window to the next, with what it has promised."""

    limit: int
    window: str
    since: date
    """The newest window in which anything was booked. Never an older one again, whatever clocks say."""
    paid: int

    def enter(self, now: int) -> None:
        if first_day(self.window, day_of(now)) > self.since:
            self.since, self.paid = first_day(self.window, day_of(now)), 0

    def left(self, now: int) -> int:
        is_new = first_day(self.window, day_of(now)) > self.since
        return max(0, self.limit - (0 if is_new else self.paid))


@dataclass(frozen=True)
class Taken:
    """What somebody asked to have back, and what became of it."""

    purse: str | None
    amount: int | None
    rest: str = "refuse"
    """What was to become of coins that are not there: `debt` or `write_off`."""
    coins: int = 0
    owed: int = 0
    lost: int = 0

    @property
    def settled(self) -> int:
        return self.coins + self.owed + self.lost


def day_of(now: int) -> date:
    return datetime.fromtimestamp(now // 1_000_000, UTC).date()


def first_day(window: str, day: date) -> date:
    return {
        "lifetime": date.min,
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
    }[window]


@dataclass
class CoinLedger:
    """One account."""

    purses: dict[str, Purse] = field(default_factory=dict)
    promises: dict[str, Promise] = field(default_factory=dict)
    taken: dict[str, Taken] = field(default_factory=dict)
    caps: dict[str, Cap] = field(default_factory=dict)
    is_active: bool = True
    broken: int = 0
    """Coins that nobody spent in time."""
    owed: int = 0
    """Coins that were spent and that nobody had."""
    own_limit: int | None = None
    """How many may be owed; None: what the shop says."""

    def there(self, now: int) -> int:
        return sum(purse.coins for purse in self.purses.values() if purse.usable(now))

    def spendable(self, now: int) -> int:
        return max(0, self.there(now) - self.owed)

    def promised(self) -> int:
        return sum(len(promise.coins) for promise in self.promises.values() if not promise.ended)

    def borrowed(self) -> int:
        return sum(promise.borrowed for promise in self.promises.values() if not promise.ended)

    def lendable(self, now: int, shop_limit: int | None) -> int:
        """What could still be borrowed if all coins that are there had paid what is owed."""
        if shop_limit is None:
            return 0
        limit = shop_limit if self.own_limit is None else self.own_limit
        return max(0, limit - max(0, self.owed - self.there(now)) - self.borrowed())

    def uncapped(self, buckets: tuple[str, ...], now: int, lendable: int = 0) -> int:
        """What could be promised to whom these buckets are."""
        most = self.spendable(now) + lendable
        for bucket in self._capped(buckets):
            kept = sum(p.size() for p in self.promises.values() if bucket in p.buckets and not p.ended)
            most = min(most, max(0, self.caps[bucket].left(now) - kept))
        return most

    def short_bucket(self, buckets: tuple[str, ...], least: int, now: int) -> str | None:
        """The first that could never pay so much in this window."""
        short = (bucket for bucket in self._capped(buckets) if self.caps[bucket].left(now) < least)
        return next(short, None)

    def cap(self, bucket: str, limit: int | None, window: str, now: int) -> None:
        """What was paid in the window before counts."""
        self.caps.pop(bucket, None)
        if limit is not None:
            ended = [p for p in self.promises.values() if bucket in p.buckets and p.ended]
            # Nor is a window begun that is older than the newest in which something was paid.
            since = first_day(window, max([day_of(now), *(p.ended_on for p in ended)]))
            paid = sum(p.paid for p in ended if p.ended_on >= since)
            self.caps[bucket] = Cap(limit, window, since, paid)

    def _capped(self, buckets: tuple[str, ...]) -> list[str]:
        return [bucket for bucket in buckets if bucket in self.caps]

    def _book(self, buckets: tuple[str, ...], now: int, paid: int = 0) -> None:
        for bucket in self._capped(buckets):
            self.caps[bucket].enter(now)
            self.caps[bucket].paid += paid

    def promised_of(self) -> Counter[Purse]:
        return Counter(
            purse for promise in self.promises.values() if not promise.ended for purse in promise.coins
        )

    def issue(
        self,
        key: str,
        source: str,
        amount: int,
        order: tuple[object, ...],
        start: int,
        end: int | None,
        now: int,
    ) -> str:
        known = self.purses.get(key)
        if known is not None:
            return "replay" if (known.amount, known.source) == (amount, source) else "reused_with_other_input"
        self.throw_away(now)
        back = min(self.owed, amount)
        self.owed -= back
        age = now, len(self.purses)
        order = (*order, start, len(self.purses))
        self.purses[key] = Purse(source, amount, order, start, end, age, amount - back)
        return "done"

    def place(
        self,
        name: str,
        want: int,
        least: int,
        owner: Owner,
        lease: int,
        now: int,
        price: Price,
        asked: str,
        buckets: tuple[str, ...] = (),
    ) -> str:
        if name in self.promises:
            return "replay" if self.promises[name].asked == asked else "reused_with_other_input"
        if not self.is_active:
            return "account_not_active"
        if self.owed and want:
            least = max(least, 1)
        if self.short_bucket(buckets, least, now) is not None:
            return "spend_cap_reached"
        if self.uncapped(buckets, now) < least:
            return self._short(least, None, now)
        amount = min(want, self.uncapped(buckets, now))
        self._pay_back(now)
        taken = self._take(amount, now)
        self.promises[name] = Promise(asked, price, taken, owner, now + lease, buckets)
        self._book(buckets, now)
        self.throw_away(now)
        return "done"

    def extend(
        self,
        name: str,
        to: int,
        usage: Usage,
        owner: Owner,
        lease: int,
        now: int,
        shop_limit: int | None = None,
    ) -> str:
        problem = self._not_mine(name, owner)
        if problem:
            return problem
        promise = self.promises[name]
        if promise.ended:
            return "already_resolved"
        more = max(0, to - promise.size())
        if more and not self.is_active:
            return "account_not_active"
        if more and self.short_bucket(promise.buckets, promise.size() + more, now) is not None:
            return "spend_cap_reached"
        if more > self.uncapped(promise.buckets, now, self.lendable(now, shop_limit)):
            return self._short(more, promise, now, shop_limit)
        if more:
            self._pay_back(now)
            taken = self._take(min(more, self.spendable(now)), now)
            promise.coins = self._together(promise.coins + taken)
            promise.borrowed += more - len(taken)
            self._book(promise.buckets, now)
            self.throw_away(now)
        promise.checkpoint = tuple(map(max, promise.checkpoint, usage)) if promise.checkpoint else usage
        promise.lease_until = max(promise.lease_until, now + lease)
        return "done"

    def settle(self, name: str, usage: Usage, owner: Owner, now: int) -> str:
        problem = self._not_mine(name, owner)
        if problem:
            return problem
        promise = self.promises[name]
        if promise.ended == "settled":
            return "replay" if promise.final == usage else "reused_with_other_input"
        if promise.ended:
            return "already_resolved"
        promise.final = usage
        cost = promise.price.cost(usage)
        promise.lost = max(0, cost - promise.size())
        self._end(promise, "settled", min(cost, promise.size()), now)
        return "done"

    def release(self, name: str, owner: Owner, now: int) -> str:
        problem = self._not_mine(name, owner)
        if problem:
            return problem
        promise = self.promises[name]
        if promise.ended:
            return "replay" if promise.ended == "released" else "already_resolved"
        self._end(promise, "released", 0, now)
        return "done"

    def sweep(self, name: str, sweeper: Owner, now: int) -> str:
        promise = self.promises.get(name)
        if promise is None:
            return "hold_unknown"
        if promise.ended:
            return "replay" if promise.ended == "swept" else "already_resolved"
        instance, life = promise.owner
        if now < promise.lease_until and not (instance == sweeper[0] and life < sweeper[1]):
            return "lease_not_lapsed"
        cost = promise.price.cost(promise.checkpoint)
        promise.lost = abs(promise.size() - cost)
        self._end(promise, "swept", min(cost, promise.size()), now)
        return "done"

    def take(self, key: str, purse: str | None, amount: int | None, now: int, rest: str = "refuse") -> str:
        """Back from the customer: what nobody holds of one purse, or so much of the newest ones."""
        if key in self.taken:
            before = self.taken[key]
            same = (before.purse, before.amount, before.rest) == (purse, amount, rest)
            return "replay" if same else "reused_with_other_input"
        if rest != "refuse":
            assert purse is not None
            assert amount is not None
            return self._claim(key, purse, amount, rest, now)
        promised = self.promised_of()
        live = {k: p for k, p in self.purses.items() if p.coins + promised[p] and not p.over(now)}
        if purse is not None and purse not in live:
            return "grant_unknown"
        purses = list(live.values()) if purse is None else [live[purse]]
        free = sum(p.coins for p in purses)
        wanted = free if amount is None else amount
        if free < max(wanted, 1):
            enough = free + sum(promised[p] for p in purses) >= max(wanted, 1)
            return "held_by_open_requests" if enough else "credit_exhausted"
        self.taken[key] = Taken(purse, amount, coins=wanted)
        for p in sorted(purses, key=lambda p: p.age, reverse=True):
            share = min(p.coins, wanted)
            p.coins -= share
            wanted -= share
        self.throw_away(now)
        return "done"

    def _claim(self, key: str, purse: str, amount: int, rest: str, now: int) -> str:
        """So much of one purse: the coins that are there, and when nobody has promised any of it, a note for the others."""
        if purse not in self.purses:
            return "grant_unknown"
        self.throw_away(now)
        there = self.purses[purse]
        coins = min(there.coins, amount)
        there.coins -= coins
        missing = 0 if self.promised_of()[there] else amount - coins
        owed, lost = (missing, 0) if rest == "debt" else (0, missing)
        self.taken[key] = Taken(purse, amount, rest, coins, owed, lost)
        self.owed += owed
        self._pay_back(now)
        return "done"

    def _not_mine(self, name: str, owner: Owner) -> str:
        if name not in self.promises:
            return "hold_unknown"
        return "" if self.promises[name].owner == owner else "hold_not_owned"

    def _short(self, amount: int, own: Promise | None, now: int, shop_limit: int | None = None) -> str:
        """Whether it would be enough if nobody else had promised anything."""
        others = [p for p in self.promises.values() if not p.ended and p is not own]
        there = self.there(now) + sum(purse.usable(now) for p in others for purse in p.coins)
        enough = max(0, there - self.owed)
        if shop_limit is not None:
            limit = shop_limit if self.own_limit is None else self.own_limit
            enough += max(0, limit - max(0, self.owed - there) - (own.borrowed if own else 0))
        return "held_by_open_requests" if enough >= amount else "credit_exhausted"

    def _pay_back(self, now: int) -> None:
        self.owed -= len(self._take(min(self.owed, self.there(now)), now))

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
        promise.ended, promise.paid, promise.ended_on = how, paid, day_of(now)
        self._book(promise.buckets, now, paid)
        for purse in promise.coins[paid:]:
            purse.coins += 1
        self.owed += max(0, paid - len(promise.coins))
        self.throw_away(now)
        self._pay_back(now)

    def throw_away(self, now: int) -> None:
        """Whenever something is booked, what is left in purses whose time is over goes. It does not come back, not
        even for somebody whose clock is slow.
        """
        for purse in self.purses.values():
            if purse.coins and purse.over(now):
                self.broken += purse.coins
                purse.coins = 0
