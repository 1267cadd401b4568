"""The one use case that moves a payment: look it up, decide, write, and bring the ledger in line with the row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from raseed.core.accounts.model import AccountStatus
from raseed.core.accounts.ports import AccountStore
from raseed.core.billing.commands import (
    Granted,
    IssueGrant,
    Refusal,
    Refused,
    TakeBack,
    TakenBack,
    TakeShortfall,
)
from raseed.core.billing.model import GrantSource
from raseed.core.billing.ports import Ledger
from raseed.core.clock import DAY, SECOND, Clock, Microseconds
from raseed.core.errors import Conflict, NotFound, RaseedError
from raseed.core.ids import GrantId, PaymentId, RefundId, new_id
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.model import ItemKind, Payment, PaymentState, Refund, Seen
from raseed.core.payments.ports import (
    GatewayMissing,
    GatewayUnavailable,
    PaymentStore,
    ProviderIdTaken,
)
from raseed.core.payments.records import ACTOR, beside
from raseed.core.payments.refund_states import begun, follow_refunds, merged, with_waiting
from raseed.core.payments.states import (
    UNPAID,
    begin_withdrawal,
    decide,
    end_withdrawal,
    is_about,
    mismatches,
    next_look,
)
from raseed.core.payments.subscription_grants import payment_key
from raseed.core.payments.subscription_ports import PlanPeriods
from raseed.core.payments.turns import SharedTurns

RACES_MAX = 8
"""Attempts before a payment that others keep changing is left to them: within a process its calls take turns, so others are
other workers."""
STEPS_MAX = 8
"""Steps with the ledger in one go: a grant, and withdrawals as refunds come in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlingTerms:
    """What a profile says of payments that are in."""

    priorities: Mapping[GrantSource, int]
    refund_shortfall: TakeShortfall


