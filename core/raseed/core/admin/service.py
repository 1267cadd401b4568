"""The use cases of operators. Every change names its actor in the audit log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from raseed.core.accounts.model import Account, ApiKey, Tier
from raseed.core.accounts.service import AccountService
from raseed.core.billing.commands import Granted, IssueGrant
from raseed.core.billing.model import BalanceView, GrantSource
from raseed.core.billing.policy import Policy
from raseed.core.billing.service import CreditService
from raseed.core.clock import Clock, Microseconds
from raseed.core.errors import NotFound, RequestInvalid
from raseed.core.ids import AccountId, ApiKeyId, new_id
from raseed.core.money import AMOUNT_MAX

WELCOME_KEY = "welcome"
REASON_CHARS_MAX = 256


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant of the ledger: its name, and the ids and figures that break it."""

    invariant: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verification:
    violations: tuple[Violation, ...]
    invariant_count: int
    entry_count: int


class AdminService:
    def __init__(
        self,
        *,
        accounts: AccountService,
        credit: CreditService,
        policy: Policy,
        clock: Clock,
        verify: Callable[[], Awaitable[Verification]],
    ) -> None:
        self._accounts = accounts
        self._credit = credit
        self._policy = policy
        self._clock = clock
        self._verify = verify

    async def create_account(
        self, *, email: str, phone: str, tier: str, microcredits: int, welcome: bool, actor: str
    ) -> Account:
        """A new account with its first grants. Raises RequestInvalid, Conflict."""
        if tier and tier not in Tier.__members__.values():
            raise RequestInvalid(f"Unknown tier {tier!r}; known: {', '.join(Tier)}.", param="tier")
        if microcredits < 0:
            raise RequestInvalid("credits must not be negative.", param="credits")
        account = await self._accounts.open_account(
            email=email, phone=phone, tier=Tier(tier) if tier else self._policy.default_tier, actor=actor
        )
        if welcome:
            await self.give_welcome(account.id, actor)
        if microcredits:
            await self.grant(
                account.id, microcredits, reason="at account creation", request_id="created", actor=actor
            )
        return account

    async def give_welcome(self, account_id: AccountId, actor: str) -> None:
        """The policy's welcome grant, once for each account."""
        welcome = self._policy.welcome
        if welcome is None:
            return
        now = self._clock.now()
        expires_after = welcome.expires_after_us
        await self._credit.grant(
            IssueGrant(
                account_id=account_id,
                grant_key=WELCOME_KEY,
                source=GrantSource.WELCOME,
                amount_microcredits=welcome.amount_microcredits,
                priority=self._policy.priorities[GrantSource.WELCOME],
                expires_at=None if expires_after is None else Microseconds(now + expires_after),
                reason="welcome",
                actor=actor,
            )
        )

    async def grant(
        self, account_id: AccountId, microcredits: int, *, reason: str, request_id: str, actor: str
    ) -> Granted:
        """Credit by an operator. Safe to retry with the same `request_id`. Raises RequestInvalid."""
        if not 0 < microcredits <= AMOUNT_MAX:
            raise RequestInvalid(
                "The amount must be above 0 and at most 1,000,000,000 credits.", param="amount"
            )
        if not reason or len(reason) > REASON_CHARS_MAX:
            raise RequestInvalid(
                f"A reason of 1 to {REASON_CHARS_MAX} characters is required.", param="reason"
            )
        granted = await self._credit.grant(
            IssueGrant(
                account_id=account_id,
                grant_key=f"admin:{request_id or new_id('req')}",
                source=GrantSource.ADJUSTMENT,
                amount_microcredits=microcredits,
                priority=self._policy.priorities[GrantSource.ADJUSTMENT],
                reason=reason,
                actor=actor,
            )
        )
        await self._accounts.record(
            actor, "credits.grant", account_id, f"{granted.grant_id} {microcredits} {reason}"
        )
        return granted

    async def account(self, reference: str) -> tuple[Account, BalanceView]:
        """By id, e-mail or telephone. Raises NotFound."""
        account = await self._accounts.find(reference)
        balance = await self._credit.balance(account.id)
        if balance is None:
            raise NotFound(f"There is no account {reference!r}.")
        return account, balance

    async def list_accounts(self, after: str, limit: int) -> list[Account]:
        return await self._accounts.list_accounts(after, limit)

    async def balance(self, account_id: AccountId) -> BalanceView | None:
        return await self._credit.balance(account_id)

    async def create_key(self, reference: str, *, name: str, actor: str) -> tuple[ApiKey, str]:
        account = await self._accounts.find(reference)
        return await self._accounts.make_key(account.id, name=name, actor=actor)

    async def revoke_key(self, key_id: str, *, actor: str) -> ApiKey:
        return await self._accounts.revoke_key(ApiKeyId(key_id), actor=actor)

    async def verify_ledger(self) -> Verification:
        return await self._verify()
