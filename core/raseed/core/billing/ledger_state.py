"""What one batch of ledger commands works on: loaded before, written after, nothing else in between.

A store loads what `needs` names, lets `ledger.decide` work, and writes what the state then says has changed: each
changed row once, whatever the number of commands that changed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from raseed.core.accounts.model import AccountStatus
from raseed.core.billing.commands import Command, ExpireCredit, IssueGrant, PlaceHold, TakeBack, TakeShortfall
from raseed.core.billing.model import BalanceView, Grant, GrantStatus, GrantView, Hold, RunRecord, UsageLine
from raseed.core.billing.spend_caps import Bucket
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, BucketId, GrantId, HoldId, LedgerTxId

LedgerTxKind = Literal[
    "grant", "expire", "settle", "release", "sweep", "adjust", "void", "claim", "waive", "repay"
]


# Named tuples: every charge makes some of each, and a frozen dataclass takes twice as long to make.


class Entry(NamedTuple):
    """One side of a transaction. The amount is what the ledger account gains; a customer's credit is positive."""

    ledger_account: str
    amount_microcredits: int
    grant_id: GrantId | None = None


class LedgerTransaction(NamedTuple):
    """Entries that are booked together. They sum to zero."""

    id: LedgerTxId
    kind: LedgerTxKind
    idem_key: str
    """Unique for ever: the store refuses to book the same cause twice, whatever the logic above it does."""
    account_id: AccountId
    ref: str
    """The grant or hold that it is about."""
    actor: str
    at: Microseconds
    entries: tuple[Entry, ...]


class UsageEvent(NamedTuple):
    """What one request used and what it cost. Written once, when its hold is resolved."""

    hold: Hold
    run: RunRecord
    lines: tuple[UsageLine, ...]
    cost_microcredits: int
    """Charged to the account."""
    shortfall_microcredits: int
    """Booked to `sys:houseloss`."""
    ledger_tx_id: LedgerTxId | None
    """None when nothing moved: a free run, a release."""
    at: Microseconds


@dataclass(slots=True, kw_only=True)
class AccountState:
    """An account's balance row and its live grants."""

    id: AccountId
    status: AccountStatus
    available_microcredits: int
    """Sum of (remaining − held) over active grants, whether or not they are eligible at this hour."""
    held_microcredits: int
    """Of that credit, what open holds keep."""
    debt_microcredits: int
    debt_reserved_microcredits: int = 0
    """What open holds may add to the debt."""
    debt_limit_microcredits: int | None = None
    """The account's own; None: the profile's."""
    grants: dict[GrantId, Grant] = field(default_factory=dict)
    """The active ones, in burn order."""


class Needs(NamedTuple):
    """What has to be loaded for a batch."""

    account_ids: set[AccountId]
    """With their balance rows and active grants."""
    hold_ids: set[HoldId]
    """With their allocations."""
    grant_keys: set[tuple[AccountId, str]]
    taken_keys: set[str]
    """Idempotency keys of transactions that took credit back, see `taken_key`."""
    bucket_ids: set[BucketId]
    """Of new holds. With those of the holds in `hold_ids`, as far as there are caps."""
    grant_ids: set[GrantId]
    """Of grants that may have nothing left."""


def needs(commands: Iterable[Command]) -> Needs:
    account_ids: set[AccountId] = set()
    hold_ids: set[HoldId] = set()
    grant_keys: set[tuple[AccountId, str]] = set()
    taken_keys: set[str] = set()
    bucket_ids: set[BucketId] = set()
    grant_ids: set[GrantId] = set()
    for command in commands:
        account_ids.add(command.account_id)
        if isinstance(command, IssueGrant):
            grant_keys.add((command.account_id, command.grant_key))
        elif isinstance(command, TakeBack):
            taken_keys.add(taken_key(command))
            if command.shortfall is not TakeShortfall.REFUSE and command.grant_id is not None:
                grant_ids.add(command.grant_id)
        elif not isinstance(command, ExpireCredit):
            hold_ids.add(command.hold_id)
            if isinstance(command, PlaceHold):
                bucket_ids.update(command.bucket_ids)
    return Needs(account_ids, hold_ids, grant_keys, taken_keys, bucket_ids, grant_ids)


def taken_key(command: TakeBack) -> str:
    """`LedgerTransaction.idem_key` of what the command books."""
    return f"take:{command.account_id}:{command.take_key}"


