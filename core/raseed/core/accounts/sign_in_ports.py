"""What sign-in needs of a store. Every method is one transaction, whichever worker calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from raseed.core.accounts.code_limits import Tally
from raseed.core.accounts.model import Account
from raseed.core.accounts.sign_in_model import (
    Accepted,
    Changed,
    Identity,
    NewAccount,
    NewSession,
    Proven,
    Purpose,
    Session,
    StoredCode,
    Terms,
)
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, SessionId

Tallies = Mapping[str, Tally]
"""By subject; one that was never counted is not in it."""


class CodeStore(Protocol):
    """Codes, and what is counted of them. `decide` is pure and may be called more than once; None refuses."""

    async def issue(
        self, code: StoredCode, subjects: Collection[str], decide: Callable[[Tallies], Tallies | None]
    ) -> Tallies | None:
        """Store the code and what was counted, if it is admitted; None, and nothing is stored, if it is not.

        Raises Overloaded if too many wait for their turn.
        """
        ...

    async def attempt(
        self,
        code_id: bytes,
        purpose: Purpose,
        attempts_max: int,
        now: Microseconds,
        subjects: Callable[[StoredCode], Collection[str]],
        decide: Callable[[StoredCode, Tallies], Tallies | None],
    ) -> StoredCode | None:
        """Count one attempt on a code, and what `decide` counts, before anybody compares anything.

        None if there is no such code, it is over or used, had its attempts, or `decide` refuses: then nothing was
        counted. However many try at once, at most `attempts_max` ever get the code.
        """
        ...

    async def purge(self, now: Microseconds, limit: int) -> int:
        """Delete so many codes, and as many tallies, that are over; how many there were."""
        ...


class SignInStore(Protocol):
    """Accounts as people open and enter them. A code is used up with what it was for, or not at all."""

    async def account_of(self, proven: Proven) -> Account | None:
        """Whom the identifier belongs to."""
        ...

    async def forgive(self, proven: Proven) -> None:
        """The guess was right, and the code stays valid: its holder has something to add."""
        ...

    async def sign_in(
        self,
        proven: Proven,
        identity: Identity,
        new_account: NewAccount | None,
        session: NewSession,
        replaces: Session | None,
        terms: Terms,
    ) -> Accepted | None:
        """Use the code up and begin a session of the account that the identifier belongs to, which ends the one that it
        replaces. An account that is not active gets none.

        Opens `new_account` if there is no account. None if the code was used meanwhile.
        Raises Conflict if others opened or closed it at this moment: ask again.
        """
        ...

    async def change_identifier(
        self, proven: Proven, identity: Identity, account_id: AccountId, session: NewSession
    ) -> Changed | None:
        """Use the code up, give the account the new identifier, end all its sessions and begin this one.

        None if the code was used meanwhile. Raises Conflict if the identifier belongs to another account.
        """
        ...

    async def accept_terms(self, account_id: AccountId, terms: Terms, at: Microseconds) -> bool:
        """Whether the account has accepted them, now or before. Safe to repeat."""
        ...

    async def welcomed(self, identity: Identity, at: Microseconds) -> None:
        """The welcome grant of this identity is booked. Safe to repeat."""
        ...


class SessionStore(Protocol):
    async def session_with_account(self, digest: bytes) -> tuple[Session, Account] | None:
        """By the hash of its token; also one that is over and not yet deleted."""
        ...

    async def touch(self, session_id: SessionId, at: Microseconds) -> None:
        """It was used. A session that ended meanwhile stays ended."""
        ...

    async def list_sessions(self, account_id: AccountId, now: Microseconds) -> Sequence[Session]:
        """Those before their absolute end, newest first."""
        ...

    async def end(self, account_id: AccountId, session_id: SessionId, actor: str) -> bool:
        """False if the account has no such session. Every worker hears of it."""
        ...

    async def end_others(self, account_id: AccountId, kept: SessionId | None, actor: str) -> int:
        """End every session of the account but one; how many there were."""
        ...

    async def purge_sessions(self, now: Microseconds, limit: int) -> int:
        """Delete so many sessions that are past their absolute end."""
        ...
