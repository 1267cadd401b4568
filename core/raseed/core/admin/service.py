"""The use cases of operators. Every change names its actor in the audit log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from raseed.core.accounts.key_rules import KeySpec
from raseed.core.accounts.key_service import By, KeyService, Made
from raseed.core.accounts.model import Account, ApiKey, Tier
from raseed.core.accounts.service import AccountService
from raseed.core.admin.audit import AuditStore
from raseed.core.billing.commands import Granted, IssueGrant, TakeBack, TakenBack
from raseed.core.billing.credit import CreditService
from raseed.core.billing.model import BalanceView, GrantSource
from raseed.core.billing.policy import Policy
from raseed.core.billing.replay import Replay
from raseed.core.billing.spend_caps import SpendCap
from raseed.core.billing.usage import GroupBy, UsageReport, UsageService
from raseed.core.billing.welcome import WelcomeService
from raseed.core.clock import Clock
from raseed.core.errors import BillingError, NotFound, RequestInvalid, TooLittleToTakeBack
from raseed.core.ids import AccountId, ApiKeyId, GrantId, new_id
from raseed.core.money import AMOUNT_MAX, CURRENCY_DIGITS, credits_text

REASON_CHARS_MAX = 256
GRANTED_BY_OPERATORS = (GrantSource.ADJUSTMENT, GrantSource.TOPUP, GrantSource.RESTORE)


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant of the ledger: its name, and the ids and figures that break it."""

    invariant: str
    detail: str


@dataclass(frozen=True, slots=True)
class Payment:
    """What was paid for a grant, by whatever way."""

    paid_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Adjusted:
    changes: tuple[tuple[GrantId, int], ...]
    """The grants that were touched, and by how much."""
    spendable_microcredits: int


@dataclass(frozen=True, slots=True)
class Verification:
    violations: tuple[Violation, ...]
    invariant_count: int
    entry_count: int
    sealed_count: int
    """Transactions in the hash chain."""
    chain_head: bytes
    """Hash of the last of them."""


