"""Payments put together: the providers, orders, what providers tell, and what looks after it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from raseed.adapters.sql.payments.comparisons import SqlComparisonStore
from raseed.adapters.sql.payments.inbox import SqlInbox
from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.adapters.sql.payments.subscriptions import SqlSubscriptionStore
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.telemetry.log import log
from raseed.adapters.telemetry.metrics import (
    PAYMENT_DIFFERENCES,
    PAYMENT_EVENT_FAILURES,
    PAYMENT_EVENTS,
    PAYMENT_LOOK_FAILURES,
)
from raseed.app.settings.configuration import Settings
from raseed.core.accounts.ports import AccountStore
from raseed.core.admin.audit import AuditStore
from raseed.core.billing.policy import PaymentProvider, Policy
from raseed.core.billing.ports import Ledger
from raseed.core.ids import PaymentId
from raseed.core.jobs import Job
from raseed.core.payments.buying import Buying
from raseed.core.payments.checkout import Checkout
from raseed.core.payments.comparing import Comparing, Comparison
from raseed.core.payments.gateways import Gateways
from raseed.core.payments.inbox import DueEvent, EventState, Inbox, InboxWorker, empty_bodies_job
from raseed.core.payments.offers import offer_for
from raseed.core.payments.ports import Gateway, GatewayError, PaymentStore
from raseed.core.payments.reading import PaymentReader
from raseed.core.payments.receipts import ReceiptTerms
from raseed.core.payments.receiving import EventReceiver, Outcome, Refusals
from raseed.core.payments.refunds import Refunds
from raseed.core.payments.renewals import Renewals
from raseed.core.payments.returning import Returns
from raseed.core.payments.schedule import look_job
from raseed.core.payments.settling import Settling, SettlingTerms
from raseed.core.payments.subscription_keeper import SubscriptionKeeper
from raseed.core.payments.subscriptions import Subscriptions

RETURN_PATH = "/billing/return"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payments:
    gateways: dict[PaymentProvider, Gateway]
    """Those that are configured."""
    store: PaymentStore
    settling: Settling
    checkout: Checkout
    refunds: Refunds
    comparing: Comparing
    buying: Buying
    subscriptions: Subscriptions
    renewals: Renewals
    reader: PaymentReader
    returns: Returns
    inbox: Inbox
    inbox_worker: InboxWorker
    refusals: Refusals
    events: EventReceiver

    def jobs(self, *, is_first: bool) -> list[Job]:
        """Every worker works off events, renewals and what is due; what is refused is each one's own. Clearing up and comparing, for
        which nobody waits, are the first one's.
        """
        return [
            self.inbox_worker.job(),
            look_job(self.store, self.settling, self.refunds, _report_look),
            self.renewals.job(_report_renewal),
            self.refusals.job(),
            *([empty_bodies_job(self.inbox), self.comparing.job()] if is_first else []),
        ]


def open_payments(
    settings: Settings,
    policy: Policy,
    database: SqlDatabase,
    ledger: Ledger,
    accounts: AccountStore,
    audit: AuditStore,
    gateways: dict[PaymentProvider, Gateway],
    receipts: ReceiptTerms,
) -> Payments:
    clock, store, inbox = database.clock, SqlPaymentStore(database, receipts), SqlInbox(database)
    chosen, offers, refusals = (
        Gateways(list(gateways.values())),
        partial(offer_for, policy),
        Refusals(audit, clock),
    )
    terms = SettlingTerms(priorities=policy.priorities, refund_shortfall=policy.refund_shortfall)
    plans = SqlSubscriptionStore(database)
    keeper = SubscriptionKeeper(plans, accounts, ledger, policy, clock)
    settling = Settling(store, accounts, ledger, chosen, keeper, terms, clock)
    checkout = Checkout(store, accounts, chosen, settling, offers, clock)
    return_url = public_url(settings) + RETURN_PATH
    renewals = Renewals(
        plans, store, accounts, chosen, keeper, checkout, settling.settle, policy, return_url, clock
    )
    return Payments(
        gateways=gateways,
        store=store,
        settling=settling,
        checkout=checkout,
        refunds=Refunds(store, chosen, settling, clock),
        comparing=Comparing(store, SqlComparisonStore(database), chosen, settling, clock, _report_comparison),
        buying=Buying(
            checkout,
            chosen,
            accounts,
            offers,
            language=policy.language,
            allow_by_key=policy.allow_checkout,
            return_url=return_url,
        ),
        subscriptions=Subscriptions(plans, accounts, keeper, checkout, policy, clock),
        renewals=renewals,
        reader=PaymentReader(store),
        returns=Returns(store, chosen, settling.settle, clock),
        inbox=inbox,
        inbox_worker=InboxWorker(inbox, store, settling.settle, renewals.hear, _report),
        refusals=refusals,
        events=EventReceiver(gateways, inbox, refusals, _note),
    )


def public_url(settings: Settings) -> str:
    """Where browsers reach this server."""
    server = settings.server
    host = "127.0.0.1" if server.host in ("0.0.0.0", "::") else server.host  # noqa: S104 - compared, not bound
    return server.public_url or f"http://{f'[{host}]' if ':' in host else host}:{server.port}"


def _note(provider: PaymentProvider, outcome: Outcome) -> None:
    PAYMENT_EVENTS.labels(provider.value, outcome.value).inc()


def _report_renewal(name: str, error: BaseException) -> None:
    log.warning("renewal", name=name, exc_info=error)


def _report(due: DueEvent, state: EventState, why: str) -> None:
    PAYMENT_EVENT_FAILURES.labels(due.provider.value, state.value).inc()
    write = log.error if state is EventState.DEAD else log.warning
    write(
        "payment event",
        id=due.id,
        provider=due.provider.value,
        attempt=due.attempt,
        state=state.value,
        why=why,
    )


def _report_look(payment_id: PaymentId, error: Exception) -> None:
    kind = type(error).__name__
    PAYMENT_LOOK_FAILURES.labels(kind).inc()
    # The text of other errors may hold what is nobody's business.
    log.warning("payment", id=payment_id, why=str(error) if isinstance(error, GatewayError) else kind)


def _report_comparison(comparison: Comparison) -> None:
    PAYMENT_DIFFERENCES.labels(comparison.provider.value).inc(len(comparison.differences))
    write = log.error if comparison.differences else log.info
    write("payments compared", provider=comparison.provider.value, summary=comparison.summary)
