"""What holders and operators do with subscriptions: begin, try, change, cancel, go on, end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from raseed.core.accounts.model import Account, AccountKind, AccountStatus
from raseed.core.accounts.ports import AccountStore
from raseed.core.billing.policy import ExtraKeys, Plan, Policy
from raseed.core.clock import Clock, Microseconds
from raseed.core.errors import AccountSuspended, Conflict, NotFound, RequestInvalid
from raseed.core.ids import AccountId, SubscriptionId, new_id
from raseed.core.messaging.notices import Notice
from raseed.core.payments.checkout import Checkout, Order
from raseed.core.payments.model import OPEN_STATES, Payment
from raseed.core.payments.ports import AuditNote, Buyer
from raseed.core.payments.subscription_keeper import RACES_MAX, SubscriptionKeeper
from raseed.core.payments.subscription_model import LIVE_STATES, Period, Role, Subscription, SubscriptionState
from raseed.core.payments.subscription_notices import cancelled
from raseed.core.payments.subscription_ports import SubscriptionStore

REASON_CHARS_MAX = 256
OPEN_MAX = 20
"""Of a subscription's newest payments, those among which its open page is looked for."""


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """What an account has."""

    subscription: Subscription
    plan: Plan | None
    """None: it is gone from the profile."""
    open_payment: Payment | None
    """With a page to pay on: to begin, to change, or for the next period."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change came to: a page to pay on, or a change that is waited for."""

    subscription: Subscription
    payment: Payment | None


