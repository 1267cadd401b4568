"""What can be asked of the ledger, and what it answers.

Every command names its account and, but for the last, carries an id made by the caller. Sent again it answers the first outcome with
`replayed=True` and changes nothing; sent with other content it answers REUSED_WITH_OTHER_INPUT. So every command is
safe to retry, also when it is unknown whether the first attempt committed.

| command     | id             | needs             | does                                                          |
|-------------|----------------|-------------------|---------------------------------------------------------------|
| IssueGrant  | `grant_key`    | account           | new grant; repays debt first                                  |
| PlaceHold   | `hold_id`      | account active, below every cap | sets min..want aside from live grants in burn order           |
| ExtendHold  | `hold_id`      | hold open, ours   | sets more aside, also on debt; moves checkpoint and lease     |
| SettleHold  | `hold_id`      | hold open, ours   | charges at most the hold, frees the rest, writes the usage    |
| ReleaseHold | `hold_id`      | hold open, ours   | frees all of it, charges nothing                              |
| SweepHold   | `hold_id`      | hold open, lapsed | settles a dead owner's hold at its checkpoint                 |
| TakeBack    | `take_key`     | credit not held, unless `shortfall` says otherwise | takes credit out of one grant, or of the newest |
| ExpireCredit | none          | account           | books expired credit as breakage; a repeat finds nothing      |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from raseed.core.billing.model import BalanceView, GrantSource, Measured, PriceSnapshot, RunRecord, UsageLine
from raseed.core.billing.spend_caps import bucket_ids
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, ApiKeyId, BucketId, GrantId, HoldId, PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueGrant:
    account_id: AccountId
    grant_key: str
    source: GrantSource
    amount_microcredits: int
    priority: int
    expires_at: Microseconds | None = None
    effective_at: Microseconds | None = None
    """None means now."""
    cost_basis_minor: int = 0
    currency: str = ""
    reason: str = ""
    actor: str = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHold:
    account_id: AccountId
    hold_id: HoldId
    api_key_id: ApiKeyId | None
    parent_key_id: ApiKeyId | None = None
    """The key that made that one."""
    person_id: PersonId | None = None
    """In an organisation: whose spending it is. The three are the same for all holds of a key."""
    price: PriceSnapshot
    input_hash: str
    min_microcredits: int
    """Less than this does not pay for the smallest answer: refused."""
    want_microcredits: int
    """Set aside at most this; what is spendable if that is less."""
    owner_instance: str
    owner_epoch: int
    lease_us: int

    @property
    def bucket_ids(self) -> list[BucketId]:
        """As of the hold that it makes."""
        return bucket_ids(self.account_id, self.api_key_id, self.parent_key_id, self.person_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendHold:
    """A level at or below the hold's amount is a heartbeat: it moves checkpoint and lease only. Never partial: all of
    it or refused, and a refused extension moves nothing. Neither checkpoint nor lease ever moves back.
    """

    account_id: AccountId
    hold_id: HoldId
    owner_instance: str
    owner_epoch: int
    to_microcredits: int
    """The hold's amount afterwards (a level, not a step, so that a repeat adds nothing)."""
    checkpoint: Measured
    lease_us: int
    debt_limit_microcredits: int | None = None
    """What an account without a limit of its own may owe. None: no account may, whatever its limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleHold:
    account_id: AccountId
    hold_id: HoldId
    owner_instance: str
    owner_epoch: int
    measured: Measured
    run: RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHold:
    account_id: AccountId
    hold_id: HoldId
    owner_instance: str
    owner_epoch: int
    run: RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepHold:
    account_id: AccountId
    hold_id: HoldId
    sweeper_instance: str
    sweeper_epoch: int


class TakeShortfall(StrEnum):
    """What becomes of an amount that is to be taken out of a grant when less of it is free."""

    REFUSE = "refuse"
    """All or nothing."""
    DEBT = "debt"
    """What is free is taken. What is spent, expired or taken back before is owed, whatever the account's debt limit,
    which is for answers; but not while an open hold keeps any of the grant, which may yet come free."""
    WRITE_OFF = "write_off"
    """The same, but for what would be owed: the house bears it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBack:
    """Undoes a grant, or a part of it. What open holds keep is not touched, and no grant but those it is taken from;
    only what comes to be owed is repaid at once from whatever credit the account has, as every debt is.
    """

    account_id: AccountId
    take_key: str
    """Caller's id, unique for the account."""
    grant_id: GrantId | None
    """None: the grants with credit left, the newest first."""
    amount_microcredits: int | None
    """None: all that is left of the grant and not held."""
    shortfall: TakeShortfall = TakeShortfall.REFUSE
    """Another one needs a grant, in whatever state, and an amount."""
    actor: str = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireCredit:
    """Needs no id: what has been booked is gone, so a repeat finds nothing."""

    account_id: AccountId