class AdminService:
    def __init__(
        self,
        *,
        accounts: AccountService,
        keys: KeyService,
        credit: CreditService,
        audit: AuditStore,
        usage: UsageService,
        policy: Policy,
        clock: Clock,
        verify: Callable[[], Awaitable[Verification]],
        replay: Callable[[], Awaitable[Replay]],
    ) -> None:
        self._accounts = accounts
        self._keys = keys
        self._credit = credit
        self._audit = audit
        self._usage = usage
        self._policy = policy
        self._welcome = WelcomeService(credit, policy, clock)
        self._verify = verify
        self._replay = replay

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
        await self._welcome.give(account_id, actor)

    async def grant(
        self,
        account_id: AccountId,
        microcredits: int,
        *,
        reason: str,
        request_id: str,
        actor: str,
        source: GrantSource = GrantSource.ADJUSTMENT,
        payment: Payment | None = None,
    ) -> Granted:
        """Credit by an operator. Safe to retry with the same `request_id`. Raises RequestInvalid."""
        if not 0 < microcredits <= AMOUNT_MAX:
            raise RequestInvalid(
                "The amount must be above 0 and at most 1,000,000,000 credits.", param="amount"
            )
        _check_reason(reason)
        _check_source(source, payment)
        granted = await self._credit.grant(
            IssueGrant(
                account_id=account_id,
                grant_key=f"admin:{request_id or new_id('req')}",
                source=source,
                amount_microcredits=microcredits,
                priority=self._policy.priorities[source],
                cost_basis_minor=payment.paid_minor if payment else 0,
                currency=payment.currency if payment else "",
                reason=reason,
                actor=actor,
            )
        )
        detail = f"{granted.grant_id} {microcredits} {reason}"
        await self._audit.record(actor, "credits.grant", account_id, detail, once=granted.replayed)
        return granted

    async def adjust(
        self,
        account_id: AccountId,
        microcredits: int,
        *,
        grant_id: str,
        reason: str,
        request_id: str,
        actor: str,
    ) -> Adjusted:
        """Corrects a balance: up by a grant, down by taking back what no open request holds, all of it or nothing.

        Safe to retry with the same `request_id`. Raises RequestInvalid, NotFound, TooLittleToTakeBack.
        """
        if microcredits > 0:
            if grant_id:
                raise RequestInvalid("A grant is named only to take credit back from it.", param="grant_id")
            granted = await self.grant(
                account_id, microcredits, reason=reason, request_id=request_id, actor=actor
            )
            return Adjusted(((granted.grant_id, microcredits),), granted.balance.spendable_microcredits)
        if not -AMOUNT_MAX <= microcredits < 0:
            raise RequestInvalid(
                "The amount must not be 0 and at most 1,000,000,000 credits.", param="amount"
            )
        taken = await self._take_back(
            "credits.adjust", account_id, grant_id or None, -microcredits, reason, request_id, actor
        )
        return Adjusted(
            tuple((grant, -amount) for grant, amount in taken.parts), taken.spendable_microcredits
        )

    async def void(
        self, account_id: AccountId, grant_id: str, *, reason: str, request_id: str, actor: str
    ) -> TakenBack:
        """Takes back what is left of a grant and not held. Safe to retry with the same `request_id`.

        Raises RequestInvalid, NotFound, TooLittleToTakeBack.
        """
        if not grant_id:
            raise RequestInvalid("Which grant?", param="grant_id")
        return await self._take_back("credits.void", account_id, grant_id, None, reason, request_id, actor)

    async def set_debt_limit(
        self, reference: str, microcredits: int | None, *, reason: str, actor: str
    ) -> tuple[Account, BalanceView]:
        """What an account may owe; None: what the profile says. Raises NotFound, RequestInvalid. Safe to repeat."""
        _check_reason(reason)
        account = await self._accounts.find(reference)
        await self._accounts.set_debt_limit(account.id, microcredits, reason=reason, actor=actor)
        return await self.account(account.id)

    def debt_limit(self, balance: BalanceView) -> int:
        """What the account may owe, by its own limit or the profile's."""
        return self._policy.hold.debt_limit(balance.own_debt_limit_microcredits)

    async def usage(
        self, account_id: AccountId, *, begin: str, end: str, group_by: GroupBy, after: str | None, limit: int
    ) -> UsageReport:
        """One page of an account's usage; `begin` and `end` are days or moments. Raises RequestInvalid."""
        calendar = self._usage.calendar
        try:
            begin_at = calendar.from_text(begin) if begin else None
            end_at = calendar.until_text(end) if end else None
        except ValueError as error:
            raise RequestInvalid(
                "A day is written as 2026-03-01, a moment as 2026-03-01T08:00:00Z.", param="from"
            ) from error
        return await self._usage.report(
            account_id, begin=begin_at, end=end_at, group_by=group_by, after=after, limit=limit
        )

    @property
    def time_zone(self) -> str:
        """That days are reckoned in."""
        return self._usage.calendar.time_zone

    async def account(self, reference: str) -> tuple[Account, BalanceView]:
        """By id, e-mail or telephone. Raises NotFound."""
        account = await self._accounts.find(reference)
        balance = await self._credit.balance(account.id)
        if balance is None:
            raise NotFound(f"There is no account {reference!r}.")
        return account, balance

    async def balance(self, account_id: AccountId) -> BalanceView | None:
        return await self._credit.balance(account_id)

    async def create_key(self, reference: str, spec: KeySpec, *, actor: str, request_id: str = "") -> Made:
        """As `KeyService.create`. Raises NotFound for an account that is not there."""
        account = await self._accounts.find(reference)
        return await self._keys.create(By(actor=actor), account.id, spec, request_id)

    async def list_keys(self, reference: str, after: str, limit: int) -> list[ApiKey]:
        """An account's keys, newest first. Raises NotFound."""
        account = await self._accounts.find(reference)
        return await self._keys.list_keys(account.id, after, limit)

    async def set_cap(self, key_id: str, cap: SpendCap | None, *, actor: str) -> ApiKey:
        """Raises NotFound, RequestInvalid, Conflict for a key that made keys."""
        return await self._keys.set_cap(actor, ApiKeyId(key_id), cap)

    async def revoke_key(self, key_id: str, *, actor: str) -> ApiKey:
        return await self._keys.revoke(By(actor=actor), ApiKeyId(key_id), account_id=None)

    async def verify_ledger(self) -> Verification:
        return await self._verify()

    async def replay_ledger(self) -> Replay:
        return await self._replay()

    async def _take_back(
        self,
        action: str,
        account_id: AccountId,
        grant_id: str | None,
        microcredits: int | None,
        reason: str,
        request_id: str,
        actor: str,
    ) -> TakenBack:
        _check_reason(reason)
        try:
            taken = await self._credit.take_back(
                TakeBack(
                    account_id=account_id,
                    take_key=f"admin:{request_id or new_id('req')}",
                    grant_id=None if grant_id is None else GrantId(grant_id),
                    amount_microcredits=microcredits,
                    actor=actor,
                )
            )
        except BillingError as error:
            free = int(error.metadata.get("available_microcredits", "0"))
            raise TooLittleToTakeBack(
                f"Only {credits_text(free)} credits are there that no open request holds.",
                metadata=error.metadata,
            ) from error
        parts = " ".join(f"{grant} -{amount}" for grant, amount in taken.parts)
        await self._audit.record(actor, action, account_id, f"{parts} {reason}", once=taken.replayed)
        return taken


def _check_reason(reason: str) -> None:
    if not reason or len(reason) > REASON_CHARS_MAX:
        raise RequestInvalid(f"A reason of 1 to {REASON_CHARS_MAX} characters is required.", param="reason")


def _check_source(source: GrantSource, payment: Payment | None) -> None:
    if source not in GRANTED_BY_OPERATORS:
        raise RequestInvalid(
            f"Operators give {', '.join(GRANTED_BY_OPERATORS)}; the rest comes by itself.", param="source"
        )
    if (source is GrantSource.TOPUP) != (payment is not None):
        raise RequestInvalid("What was paid, and in which currency, belongs to a topup.", param="currency")
    if payment is not None and (payment.currency not in CURRENCY_DIGITS or payment.paid_minor < 0):
        raise RequestInvalid(
            f"What was paid is not negative, in {' or '.join(CURRENCY_DIGITS)}.", param="currency"
        )
