"""Subscriptions in SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from raseed.adapters.sql.accounts.standing import set_plan_tier
from raseed.adapters.sql.accounts.tables import verified_identities
from raseed.adapters.sql.admin.audit import record_audit
from raseed.adapters.sql.ledger.tables import grants, ledger_entries, ledger_tx
from raseed.adapters.sql.messaging.outbox import enqueue
from raseed.adapters.sql.payments.rows import read_payment
from raseed.adapters.sql.payments.subscription_rows import (
    agreement_values,
    changing_values,
    fixed_values,
    period_values,
    read_agreement,
    read_period,
    read_subscription,
)
from raseed.adapters.sql.payments.subscription_tables import (
    provider_subscriptions,
    subscription_periods,
    subscriptions,
)
from raseed.adapters.sql.payments.tables import payments
from raseed.adapters.sql.ports import SqlDatabase
from raseed.core.billing.policy import PaymentProvider
from raseed.core.clock import Microseconds
from raseed.core.errors import Conflict
from raseed.core.ids import AccountId, GrantId, SubscriptionId
from raseed.core.payments.model import Mode, Payment
from raseed.core.payments.periods import Allotment
from raseed.core.payments.subscription_grants import grant_keys
from raseed.core.payments.subscription_model import (
    LIVE_STATES,
    LeftOver,
    Period,
    ProviderSubscription,
    Subscription,
)
from raseed.core.payments.subscription_ports import NOTHING_BESIDE, BesideSubscription, OtherIsLive

_rows = subscriptions.c
_periods = subscription_periods.c
_IS_LIVE: ColumnElement[bool] = literal_column("state NOT IN ('canceled', 'ended')")
"""As the partial index has it."""
_IS_TRIAL: ColumnElement[bool] = literal_column("is_trial = 1")


class SqlSubscriptionStore:
    """Implements `core.payments.subscription_ports.SubscriptionStore`."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    async def begin(self, subscription: Subscription) -> Subscription:
        def work(connection: Connection) -> Subscription:
            live = _live(connection, subscription.account_id)
            if live is None:
                self._insert(connection, subscription)
            return live or subscription

        return await self._database.write(work)

    async def begin_trial(self, subscription: Subscription, period: Period) -> Subscription:
        account_id = subscription.account_id
        proven = select(verified_identities.c.digest).where(verified_identities.c.account_id == account_id)
        tried = select(_periods.id).where(_periods.account_id == account_id, _IS_TRIAL)

        def work(connection: Connection) -> Subscription:
            if connection.execute(tried).first() is not None:
                raise Conflict("Each account can try one plan, once.")
            if connection.execute(proven.limit(1)).first() is None:
                raise Conflict("Only an account opened with a number or address of one's own can try a plan.")
            ordered = _live(connection, account_id)
            if ordered is None:
                self._insert(connection, subscription)
            elif _periods_of(connection, ordered.id):
                raise Conflict("This account has a plan already.")
            else:
                changed = {"next_look_at": subscription.next_look_at, "version": ordered.version + 1}
                connection.execute(update(subscriptions).where(_rows.id == ordered.id).values(changed))
            begun = ordered or subscription
            first = replace(period, id=begun.id, subscription_id=begun.id)
            connection.execute(insert(subscription_periods).values(period_values(first)))
            return begun

        return await self._database.write(work)

    async def subscription(self, subscription_id: SubscriptionId) -> Subscription | None:
        query = select(subscriptions).where(_rows.id == subscription_id)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else read_subscription(row)

    async def of_account(self, account_id: AccountId) -> Subscription | None:
        newest = (
            select(subscriptions).where(_rows.account_id == account_id).order_by(_rows.id.desc()).limit(1)
        )

        def work(connection: Connection) -> Subscription | None:
            live = _live(connection, account_id)
            row = None if live else connection.execute(newest).first()
            return live if row is None else read_subscription(row)

        return await self._database.read(work)

    async def paid_until(self, account_id: AccountId) -> Microseconds | None:
        until = func.coalesce(_rows.covered_until, _rows.paid_until)
        query = select(until).where(_rows.account_id == account_id, _IS_LIVE)
        return await self._database.read(lambda connection: connection.scalars(query).first())

    async def periods(self, subscription_id: SubscriptionId) -> Sequence[Period]:
        return await self._database.read(lambda connection: _periods_of(connection, subscription_id))

    async def payments(self, subscription_id: SubscriptionId, limit: int) -> Sequence[Payment]:
        query = (
            select(payments)
            .where(payments.c.subscription_id == subscription_id)
            .order_by(payments.c.id.desc())
            .limit(limit)
        )
        return await self._database.read(
            lambda connection: [read_payment(row) for row in connection.execute(query)]
        )

    async def allot(
        self, payment: Payment, decide: Callable[[Subscription, Sequence[Period]], Allotment]
    ) -> Period:
        now = self._database.clock.now()
        query = select(subscriptions).where(_rows.id == payment.subscription_id)

        def work(connection: Connection) -> Period:
            subscription = read_subscription(connection.execute(query).one())
            before = _periods_of(connection, subscription.id)
            known = next((period for period in before if period.id == payment.id), None)
            if known is not None:
                return known
            allotment = decide(subscription, before)
            period = Period(
                id=payment.id,
                subscription_id=subscription.id,
                account_id=subscription.account_id,
                number=len(before) + 1,
                plan_id=payment.item.id,
                role=allotment.role,
                begins_at=allotment.begins_at,
                ends_at=allotment.ends_at,
                anchor_at=allotment.anchor_at,
                allotted_at=now,
            )
            connection.execute(insert(subscription_periods).values(period_values(period)))
            connection.execute(
                update(subscriptions).where(_rows.id == subscription.id).values(next_look_at=now)
            )
            return period

        return await self._database.write(work)

    async def replace(
        self, before: Subscription, after: Subscription, beside: BesideSubscription = NOTHING_BESIDE
    ) -> Subscription | None:
        if fixed_values(before) != fixed_values(after):
            raise ValueError("another subscription")
        now = self._database.clock.now()
        of_version = (_rows.id == before.id) & (_rows.version == before.version)

        def work(connection: Connection) -> Subscription | None:
            if after.state in LIVE_STATES:
                live = _live(connection, after.account_id)
                if live is not None and live.id != after.id:
                    raise OtherIsLive
            values = changing_values(after) | {"version": before.version + 1}
            if connection.execute(update(subscriptions).where(of_version).values(values)).rowcount != 1:
                return None
            for note in beside.audit:
                record_audit(connection, now, note.actor, note.action, after.id, note.detail)
            for notice in beside.notices:
                enqueue(connection, notice, now)
            if beside.tier is not None:
                change = beside.tier
                set_plan_tier(connection, after.account_id, change.tier, change.until, change.default, now)
            row = connection.execute(select(subscriptions).where(_rows.id == before.id)).one()
            return read_subscription(row)

        return await self._database.write(work)

    async def agreements(self, subscription_id: SubscriptionId) -> Sequence[ProviderSubscription]:
        query = (
            select(provider_subscriptions)
            .where(provider_subscriptions.c.subscription_id == subscription_id)
            .order_by(provider_subscriptions.c.payment_id)
        )
        return await self._database.read(
            lambda connection: [read_agreement(row) for row in connection.execute(query)]
        )

    async def agreement(
        self, provider: PaymentProvider, mode: Mode, provider_subscription_id: str
    ) -> ProviderSubscription | None:
        query = select(provider_subscriptions).where(
            provider_subscriptions.c.provider == provider.value,
            provider_subscriptions.c.mode == mode.value,
            provider_subscriptions.c.id == provider_subscription_id,
        )
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else read_agreement(row)

    async def put_agreement(self, agreement: ProviderSubscription) -> None:
        values = agreement_values(agreement)
        changing = {name: values[name] for name in ("is_to_cancel", "is_canceled")}

        def work(connection: Connection) -> None:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            connection.execute(
                dialect.insert(provider_subscriptions)
                .values(values)
                .on_conflict_do_update(index_elements=["provider", "mode", "id"], set_=changing)
            )

        await self._database.write(work)

    async def left_over(self, account_id: AccountId, period_id: str) -> LeftOver:
        of_period = select(grants.c.id, grants.c.remaining_microcredits, grants.c.held_microcredits).where(
            grants.c.account_id == account_id, grants.c.grant_key.in_(grant_keys(period_id))
        )

        def work(connection: Connection) -> LeftOver:
            found = connection.execute(of_period).all()
            expired = connection.scalar(
                select(func.sum(-ledger_entries.c.amount_microcredits))
                .join_from(ledger_entries, ledger_tx, ledger_entries.c.tx_id == ledger_tx.c.id)
                .where(
                    ledger_tx.c.account_id == account_id,
                    ledger_tx.c.kind == "expire",
                    ledger_tx.c.ref.in_([row.id for row in found]),
                    ledger_entries.c.amount_microcredits < 0,
                )
            )
            return LeftOver(
                grant_ids=tuple(GrantId(row.id) for row in found if row.remaining_microcredits),
                expired_microcredits=int(expired or 0),
                held_microcredits=sum(row.held_microcredits for row in found),
            )

        return await self._database.read(work)

    async def intend_extra(self, period_id: str, microcredits: int) -> int:
        undecided = update(subscription_periods).where(
            _periods.id == period_id, _periods.extra_microcredits.is_(None)
        )
        decided = select(_periods.extra_microcredits).where(_periods.id == period_id)

        def work(connection: Connection) -> int:
            connection.execute(undecided.values(extra_microcredits=microcredits))
            return int(connection.scalars(decided).one())

        return await self._database.write(work)

    async def mark_settled(self, period_id: str) -> None:
        settled = update(subscription_periods).where(_periods.id == period_id).values(is_settled=1)
        await self._database.write(lambda connection: connection.execute(settled).rowcount)

    async def claim_due(self, limit: int, lease_us: int) -> Sequence[SubscriptionId]:
        now = self._database.clock.now()
        due = (
            select(_rows.id)
            .where(_rows.next_look_at.is_not(None), _rows.next_look_at <= now)
            .order_by(_rows.next_look_at, _rows.id)
            .limit(limit)
        )
        if not await self._database.read(lambda connection: connection.execute(due).all()):
            return []  # nothing is written while there is nothing to do

        def work(connection: Connection) -> Sequence[SubscriptionId]:
            ids = [SubscriptionId(id_) for id_ in connection.scalars(due)]
            # Not a change of the subscription: who is just changing it is not disturbed.
            connection.execute(
                update(subscriptions).where(_rows.id.in_(ids)).values(next_look_at=now + lease_us)
            )
            return ids

        return await self._database.write(work)

    def _insert(self, connection: Connection, subscription: Subscription) -> None:
        values = fixed_values(subscription) | changing_values(subscription)
        connection.execute(insert(subscriptions).values(values | {"version": subscription.version}))
        record_audit(
            connection,
            Microseconds(self._database.clock.now()),
            subscription.actor,
            "subscription.begin",
            subscription.id,
            f"{subscription.account_id} {subscription.plan_id}",
        )


def _live(connection: Connection, account_id: AccountId) -> Subscription | None:
    row = connection.execute(select(subscriptions).where(_rows.account_id == account_id, _IS_LIVE)).first()
    return None if row is None else read_subscription(row)


def _periods_of(connection: Connection, subscription_id: SubscriptionId) -> list[Period]:
    query: Select[Any] = (
        select(
            subscription_periods,
            payments.c.state.label("payment_state"),
            payments.c.provider.label("payment_provider"),
            payments.c.actor.label("payment_actor"),
            func.coalesce(payments.c.received_minor, payments.c.amount_minor).label("came_minor"),
            (payments.c.refunded_minor + payments.c.disputed_minor).label("gone_minor"),
        )
        .join_from(subscription_periods, payments, payments.c.id == _periods.id, isouter=True)
        .where(_periods.subscription_id == subscription_id)
        .order_by(_periods.number)
    )
    return [read_period(row) for row in connection.execute(query)]
