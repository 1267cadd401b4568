"""Payments put together: the providers, what they tell, and what looks after it."""

from __future__ import annotations

from dataclasses import dataclass

from raseed.adapters.sql.payments.inbox import SqlInbox
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.telemetry.metrics import PAYMENT_EVENTS
from raseed.core.admin.audit import AuditStore
from raseed.core.billing.policy import PaymentProvider
from raseed.core.jobs import Job
from raseed.core.payments.inbox import Inbox, empty_bodies_job
from raseed.core.payments.ports import Gateway
from raseed.core.payments.receiving import EventReceiver, Outcome, Refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Payments:
    gateways: dict[PaymentProvider, Gateway]
    """Those that are configured."""
    inbox: Inbox
    refusals: Refusals
    events: EventReceiver

    def jobs(self, *, is_first: bool) -> list[Job]:
        """What is refused is each worker's own; clearing up is the first one's."""
        return [self.refusals.job(), *([empty_bodies_job(self.inbox)] if is_first else [])]


def open_payments(
    database: SqlDatabase, audit: AuditStore, gateways: dict[PaymentProvider, Gateway]
) -> Payments:
    inbox, refusals = SqlInbox(database), Refusals(audit, database.clock)
    return Payments(
        gateways=gateways,
        inbox=inbox,
        refusals=refusals,
        events=EventReceiver(gateways, inbox, refusals, _note),
    )


def _note(provider: PaymentProvider, outcome: Outcome) -> None:
    PAYMENT_EVENTS.labels(provider.value, outcome.value).inc()