Command = IssueGrant | PlaceHold | ExtendHold | SettleHold | ReleaseHold | SweepHold | TakeBack | ExpireCredit


class Refusal(StrEnum):
    """Why a command changed nothing, in the order in which they are checked."""

    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    """Negative, above `money.AMOUNT_MAX`, a price or measurement that makes no sense, or a balance that would overflow.
    Checked first: no state makes such a command right."""
    ACCOUNT_UNKNOWN = "account_unknown"
    REUSED_WITH_OTHER_INPUT = "reused_with_other_input"
    GRANT_UNKNOWN = "grant_unknown"
    """The account has no such grant, or nothing is left of it and the command does not say what then."""
    HOLD_UNKNOWN = "hold_unknown"
    HOLD_NOT_OWNED = "hold_not_owned"
    ALREADY_RESOLVED = "already_resolved"
    """Resolved in another way than this command asks (settled, when a release is asked)."""
    LEASE_NOT_LAPSED = "lease_not_lapsed"
    ACCOUNT_NOT_ACTIVE = "account_not_active"
    SPEND_CAP_REACHED = "spend_cap_reached"
    """The cap of the hold's API key, of the one that made it, or of the member: even if the other open holds that count
    there were released, it would be above."""
    CREDIT_EXHAUSTED = "credit_exhausted"
    """Even with everything that open holds keep, it would not pay."""
    HELD_BY_OPEN_REQUESTS = "held_by_open_requests"
    """It would pay if the account's open holds were released; or, under a cap, those that count there."""
    CANNOT_BE_WRITTEN = "cannot_be_written"
    """The store does not take what the command books: a fault of ours, not of its availability. Sent again it fails
    again; those beside it are written."""


def could_change(refusal: Refusal) -> bool:
    """Whether the same command, sent again later, could end differently."""
    match refusal:
        case (
            Refusal.ACCOUNT_NOT_ACTIVE
            | Refusal.SPEND_CAP_REACHED
            | Refusal.CREDIT_EXHAUSTED
            | Refusal.HELD_BY_OPEN_REQUESTS
            | Refusal.LEASE_NOT_LAPSED
        ):
            return True
        case (
            Refusal.ACCOUNT_UNKNOWN
            | Refusal.REUSED_WITH_OTHER_INPUT
            | Refusal.GRANT_UNKNOWN
            | Refusal.HOLD_UNKNOWN
            | Refusal.HOLD_NOT_OWNED
            | Refusal.ALREADY_RESOLVED
            | Refusal.AMOUNT_OUT_OF_RANGE
            | Refusal.CANNOT_BE_WRITTEN
        ):
            return False
        case _:
            assert_never(refusal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    grant_id: GrantId
    balance: BalanceView
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    hold_id: HoldId
    amount_microcredits: int
    lease_until: Microseconds
    spendable_microcredits: int
    """Left to other requests after this hold."""
    replayed: bool = False
    is_open: bool = True
    """False on the replay of a hold that has been resolved meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Also answers ReleaseHold (cost 0, no lines) and SweepHold."""

    hold_id: HoldId
    cost_microcredits: int
    """Charged to the account: what the lines cost, at most the hold."""
    lines: tuple[UsageLine, ...]
    shortfall_microcredits: int
    """Not charged to the account but booked to `sys:houseloss`: the cost of what was used beyond the hold; after a
    sweep, also the rest of the hold, which bounds what was produced since the last checkpoint."""
    spendable_microcredits: int
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    parts: tuple[tuple[GrantId, int], ...]
    """From which grants, and how much of each."""
    still_held_microcredits: int
    """What open holds keep of these grants now."""
    spendable_microcredits: int
    debt_microcredits: int = 0
    """Owed for the rest. What other credit repaid of it at once is counted."""
    written_off_microcredits: int = 0
    """Of the rest, what the house bears."""
    replayed: bool = False

    @property
    def amount_microcredits(self) -> int:
        """Taken out of grants."""
        return sum(amount for _, amount in self.parts)

    @property
    def settled_microcredits(self) -> int:
        """Done with, in whichever way. Less than was asked for only while holds kept something of the grant: ask for the
        difference again, under a new key, when they have ended.
        """
        return self.amount_microcredits + self.debt_microcredits + self.written_off_microcredits


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    refusal: Refusal
    spendable_microcredits: int = 0
    """What could be set aside now: of the account's credit, within every cap; for an extension, also on debt."""
    held_microcredits: int = 0
    required_microcredits: int = 0
    bucket_id: BucketId | None = None
    """Of SPEND_CAP_REACHED: the first that was short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    amount_microcredits: int
    """Booked to breakage now."""
    spendable_microcredits: int


Result = Granted | Held | Settled | TakenBack | Expired | Refused
