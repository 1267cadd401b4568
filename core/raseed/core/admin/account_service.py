"""The use cases of operators about accounts: find, suspend, reinstate, close, tier, notes, approvals.

There is no impersonation: nothing here makes an operator a customer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from raseed.core.accounts.model import Account, AccountStatus, Tier
from raseed.core.accounts.service import AccountService
from raseed.core.admin.standing import AccountFilter, AccountNote, Standing, StandingStore
from raseed.core.billing.policy import Policy
from raseed.core.clock import Clock, Microseconds
from raseed.core.errors import Conflict, NotFound, RequestInvalid
from raseed.core.ids import AccountId

REASON_CHARS_MAX = 256
NOTE_CHARS_MAX = 2_000
TEXT_CHARS_MAX = 128
"""Of what is searched for: a whole API key, or an e-mail address."""
TEXT_CHARS_MIN = 3
"""Less would find everybody."""


class AccountAdmin:
    def __init__(
        self,
        store: StandingStore,
        accounts: AccountService,
        forget: Callable[[AccountId], None],
        policy: Policy,
        clock: Clock,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._forget = forget
        """Drops what this worker remembers of an account's callers."""
        self._policy = policy
        self._clock = clock

    async def find(self, *, text: str, status: str, tier: str, after: str, limit: int) -> Sequence[Account]:
        """Newest first; what is empty does not count. Raises RequestInvalid."""
        if text and not TEXT_CHARS_MIN <= len(text) <= TEXT_CHARS_MAX:
            raise RequestInvalid(
                f"Search for {TEXT_CHARS_MIN} to {TEXT_CHARS_MAX} characters.", param="query"
            )
        if status and status not in AccountStatus.__members__.values():
            raise RequestInvalid(
                f"Unknown status {status!r}; known: {', '.join(AccountStatus)}.", param="status"
            )
        which = AccountFilter(
            text=text,
            status=AccountStatus(status) if status else None,
            tier=_tier(tier) if tier else None,
        )
        return await self._store.find(which, after, limit)

    async def standing(self, account_id: AccountId) -> Standing:
        return await self._store.standing(account_id)

    async def suspend(self, reference: str, *, reason: str, actor: str) -> Account:
        """Within two seconds every worker refuses it; what runs is finished and charged. The holder is told.
        The keys that a person made for organisations stay theirs: `standing` says which ones he owns.

        Safe to repeat. Raises NotFound, RequestInvalid, Conflict for an account that is closed.
        """
        check_reason(reason)
        account = await self._accounts.find(reference)
        suspended = await self._store.suspend(account.id, reason, actor)
        return self._changed(account, suspended, AccountStatus.SUSPENDED)

    async def reinstate(self, reference: str, *, reason: str, actor: str) -> Account:
        """Ends a suspension. Safe to repeat. Raises NotFound, RequestInvalid, Conflict for an account that is closed."""
        check_reason(reason)
        account = await self._accounts.find(reference)
        return self._changed(
            account, await self._store.reinstate(account.id, reason, actor), AccountStatus.ACTIVE
        )

    async def close(self, reference: str, *, reason: str, actor: str, forfeit: bool | None) -> Account:
        """For good: keys are revoked, sessions end, and a person leaves every organisation, with the keys that he made
        for it. What runs is finished and charged; after that, credit that is left is taken back if `forfeit`, or if it
        is None and the profile says so.

        Safe to repeat. Raises NotFound, RequestInvalid, Conflict for the only owner of an organisation.
        """
        check_reason(reason)
        account = await self._accounts.find(reference)
        lost = self._policy.at_closing == "forfeit" if forfeit is None else forfeit
        closed = await self._store.close(account.id, reason, actor, forfeit=lost)
        return self._changed(account, closed, AccountStatus.CLOSED)

    async def set_tier(
        self, reference: str, *, tier: str, expires_at: int | None, reason: str, actor: str
    ) -> Account:
        """Every worker follows within two seconds. At `expires_at` the account goes back to the profile's default tier.

        Safe to repeat. Raises NotFound, RequestInvalid, Conflict for an account that is closed.
        """
        check_reason(reason)
        if expires_at is not None and expires_at <= self._clock.now():
            raise RequestInvalid("The end of a tier lies in the future.", param="expires_at_us")
        account = await self._accounts.find(reference)
        if account.status is AccountStatus.CLOSED:
            raise _closed(account)
        moment = None if expires_at is None else Microseconds(expires_at)
        changed = await self._store.set_tier(account.id, _tier(tier), moment, reason, actor)
        return self._changed(account, changed)

    async def approve_second(self, reference: str, *, second_of: str, reason: str, actor: str) -> Standing:
        """That one person has this account beside another one. Without the other the approval is taken back.

        Raises NotFound, RequestInvalid.
        """
        check_reason(reason)
        account = await self._accounts.find(reference)
        other = await self._accounts.find(second_of) if second_of else None
        if other is not None and other.id == account.id:
            raise RequestInvalid("These are the same account.", param="second_of")
        await self._store.approve_second(account.id, None if other is None else other.id, reason, actor)
        return await self._store.standing(account.id)

    async def add_note(self, reference: str, *, text: str, actor: str) -> AccountNote:
        """Raises NotFound, RequestInvalid."""
        if not text.strip() or len(text) > NOTE_CHARS_MAX:
            raise RequestInvalid(f"A note has 1 to {NOTE_CHARS_MAX} characters.", param="text")
        account = await self._accounts.find(reference)
        note = await self._store.add_note(account.id, text, actor)
        if note is None:
            raise _unknown(reference)
        return note

    async def notes(self, reference: str, after: str, limit: int) -> Sequence[AccountNote]:
        """Newest first. Raises NotFound."""
        account = await self._accounts.find(reference)
        return await self._store.notes(account.id, after, limit)

    def _changed(
        self, before: Account, after: Account | None, wanted: AccountStatus | None = None
    ) -> Account:
        """This worker at once; the others hear of it by the changes feed."""
        if after is None:
            raise _unknown(before.id)
        self._forget(after.id)
        if wanted is not None and after.status is not wanted:
            raise _closed(after)
        return after


def _tier(name: str) -> Tier:
    if name not in Tier.__members__.values():
        raise RequestInvalid(f"Unknown tier {name!r}; known: {', '.join(Tier)}.", param="tier")
    return Tier(name)


def check_reason(reason: str) -> None:
    """Raises RequestInvalid."""
    if not reason.strip() or len(reason) > REASON_CHARS_MAX:
        raise RequestInvalid(f"A reason of 1 to {REASON_CHARS_MAX} characters is required.", param="reason")


def _unknown(reference: str) -> NotFound:
    return NotFound(f"There is no account {reference!r}.", metadata={"account": reference})


def _closed(account: Account) -> Conflict:
    return Conflict("This account is closed.", metadata={"account": account.id})