class Settling:
    """Safe to call at any time, by anybody, at once and in several workers: an occasion is not more than a hint."""

    def __init__(
        self,
        store: PaymentStore,
        accounts: AccountStore,
        ledger: Ledger,
        gateways: Gateways,
        plans: PlanPeriods,
        terms: SettlingTerms,
        clock: Clock,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._ledger = ledger
        self._gateways = gateways
        self._plans = plans
        self._terms = terms
        self._clock = clock
        self._turns: SharedTurns[Payment] = SharedTurns()

    async def settle(self, payment_id: PaymentId, invoice_id: str = "") -> Payment:
        """The payment, in line with what its provider said after this was called.

        `invoice_id`: the order that an event names, at the provider. It is asked for if we never learnt which it was, and
        believed if what the provider says of it has our reference.

        Raises NotFound; GatewayUnavailable, GatewayRefused and GatewayMissing, which change nothing but when it is looked
        at again; LedgerUnavailable and the store's DatabaseUnavailable, after which the schedule goes on; and Conflict if
        others kept changing it.
        """
        return await self._turns.run(
            f"{payment_id} {invoice_id}", partial(self._settle, payment_id, invoice_id)
        )

    async def _settle(self, payment_id: PaymentId, invoice_id: str) -> Payment:
        for _ in range(RACES_MAX):
            payment = await self.read(payment_id)
            if payment.state is PaymentState.PAID or payment.withdrawing_microcredits:
                # Decided by an earlier look: it does not wait for a provider that may not answer now.
                payment = await self.deliver(payment)
            seen = await self._look_up(payment, invoice_id)
            written = await self._write_look(payment, seen)
            if written is not None:
                return await self.deliver(written)
        raise Conflict("This payment is being changed by others.", metadata={"payment": payment_id})

    async def read(self, payment_id: PaymentId) -> Payment:
        """Raises NotFound."""
        payment = await self._store.payment(payment_id)
        if payment is None:
            raise NotFound("There is no such payment.", metadata={"payment": payment_id})
        return payment

    async def _look_up(self, payment: Payment, invoice_id: str) -> Seen | None:
        try:
            gateway = self._gateways.of(payment)
            if invoice_id and not payment.invoice_id:
                named = await gateway.look_up(replace(payment, invoice_id=invoice_id))
                # An event, and more so a browser, may name somebody else's order: then it says nothing of this one.
                if named is not None and named.reference == payment.id:
                    return named
            return await gateway.look_up(payment)
        except GatewayUnavailable as error:
            await self._postpone(payment, error.retry_after_s)
            raise
        except GatewayMissing:
            await self._postpone(payment, None)
            raise

    async def _postpone(self, payment: Payment, retry_after_s: float | None) -> None:
        """To the next moment of the schedule, and not before the provider wishes; what was to be the last look is repeated
        until it is one. Who changed it meanwhile knows better.
        """
        now = self._clock.now()
        next_ = await self._next_look(payment, now)
        if next_ is None and payment.next_check_at is not None:
            next_ = Microseconds(now + DAY)
        if next_ is not None and retry_after_s is not None:
            next_ = max(next_, Microseconds(now + int(retry_after_s * SECOND)))
        await self._store.replace(payment, replace(payment, next_check_at=next_))

    async def _next_look(self, payment: Payment, now: Microseconds) -> Microseconds | None:
        """Sooner while a refund is open, whatever state the payment is in: else nobody would hear of its end."""
        return next_look(payment, now, refund_begun=begun(await self._store.refunds(payment.id)))

    async def _write_look(self, before: Payment, seen: Seen | None) -> Payment | None:
        now = self._clock.now()
        known = await self._store.refunds(before.id)
        changed = self._follow_refunds(before, known, seen, now)
        refunds = merged(known, changed)
        after = begin_withdrawal(decide(before, seen, now, refund_begun=begun(refunds)))
        after = replace(after, problem=with_waiting(after.problem, refunds, now))
        if before.state in UNPAID and after.state is PaymentState.PAID:
            after = await self._if_there_is_somebody(after)
            after = replace(after, next_check_at=next_look(after, now, refund_begun=begun(refunds)))
        if not changed and replace(after, check_count=before.check_count) == before:
            return before  # nothing new, nor to be done: another hint of what is known
        try:
            return await self._store.replace(before, after, beside(before, after, changed))
        except ProviderIdTaken as error:
            return await self._refuse_taken(before, error, now)

    def _follow_refunds(
        self, payment: Payment, known: Sequence[Refund], seen: Seen | None, now: Microseconds
    ) -> tuple[Refund, ...]:
        if seen is None:
            return ()
        changed = follow_refunds(payment, known, seen.refunds, now, lambda: RefundId(new_id("rfd")))
        if is_about(mismatches(payment, seen)):
            return changed
        # Of what may be another order, what we asked for ourselves: else it would be asked for again.
        ours = {refund.id for refund in known}
        return tuple(refund for refund in changed if refund.id in ours)

    async def _if_there_is_somebody(self, payment: Payment) -> Payment:
        account = await self._accounts.find_account(payment.account_id)
        if account is not None and account.status is not AccountStatus.CLOSED:
            return payment
        return replace(payment, state=PaymentState.REVIEW, problem="the account is closed")

    async def _refuse_taken(
        self, before: Payment, error: ProviderIdTaken, now: Microseconds
    ) -> Payment | None:
        """The provider says of two orders that they are one: whatever it is, it is not paid twice."""
        state = PaymentState.REVIEW if before.state in UNPAID else before.state
        after = replace(before, state=state, problem=str(error), check_count=before.check_count + 1)
        after = replace(after, next_check_at=await self._next_look(after, now))
        return await self._store.replace(before, after, beside(before, after))

    async def deliver(self, payment: Payment) -> Payment:
        """Bring the ledger in line with the row, the row with what that came to, and its subscription with both."""
        for _ in range(STEPS_MAX):
            if payment.state is PaymentState.PAID:
                after = await self._credit(payment)
            elif payment.withdrawing_microcredits:
                after = await self._withdraw(payment)
            else:
                break
            after = replace(after, next_check_at=await self._next_look(after, self._clock.now()))
            written = await self._store.replace(payment, after, beside(payment, after))
            # Another worker did the same step: the ledger did it once, and the row says how far it is.
            is_held = after.withdrawal_count > payment.withdrawal_count and after.withdrawing_microcredits > 0
            payment = written if written is not None else await self.read(payment.id)
            if is_held:
                break  # a step now would book nothing: the schedule takes up what open requests give back
        if payment.subscription_id is not None and payment.state is PaymentState.CREDITED:
            await self._plans.advance(payment.subscription_id)
        return payment

    async def _credit(self, payment: Payment) -> Payment:
        if payment.granted_microcredits:
            [result] = await self._ledger.submit([await self._grant(payment)])
            if isinstance(result, Refused):
                if result.refusal is Refusal.CANNOT_BE_WRITTEN:
                    raise RaseedError("The ledger cannot write this.")
                problem = f"the ledger refused the grant: {result.refusal}"
                return replace(payment, state=PaymentState.REVIEW, problem=problem)
        now = self._clock.now()
        return begin_withdrawal(replace(payment, state=PaymentState.CREDITED, credited_at=now))

    async def _withdraw(self, payment: Payment) -> Payment:
        command = TakeBack(
            account_id=payment.account_id,
            take_key=f"refund:{payment.id}:{payment.withdrawal_count + 1}",
            grant_id=await self._grant_id(payment),
            amount_microcredits=payment.withdrawing_microcredits,
            shortfall=self._terms.refund_shortfall,
            actor=ACTOR,
        )
        [result] = await self._ledger.submit([command])
        if not isinstance(result, TakenBack):
            raise RaseedError("The ledger does not take back what a payment gave.")
        return begin_withdrawal(end_withdrawal(payment, result.settled_microcredits))

    async def _grant_id(self, payment: Payment) -> GrantId:
        """Of the payment's own grant: issuing it again says which it is."""
        [result] = await self._ledger.submit([await self._grant(payment)])
        if not isinstance(result, Granted):
            raise RaseedError("The ledger does not know what a payment gave.")
        return result.grant_id

    async def _grant(self, payment: Payment) -> IssueGrant:
        is_plan = payment.item.kind is ItemKind.PLAN
        source = GrantSource.SUBSCRIPTION if is_plan else GrantSource.TOPUP
        return IssueGrant(
            account_id=payment.account_id,
            grant_key=payment_key(payment.id),
            source=source,
            amount_microcredits=payment.granted_microcredits,
            priority=self._terms.priorities[source],
            expires_at=await self._plans.period_end(payment) if is_plan else None,
            cost_basis_minor=payment.came_minor,
            currency=payment.currency,
            reason=f"payment {payment.id}",
            actor=ACTOR,
        )