@dataclass(slots=True)
class LedgerState:
    """The first six are loaded; the rest records what `decide` changed, for the store to write."""

    accounts: dict[AccountId, AccountState] = field(default_factory=dict)
    holds: dict[HoldId, Hold] = field(default_factory=dict)
    granted: dict[tuple[AccountId, str], Grant] = field(default_factory=dict)
    """Grants that exist under the keys of this batch, whatever their status."""
    taken: dict[str, LedgerTransaction] = field(default_factory=dict)
    """Transactions that took credit back under the keys of this batch."""
    buckets: dict[BucketId, Bucket] = field(default_factory=dict)
    """Those of this batch that have a cap."""
    named_grants: dict[GrantId, AccountId] = field(default_factory=dict)
    """Whose the grants are that this batch names, whatever their status."""

    changed_accounts: dict[AccountId, AccountState] = field(default_factory=dict)
    new_grants: dict[GrantId, Grant] = field(default_factory=dict)
    changed_grants: dict[GrantId, Grant] = field(default_factory=dict)
    new_holds: dict[HoldId, Hold] = field(default_factory=dict)
    changed_holds: dict[HoldId, Hold] = field(default_factory=dict)
    changed_allocations: dict[HoldId, Hold] = field(default_factory=dict)
    """Holds, new ones included, whose allocations have to be written."""
    changed_reservations: dict[AccountId, AccountState] = field(default_factory=dict)
    """Accounts whose open holds may owe more, or less, than before. Changed accounts also."""
    changed_hold_debts: dict[HoldId, Hold] = field(default_factory=dict)
    """Holds, new ones included, that may owe more than before."""
    changed_buckets: dict[BucketId, Bucket] = field(default_factory=dict)
    transactions: list[LedgerTransaction] = field(default_factory=list)
    usage_events: list[UsageEvent] = field(default_factory=list)

    def touch_account(self, account: AccountState) -> None:
        self.changed_accounts[account.id] = account

    def touch_grant(self, account: AccountState, grant: Grant, now: Microseconds) -> None:
        """Record that a grant changed, and close it when nothing is left of it."""
        if grant.remaining_microcredits == 0:
            grant.status = GrantStatus.EXPIRED if is_due(grant, now) else GrantStatus.EXHAUSTED
            account.grants.pop(grant.id, None)
        if grant.id not in self.new_grants:
            self.changed_grants[grant.id] = grant

    def buckets_of(self, spender: PlaceHold | Hold) -> list[Bucket]:
        """The caps that it counts against, the narrowest first."""
        if not self.buckets:
            return []
        return [self.buckets[each] for each in spender.bucket_ids if each in self.buckets]

    def count_in_caps(self, hold: Hold, now: Microseconds, *, held: int, charged: int = 0) -> None:
        """Record what a hold keeps more (or less) and is charged, in every bucket of its own that has a cap."""
        for bucket in self.buckets_of(hold):
            bucket.enter_window(now)
            bucket.held_microcredits += held
            bucket.charged_microcredits += charged
            self.changed_buckets[bucket.id] = bucket

    def touch_hold(self, hold: Hold) -> None:
        if hold.id not in self.new_holds:
            self.changed_holds[hold.id] = hold


def burn_key(grant: Grant) -> tuple[int, bool, int, bool, int, str]:
    """Sorts grants in the order in which they are spent: priority, soonest expiry, free before paid, oldest."""
    never = grant.expires_at is None
    return (
        grant.priority,
        never,
        0 if grant.expires_at is None else grant.expires_at,
        grant.cost_basis_minor > 0,
        grant.effective_at,
        grant.id,
    )


def in_burn_order(grants: Iterable[Grant]) -> dict[GrantId, Grant]:
    return {grant.id: grant for grant in sorted(grants, key=burn_key)}


def is_due(grant: Grant, now: Microseconds) -> bool:
    """Whether its time is over. From this moment on it cannot be spent, also before anybody books the expiry."""
    return grant.expires_at is not None and grant.expires_at <= now


def is_eligible(grant: Grant, now: Microseconds) -> bool:
    return grant.status is GrantStatus.ACTIVE and grant.effective_at <= now and not is_due(grant, now)


def credit(account: AccountState, now: Microseconds) -> tuple[int, int]:
    """(spendable now, spendable if the account's open holds were all released).

    What it owes comes first: credit that is there is credit to repay with.
    """
    spendable = unheld = 0
    for grant in account.grants.values():
        if is_eligible(grant, now):
            unheld += grant.remaining_microcredits
            spendable += grant.remaining_microcredits - grant.held_microcredits
    owed = account.debt_microcredits
    return max(0, spendable - owed), max(0, unheld - owed)


def means(
    account: AccountState, now: Microseconds, own_held: int, own_debt: int, default_limit: int | None
) -> tuple[int, int]:
    """(what an open hold could still set aside now, what it could if all others of the account were released).

    `own_held` of eligible credit and `own_debt` of the debt limit are kept by the hold itself. With a limit, its own or
    else the default, the account may owe what its credit does not cover; without a default nobody may owe.
    """
    spendable = unheld = -account.debt_microcredits
    for grant in account.grants.values():
        if is_eligible(grant, now):
            unheld += grant.remaining_microcredits
            spendable += grant.remaining_microcredits - grant.held_microcredits
    unheld -= own_held
    if default_limit is None:
        return max(0, spendable), max(0, unheld)
    limit = account.debt_limit_microcredits
    limit = default_limit if limit is None else limit
    headroom = limit - account.debt_reserved_microcredits
    return _with_headroom(spendable, headroom), _with_headroom(unheld, limit - own_debt)


def _with_headroom(credit_less_debt: int, headroom: int) -> int:
    """What is owed counts against the headroom; a limit that was lowered below it takes no credit away."""
    return max(0, credit_less_debt) + max(0, headroom + min(0, credit_less_debt))


def balance_view(account: AccountState, now: Microseconds) -> BalanceView:
    return BalanceView(
        account_id=account.id,
        spendable_microcredits=credit(account, now)[0],
        held_microcredits=account.held_microcredits,
        debt_microcredits=account.debt_microcredits,
        own_debt_limit_microcredits=account.debt_limit_microcredits,
        grants=tuple(
            GrantView(
                id=grant.id,
                source=grant.source,
                amount_microcredits=grant.amount_microcredits,
                remaining_microcredits=grant.remaining_microcredits,
                held_microcredits=grant.held_microcredits,
                effective_at=grant.effective_at,
                expires_at=grant.expires_at,
                priority=grant.priority,
                created_at=grant.created_at,
            )
            for grant in account.grants.values()
            if not is_due(grant, now)
        ),
    )