class Subscriptions:
    """Providers hear of what is cancelled or changed from the job, within seconds; until then all can be taken back."""

    def __init__(
        self,
        store: SubscriptionStore,
        accounts: AccountStore,
        keeper: SubscriptionKeeper,
        checkout: Checkout,
        policy: Policy,
        clock: Clock,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._keeper = keeper
        self._checkout = checkout
        self._policy = policy
        self._clock = clock

    @property
    def plans(self) -> tuple[Plan, ...]:
        """What is sold."""
        return tuple(plan for plan in self._policy.plans if plan.is_public)

    @property
    def all_plans(self) -> tuple[Plan, ...]:
        """Also those that are sold no more."""
        return self._policy.plans

    @property
    def extra_keys(self) -> ExtraKeys | None:
        return self._policy.extra_keys

    async def account_id_of(self, reference: str) -> AccountId:
        """By id, e-mail address or telephone number. Raises NotFound."""
        account = await self._accounts.find_account(reference)
        if account is None:
            raise NotFound(f"There is no account {reference!r}.", metadata={"account": reference})
        return account.id

    async def periods(self, subscription_id: SubscriptionId) -> Sequence[Period]:
        """In the order in which they were allotted."""
        return await self._store.periods(subscription_id)

    async def of(self, account_id: AccountId) -> SubscriptionView | None:
        """The live one, or the last one. None: the account never had any."""
        subscription = await self._store.of_account(account_id)
        if subscription is None:
            return None
        payments = await self._store.payments(subscription.id, OPEN_MAX)
        is_open = next((payment for payment in payments if payment.state in OPEN_STATES), None)
        return SubscriptionView(subscription, self._policy.plan(subscription.plan_id), is_open)

    async def subscribe(self, order: Order, buyer: Buyer, return_url: str) -> Payment:
        """An order for a period of a plan, on which its page is. Paid, it begins the plan, or goes on with it. Safe to repeat
        under the order's request key, until it is paid.

        Raises Conflict for a plan that the account has, and as `Checkout.start`.
        """
        return await self._order(order, buyer, return_url, is_change=False)

    async def _order(self, order: Order, buyer: Buyer, return_url: str, *, is_change: bool) -> Payment:
        plan = self._sold(order.item.id)
        # First: an order that is refused leaves no plan behind, and one that is repeated begins none.
        known = await self._checkout.check(order)
        now = self._clock.now()
        subscription = await self._ordered_before(known) or await self._store.begin(
            self._ordered(order.account_id, order.actor, plan, order.language)
        )
        if not is_change:
            self._check_wanted(subscription, plan, now)
        return await self._checkout.start(order, buyer, return_url, subscription.id)

    async def _ordered_before(self, known: Payment | None) -> Subscription | None:
        if known is None or known.subscription_id is None:
            return None
        return await self._store.subscription(known.subscription_id)

    def _ordered(self, account_id: AccountId, actor: str, plan: Plan, language: str) -> Subscription:
        return Subscription(
            id=SubscriptionId(new_id("sub")),
            account_id=account_id,
            actor=actor,
            plan_id=plan.id,
            language=language,
            created_at=self._clock.now(),
            state=SubscriptionState.PENDING,
        )

    def _check_wanted(self, subscription: Subscription, plan: Plan, now: Microseconds) -> None:
        """Nobody pays by mistake for what he has."""
        until = subscription.paid_until
        if until is None or not _is_paid(subscription):
            return
        if subscription.plan_id != plan.id:
            raise Conflict("You have another plan: change it.")
        if subscription.provider_subscription_id:
            raise Conflict("You have this plan, and it renews by itself.")
        if now < until - plan.reminder_us:
            raise Conflict("You have this plan already. It can be renewed shortly before it ends.")

    async def change(self, order: Order, buyer: Buyer, return_url: str) -> Changed:
        """To another plan: a dearer one at once, for an order that is to be paid, at the price of a whole period; any other
        when the period is over. The plan that the account has: it stays. Credit of a period that ends early stays or goes as
        the profile says. Safe to repeat under the order's request key, until it is paid.

        Raises as `subscribe`, and NotFound without a live subscription.
        """
        plan = self._sold(order.item.id)
        subscription = await self._live(order.account_id)
        has = self._policy.plan(subscription.plan_id)
        if subscription.plan_id == plan.id and not subscription.is_trial:
            return Changed(await self._write(order, "subscription.stay", next_plan_id=""), None)
        if not _is_paid(subscription) or has is None or is_dearer(plan, has):
            return Changed(subscription, await self._order(order, buyer, return_url, is_change=True))
        return Changed(await self._write(order, "subscription.change", next_plan_id=plan.id), None)

    async def try_plan(self, account_id: AccountId, plan_id: str, language: str) -> Subscription:
        """A trial, without paying: once for each account of a person who proved who he is. Who has ordered a plan and not
        paid may try one all the same: what he pays after that comes after the trial.

        Raises RequestInvalid, NotFound, AccountSuspended, Conflict.
        """
        plan = self._sold(plan_id)
        if not plan.trial_us:
            raise RequestInvalid("This plan cannot be tried.", param="plan")
        account = await self._active(account_id)
        if account.kind is not AccountKind.PERSON:
            raise Conflict("Only a person's account can try a plan.")
        now = self._clock.now()
        ordered = self._ordered(account_id, account_id, plan, language)
        subscription = replace(ordered, next_look_at=now)
        period = Period(
            id=subscription.id,
            subscription_id=subscription.id,
            account_id=account_id,
            number=1,
            plan_id=plan.id,
            role=Role.BEGIN,
            begins_at=now,
            ends_at=Microseconds(now + plan.trial_us),
            anchor_at=now,
            is_trial=True,
            allotted_at=now,
            extra_microcredits=plan.trial_microcredits,
        )
        tried = await self._store.begin_trial(subscription, period)
        return await self._advanced(tried.id)

    async def cancel(self, account_id: AccountId, *, actor: str) -> Subscription:
        """Not renewed when the period is over. Safe to repeat. Raises NotFound."""
        return await self._switch(account_id, actor, "subscription.cancel", cancels_at_end=True)

    async def resume(self, account_id: AccountId, *, actor: str) -> Subscription:
        """Renewed after all, if it still lasts: by links, where the provider was told already. Safe to repeat. Raises
        NotFound.
        """
        return await self._switch(account_id, actor, "subscription.resume", cancels_at_end=False)

    async def end(self, account_id: AccountId, *, reason: str, actor: str) -> Subscription:
        """At once, by an operator: the tier falls back, and the credit stays until it expires. Safe to repeat.

        Raises RequestInvalid, NotFound.
        """
        if not 1 <= len(reason) <= REASON_CHARS_MAX:
            raise RequestInvalid(
                f"A reason of 1 to {REASON_CHARS_MAX} characters is required.", param="reason"
            )
        for _ in range(RACES_MAX):
            subscription = await self._store.of_account(account_id)
            if subscription is None:
                raise NotFound("This account has no plan.")
            if subscription.state not in LIVE_STATES:
                return subscription
            now = self._clock.now()
            after = replace(subscription, ended_at=now, end_reason=reason, next_look_at=now)
            note = AuditNote(action="subscription.end", detail=reason, actor=actor)
            if await self._keeper.write(subscription, after, audit=(note,)):
                return await self._advanced(subscription.id)
        raise _Racing

    async def _switch(
        self, account_id: AccountId, actor: str, action: str, *, cancels_at_end: bool
    ) -> Subscription:
        for _ in range(RACES_MAX):
            subscription = await self._live(account_id)
            if subscription.cancels_at_end is cancels_at_end:
                return subscription
            now = self._clock.now()
            after = replace(subscription, cancels_at_end=cancels_at_end, next_look_at=now)
            note = AuditNote(action=action, detail=subscription.plan_id, actor=actor)
            notices = await self._told_of(after) if cancels_at_end else ()
            if await self._keeper.write(subscription, after, audit=(note,), notices=notices):
                return await self._advanced(subscription.id)
        raise _Racing

    async def _told_of(self, subscription: Subscription) -> tuple[Notice, ...]:
        words = await self._keeper.wording(subscription, subscription.plan_id)
        if words is None or subscription.paid_until is None:
            return ()
        return (cancelled(subscription, subscription.paid_until, words),)

    async def _write(self, order: Order, action: str, *, next_plan_id: str) -> Subscription:
        for _ in range(RACES_MAX):
            subscription = await self._live(order.account_id)
            if subscription.next_plan_id == next_plan_id:
                return subscription
            after = replace(subscription, next_plan_id=next_plan_id, next_look_at=self._clock.now())
            note = AuditNote(action=action, detail=next_plan_id or subscription.plan_id, actor=order.actor)
            written = await self._keeper.write(subscription, after, audit=(note,))
            if written is not None:
                return written
        raise _Racing

    async def _advanced(self, subscription_id: SubscriptionId) -> Subscription:
        """The job comes at once all the same: providers are still to be told."""
        subscription = await self._keeper.advance(subscription_id)
        assert subscription is not None
        return subscription

    async def _live(self, account_id: AccountId) -> Subscription:
        subscription = await self._store.of_account(account_id)
        if subscription is None or subscription.state not in LIVE_STATES:
            raise NotFound("This account has no plan.")
        return subscription

    async def _active(self, account_id: AccountId) -> Account:
        account = await self._accounts.find_account(account_id)
        if account is None or account.id != account_id:
            raise NotFound("This account no longer exists.")
        if account.status is not AccountStatus.ACTIVE:
            raise AccountSuspended("This account is not active.")
        return account

    def _sold(self, plan_id: str) -> Plan:
        plan = next((plan for plan in self.plans if plan.id == plan_id), None)
        if plan is None:
            raise RequestInvalid(f"There is no plan {plan_id!r}.", param="plan")
        return plan


def _is_paid(subscription: Subscription) -> bool:
    """For now, or for a period that is still to begin."""
    is_to_begin = subscription.state is SubscriptionState.PENDING and subscription.paid_until is not None
    return is_to_begin or subscription.state is SubscriptionState.ACTIVE


def is_dearer(plan: Plan, than: Plan) -> bool:
    """By the month. Prices in two currencies are not compared: then it is not."""
    return (
        plan.currency == than.currency
        and plan.price_minor * than.period.months > than.price_minor * plan.period.months
    )


_Racing = Conflict("This subscription is being changed by others.")
