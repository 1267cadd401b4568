"""What happens to subscriptions by the clock and by what providers say: links, renewals, cancellations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from raseed.core.accounts.model import Account, AccountStatus
from raseed.core.accounts.ports import AccountStore
from raseed.core.billing.policy import PaymentProvider, PeriodLength, Plan, Policy
from raseed.core.clock import SECOND, Clock, Microseconds
from raseed.core.errors import RequestReusedWithOtherInput
from raseed.core.ids import PaymentId, SubscriptionId, new_id
from raseed.core.jobs import Job
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.model import (
    OPEN_STATES,
    Item,
    ItemKind,
    Payment,
    PaymentState,
    Seen,
    SeenStatus,
)
from raseed.core.payments.offers import offer_for
from raseed.core.payments.periods import period_end
from raseed.core.payments.ports import Buyer, Event, Gateway, PaymentStore
from raseed.core.payments.subscription_keeper import SubscriptionKeeper
from raseed.core.payments.subscription_model import (
    LIVE_STATES,
    RENEWALS_ACTOR,
    ProviderSubscription,
    Subscription,
)
from raseed.core.payments.subscription_notices import renewal_link, renews_soon
from raseed.core.payments.subscription_ports import (
    BesideSubscription,
    Orders,
    Settle,
    SubscriptionStore,
)
from raseed.core.payments.subscription_states import is_renewable_by_link, to_cancel, unagreed

LINKS_MAX = 10
"""Pages made for one period: from three days before its end to three days after, more than one a day."""
PAYMENTS_MAX = 50
"""Of a subscription, the newest that are looked through for a page that is open: more than the links of a period."""
CANCELED_MAX = 3
"""Of the agreements of a subscription that were cancelled, the newest that its provider is still asked about."""
INTERVAL_S = 5.0
"""How long a change may wait for what follows from it at the provider."""
ROUND_S = 600.0
BATCH_MAX = 16
LEASE_US = 120 * SECOND
"""When a subscription whose look failed is looked at again: longer than a look takes."""


class Renewals:
    """All of it is level-triggered: each look compares what is with what should be, so what an event did not tell, or told
    twice, or too early, comes to the same. Safe to call at once and in several workers.
    """

    def __init__(
        self,
        store: SubscriptionStore,
        payments: PaymentStore,
        accounts: AccountStore,
        gateways: Gateways,
        keeper: SubscriptionKeeper,
        orders: Orders,
        settle: Settle,
        policy: Policy,
        return_url: str,
        clock: Clock,
    ) -> None:
        """`return_url`: where a browser comes back to from a renewal's page."""
        self._store = store
        self._payments = payments
        self._accounts = accounts
        self._gateways = gateways
        self._keeper = keeper
        self._orders = orders
        self._settle = settle
        self._policy = policy
        self._return_url = return_url
        self._clock = clock

    def job(self, report: Callable[[str, BaseException], None]) -> Job:
        """Looks at what is due; `report` is told of each subscription whose look failed."""

        async def batch() -> bool:
            due = await self._store.claim_due(BATCH_MAX, LEASE_US)
            for subscription_id in due:
                try:
                    await self.look(subscription_id)
                except Exception as error:  # noqa: BLE001 - one provider's outage is not the others'
                    report(f"subscription {subscription_id}", error)
            return len(due) == BATCH_MAX

        return Job(name="renew subscriptions", batch=batch, interval_s=INTERVAL_S, round_s=ROUND_S)

    async def hear(self, provider: PaymentProvider, event: Event) -> bool:
        """An event about a subscription of a provider. False: we have none of that, or do not know yet that it is ours; its
        first payment will tell. Raises as `look`.
        """
        agreement = await self._store.agreement(provider, event.mode, event.provider_subscription_id)
        if agreement is None:
            return False
        await self.look(agreement.subscription_id)
        return True

    async def look(self, subscription_id: SubscriptionId) -> Subscription | None:
        """Bring it in line with providers, periods and the hour. None: there is none.

        Raises GatewayError, LedgerUnavailable, DatabaseUnavailable: then the job looks again after its lease.
        """
        subscription = await self._keeper.advance(subscription_id)
        if subscription is None:
            return None
        account = await self._accounts.find_account(subscription.account_id)
        if account is None or account.status is AccountStatus.CLOSED:
            await self._end(subscription, "the account is closed")
        await self._learn_agreements(subscription)
        await self._cancel_agreements(subscription)
        await self._collect(subscription)
        subscription = await self._keeper.advance(subscription_id)
        assert subscription is not None
        if account is not None and account.status is AccountStatus.ACTIVE:
            await self._remind(subscription, account)
        return await self._keeper.advance(subscription_id)

    async def _end(self, subscription: Subscription, reason: str) -> None:
        if subscription.state in LIVE_STATES:
            now = self._clock.now()
            await self._store.replace(subscription, replace(subscription, ended_at=now, end_reason=reason))

    # ------------------------------------------------------------------------- what the provider renews by itself

    async def _learn_agreements(self, subscription: Subscription) -> None:
        """Under which id the provider renews what was bought from it as a plan."""
        periods = await self._store.periods(subscription.id)
        agreements = await self._store.agreements(subscription.id)
        for period in unagreed(periods, agreements):
            payment = await self._payments.payment(PaymentId(period.id))
            if payment is None:
                continue
            seen = await self._gateways.of(payment).look_up(payment)
            if seen is not None and seen.provider_subscription_id:
                await self._store.put_agreement(
                    ProviderSubscription(
                        provider=payment.provider,
                        mode=payment.mode,
                        id=seen.provider_subscription_id,
                        subscription_id=subscription.id,
                        payment_id=payment.id,
                    )
                )

    async def _cancel_agreements(self, subscription: Subscription) -> None:
        """That it is wanted is written down first: a plan that is resumed meanwhile goes on by links."""
        current = await self._store.subscription(subscription.id)
        assert current is not None
        periods = await self._store.periods(subscription.id)
        for agreement in to_cancel(current, periods, await self._store.agreements(subscription.id)):
            wanted = replace(agreement, is_to_cancel=True)
            await self._store.put_agreement(wanted)
            gateway = await self._gateway_of(agreement)
            await gateway.cancel_subscription(agreement.id)
            await self._store.put_agreement(replace(wanted, is_canceled=True))

    async def _collect(self, subscription: Subscription) -> None:
        """A payment for each transaction of the provider's own, once. Also under agreements that were cancelled: a charge may
        have been under way.
        """
        agreements = await self._store.agreements(subscription.id)
        canceled = [agreement for agreement in agreements if agreement.is_canceled][-CANCELED_MAX:]
        # Which one lasts is not for its age to say: a page may be paid long after those that were made later.
        for agreement in (*(each for each in agreements if not each.is_canceled), *canceled):
            gateway = await self._gateway_of(agreement)
            for seen in reversed(await gateway.renewals(agreement.id)):
                if seen.status is SeenStatus.PAID:
                    await self._receive(agreement, seen)
            await self._read_status(agreement, gateway)

    async def _gateway_of(self, agreement: ProviderSubscription) -> Gateway:
        first = await self._payments.payment(agreement.payment_id)
        assert first is not None
        return self._gateways.of(first)

    async def _receive(self, agreement: ProviderSubscription, seen: Seen) -> None:
        known = await self._known(agreement, seen)
        if known is None:
            known = await self._written(agreement, seen)
        if known is not None and known.state not in {PaymentState.CREDITED, PaymentState.REJECTED}:
            await self._settle(known.id)

    async def _known(self, agreement: ProviderSubscription, seen: Seen) -> Payment | None:
        """By the transaction; by the order; by our own id, which the first one has."""
        provider, mode = agreement.provider, agreement.mode
        if seen.provider_payment_id and (
            found := await self._payments.find(provider, mode, provider_payment_id=seen.provider_payment_id)
        ):
            return found
        if seen.invoice_id and (
            found := await self._payments.find(provider, mode, invoice_id=seen.invoice_id)
        ):
            return found
        return await self._payments.payment(PaymentId(seen.reference)) if seen.reference else None

    async def _written(self, agreement: ProviderSubscription, seen: Seen) -> Payment | None:
        """It costs and gives what the first payment of the agreement did. What the provider took is compared with that."""
        first = await self._payments.payment(agreement.payment_id)
        subscription = await self._store.subscription(agreement.subscription_id)
        transaction = seen.provider_payment_id or seen.invoice_id
        if first is None or subscription is None or not transaction:
            return None
        now = self._clock.now()
        begins = subscription.paid_until or now
        payment = Payment(
            id=PaymentId(new_id("pay")),
            account_id=first.account_id,
            actor=RENEWALS_ACTOR,
            provider=first.provider,
            mode=first.mode,
            item=first.item,
            amount_minor=first.amount_minor,
            currency=first.currency,
            credit_microcredits=first.credit_microcredits,
            product_id=first.product_id,
            method="",
            language=first.language,
            subscription_id=first.subscription_id,
            period_start=begins,
            period_end=self._planned_end(begins, self._policy.plan(first.item.id)),
            created_at=now,
            state=PaymentState.PENDING,
            invoice_id=seen.invoice_id,
            provider_payment_id=seen.provider_payment_id,
            next_check_at=now,
        )
        try:
            return await self._payments.add(payment, f"renewal:{agreement.provider}:{transaction}")
        except RequestReusedWithOtherInput:
            return await self._known(agreement, seen)  # another worker planned it for another period

    def _planned_end(self, begins: Microseconds, plan: Plan | None) -> Microseconds:
        length = plan.period if plan else PeriodLength.MONTH
        return period_end(self._keeper.calendar, begins, begins, length)

    async def _read_status(self, agreement: ProviderSubscription, gateway: Gateway) -> None:
        """What the provider could not collect, and what its buyer has cancelled there."""
        seen = await gateway.look_up_subscription(agreement.id)
        subscription = await self._store.subscription(agreement.subscription_id)
        if seen is None or subscription is None or subscription.provider_subscription_id != agreement.id:
            return
        after = replace(subscription, is_refused=seen.is_past_due)
        if seen.is_canceled and not agreement.is_to_cancel:
            await self._store.put_agreement(replace(agreement, is_to_cancel=True, is_canceled=True))
            after = replace(after, cancels_at_end=True)
        if after != subscription:
            await self._keeper.write(subscription, after)

    # ------------------------------------------------------------------------------------- what is paid by a link

    async def _remind(self, subscription: Subscription, account: Account) -> None:
        plan = self._policy.plan(subscription.next_plan_id or subscription.plan_id)
        now, until = self._clock.now(), subscription.paid_until
        if plan is None or until is None or subscription.state not in LIVE_STATES:
            return
        words = await self._keeper.wording(subscription, plan.id)
        assert words is not None
        if is_renewable_by_link(subscription, plan.reminder_us, now):
            page = await self._page(subscription, plan, account)
            if page is not None and page.url:
                notice = renewal_link(subscription, until, page.url, words, is_over=now >= until)
                await self._store.replace(subscription, subscription, BesideSubscription(notices=(notice,)))
        elif (
            subscription.provider_subscription_id
            and not subscription.cancels_at_end
            and until - plan.reminder_us <= now < until
        ):
            notice = renews_soon(subscription, until, words)
            await self._store.replace(subscription, subscription, BesideSubscription(notices=(notice,)))

    async def _page(self, subscription: Subscription, plan: Plan, account: Account) -> Payment | None:
        """Where its holder can pay the next period. None: too many were made for it."""
        until = subscription.paid_until
        assert until is not None
        made = [
            payment
            for payment in await self._store.payments(subscription.id, PAYMENTS_MAX)
            if payment.period_start == until and payment.item.id == plan.id
        ]
        is_open = next((payment for payment in made if payment.state in OPEN_STATES), None)
        if is_open is not None or len(made) >= LINKS_MAX:
            return is_open
        payment = self._order(subscription, plan, until)
        buyer = Buyer(email=account.email or "", phone_e164=account.phone_e164 or "")
        key = f"renewal:{subscription.id}:{until}:{plan.id}:{len(made)}"
        return await self._orders.place(payment, key, buyer, self._return_url)

    def _order(self, subscription: Subscription, plan: Plan, begins: Microseconds) -> Payment:
        offer = offer_for(self._policy, Item(kind=ItemKind.PLAN, id=plan.id))
        now = self._clock.now()
        return Payment(
            id=PaymentId(new_id("pay")),
            account_id=subscription.account_id,
            actor="subscriptions",
            provider=offer.provider,
            mode=self._gateways.selling(offer.provider).mode,
            item=offer.item,
            amount_minor=offer.amount_minor,
            currency=offer.currency,
            credit_microcredits=offer.credit_microcredits,
            product_id=offer.product_id,
            method="",
            language=subscription.language,
            subscription_id=subscription.id,
            period_start=begins,
            period_end=self._planned_end(begins, plan),
            created_at=now,
            state=PaymentState.CREATED,
            next_check_at=now,
        )
