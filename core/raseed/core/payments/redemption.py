"""Redemption codes: credit that operators give out in advance, for whoever comes with the code.

A code is a row of ours with a keyed hash of it; the text is shown once, to who made it. Redeeming writes down, in one
transaction, that this account has redeemed this code, and counts the use; the ledger then gives the credit under the key
`code:<id>`, which it does once for an account, whoever asks and how often. Whoever dies in between leaves a row that the
job ends.

The credit is an adjustment to the ledger (`GrantSource.ADJUSTMENT`): an operator gives it, and nobody paid us for it. So it
is spent before credit that was bought, and is in no list of purchases.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from raseed.core.accounts.code_limits import Window
from raseed.core.clock import DAY, HOUR, SECOND, Microseconds
from raseed.core.ids import AccountId, CodeBatchId, RedemptionCodeId

GRANT_PREFIX = "code:"
"""Of the keys of grants."""
UNSETTLED_US = 30 * SECOND
"""After which the job takes up what was begun: longer than whoever began it would have waited for the ledger."""
GUESSES_OF_ACCOUNT = (Window(5, HOUR), Window(20, DAY))
"""Codes that nobody has, tried by one account. Who mistypes is told by the check characters, and is not counted."""
GUESSES_FROM_NETWORK = (Window(20, HOUR), Window(100, DAY))
"""And from one IPv4 /24 or IPv6 /48: accounts cost nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBatch:
    """Codes that were made together."""

    id: CodeBatchId
    prefix: str
    """With which each of them begins."""
    credit_microcredits: int
    """Of each use."""
    code_count: int
    uses_per_code: int
    """Accounts that may redeem the same code, each once."""
    expires_at: Microseconds | None
    """From when on they are not redeemed any more; None: never."""
    credit_life_us: int | None
    """How long the credit lasts after it was redeemed; None: it does not expire."""
    note: str = field(repr=False)
    """For operators."""
    created_by: str
    created_at: Microseconds
    revoked_at: Microseconds | None = None
    use_count: int = 0
    """Of all its codes together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCode:
    """What is kept of a code."""

    id: RedemptionCodeId
    digest: bytes = field(repr=False)
    pepper_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeUse:
    """A code as operators see it."""

    id: RedemptionCodeId
    batch_id: CodeBatchId
    use_count: int
    revoked_at: Microseconds | None
    accounts: tuple[AccountId, ...]
    """Who redeemed it, the first first; at most so many as were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """That an account redeemed a code, and what it gets for it."""

    code_id: RedemptionCodeId
    account_id: AccountId
    actor: str
    credit_microcredits: int
    credit_expires_at: Microseconds | None
    redeemed_at: Microseconds


class Refused(StrEnum):
    """Why a code is not redeemed."""

    UNKNOWN = "unknown"
    """Nobody has such a code: it is counted as a guess."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED_UP = "used_up"
    THROTTLED = "throttled"
    """Too many guesses: nothing was looked up."""


@dataclass(frozen=True, slots=True)
class Claim:
    redemption: Redemption
    is_new: bool
    """False: this account redeemed it before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """Who redeems, and under which names wrong codes are counted."""

    account_id: AccountId
    actor: str
    guesses: Mapping[str, Sequence[Window]]


class CodeStore(Protocol):
    """Every method is one transaction and may raise `DatabaseUnavailable` of its store."""

    async def add(self, batch: CodeBatch, codes: Sequence[StoredCode]) -> None: ...

    async def batches(self, after: str, limit: int) -> Sequence[CodeBatch]:
        """Newest first; `after` is the id of the last one already seen, empty for the first page."""
        ...

    async def codes(self, batch_id: CodeBatchId, after: str, limit: int) -> Sequence[CodeUse]:
        """In the order in which they were made, which is that of their ids; `after` as above."""
        ...

    async def find(self, digests: Collection[bytes]) -> CodeUse | None: ...

    async def revoke_batch(self, batch_id: CodeBatchId, actor: str) -> CodeBatch | None:
        """With all its codes. None if there is none. What was redeemed stays. Safe to repeat."""
        ...

    async def revoke_code(self, code_id: RedemptionCodeId, actor: str) -> CodeUse | None:
        """As `revoke_batch`."""
        ...

    async def claim(self, digests: Collection[bytes], claimant: Claimant) -> Claim | Refused:
        """Write down that this account redeems the code with one of these digests.

        A code is redeemed once by an account and no more often than its batch says, whichever workers are asked at the
        same moment. One that the account redeemed before is answered as it was then, whatever became of the code. A new one
        is due after `UNSETTLED_US`. Raises AccountSuspended for an account that is not active any more, and Overloaded.
        """
        ...

    async def settle(self, redemption: Redemption) -> None:
        """The ledger has the credit. Safe to repeat."""
        ...

    async def postpone(self, redemption: Redemption, until: Microseconds) -> None:
        """The ledger refused the credit, for now."""
        ...

    async def unsettled(self, limit: int) -> Sequence[Redemption]:
        """Those that are due, the longest due first."""
        ...


CountOutcome = Callable[[str], None]
"""Called with `redeemed`, `again` or a value of `Refused`."""
