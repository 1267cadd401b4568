"""Acting for an organisation: a person's session with the rights that his role has there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from raseed.core.accounts.model import Account, AccountStatus, Caller
from raseed.core.accounts.organisation_ports import MemberStore
from raseed.core.accounts.organisations import Member
from raseed.core.accounts.ports import PresentedSession, SessionResolver
from raseed.core.accounts.scopes import SCOPES_OF, Role
from raseed.core.changes import TRUST_S
from raseed.core.clock import SECOND, Clock
from raseed.core.errors import AccountSuspended, NotFound
from raseed.core.ids import AccountId, PersonId

CACHE_S = 30
"""How long a membership is believed without asking the database again."""
CACHE_MAX = 10_000
"""Memberships remembered at a time; the oldest go first."""

_Key = tuple[AccountId, PersonId]


@dataclass(frozen=True, slots=True)
class _Remembered:
    member: Member
    account: Account
    until: int


class ActingResolver:
    """Resolves sessions, also of those who name an organisation; implements `SessionResolver`. A membership that is
    remembered costs no I/O; a change of it is known everywhere within two seconds, as one of an account is.
    """

    def __init__(self, sessions: SessionResolver, members: MemberStore, clock: Clock) -> None:
        self._sessions = sessions
        self._members = members
        self._clock = clock
        self._remembered: dict[_Key, _Remembered] = {}
        self._forgotten = 0
        """Times that something was forgotten: what was read before that is not remembered after it."""
        self._trusted_until: int | None = None
        """None while nobody else changes memberships."""

    async def resolve(self, presented: PresentedSession, *, changes: bool) -> Caller:
        """Raises also NotFound for an organisation that the person is no member of."""
        caller = await self._sessions.resolve(presented, changes=changes)
        if presented.account in {"", caller.account_id}:
            return caller
        organisation_id, person_id = AccountId(presented.account), caller.person_id
        found = None if person_id is None else await self._membership(organisation_id, person_id)
        if found is None:
            raise NotFound("There is no such account.", metadata={"account": presented.account})
        member, account = found
        if account.status is not AccountStatus.ACTIVE:
            raise AccountSuspended("This organisation's account is not active.")
        return replace(
            caller,
            account_id=account.id,
            tier=account.tier,
            own_limits=account.own_limits,
            role=member.role,
            scopes=SCOPES_OF[member.role],
            spender_id=person_id,
            keys_of=person_id if member.role is Role.MEMBER else None,
        )

    def confirm(self) -> None:
        """Every change that was committed a moment ago is known here; believed for `TRUST_S`."""
        self._trusted_until = self._clock.now() + int(TRUST_S * SECOND)

    def forget_account(self, account_id: AccountId) -> None:
        """Look its members up again: one of them, or the account, was changed."""
        self._forget(lambda key: key[0] == account_id)

    async def _membership(
        self, organisation_id: AccountId, person_id: PersonId
    ) -> tuple[Member, Account] | None:
        key = (organisation_id, person_id)
        now = self._clock.now()
        entry = self._remembered.get(key)
        trusted = self._trusted_until is None or now < self._trusted_until
        if entry is not None and trusted and now < entry.until:
            return entry.member, entry.account
        forgotten = self._forgotten
        found = await self._members.membership(organisation_id, person_id)
        self._remembered.pop(key, None)
        # Who is no member is asked about again each time: nothing can fill the memory with what is not there.
        if found is not None and forgotten == self._forgotten:
            self._remembered[key] = _Remembered(*found, now + CACHE_S * SECOND)
            while len(self._remembered) > CACHE_MAX:
                del self._remembered[next(iter(self._remembered))]
        return found

    def _forget(self, is_meant: Callable[[_Key], bool]) -> None:
        self._forgotten += 1
        for key in [key for key in self._remembered if is_meant(key)]:
            del self._remembered[key]
