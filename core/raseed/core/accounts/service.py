"""The use cases of accounts: open accounts, find them, and say what single ones may do."""

from __future__ import annotations

from raseed.core.accounts.authenticator import Authenticator
from raseed.core.accounts.model import Account, AccountStatus, OwnLimit, OwnLimits, Tier
from raseed.core.accounts.ports import AccountStore
from raseed.core.clock import Clock
from raseed.core.errors import NotFound, RequestInvalid
from raseed.core.ids import AccountId, new_id
from raseed.core.money import AMOUNT_MAX

OWN_LIMIT_MAX = 10**12


class AccountService:
    """Opens accounts and finds them."""

    def __init__(self, store: AccountStore, authenticator: Authenticator, clock: Clock) -> None:
        self._store = store
        self._authenticator = authenticator
        self._clock = clock

    async def open_account(
        self, *, email: str, phone: str, tier: Tier, actor: str, own_limits: OwnLimits = ()
    ) -> Account:
        """A new account without credit. Raises RequestInvalid, Conflict."""
        if bool(email) == bool(phone):
            raise RequestInvalid("Give an e-mail address or a telephone number, and not both.", param="email")
        if email and (email.count("@") != 1 or email != email.strip() or not all(email.split("@"))):
            raise RequestInvalid(f"Not an e-mail address: {email!r}.", param="email")
        if phone and not (phone.startswith("+") and phone[1:].isascii() and phone[1:].isdigit()):
            raise RequestInvalid(
                "A telephone number has the form +96550123456: a plus sign and digits.", param="phone"
            )
        account = Account(
            id=AccountId(new_id("acct")),
            email=email.lower() or None,
            phone_e164=phone or None,
            tier=tier,
            status=AccountStatus.ACTIVE,
            tier_expires_at=None,
            created_at=self._clock.now(),
            own_limits=own_limits,
        )
        await self._store.add_account(account, actor)
        return account

    async def set_own_limits(
        self, account_id: AccountId, limits: OwnLimits, *, reason: str, actor: str
    ) -> Account:
        """In place of those that it had. In force within two seconds. Raises NotFound, RequestInvalid. Safe to repeat."""
        for name, value in limits:
            is_unlimited = value is None and name is not OwnLimit.PRIORITY
            if not is_unlimited and not 1 <= (value or 0) <= OWN_LIMIT_MAX:
                raise RequestInvalid(f"A limit is 1 to {OWN_LIMIT_MAX:,}.", param=name)
        account = await self._store.set_own_limits(account_id, limits, reason, actor)
        if account is None:
            raise NotFound(f"There is no account {account_id!r}.", metadata={"account": account_id})
        self._authenticator.forget_account(account_id)
        return account

    async def find(self, reference: str) -> Account:
        """By id, e-mail or telephone. Raises NotFound."""
        account = await self._store.find_account(reference)
        if account is None:
            raise NotFound(f"There is no account {reference!r}.", metadata={"account": reference})
        return account

    async def set_debt_limit(
        self, account_id: AccountId, limit_microcredits: int | None, *, reason: str, actor: str
    ) -> None:
        """Extensions of holds from now on obey it. Raises NotFound, RequestInvalid. Safe to repeat."""
        if limit_microcredits is not None and not 0 <= limit_microcredits <= AMOUNT_MAX:
            raise RequestInvalid("A debt limit is from 0 to 1,000,000,000 credits.", param="limit")
        if not await self._store.set_debt_limit(account_id, limit_microcredits, reason, actor):
            raise NotFound(f"There is no account {account_id!r}.")
